// Entities: their types, what they may do, and their tokens.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { before, describe, it } from 'node:test'
import { claims, done, enable, global, invalid, newTenant, newUser, nothing, ok, receiver, refused, subscribe, unique } from './herald.js'

describe('entity types', () => {
  it('are created, patched, replaced, searched and deleted', async () => {
    const name = unique('type')
    const { entityType } = await ok(global.createEntityType(null, { entityType: { name, permissions: [{ name: 'read', isDefault: true }] } }))
    assert.deepEqual(entityType.permissions.map(p => [p.name, p.isDefault]), [['read', true]])
    assert.deepEqual((await ok(global.patchEntityType(entityType.id, { entityType: { data: { a: 1 } } }))).entityType.data, { a: 1 })
    const { entityType: updated } = await ok(global.updateEntityType(entityType.id, { entityType: { name } }))
    assert.deepEqual((await ok(global.retrieveEntityType(entityType.id))).entityType, updated)
    assert((await ok(global.retrieveEntityTypes())).entityTypes.some(t => t.id === entityType.id))
    assert.deepEqual((await ok(global.searchEntityTypes({ search: { name } }))).entityTypes.map(t => t.id), [entityType.id])
    assert.deepEqual((await ok(global.searchEntityTypesByParameters(name))).entityTypes.map(t => t.id), [entityType.id])
    await invalid(global.createEntityType(null, { entityType: { name } }), '[duplicate]entityType.name')

    const { permission } = await ok(global.createEntityTypePermission(entityType.id, null, { permission: { name: 'write', description: 'writes' } }))
    assert.equal((await ok(global.patchEntityTypePermission(entityType.id, permission.id, { permission: { isDefault: true } }))).permission.name, 'write')
    assert.equal((await ok(global.updateEntityTypePermission(entityType.id, permission.id, { permission: { name: 'delete' } }))).permission.isDefault, false)
    await done(global.deleteEntityTypePermission(entityType.id, permission.id))
    await nothing(global.deleteEntityTypePermission(entityType.id, permission.id))
    await done(global.deleteEntityType(entityType.id))
    await nothing(global.retrieveEntityType(entityType.id))
  })
})

describe('entities', () => {
  let tenant, api, type
  before(async () => {
    ({ tenant, api } = await newTenant())
    ;({ entityType: type } = await ok(global.createEntityType(null, { entityType: { name: unique('type'), permissions: [{ name: 'read' }, { name: 'write', isDefault: true }] } })))
  })
  const create = (settings = {}) => ok(api.createEntity(null, { entity: { name: unique('entity'), type: { id: type.id }, ...settings } }))

  it('are created, patched, replaced, searched and deleted', async () => {
    const { entity } = await create({ data: { a: 1 } })
    assert.equal(entity.tenantId, tenant.id)
    assert.equal(entity.type.name, type.name)
    assert(entity.clientId && entity.clientSecret)
    assert.deepEqual((await ok(api.patchEntity(entity.id, { entity: { data: { b: 2 } } }))).entity.data, { a: 1, b: 2 })
    const { entity: updated } = await ok(api.updateEntity(entity.id, { entity: { name: entity.name } }))
    assert.equal(updated.clientSecret, entity.clientSecret)
    assert.deepEqual((await ok(api.retrieveEntity(entity.id))).entity, updated)
    assert.deepEqual((await ok(api.searchEntitiesByIds([entity.id]))).entities.map(e => e.id), [entity.id])
    assert.deepEqual((await ok(api.searchEntities({ search: { queryString: entity.name } }))).entities.map(e => e.id), [entity.id])
    await done(api.refreshEntitySearchIndex())
    await done(api.deleteEntity(entity.id))
    await nothing(api.retrieveEntity(entity.id))
    await invalid(api.createEntity(null, { entity: { name: 'x', type: { id: randomUUID() } } }), '[invalid]entity.type.id')
  })

  it('have grants', async () => {
    const [{ entity: target }, { entity: client }] = [await create(), await create()]
    const user = await newUser(api)
    await done(api.upsertEntityGrant(target.id, { grant: { userId: user.id, permissions: ['read'], data: { a: 1 } } }))
    await done(api.upsertEntityGrant(target.id, { grant: { recipientEntityId: client.id } }))
    assert.deepEqual((await ok(api.retrieveEntityGrant(target.id, undefined, user.id))).grant.permissions, ['read'])
    assert.deepEqual((await ok(api.retrieveEntityGrant(target.id, client.id))).grant.permissions, ['write'])
    const found = await ok(api.searchEntityGrants({ search: { entityId: target.id } }))
    assert.deepEqual([found.total, found.grants.length], [2, 2])
    assert.equal((await ok(api.searchEntityGrantsByParameters(undefined, undefined, user.id))).grants[0].entity.id, target.id)
    await done(api.deleteEntityGrant(target.id, undefined, user.id))
    await nothing(api.retrieveEntityGrant(target.id, undefined, user.id))
  })

  it('get tokens for each other', async () => {
    const [{ entity: target }, { entity: caller }] = [await create(), await create()]
    await done(api.upsertEntityGrant(target.id, { grant: { recipientEntityId: caller.id, permissions: ['read'] } }))
    const grant = await ok(api.clientCredentialsGrant(caller.clientId, caller.clientSecret, `target-entity:${target.id}:read`))
    const { sub, aud, permissions } = claims(grant.access_token)
    assert.deepEqual([sub, aud, permissions], [caller.id, target.id, { [target.id]: ['read'] }])
    assert.equal((await ok(api.introspectClientCredentialsAccessToken(grant.access_token))).active, true)
    assert.equal((await refused(api.clientCredentialsGrant(caller.clientId, caller.clientSecret, `target-entity:${target.id}:write`), 400)).error, 'invalid_scope')
    assert.equal((await refused(api.clientCredentialsGrant(caller.clientId, 'wrong', ''), 401)).error, 'invalid_client')
  })

  it('tell webhooks, without their secrets', async () => {
    const hook = await receiver()
    await enable(tenant, 'None', 'entity.create.complete')
    await subscribe(tenant, hook, 'entity.create.complete')
    const { entity } = await create()
    const event = await hook.event('entity.create.complete', entity.id)
    assert.deepEqual([event.entity.name, event.entity.clientSecret], [entity.name, undefined])
    await hook.close()
  })
})
