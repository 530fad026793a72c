// Webhooks: what they get, what they can refuse, and the record of both.
import assert from 'node:assert/strict'
import { createHash, createHmac, randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { address, claims, done, enable, global, invalid, newTenant, newUser, nothing, ok, password, patience, receiver, refused, subscribe, unique } from './herald.js'

describe('webhooks', () => {
  let hook
  before(async () => { hook = await receiver() })
  after(() => hook.close())

  it('are created, patched, replaced, searched and deleted', async () => {
    const { tenant } = await newTenant()
    const description = unique('hook')
    const base = { url: hook.url, connectTimeout: 1000, readTimeout: 2000, description, eventsEnabled: { 'user.create': true, 'user.delete': false } }
    const { webhook } = await ok(global.createWebhook(null, { webhook: { ...base, tenantIds: [tenant.id], headers: { 'X-Mine': 'yes' } } }))
    assert.deepEqual([webhook.global, webhook.tenantIds], [false, [tenant.id]])
    assert.equal(webhook.eventsEnabled['user.create'], true)
    const { webhook: patched } = await ok(global.patchWebhook(webhook.id, { webhook: { readTimeout: 3000, eventsEnabled: { 'user.update': true } } }))
    assert.deepEqual([patched.readTimeout, patched.eventsEnabled['user.create'], patched.eventsEnabled['user.update']], [3000, true, true])
    const { webhook: updated } = await ok(global.updateWebhook(webhook.id, { webhook: base }))
    assert.deepEqual(updated.tenantIds ?? [], [])
    assert.deepEqual((await ok(global.retrieveWebhook(webhook.id))).webhook, updated)
    assert((await ok(global.retrieveWebhooks())).webhooks.some(w => w.id === webhook.id))
    assert.deepEqual((await ok(global.searchWebhooks({ search: { description } }))).webhooks.map(w => w.id), [webhook.id])
    assert.deepEqual((await ok(global.searchWebhooksByParameters(description, 10, undefined, 0, undefined, undefined))).webhooks.map(w => w.id), [webhook.id])
    await done(global.deleteWebhook(webhook.id))
    await nothing(global.retrieveWebhook(webhook.id))
  })

  it('are refused with codes at their fields', async () => {
    await invalid(global.createWebhook(null, { webhook: { url: 'ftp://x', connectTimeout: 0, readTimeout: 1 } }), '[invalid]webhook.url', '[missing]webhook.connectTimeout')
    await invalid(global.createWebhook(null, { webhook: { url: hook.url, connectTimeout: 1, readTimeout: 1, tenantIds: [randomUUID()] } }), '[invalid]webhook.tenantIds')
  })

  it('are told what happened, and it is on record', async () => {
    const { tenant, api } = await newTenant()
    await enable(tenant, 'None', 'user.create', 'user.create.complete')
    const webhook = await subscribe(tenant, hook, 'user.create', 'user.create.complete')
    const user = await newUser(api, { data: { list: [{ deep: 'ü' }] } })
    const event = await hook.event('user.create.complete', user.id)
    assert.equal(event.tenantId, tenant.id)
    assert.equal(event.user.email, user.email)
    assert.deepEqual(event.user.data, user.data)
    assert.equal(event.user.password, undefined)
    assert(event.createInstant > 0 && event.info.ipAddress)

    const log = (await ok(global.retrieveWebhookEventLog(event.id))).webhookEventLog
    assert.equal(log.eventType, 'user.create.complete')
    assert.equal(log.linkedObjectId, user.id)
    assert.deepEqual(log.event.event.user.data, user.data)
    const found = await ok(global.searchWebhookEventLogs({ search: { eventType: 'user.create.complete', eventResult: 'Succeeded', event: user.id } }))
    assert.deepEqual(found.webhookEventLogs.map(l => l.id), [event.id])
    // The answer of the receiver may be on record a moment after it was given.
    let attempt
    for (const end = Date.now() + patience; !attempt && Date.now() < end;) {
      attempt = (await ok(global.retrieveWebhookEventLog(event.id))).webhookEventLog.attempts?.[0]
    }
    assert.deepEqual([attempt.webhookId, attempt.webhookCallResponse.statusCode], [webhook.id, 200])
    assert.equal((await ok(global.retrieveWebhookAttemptLog(attempt.id))).webhookAttemptLog.webhookEventLogId, event.id)
  })

  it('refuse what does not happen then', async () => {
    const { tenant, api } = await newTenant()
    await enable(tenant, 'AbsoluteMajority', 'user.create')
    const no = await receiver()
    no.status = 418
    await subscribe(tenant, no, 'user.create')
    const email = address()
    const errors = await refused(api.createUser(null, { user: { email, password } }), 504)
    assert.deepEqual(errors.generalErrors.map(e => e.code), ['[WebhookTransactionException]'])
    await nothing(api.retrieveUserByEmail(email))
    no.status = 204
    await ok(api.createUser(null, { user: { email, password } }))
    await no.close()
  })

  it('get signed requests', async () => {
    const { tenant, api } = await newTenant()
    await enable(tenant, 'None', 'user.create.complete')
    const secret = 'a secret of thirty-two characters'
    const { key } = await ok(global.importKey(null, { key: { algorithm: 'HS256', type: 'HMAC', name: unique('signs'), secret } }))
    await ok(global.createWebhook(null, {
      webhook: {
        url: hook.url, tenantIds: [tenant.id], connectTimeout: 1000, readTimeout: 5000, eventsEnabled: { 'user.create.complete': true },
        signatureConfiguration: { enabled: true, signingKeyId: key.id }
      }
    }))
    const user = await newUser(api)
    const got = await hook.next(r => r.body.event.linkedObjectId === user.id)
    const jwt = got.headers['x-fusionauth-signature-jwt']
    const [head, payload, signature] = jwt.split('.')
    assert.equal(signature, createHmac('sha256', secret).update(`${head}.${payload}`).digest('base64url'))
    assert.equal(claims(jwt).request_body_sha256, createHash('sha256').update(got.raw).digest('base64'))
  })
})
