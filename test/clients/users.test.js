// Users, and the groups they are in.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { before, describe, it } from 'node:test'
import { address, done, invalid, newTenant, newUser, nothing, ok, password, unique } from './herald.js'

describe('users', () => {
  let api
  before(async () => { ({ api } = await newTenant()) })

  it('are created and read, without what is secret', async () => {
    const id = randomUUID()
    const email = address()
    const created = await ok(api.createUser(id, {
      user: { email: email.toUpperCase(), username: unique('Ada'), firstName: 'Ada', birthDate: '1815-12-10', password, data: { bones: [206], 'ünï': null } },
      skipVerification: true
    }))
    assert.equal(created.user.id, id)
    assert.equal(created.user.email, email)
    assert(created.token && created.tokenExpirationInstant > Date.now())
    const { user } = await ok(api.retrieveUser(id))
    assert.equal(user.active, true)
    assert.equal(user.birthDate, '1815-12-10')
    assert.deepEqual(user.data.bones, [206])
    assert.deepEqual([user.password, user.salt], [undefined, undefined])
    assert.deepEqual(user.identities.map(i => i.type).sort(), ['email', 'username'])
    assert(user.insertInstant > 0)
  })

  it('are found by each login id, and by no other', async () => {
    const user = await newUser(api, { username: unique('User') })
    assert.equal((await ok(api.retrieveUserByEmail(user.email))).user.id, user.id)
    assert.equal((await ok(api.retrieveUserByUsername(user.username.toLowerCase()))).user.id, user.id)
    assert.equal((await ok(api.retrieveUserByLoginId(user.email))).user.id, user.id)
    assert.equal((await ok(api.retrieveUserByLoginIdWithLoginIdTypes(user.email, ['email']))).user.id, user.id)
    await nothing(api.retrieveUserByLoginIdWithLoginIdTypes(user.email, ['phoneNumber']))
    await nothing(api.retrieveUserByEmail(address()))
    await nothing(api.retrieveUser(randomUUID()))
    await nothing(api.retrieveUserByUsername('null'))
    const named = await newUser(api, { username: 'null' })
    assert.equal((await ok(api.retrieveUserByUsername('null'))).user.id, named.id)
  })

  it('are patched and replaced', async () => {
    const user = await newUser(api, { firstName: 'Ada', data: { list: [1] } })
    const { user: patched } = await ok(api.patchUser(user.id, { user: { lastName: 'Lovelace', data: { list: [2] } } }))
    assert.deepEqual([patched.firstName, patched.lastName, patched.data.list], ['Ada', 'Lovelace', [1, 2]])
    const email = address()
    const { user: updated } = await ok(api.updateUser(user.id, { user: { email, active: false, verified: false } }))
    assert.deepEqual([updated.email, updated.firstName, updated.active], [email, undefined, true])
    await ok(api.login({ loginId: email, password }))
  })

  it('are refused with codes at their fields', async () => {
    const user = await newUser(api)
    await invalid(api.createUser(null, { user: { email: user.email, password } }), '[duplicate]user.email')
    await invalid(api.createUser(user.id, { user: { email: address(), password } }), '[duplicate]userId')
    await invalid(api.createUser(null, { user: { email: 'no address', password: 'short' } }), '[notEmail]user.email', '[tooShort]user.password')
    await invalid(api.createUser('no-id', { user: { email: address(), password } }), '[couldNotConvert]userId')
    await invalid(api.createUser(null, { user: { email: address(), password, birthDate: 'yesterday' } }), '[couldNotConvert]user.birthDate')
  })

  it('are deactivated, reactivated and deleted, one by one', async () => {
    const user = await newUser(api)
    await done(api.deactivateUser(user.id))
    await nothing(api.login({ loginId: user.email, password }), 423)
    assert.equal((await ok(api.reactivateUser(user.id))).user.active, true)
    await done(api.deleteUser(user.id))
    await nothing(api.deleteUser(user.id))
    await done(api.deleteUserWithRequest((await newUser(api)).id, { hardDelete: true }))
  })

  it('are deactivated and deleted in bulk', async () => {
    const all = [await newUser(api), await newUser(api), await newUser(api)].map(u => u.id)
    assert.equal((await ok(api.deactivateUsersByIds(all.slice(0, 2)))).total, 2)
    assert.equal((await ok(api.retrieveUser(all[1]))).user.active, false)
    assert.equal((await ok(api.retrieveUser(all[2]))).user.active, true)
    const dry = await ok(api.deleteUsersByQuery({ userIds: all, dryRun: true, hardDelete: true }))
    assert.deepEqual([dry.dryRun, dry.total], [true, 3])
    const gone = await ok(api.deleteUsersByQuery({ userIds: all, hardDelete: true }))
    assert.deepEqual([gone.hardDelete, gone.total], [true, 3])
    await nothing(api.retrieveUser(all[0]))
  })

  it('are searched', async () => {
    const { api } = await newTenant()
    const all = [await newUser(api, { lastName: 'Byron' }), await newUser(api, { lastName: 'byron' }), await newUser(api)]
    const ids = all.map(u => u.id)
    assert.deepEqual((await ok(api.searchUsersByIds(ids.slice(0, 2)))).users.map(u => u.id).sort(), ids.slice(0, 2).sort())
    const found = await ok(api.searchUsersByQuery({ search: { queryString: 'Byron', numberOfResults: 1, sortFields: [{ name: 'insertInstant', order: 'desc' }] } }))
    assert.deepEqual([found.total, found.users.map(u => u.id)], [2, [ids[1]]])
    assert.equal((await ok(api.searchUsersByQuery({ search: { queryString: '*', accurateTotal: true } }))).total, 3)
    await done(api.refreshUserSearchIndex())
  })

  it('are imported', async () => {
    const email = address()
    await done(api.importUsers({ users: [{ email, active: true, password }, { email: address(), active: false, password }], validateDbConstraints: true }))
    await ok(api.login({ loginId: email, password }))
    await invalid(api.importUsers({ users: [{ email: address(), password }, { email, password }] }), '[duplicate]users[1].email')
  })
})

