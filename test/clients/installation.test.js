// Tenants, keys, logs and the system configuration: what is asked about the whole installation.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { address, client, done, global, invalid, newTenant, newUser, nothing, ok, password, unique, url } from './herald.js'

describe('tenants', () => {
  it('are created by posting the default one back under another name', async () => {
    const { tenants } = await ok(global.retrieveTenants())
    const first = tenants.find(t => t.name === 'Default')
    const { tenant } = await ok(global.createTenant(null, { tenant: { ...first, id: null, name: unique('copy') } }))
    assert.notEqual(tenant.id, first.id)
    assert.equal(tenant.issuer, first.issuer)
    assert.equal(tenant.themeId, first.themeId)
    assert.deepEqual(tenant.jwtConfiguration, first.jwtConfiguration)
    assert(tenant.insertInstant > 0 && tenant.lastUpdateInstant >= tenant.insertInstant)
    await done(global.deleteTenant(tenant.id))
    await nothing(global.retrieveTenant(tenant.id))
  })

  it('are copied, changed, searched and deleted', async () => {
    const id = randomUUID()
    const name = unique('tenant')
    await ok(global.createTenant(id, { tenant: { name, issuer: 'example.com', data: { plan: 'gold', list: [1] } } }))
    const { tenant: copy } = await ok(global.createTenant(null, { sourceTenantId: id, tenant: { name: unique('copy') } }))
    assert.equal(copy.issuer, 'example.com')

    const { tenant: patched } = await ok(global.patchTenant(id, { tenant: { data: { list: [2], more: true } } }))
    assert.equal(patched.name, name)
    assert.deepEqual(patched.data, { plan: 'gold', list: [1, 2], more: true })
    const { tenant: updated } = await ok(global.updateTenant(id, { tenant: { ...patched, issuer: 'example.org' } }))
    assert.equal(updated.issuer, 'example.org')
    assert.deepEqual((await ok(global.retrieveTenant(id))).tenant, updated)

    const found = await ok(global.searchTenants({ search: { name: '*' + name.split(' ')[1] } }))
    assert.deepEqual([found.total, found.tenants.map(t => t.id)], [1, [id]])

    await done(global.deleteTenantAsync(copy.id), 202)
    await done(global.deleteTenantWithRequest(id, { async: false }))
    await nothing(global.retrieveTenant(id))
  })

  it('are refused with codes at their fields', async () => {
    const { tenant } = await newTenant()
    await invalid(global.createTenant(null, { tenant: {} }), '[blank]tenant.name')
    await invalid(global.createTenant(null, { tenant: { name: tenant.name } }), '[duplicate]tenant.name')
    await invalid(global.createTenant('no-id', { tenant: { name: unique('x') } }), '[couldNotConvert]tenantId')
    await nothing(global.deleteTenant(randomUUID()))
  })

  it('tell anybody the rules of their passwords', async () => {
    const { tenant } = await newTenant({ passwordValidationRules: { minLength: 12, requireNumber: true } })
    const { passwordValidationRules: rules } = await ok(client(undefined, null).retrievePasswordValidationRulesWithTenantId(tenant.id))
    assert.equal(rules.minLength, 12)
    assert.equal(rules.requireNumber, true)
    assert.equal(rules.maxLength, 256)
  })

  it('have to be named where there are several', async () => {
    await newTenant()
    await invalid(global.createUser(null, { user: { email: address(), password } }), '[TenantIdRequired]')
    const { api } = await newTenant()
    const user = await newUser(api)
    await nothing((await newTenant()).api.retrieveUser(user.id))
    assert.equal((await ok(global.retrieveUser(user.id))).user.id, user.id)
  })
})

describe('API keys', () => {
  it('are created, restricted, and refused with 401', async () => {
    const { tenant, api } = await newTenant()
    const { apiKey } = await ok(global.createAPIKey(null, {
      apiKey: { metaData: { attributes: { description: 'reads users' } }, permissions: { endpoints: { '/api/user': ['GET'] } }, tenantId: tenant.id }
    }))
    const limited = client(undefined, apiKey.key)
    const user = await newUser(api)
    assert.equal((await ok(limited.retrieveUser(user.id))).user.id, user.id)
    await nothing(limited.deleteUser(user.id), 401)
    await nothing(limited.retrieveTenants(), 401)
    await nothing(client(undefined, 'no key').retrieveTenants(), 401)

    const { apiKey: patched } = await ok(global.patchAPIKey(apiKey.id, { apiKey: { name: 'renamed' } }))
    assert.equal(patched.name, 'renamed')
    assert.deepEqual(patched.permissions.endpoints, { '/api/user': ['GET'] })
    await ok(global.updateAPIKey(apiKey.id, { apiKey: { name: 'again', permissions: { endpoints: { '/api/user': ['GET', 'DELETE'] } } } }))
    await done(limited.deleteUser(user.id))
    assert.equal((await ok(global.retrieveAPIKey(apiKey.id))).apiKey.name, 'again')
    await done(global.deleteAPIKey(apiKey.id))
    await nothing(limited.retrieveUser(user.id), 401)
  })
})

