// User actions: what is done to users, and that it keeps them from logging in.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { before, describe, it } from 'node:test'
import { done, enable, global, invalid, newTenant, newUser, nothing, ok, password, receiver, refused, subscribe, unique } from './herald.js'

describe('user actions', () => {
  let tenant, api, ada, admin
  before(async () => {
    ({ tenant, api } = await newTenant())
    ;[ada, admin] = [await newUser(api), await newUser(api)]
  })
  const ban = () => ok(global.createUserAction(null, { userAction: { name: unique('Ban'), temporal: true, preventLogin: true, localizedNames: { de: 'Sperre' } } }))

  it('are defined, patched, replaced, deactivated and deleted', async () => {
    const { userAction } = await ban()
    assert.deepEqual([userAction.active, userAction.sendEndEvent, userAction.localizedNames.de], [true, true, 'Sperre'])
    assert.equal((await ok(global.patchUserAction(userAction.id, { userAction: { localizedNames: { fr: 'Bannir' } } }))).userAction.localizedNames.de, 'Sperre')
    const { userAction: updated } = await ok(global.updateUserAction(userAction.id, { userAction: { name: unique('Warn'), options: [{ name: 'once' }] } }))
    assert.deepEqual(updated.options.map(o => o.name), ['once'])
    assert.deepEqual((await ok(global.retrieveUserAction(userAction.id))).userAction, updated)
    assert((await ok(global.retrieveUserActions())).userActions.some(a => a.id === userAction.id))
    await done(global.deactivateUserAction(userAction.id))
    assert((await ok(global.retrieveInactiveUserActions())).userActions.some(a => a.id === userAction.id))
    assert.equal((await ok(global.reactivateUserAction(userAction.id))).userAction.active, true)
    await invalid(global.createUserAction(null, { userAction: { name: updated.name } }), '[duplicate]userAction.name')
    await done(global.deleteUserAction(userAction.id))
    await nothing(global.retrieveUserAction(userAction.id))
  })

  it('have reasons', async () => {
    const { userActionReason: reason } = await ok(global.createUserActionReason(null, { userActionReason: { text: unique('Spam'), code: randomUUID() } }))
    assert.equal((await ok(global.patchUserActionReason(reason.id, { userActionReason: { localizedTexts: { de: 'Müll' } } }))).userActionReason.code, reason.code)
    const { userActionReason: updated } = await ok(global.updateUserActionReason(reason.id, { userActionReason: { text: unique('Abuse'), code: reason.code } }))
    assert.deepEqual((await ok(global.retrieveUserActionReason(reason.id))).userActionReason, updated)
    assert((await ok(global.retrieveUserActionReasons())).userActionReasons.some(r => r.id === reason.id))
    await done(global.deleteUserActionReason(reason.id))
    await nothing(global.retrieveUserActionReason(reason.id))
  })

  it('are taken, changed and cancelled, and tell webhooks', async () => {
    const hook = await receiver()
    await enable(tenant, 'None', 'user.action')
    await subscribe(tenant, hook, 'user.action')
    const { userAction } = await ban()
    const { userActionReason } = await ok(global.createUserActionReason(null, { userActionReason: { text: unique('Spam'), code: randomUUID() } }))
    const expiry = Date.now() + 3600000
    const { action } = await ok(api.actionUser({
      broadcast: true,
      action: { userActionId: userAction.id, actioneeUserId: ada.id, actionerUserId: admin.id, expiry, comment: 'enough', reasonId: userActionReason.id }
    }))
    assert.deepEqual([action.name, action.expiry, action.reason], [userAction.name, expiry, userActionReason.text])
    const phase = async name => (await hook.next(r => r.body.event.actionId === action.id && r.body.event.phase === name)).body.event
    const start = await phase('start')
    assert.deepEqual([start.actioneeUserId, start.actionerUserId, start.action, start.reasonCode], [ada.id, admin.id, userAction.name, userActionReason.code])

    const prevented = await refused(api.login({ loginId: ada.email, password }), 409)
    assert.deepEqual(prevented.actions.map(a => [a.actionId, a.name]), [[action.id, userAction.name]])
    assert.deepEqual((await ok(api.retrieveActionsPreventingLogin(ada.id))).actions.map(a => a.id), [action.id])
    assert.deepEqual((await ok(api.retrieveActiveActions(ada.id))).actions.map(a => a.id), [action.id])

    await ok(api.modifyAction(action.id, { broadcast: true, action: { actionerUserId: admin.id, expiry: expiry + 1000, comment: 'longer' } }))
    assert.equal((await phase('modify')).expiry, expiry + 1000)
    const cancelled = await ok(api.cancelAction(action.id, { broadcast: true, action: { actionerUserId: admin.id, comment: 'well' } }))
    assert.equal(cancelled.action.id, action.id)
    assert.equal((await phase('cancel')).comment, 'well')
    await ok(api.login({ loginId: ada.email, password }))
    assert.equal((await ok(api.retrieveAction(action.id))).action.history.historyItems.length, 3)
    assert.deepEqual((await ok(api.retrieveActions(ada.id))).actions.map(a => a.id), [action.id])
    assert.deepEqual((await ok(api.retrieveInactiveActions(ada.id))).actions.map(a => a.id), [action.id])
    await hook.close()
  })

  it('are refused with codes at their fields', async () => {
    const { userAction } = await ban()
    const action = { userActionId: userAction.id, actioneeUserId: ada.id, actionerUserId: admin.id, expiry: Date.now() + 3600000 }
    await invalid(api.actionUser({ action: { ...action, expiry: Date.now() - 1000 } }), '[invalid]action.expiry')
    await invalid(api.actionUser({ action: { ...action, userActionId: randomUUID() } }), '[invalid]action.userActionId')
    await nothing(api.retrieveAction(randomUUID()))
  })

  it('lock out who fails to log in too often', async () => {
    const { userAction } = await ban()
    const { api } = await newTenant({
      failedAuthenticationConfiguration: { tooManyAttempts: 2, resetCountInSeconds: 60, actionDuration: 3, actionDurationUnit: 'MINUTES', userActionId: userAction.id }
    })
    const user = await newUser(api)
    await nothing(api.login({ loginId: user.email, password: 'wrong' }))
    await nothing(api.login({ loginId: user.email, password: 'wrong' }))
    assert.equal((await refused(api.login({ loginId: user.email, password }), 409)).actions[0].name, userAction.name)
  })
})
