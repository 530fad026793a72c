// Messengers, the templates of messages, and second factors, whose codes they carry.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { authenticatorCode, client, done, global, invalid, newTenant, newUser, nothing, ok, password, receiver, refused, unique } from './herald.js'

let phone
before(async () => { phone = await receiver() })
after(() => phone.close())

const newMessenger = () => ok(global.createMessenger(null, {
  messenger: { type: 'Generic', name: unique('messenger'), url: phone.url, connectTimeout: 1000, readTimeout: 5000, headers: { Authorization: 'secret' } }
}))
const newTemplate = () => ok(global.createMessageTemplate(null, {
  messageTemplate: { type: 'SMS', name: unique('template'), defaultTemplate: 'Your code is ${code}', localizedTemplates: { de: 'Ihr Code ist ${code}' } }
}))

describe('messengers', () => {
  it('are created, patched, replaced and deleted', async () => {
    const { messenger } = await newMessenger()
    assert.equal(messenger.type, 'Generic')
    assert.equal(messenger.headers.Authorization, 'secret')
    assert.equal((await ok(global.patchMessenger(messenger.id, { messenger: { readTimeout: 3000 } }))).messenger.readTimeout, 3000)
    const { messenger: updated } = await ok(global.updateMessenger(messenger.id, { messenger: { ...messenger, headers: {}, name: unique('other') } }))
    assert.deepEqual((await ok(global.retrieveMessenger(messenger.id))).messenger, updated)
    assert((await ok(global.retrieveMessengers())).messengers.some(m => m.id === messenger.id))
    await invalid(global.createMessenger(null, { messenger: { ...updated, id: undefined } }), '[duplicate]messenger.name')
    await done(global.deleteMessenger(messenger.id))
    await nothing(global.retrieveMessenger(messenger.id))
  })

  it('of Twilio are kept too', async () => {
    const { messenger } = await ok(global.createMessenger(null, {
      messenger: { type: 'Twilio', name: unique('twilio'), url: 'https://api.twilio.com', accountSID: 'AC1', authToken: 'token', fromPhoneNumber: '+13035551212' }
    }))
    assert.equal(messenger.accountSID, 'AC1')
    await done(global.deleteMessenger(messenger.id))
  })
})

describe('message templates', () => {
  it('are created, patched, replaced, previewed and deleted', async () => {
    const { messageTemplate } = await newTemplate()
    assert.equal(messageTemplate.localizedTemplates.de, 'Ihr Code ist ${code}')
    const { messageTemplate: patched } = await ok(global.patchMessageTemplate(messageTemplate.id, { messageTemplate: { localizedTemplates: { fr: 'Code : ${code}' } } }))
    assert.deepEqual(Object.keys(patched.localizedTemplates).sort(), ['de', 'fr'])
    const { messageTemplate: updated } = await ok(global.updateMessageTemplate(messageTemplate.id, { messageTemplate: { type: 'SMS', name: unique('other'), defaultTemplate: '${code}' } }))
    assert.deepEqual((await ok(global.retrieveMessageTemplate(messageTemplate.id))).messageTemplate, updated)
    assert((await ok(global.retrieveMessageTemplates())).messageTemplates.some(t => t.id === messageTemplate.id))
    const preview = await ok(global.retrieveMessageTemplatePreview({ messageTemplate: patched, locale: 'de' }))
    assert.match(preview.message.textMessage, /^Ihr Code ist \S/)
    assert.equal(preview.previewMessage, preview.message.textMessage)
    await invalid(global.createMessageTemplate(null, { messageTemplate: { type: 'SMS', name: unique('x'), defaultTemplate: '${code' } }), '[invalid]messageTemplate.defaultTemplate')
    await done(global.deleteMessageTemplate(messageTemplate.id))
    await nothing(global.retrieveMessageTemplate(messageTemplate.id))
  })
})

describe('e-mail templates', () => {
  it('are created, patched, replaced, previewed, searched and deleted', async () => {
    const name = unique('mail')
    const { emailTemplate } = await ok(global.createEmailTemplate(null, {
      emailTemplate: { name, defaultSubject: 'Hello', defaultTextTemplate: 'Hello ${user.firstName!"you"}', defaultHtmlTemplate: '<b>Hello</b>', fromEmail: 'herald@example.com' }
    }))
    assert.equal((await ok(global.patchEmailTemplate(emailTemplate.id, {
      emailTemplate: { localizedSubjects: { de: 'Hallo' }, localizedTextTemplates: { de: 'Hallo' }, localizedHtmlTemplates: { de: 'Hallo' } }
    }))).emailTemplate.localizedSubjects.de, 'Hallo')
    const { emailTemplate: updated } = await ok(global.updateEmailTemplate(emailTemplate.id, { emailTemplate: { name, defaultSubject: 'Hi', defaultTextTemplate: 'Hi', defaultHtmlTemplate: 'Hi' } }))
    assert.deepEqual((await ok(global.retrieveEmailTemplate(emailTemplate.id))).emailTemplate, updated)
    assert((await ok(global.retrieveEmailTemplates())).emailTemplates.some(t => t.id === emailTemplate.id))
    assert.deepEqual((await ok(global.searchEmailTemplates({ search: { name } }))).emailTemplates.map(t => t.id), [emailTemplate.id])
    const preview = await ok(global.retrieveEmailTemplatePreview({ emailTemplate, locale: 'en' }))
    assert.equal(preview.email.subject, 'Hello')
    await done(global.deleteEmailTemplate(emailTemplate.id))
    await nothing(global.retrieveEmailTemplate(emailTemplate.id))
  })
})