describe('signing keys', () => {
  it('are generated, imported, searched, renamed and deleted', async () => {
    const name = unique('key')
    const { key } = await ok(global.generateKey(null, { key: { algorithm: 'RS256', name, length: 2048 } }))
    assert.equal(key.type, 'RSA')
    assert.equal(key.hasPrivateKey, true)
    assert.equal(key.privateKey, undefined)
    assert.match(key.publicKey, /BEGIN PUBLIC KEY/)
    const id = randomUUID()
    const { key: imported } = await ok(global.importKey(id, { key: { algorithm: 'HS256', type: 'HMAC', name: unique('hmac'), secret: 'a secret of thirty-two characters' } }))
    assert.deepEqual([imported.id, imported.secret], [id, undefined])

    assert.deepEqual((await ok(global.searchKeys({ search: { name } }))).keys.map(k => k.id), [key.id])
    assert.deepEqual((await ok(global.searchKeysByParameters(undefined, name))).keys.map(k => k.id), [key.id])
    assert((await ok(global.retrieveKeys())).keys.some(k => k.id === id))
    assert((await ok(global.retrieveJsonWebKeySet())).keys.some(k => k.kid === key.kid && k.kty === 'RSA'))
    assert.match((await ok(global.retrieveJWTPublicKey(key.kid))).publicKey, /BEGIN PUBLIC KEY/)
    assert((await ok(global.retrieveJWTPublicKeys())).publicKeys[key.kid])

    const renamed = unique('renamed')
    assert.equal((await ok(global.updateKey(key.id, { key: { name: renamed } }))).key.name, renamed)
    await invalid(global.generateKey(null, { key: { algorithm: 'RS256', name: renamed, length: 2048 } }), '[duplicate]key.name')
    await done(global.deleteKey(key.id))
    await nothing(global.retrieveKey(key.id))
  })
})

describe('the system', () => {
  it('answers those who watch it', async () => {
    await done(client(undefined, null).retrieveSystemHealth())
    assert((await ok(global.retrieveVersion())).version)
    assert((await ok(global.retrieveSystemStatusUsingAPIKey())).version)
    assert.equal((await ok(global.retrieveOpenIdConfiguration())).jwks_uri, url + '/.well-known/jwks.json')
  })

  it('keeps a configuration of which the rest stays', async () => {
    const { systemConfiguration: before } = await ok(global.retrieveSystemConfiguration())
    const { systemConfiguration: after } = await ok(global.patchSystemConfiguration({
      systemConfiguration: { corsConfiguration: { enabled: true, allowedMethods: ['POST', 'PUT'], allowedOrigins: ['https://example.com'] } }
    }))
    assert.equal(after.corsConfiguration.enabled, true)
    assert(after.corsConfiguration.allowedMethods.includes('PUT'))
    assert.deepEqual(after.auditLogConfiguration, before.auditLogConfiguration)
    const { systemConfiguration: back } = await ok(global.updateSystemConfiguration({ systemConfiguration: before }))
    assert.deepEqual(back.corsConfiguration, before.corsConfiguration)
  })

  it('keeps an audit log and an event log', async () => {
    const message = unique('looked at the books')
    const { auditLog } = await ok(global.createAuditLog({ auditLog: { insertUser: 'ada@example.com', message, reason: 'because' } }))
    assert.equal((await ok(global.retrieveAuditLog(auditLog.id))).auditLog.message, message)
    assert.deepEqual((await ok(global.searchAuditLogs({ search: { message } }))).auditLogs.map(l => l.id), [auditLog.id])
    assert(Array.isArray((await ok(global.searchEventLogs({ search: {} }))).eventLogs))
    await nothing(global.retrieveAuditLog(9007199254740991))
  })
})
