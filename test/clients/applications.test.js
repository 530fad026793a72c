// Applications with their roles and scopes, and registrations for them.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { before, describe, it } from 'node:test'
import { address, done, global, invalid, newTenant, newUser, nothing, ok, password, refused, unique } from './herald.js'

describe('applications', () => {
  let api
  before(async () => { ({ api } = await newTenant()) })

  it('are created, patched, replaced and deleted', async () => {
    const name = unique('app')
    const { application } = await ok(api.createApplication(null, { application: { name, roles: [{ name: 'admin', isSuperRole: true }, { name: 'user', isDefault: true }] } }))
    assert.equal(application.active, true)
    assert.equal(application.state, 'Active')
    assert.equal(application.oauthConfiguration.clientId, application.id)
    assert(application.oauthConfiguration.clientSecret)
    assert.deepEqual(application.roles.map(r => [r.name, r.isDefault, r.isSuperRole]), [['admin', false, true], ['user', true, false]])

    const { application: patched } = await ok(api.patchApplication(application.id, { application: { data: { a: 1 }, loginConfiguration: { generateRefreshTokens: true } } }))
    assert.equal(patched.name, name)
    assert.equal(patched.loginConfiguration.generateRefreshTokens, true)
    const { application: updated } = await ok(api.updateApplication(application.id, { application: { name: unique('other') } }))
    assert.deepEqual(updated.data ?? {}, {})
    assert.equal(updated.oauthConfiguration.clientSecret, application.oauthConfiguration.clientSecret)
    assert.deepEqual((await ok(api.retrieveApplication(application.id))).application, updated)
    assert.equal((await ok(api.retrieveOauthConfiguration(application.id))).oauthConfiguration.clientId, application.id)

    assert.deepEqual((await ok(api.searchApplications({ search: { name: updated.name } }))).applications.map(a => a.id), [application.id])
    await done(api.deactivateApplication(application.id))
    assert.deepEqual((await ok(api.retrieveInactiveApplications())).applications.map(a => a.id), [application.id])
    assert.equal((await ok(api.reactivateApplication(application.id))).application.active, true)
    await done(api.deleteApplication(application.id))
    await nothing(api.retrieveApplication(application.id))
  })

  it('that verify registrations need a template to do so', async () => {
    const errors = await refused(api.createApplication(null, { application: { name: unique('app'), verifyRegistration: true } }), 400)
    assert(errors.fieldErrors['application.verificationEmailTemplateId'])
  })

  it('are refused with codes at their fields', async () => {
    const { application } = await ok(api.createApplication(null, { application: { name: unique('app') } }))
    await invalid(api.createApplication(null, { application: { name: application.name } }), '[duplicate]application.name')
    await invalid(api.createApplication(application.id, { application: { name: unique('app') } }), '[duplicate]applicationId')
    await nothing(api.patchApplication(randomUUID(), { application: { name: 'x' } }))
  })

  it('have roles', async () => {
    const { application } = await ok(api.createApplication(null, { application: { name: unique('app') } }))
    const { role } = await ok(api.createApplicationRole(application.id, null, { role: { name: 'editor', description: 'writes' } }))
    assert.equal((await ok(api.patchApplicationRole(application.id, role.id, { role: { isDefault: true } }))).role.name, 'editor')
    assert.equal((await ok(api.updateApplicationRole(application.id, role.id, { role: { name: 'author' } }))).role.isDefault, false)
    await invalid(api.createApplicationRole(application.id, null, { role: { name: 'author' } }), '[duplicate]role.name')
    assert.deepEqual((await ok(api.retrieveApplication(application.id))).application.roles.map(r => r.name), ['author'])
    await done(api.deleteApplicationRole(application.id, role.id))
    await nothing(api.deleteApplicationRole(application.id, role.id))
  })

  it('have scopes', async () => {
    const { application } = await ok(api.createApplication(null, { application: { name: unique('app') } }))
    const { scope } = await ok(api.createOAuthScope(application.id, null, { scope: { name: 'read', defaultConsentMessage: 'Reads' } }))
    assert.equal((await ok(api.patchOAuthScope(application.id, scope.id, { scope: { required: true } }))).scope.name, 'read')
    assert.equal((await ok(api.updateOAuthScope(application.id, scope.id, { scope: { name: 'write' } }))).scope.name, 'write')
    assert.equal((await ok(api.retrieveOAuthScope(application.id, scope.id))).scope.id, scope.id)
    await done(api.deleteOAuthScope(application.id, scope.id))
    await nothing(api.retrieveOAuthScope(application.id, scope.id))
  })

  it('sign with their own keys', async () => {
    const { key } = await ok(global.generateKey(null, { key: { algorithm: 'ES256', name: unique('key') } }))
    const { application } = await ok(api.createApplication(null, {
      application: {
        name: unique('app'),
        jwtConfiguration: { enabled: true, accessTokenKeyId: key.id, idTokenKeyId: key.id, timeToLiveInSeconds: 60, refreshTokenTimeToLiveInMinutes: 60 }
      }
    }))
    assert.match((await ok(api.retrieveJWTPublicKeyByApplicationId(application.id))).publicKey, /BEGIN PUBLIC KEY/)
    await invalid(global.deleteKey(key.id), '[inUse]keyId')
  })
})

