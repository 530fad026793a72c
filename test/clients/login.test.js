// Logging in and out, tokens of both kinds, and passwords.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { before, describe, it } from 'node:test'
import { address, claims, client, done, invalid, newTenant, newUser, nothing, ok, password, refused, unique, url } from './herald.js'

describe('login', () => {
  let tenant, api, application, user
  before(async () => {
    ({ tenant, api } = await newTenant())
    ;({ application } = await ok(api.createApplication(null, {
      application: {
        name: unique('app'),
        roles: [{ name: 'user', isDefault: true }],
        loginConfiguration: { generateRefreshTokens: true, allowTokenRefresh: true, requireAuthentication: true },
        passwordlessConfiguration: { enabled: true },
        oauthConfiguration: { enabledGrants: ['password', 'refresh_token'] }
      }
    })))
    user = await newUser(api)
    await ok(api.register(user.id, { registration: { applicationId: application.id } }))
  })
  const login = (settings = {}) => ok(api.login({ loginId: user.email, password, applicationId: application.id, ...settings }))

  it('gives a user, an access token and a refresh token', async () => {
    const session = await login({ ipAddress: '192.0.2.1', metaData: { device: { name: 'phone', type: 'MOBILE' } } })
    assert.equal(session.user.id, user.id)
    assert(session.refreshToken && session.refreshTokenId)
    const { sub, aud, applicationId, authenticationType, roles, email, tid, exp } = claims(session.token)
    assert.deepEqual([sub, aud, applicationId, authenticationType, roles, email, tid],
      [user.id, application.id, application.id, 'PASSWORD', ['user'], user.email, tenant.id])
    assert.equal(session.tokenExpirationInstant, exp * 1000)
    assert.deepEqual((await ok(client().validateJWT(session.token))).jwt.sub, user.id)
  })

  it('is refused without saying why', async () => {
    await nothing(api.login({ loginId: address(), password, applicationId: application.id }))
    await nothing(api.login({ loginId: user.email, password: 'wrong', applicationId: application.id }))
    await nothing(client(tenant.id, null).login({ loginId: user.email, password, applicationId: application.id }), 401)
    await invalid(api.login({ loginId: user.email, password, applicationId: randomUUID() }), '[invalid]applicationId')
    await invalid(api.login({ loginId: '', password, applicationId: application.id }), '[blank]loginId')
  })

  it('tells who is not registered', async () => {
    const other = await newUser(api)
    const session = await ok(api.login({ loginId: other.email, password, applicationId: application.id }), 202)
    assert.equal(session.user.id, other.id)
    assert.equal(session.refreshToken, undefined)
  })

  it('is pinged and recorded', async () => {
    await ok(api.loginPing(user.id, application.id, '192.0.2.7'))
    await ok(api.loginPing(user.id, application.id))
    await ok(api.loginPingWithRequest({ userId: user.id, applicationId: application.id, ipAddress: '192.0.2.8' }))
    const records = await ok(api.searchLoginRecords({ retrieveTotal: true, search: { userId: user.id, applicationId: application.id } }))
    assert.equal(records.total, records.logins.length)
    assert(records.logins.some(l => l.ipAddress === '192.0.2.7' && l.applicationName === application.name))
    assert.equal((await ok(api.retrieveUserRecentLogins(user.id, 0, 2))).logins.length, 2)
    assert((await ok(api.retrieveRecentLogins(0, 10))).logins.length > 2)
  })

  it('works without a password', async () => {
    const { code } = await ok(api.startPasswordlessLogin({ applicationId: application.id, loginId: user.email, state: { from: 'here' } }))
    const session = await ok(client(tenant.id, null).passwordlessLogin({ code }))
    assert.equal(session.user.id, user.id)
    assert.deepEqual(session.state, { from: 'here' })
    await nothing(client(tenant.id, null).passwordlessLogin({ code }))
    await nothing(api.startPasswordlessLogin({ applicationId: application.id, loginId: address() }))
  })

  it('ends with a logout', async () => {
    const session = await login()
    await done(client(tenant.id, null).logout(false, session.refreshToken))
    await refused(api.exchangeRefreshTokenForJWT({ refreshToken: session.refreshToken }), 400)
    const again = await login()
    await done(client(tenant.id, null).logoutWithRequest({ global: true, refreshToken: again.refreshToken }))
    assert.deepEqual((await ok(api.retrieveRefreshTokens(user.id))).refreshTokens, [])
    await done(client(tenant.id, null).logout(true))
  })

  describe('tokens', () => {
    it('are refreshed, listed and read', async () => {
      const session = await login()
      const next = await ok(api.exchangeRefreshTokenForJWT({ refreshToken: session.refreshToken, token: session.token }))
      assert.equal(next.refreshToken, session.refreshToken)
      assert.equal(next.refreshTokenId, session.refreshTokenId)
      assert.equal(claims(next.token).sub, user.id)
      assert((await ok(api.retrieveRefreshTokens(user.id))).refreshTokens.some(t => t.id === session.refreshTokenId && t.applicationId === application.id))
      assert.equal((await ok(api.retrieveRefreshTokenById(session.refreshTokenId))).refreshToken.userId, user.id)
      await invalid(api.exchangeRefreshTokenForJWT({ refreshToken: 'unknown' }), '[invalid]refreshToken')
    })

    it('are revoked, each way', async () => {
      const ways = [
        s => api.revokeRefreshTokenById(s.refreshTokenId),
        s => api.revokeRefreshTokenByToken(s.refreshToken),
        () => api.revokeRefreshTokensByUserId(user.id),
        () => api.revokeRefreshTokensByUserIdForApplication(user.id, application.id),
        () => api.revokeRefreshTokensByApplicationId(application.id),
        () => api.revokeRefreshToken(undefined, user.id, undefined),
        s => api.revokeRefreshToken(s.refreshToken),
        () => api.revokeRefreshTokensWithRequest({ userId: user.id })
      ]
      for (const way of ways) {
        const session = await login()
        await done(way(session))
        await nothing(api.retrieveRefreshTokenById(session.refreshTokenId))
        await refused(api.exchangeRefreshTokenForJWT({ refreshToken: session.refreshToken }), 400)
      }
      await nothing(api.revokeRefreshTokenById(randomUUID()))
    })

    it('are vended, issued for other applications, and validated', async () => {
      const { token } = await ok(api.vendJWT({ claims: { plan: 'gold' }, timeToLiveInSeconds: 60 }))
      assert.equal((await ok(client().validateJWT(token))).jwt.plan, 'gold')
      await nothing(client().validateJWT(token.slice(0, -3) + 'AAA'), 401)

      const { application: other } = await ok(api.createApplication(null, { application: { name: unique('other') } }))
      const session = await login()
      await done(client(tenant.id).issueJWT(other.id, session.token), 202)
      await ok(api.register(user.id, { registration: { applicationId: other.id } }))
      const issued = await ok(client(tenant.id).issueJWT(other.id, session.token))
      assert.equal(claims(issued.token).applicationId, other.id)
    })
  })

  describe('over OAuth', () => {
    it('has grants for a password and a refresh token', async () => {
      const { clientId, clientSecret } = application.oauthConfiguration
      const grant = await ok(api.exchangeUserCredentialsForAccessToken(user.email, password, clientId, clientSecret, 'openid offline_access'))
      assert.equal(grant.token_type, 'Bearer')
      assert.equal(grant.userId, user.id)
      assert(grant.access_token && grant.id_token && grant.refresh_token && grant.expires_in > 0)
      const next = await ok(api.exchangeRefreshTokenForAccessToken(grant.refresh_token, clientId, clientSecret, 'openid'))
      assert.equal(claims(next.access_token).sub, user.id)
      assert.equal((await ok(api.introspectAccessToken(clientId, next.access_token))).active, true)
      assert.equal((await ok(api.retrieveUserInfoFromAccessToken(next.access_token))).sub, user.id)
      assert.equal((await ok(api.introspectAccessToken(clientId, 'nonsense'))).active, false)
    })

    it('refuses with the errors of OAuth', async () => {
      const { clientId, clientSecret } = application.oauthConfiguration
      assert.equal((await refused(api.exchangeUserCredentialsForAccessToken(user.email, 'wrong', clientId, clientSecret), 400)).error, 'invalid_grant')
      assert.equal((await refused(api.exchangeUserCredentialsForAccessToken(user.email, password, clientId, 'wrong'), 401)).error, 'invalid_client')
    })
  })

  describe('passwords', () => {
    it('that were forgotten are changed', async () => {
      const user = await newUser(api)
      const { changePasswordId } = await ok(api.forgotPassword({ loginId: user.email, sendForgotPasswordEmail: false }))
      assert.equal((await ok(api.retrieveUserByChangePasswordId(changePasswordId))).user.id, user.id)
      await done(api.checkChangePasswordUsingId(changePasswordId))
      const next = 'another ' + password
      const { oneTimePassword } = await ok(client(tenant.id, null).changePassword(changePasswordId, { password: next }))
      assert.equal((await ok(api.login({ oneTimePassword }))).user.id, user.id)
      await ok(api.login({ loginId: user.email, password: next }))
      await nothing(client(tenant.id, null).changePassword(changePasswordId, { password: next }))
      await nothing(api.forgotPassword({ loginId: address(), sendForgotPasswordEmail: false }))
    })

    it('are changed by login id, and by token', async () => {
      const user = await newUser(api)
      await invalid(api.changePasswordByIdentity({ loginId: user.email, password: 'short' }), '[tooShort]password')
      await done(api.changePasswordByIdentity({ loginId: user.email, password: 'another ' + password }))
      await done(api.checkChangePasswordUsingLoginId(user.email))
      const { token } = await ok(api.login({ loginId: user.email, password: 'another ' + password }))
      await done(client(tenant.id).checkChangePasswordUsingJWT(token))
      const changed = await ok(client(tenant.id).changePasswordUsingJWT(token, { currentPassword: 'another ' + password, password }))
      assert.equal((await ok(api.login({ oneTimePassword: changed.oneTimePassword }))).user.id, user.id)
    })
  })

  it('is described where clients look', async () => {
    const found = await ok(client(tenant.id, null).retrieveOpenIdConfiguration())
    assert.equal(found.token_endpoint, url + '/oauth2/token')
  })
})