describe('second factors', () => {
  let api, tenant
  before(async () => {
    const { messenger } = await newMessenger()
    const { messageTemplate } = await newTemplate()
    ;({ api, tenant } = await newTenant({
      multiFactorConfiguration: {
        loginPolicy: 'Enabled', authenticator: { enabled: true }, sms: { enabled: true, messengerId: messenger.id, templateId: messageTemplate.id }
      }
    }))
  })

  it('by authenticator are enabled, asked for, and disabled', async () => {
    const user = await newUser(api)
    const { secret, secretBase32Encoded } = await ok(api.generateTwoFactorSecret())
    assert(secret && secretBase32Encoded)
    await nothing(api.enableTwoFactor(user.id, { method: 'authenticator', secret, code: 'wrong' }), 421)
    const { recoveryCodes } = await ok(api.enableTwoFactor(user.id, { method: 'authenticator', secret, code: authenticatorCode(secret) }))
    assert.equal(recoveryCodes.length, 10)

    const challenge = await ok(api.login({ loginId: user.email, password }), 242)
    assert.deepEqual(challenge.methods.map(m => m.method), ['authenticator'])
    assert.equal(challenge.token, undefined)
    const anonymous = client(tenant.id, null)
    await nothing(anonymous.twoFactorLogin({ twoFactorId: challenge.twoFactorId, code: '000000x' }), 421)
    const session = await ok(anonymous.twoFactorLogin({ twoFactorId: challenge.twoFactorId, code: recoveryCodes[0], trustComputer: true }))
    assert(session.token && session.twoFactorTrustId)
    await ok(api.login({ loginId: user.email, password, twoFactorTrustId: session.twoFactorTrustId }))
    assert.equal((await ok(api.retrieveTwoFactorStatus(user.id, undefined, session.twoFactorTrustId))).twoFactorTrustId, session.twoFactorTrustId)
    await ok(api.retrieveTwoFactorStatusWithRequest({ userId: user.id }), 242)

    const { user: found } = await ok(api.retrieveUser(user.id))
    assert.deepEqual(found.twoFactor.methods.map(m => [m.method, m.secret]), [['authenticator', undefined]])
    const fresh = await ok(api.generateTwoFactorRecoveryCodes(user.id))
    assert.equal(fresh.recoveryCodes.length, 10)
    assert.deepEqual((await ok(api.retrieveTwoFactorRecoveryCodes(user.id))).recoveryCodes, [])
    await nothing(api.disableTwoFactor(user.id, found.twoFactor.methods[0].id, 'wrong'), 421)
    await done(api.disableTwoFactor(user.id, found.twoFactor.methods[0].id, fresh.recoveryCodes[0]))
    await ok(api.login({ loginId: user.email, password }))
  })

  it('by text message are sent through the messenger, in the language of the user', async () => {
    const user = await newUser(api, { preferredLanguages: ['de'] })
    const mobilePhone = '+13035550' + String(Math.floor(Math.random() * 900) + 100)
    const sent = n => phone.next(r => r.body.phoneNumber === mobilePhone && phone.all.filter(o => o.body.phoneNumber === mobilePhone).indexOf(r) === n)
    await done(api.sendTwoFactorCodeForEnableDisable({ userId: user.id, method: 'sms', mobilePhone }))
    const first = await sent(0)
    assert.equal(first.headers.authorization, 'secret')
    const code = first.body.textMessage.match(/^Ihr Code ist (\d{6})$/)[1]
    await ok(api.enableTwoFactor(user.id, { method: 'sms', mobilePhone, code }))

    const challenge = await ok(api.login({ loginId: user.email, password }), 242)
    const anonymous = client(tenant.id, null)
    await done(anonymous.sendTwoFactorCodeForLoginUsingMethod(challenge.twoFactorId, { methodId: challenge.methods[0].id }))
    const second = (await sent(1)).body.textMessage.match(/\d{6}/)[0]
    assert.equal((await ok(anonymous.twoFactorLogin({ twoFactorId: challenge.twoFactorId, code: second }))).user.id, user.id)

    phone.status = 400
    const errors = await refused(api.sendTwoFactorCodeForEnableDisable({ userId: user.id, methodId: challenge.methods[0].id }), 400)
    phone.status = 200
    assert.deepEqual(errors.generalErrors.map(e => e.code), ['[PushTwoFactorFailed]'])
    await done(api.sendTwoFactorCodeForEnableDisable({ userId: user.id, methodId: challenge.methods[0].id }))
    const last = (await sent(3)).body.textMessage.match(/\d{6}/)[0]
    await done(api.disableTwoFactorWithRequest(user.id, { methodId: challenge.methods[0].id, code: last }))
  })

  it('are asked for outside of a login', async () => {
    const user = await newUser(api)
    const { secret } = await ok(api.generateTwoFactorSecret())
    await ok(api.enableTwoFactor(user.id, { method: 'authenticator', secret, code: authenticatorCode(secret) }))
    const started = await ok(api.startTwoFactorLogin({ userId: user.id, state: { a: 1 } }))
    const session = await ok(client(tenant.id, null).twoFactorLogin({ twoFactorId: started.twoFactorId, code: started.code }))
    assert.deepEqual(session.state, { a: 1 })
    await nothing(client(tenant.id, null).twoFactorLogin({ twoFactorId: started.twoFactorId, code: started.code }))
    await nothing(api.startTwoFactorLogin({ userId: randomUUID() }))
    const methodId = (await ok(api.retrieveUser(user.id))).user.twoFactor.methods[0].id
    await done(api.updateTwoFactor(user.id, { methodId, name: 'my phone' }))
    assert.equal((await ok(api.retrieveUser(user.id))).user.twoFactor.methods[0].name, 'my phone')
  })
})