describe('registrations', () => {
  let api, application
  before(async () => {
    ({ api } = await newTenant())
    ;({ application } = await ok(api.createApplication(null, {
      application: { name: unique('app'), roles: [{ name: 'user', isDefault: true }, { name: 'admin' }], authenticationTokenConfiguration: { enabled: true } }
    })))
  })

  it('come together with their user, or later', async () => {
    const both = await ok(api.register(null, {
      user: { email: address(), password },
      registration: { applicationId: application.id, roles: ['admin'], data: { plan: 'gold' } },
      generateAuthenticationToken: true
    }))
    assert.equal(both.registration.applicationId, application.id)
    assert.deepEqual(both.registration.roles, ['admin'])
    assert(both.registration.authenticationToken)
    assert(both.token)
    assert.equal(both.user.id, (await ok(api.retrieveUser(both.user.id))).user.id)

    const user = await newUser(api)
    const later = await ok(api.register(user.id, { registration: { applicationId: application.id } }))
    assert.deepEqual(later.registration.roles, ['user'])
    assert.equal(later.user, undefined)
    await invalid(api.register(user.id, { registration: { applicationId: application.id } }), '[duplicate]registration')
    await nothing(api.register(randomUUID(), { registration: { applicationId: application.id } }))
    await invalid(api.register((await newUser(api)).id, { registration: { applicationId: application.id, roles: ['nobody'] } }), '[invalid]registration.roles')
  })

  it('are read, patched, replaced and deleted', async () => {
    const user = await newUser(api)
    await ok(api.register(user.id, { registration: { applicationId: application.id, data: { a: 1 } } }))
    assert.deepEqual((await ok(api.retrieveRegistration(user.id, application.id))).registration.data, { a: 1 })
    const patched = await ok(api.patchRegistration(user.id, { registration: { applicationId: application.id, roles: ['admin'] } }))
    assert.deepEqual(patched.registration.roles, ['admin', 'user'])
    const updated = await ok(api.updateRegistration(user.id, { registration: { applicationId: application.id, roles: ['user'] } }))
    assert.deepEqual(updated.registration.roles, ['user'])
    assert.deepEqual((await ok(api.retrieveUser(user.id))).user.registrations.map(r => r.applicationId), [application.id])
    await done(api.deleteRegistrationWithRequest(user.id, application.id, { eventInfo: { ipAddress: '192.0.2.1' } }))
    await nothing(api.retrieveRegistration(user.id, application.id))
    await nothing(api.deleteRegistration(user.id, application.id))
  })
})
