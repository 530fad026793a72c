// Addresses and registrations are verified, and messages by e-mail bring what that takes.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { address, client, done, global, mailbox, newTenant, newUser, nothing, ok, password, refused, unique } from './herald.js'

const template = text => ok(global.createEmailTemplate(null, {
  emailTemplate: { name: unique('mail'), defaultSubject: 'Herald', defaultTextTemplate: text, defaultHtmlTemplate: text }
}))

describe('verification', () => {
  let mail, tenant, api, anonymous, application
  before(async () => {
    mail = await mailbox()
    const [verify, forgot, passwordless, registration] = await Promise.all([
      template('Verify with the code ${verificationId} here'), template('Change with the code ${changePasswordId} here'), template('Enter with the code ${code} here'), template('Register with the code ${verificationId} here')
    ])
    ;({ tenant, api } = await newTenant({
      emailConfiguration: {
        ...mail.configuration,
        verifyEmail: true,
        verificationEmailTemplateId: verify.emailTemplate.id,
        forgotPasswordEmailTemplateId: forgot.emailTemplate.id,
        passwordlessEmailTemplateId: passwordless.emailTemplate.id
      }
    }))
    anonymous = client(tenant.id, null)
    ;({ application } = await ok(api.createApplication(null, {
      application: {
        name: unique('app'), verifyRegistration: true, verificationEmailTemplateId: registration.emailTemplate.id, passwordlessConfiguration: { enabled: true }
      }
    })))
  })
  after(() => mail.close())
  const mailed = async user => (await mail.to(user.email)).match(/with the code (\S+) here/)[1]
  const verified = async user => (await ok(api.retrieveUser(user.id))).user.verified

  it('of an address happens by the link that was mailed', async () => {
    const user = await newUser(api)
    assert.equal(await verified(user), false)
    const id = await mailed(user)
    assert.equal((await ok(api.retrieveUserByVerificationId(id))).user.id, user.id)
    await done(anonymous.verifyEmail(id))
    assert.equal(await verified(user), true)
    await nothing(anonymous.verifyEmail('unknown'))
  })

  it('of an address happens with an id that the caller delivers, or by an administrator', async () => {
    const user = await newUser(api)
    const { verificationId } = await ok(api.generateEmailVerificationId(user.email))
    await done(anonymous.verifyEmailAddress({ verificationId }))
    assert.equal(await verified(user), true)

    const other = await newUser(api)
    await ok(api.resendEmailVerification(other.email))
    await ok(api.resendEmailVerificationWithApplicationTemplate(application.id, other.email))
    await done(api.verifyEmailAddressByUserId({ userId: other.id }))
    assert.equal(await verified(other), true)
    await nothing(api.generateEmailVerificationId(address()))
  })

  it('of a registration happens by its id', async () => {
    const user = await newUser(api)
    const made = await ok(api.register(user.id, { registration: { applicationId: application.id } }))
    assert.equal(made.registration.verified, false)
    const { verificationId } = await ok(api.generateRegistrationVerificationId(user.email, application.id))
    await done(anonymous.verifyUserRegistration({ verificationId }))
    assert.equal((await ok(api.retrieveRegistration(user.id, application.id))).registration.verified, true)

    const other = await newUser(api)
    await ok(api.register(other.id, { registration: { applicationId: application.id } }))
    const { verificationId: second } = await ok(api.resendRegistrationVerification(other.email, application.id))
    await done(anonymous.verifyRegistration(second))
    await nothing(anonymous.verifyRegistration('unknown'))
  })

  it('of an identity can come before its user', async () => {
    const email = address()
    const { verificationId, oneTimeCode } = await ok(api.startVerifyIdentity({
      loginId: email, loginIdType: 'email', existingUserStrategy: 'mustNotExist', verificationStrategy: 'FormField'
    }))
    await done(api.sendVerifyIdentity({ verificationId }))
    await ok(api.completeVerifyIdentity({ verificationId, oneTimeCode }))
    const { user } = await ok(api.createUser(null, { user: { email, password }, verificationIds: [verificationId] }))
    assert.equal(user.verified, true)
    assert.deepEqual(user.identities.map(i => [i.verified, i.verifiedReason]), [[true, 'Completed']])

    const other = await newUser(api)
    await done(api.verifyIdentity({ loginId: other.email, loginIdType: 'email' }))
    assert.equal((await ok(api.retrieveUser(other.id))).user.identities[0].verifiedReason, 'Administrative')
  })

  it('is not needed for a new password, whose id is mailed', async () => {
    const { user } = await ok(api.createUser(null, { user: { email: address(), password }, skipVerification: true }))
    await ok(api.forgotPassword({ loginId: user.email }))
    const { oneTimePassword } = await ok(anonymous.changePassword(await mailed(user), { password: 'another ' + password }))
    assert.equal((await ok(api.login({ oneTimePassword }))).user.id, user.id)
  })

  it('is not needed for a login without a password, whose code is mailed', async () => {
    const { user } = await ok(api.createUser(null, { user: { email: address(), password }, skipVerification: true }))
    await done(api.startPasswordlessLogin({ applicationId: application.id, loginId: user.email }).then(a => api.sendPasswordlessCode({ code: a.response.code })))
    const session = await ok(anonymous.passwordlessLogin({ code: await mailed(user) }), 202)
    assert.equal(session.user.id, user.id)
  })

  it('keeps out who has not finished it, where the tenant says so', async () => {
    const { tenant: gated, api } = await newTenant({
      emailConfiguration: { ...tenant.emailConfiguration, unverified: { behavior: 'Gated' }, verificationStrategy: 'FormField' }
    })
    const { user } = await ok(api.createUser(null, { user: { email: address(), password } }))
    const waits = await ok(api.login({ loginId: user.email, password }), 212)
    assert(waits.emailVerificationId)
    const errors = await refused(client(gated.id, null).verifyEmailAddress({ verificationId: waits.emailVerificationId }), 400)
    assert(errors.fieldErrors.oneTimeCode)
    const { verificationId, oneTimeCode } = await ok(api.generateEmailVerificationId(user.email))
    await done(client(gated.id, null).verifyEmailAddress({ verificationId, oneTimeCode }))
    await ok(api.login({ loginId: user.email, password }))
  })
})