describe('groups', () => {
  let api, application
  before(async () => {
    ({ api } = await newTenant())
    ;({ application } = await ok(api.createApplication(null, { application: { name: unique('app'), roles: [{ name: 'editor' }] } })))
  })

  it('are created, patched, replaced, searched and deleted', async () => {
    const name = unique('group')
    const { group } = await ok(api.createGroup(null, { group: { name, data: { a: 1 } }, roleIds: [application.roles[0].id] }))
    assert.deepEqual(group.roles[application.id].map(r => r.name), ['editor'])
    assert.deepEqual((await ok(api.patchGroup(group.id, { group: { data: { b: 2 } } }))).group.data, { a: 1, b: 2 })
    const { group: updated } = await ok(api.updateGroup(group.id, { group: { name } }))
    assert.deepEqual(updated.roles ?? {}, {})
    assert.equal((await ok(api.retrieveGroup(group.id))).group.name, name)
    assert((await ok(api.retrieveGroups())).groups.some(g => g.id === group.id))
    assert.deepEqual((await ok(api.searchGroups({ search: { name } }))).groups.map(g => g.id), [group.id])
    await invalid(api.createGroup(null, { group: { name } }), '[duplicate]group.name')
    await invalid(api.createGroup(null, { group: { name: unique('group') }, roleIds: [randomUUID()] }), '[invalid]roleIds')
    await done(api.deleteGroup(group.id))
    await nothing(api.retrieveGroup(group.id))
  })

  it('have members', async () => {
    const { group } = await ok(api.createGroup(null, { group: { name: unique('group') }, roleIds: [application.roles[0].id] }))
    const [ada, bob] = [await newUser(api), await newUser(api)]
    await ok(api.register(ada.id, { registration: { applicationId: application.id } }))
    const { members } = await ok(api.createGroupMembers({ members: { [group.id]: [{ userId: ada.id, data: { since: 1833 } }] } }))
    assert.equal(members[group.id][0].userId, ada.id)
    assert.deepEqual((await ok(api.retrieveUser(ada.id))).user.memberships.map(m => m.groupId), [group.id])
    assert.deepEqual((await ok(api.login({ loginId: ada.email, password, applicationId: application.id }))).user.registrations[0].applicationId, application.id)

    await ok(api.updateGroupMembers({ members: { [group.id]: [{ userId: ada.id }, { userId: bob.id }] } }))
    const found = await ok(api.searchGroupMembers({ search: { groupId: group.id } }))
    assert.deepEqual([found.total, found.members.map(m => m.userId).sort()], [2, [ada.id, bob.id].sort()])
    await done(api.deleteGroupMembers({ members: { [group.id]: [ada.id] } }))
    await done(api.deleteGroupMembers({ memberIds: [found.members.find(m => m.userId === bob.id).id] }))
    assert.equal((await ok(api.searchGroupMembers({ search: { groupId: group.id } }))).total, 0)
    await invalid(api.createGroupMembers({ members: { [group.id]: [{ userId: randomUUID() }] } }), `[invalid]members[${group.id}][0].userId`)
  })
})
