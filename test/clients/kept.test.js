// Configuration that Herald keeps for clients and does not act on, and links to accounts at identity providers, which are real.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { done, global, newTenant, newUser, nothing, ok, unique } from './herald.js'

// For each kind the methods of the client, and what objects of it need beside their name.
const kinds = [
  {
    member: 'theme', create: 'createTheme', one: 'retrieveTheme', all: 'retrieveThemes', patch: 'patchTheme', update: 'updateTheme', remove: 'deleteTheme', search: 'searchThemes', settings: { stylesheet: 'body {}', data: { a: 1 } }
  },
  {
    member: 'lambda', create: 'createLambda', one: 'retrieveLambda', all: 'retrieveLambdas', patch: 'patchLambda', update: 'updateLambda', remove: 'deleteLambda', search: 'searchLambdas', settings: { type: 'JWTPopulate', body: 'function populate() {}', debug: true }
  },
  {
    member: 'form', create: 'createForm', one: 'retrieveForm', all: 'retrieveForms', patch: 'patchForm', update: 'updateForm', remove: 'deleteForm', settings: { type: 'registration', steps: [{ fields: [randomUUID()] }] }
  },
  {
    member: 'field', create: 'createFormField', one: 'retrieveFormField', all: 'retrieveFormFields', patch: 'patchFormField', update: 'updateFormField', remove: 'deleteFormField', settings: { key: 'user.data.color', type: 'string', control: 'text' }
  },
  {
    member: 'consent', create: 'createConsent', one: 'retrieveConsent', all: 'retrieveConsents', patch: 'patchConsent', update: 'updateConsent', remove: 'deleteConsent', search: 'searchConsents', settings: { defaultMinimumAgeForSelfConsent: 18 }
  },
  {
    member: 'identityProvider', create: 'createIdentityProvider', one: 'retrieveIdentityProvider', all: 'retrieveIdentityProviders', patch: 'patchIdentityProvider', update: 'updateIdentityProvider', remove: 'deleteIdentityProvider', search: 'searchIdentityProviders', settings: { type: 'OpenIDConnect', enabled: true, oauth2: { client_id: 'herald', client_secret: 'secret' } }
  },
  {
    member: 'connector', create: 'createConnector', one: 'retrieveConnector', all: 'retrieveConnectors', patch: 'patchConnector', update: 'updateConnector', remove: 'deleteConnector', settings: { type: 'Generic', authenticationURL: 'https://example.com', connectTimeout: 1000, readTimeout: 2000 }
  },
  {
    member: 'ipAccessControlList', create: 'createIPAccessControlList', one: 'retrieveIPAccessControlList', patch: 'patchIPAccessControlList', update: 'updateIPAccessControlList', remove: 'deleteIPAccessControlList', search: 'searchIPAccessControlLists', settings: { entries: [{ action: 'Block', startIPAddress: '*' }] }
  }
]

describe('configuration that is kept', () => {
  for (const kind of kinds) {
    it(`has ${kind.member}s`, async () => {
      const name = unique(kind.member)
      const created = (await ok(global[kind.create](null, { [kind.member]: { name, ...kind.settings } })))[kind.member]
      assert.equal(created.name, name)
      assert(created.id && created.insertInstant)
      for (const [member, value] of Object.entries(kind.settings)) assert.deepEqual(created[member], value, member)
      const patched = (await ok(global[kind.patch](created.id, { [kind.member]: { data: { b: 2 } } })))[kind.member]
      assert.equal(patched.name, name)
      assert.equal(patched.data.b, 2)
      const updated = (await ok(global[kind.update](created.id, { [kind.member]: { name, ...kind.settings } })))[kind.member]
      assert.equal(updated.data?.b, undefined)
      assert.deepEqual((await ok(global[kind.one](created.id)))[kind.member], updated)
      if (kind.all) assert((await ok(global[kind.all]()))[kind.member + 's'].some(o => o.id === created.id))
      if (kind.search) assert.deepEqual((await ok(global[kind.search]({ search: { name } })))[kind.member + 's'].map(o => o.id), [created.id])
      await done(global[kind.remove](created.id))
      await nothing(global[kind.one](created.id))
    })
  }

  it('is searched and listed by parameters', async () => {
    const name = unique('provider')
    const { identityProvider } = await ok(global.createIdentityProvider(null, { identityProvider: { type: 'Google', name, enabled: true } }))
    assert((await ok(global.retrieveIdentityProviderByType('Google'))).identityProviders.some(p => p.id === identityProvider.id))
    assert.deepEqual((await ok(global.searchIdentityProvidersByParameters(undefined, name))).identityProviders.map(p => p.id), [identityProvider.id])
    assert((await ok(global.retrieveLambdasByType('JWTPopulate'))).lambdas)
    assert.equal((await ok(global.searchConsentsByParameters(unique('none')))).total, 0)
    assert.equal((await ok(global.searchIPAccessControlListsByParameters(unique('none')))).total, 0)
    await done(global.deleteIdentityProvider(identityProvider.id))
  })

  it('has consents of users, and families', async () => {
    const { api } = await newTenant()
    const [adult, child] = [await newUser(api), await newUser(api)]
    const { consent } = await ok(global.createConsent(null, { consent: { name: unique('consent'), defaultMinimumAgeForSelfConsent: 13 } }))
    const { userConsent } = await ok(api.createUserConsent(null, { userConsent: { consentId: consent.id, userId: child.id, giverUserId: adult.id } }))
    assert.equal((await ok(api.retrieveUserConsent(userConsent.id))).userConsent.status, 'Active')
    assert.deepEqual((await ok(api.retrieveUserConsents(child.id))).userConsents.map(c => c.id), [userConsent.id])
    await ok(api.patchUserConsent(userConsent.id, { userConsent: { data: { a: 1 } } }))
    await done(api.revokeUserConsent(userConsent.id))
    assert.equal((await ok(api.retrieveUserConsent(userConsent.id))).userConsent.status, 'Revoked')

    const { family } = await ok(api.createFamily(null, { familyMember: { userId: adult.id, owner: true, role: 'Adult' } }))
    await ok(api.addUserToFamily(family.id, { familyMember: { userId: child.id, role: 'Child' } }))
    assert.equal((await ok(api.retrieveFamilyMembersByFamilyId(family.id))).family.members.length, 2)
    assert.deepEqual((await ok(api.retrieveFamilies(child.id))).families.map(f => f.id), [family.id])
    await done(api.removeUserFromFamily(family.id, child.id))
    await done(global.deleteConsent(consent.id))
  })

  it('has accounts at identity providers linked to users', async () => {
    const { api } = await newTenant()
    const [ada, bob] = [await newUser(api), await newUser(api)]
    const { identityProvider } = await ok(global.createIdentityProvider(null, { identityProvider: { type: 'OpenIDConnect', name: unique('provider'), enabled: true } }))
    const account = { identityProviderId: identityProvider.id, identityProviderUserId: randomUUID() }
    const { identityProviderLink: link } = await ok(api.createUserLink({ identityProviderLink: { ...account, userId: ada.id, displayName: 'ada', token: 'secret' } }))
    assert.deepEqual([link.userId, link.identityProviderName, link.identityProviderType], [ada.id, identityProvider.name, 'OpenIDConnect'])
    assert.equal((await ok(api.retrieveUserLink(account.identityProviderId, account.identityProviderUserId))).identityProviderLink.displayName, 'ada')
    assert.equal((await ok(api.retrieveUserLinksByUserId(undefined, ada.id))).identityProviderLinks.length, 1)
    assert.equal((await ok(api.retrieveUserLinksByUserId(identityProvider.id, bob.id))).identityProviderLinks.length, 0)
    await api.createUserLink({ identityProviderLink: { ...account, userId: bob.id } }).then(
      () => assert.fail('linked twice'), e => assert.equal(e.statusCode, 409))
    await ok(api.deleteUserLink(account.identityProviderId, account.identityProviderUserId, ada.id))
    await nothing(api.retrieveUserLink(account.identityProviderId, account.identityProviderUserId))
    await nothing(api.retrievePendingLink('no-link'))
    await done(global.deleteIdentityProvider(identityProvider.id))
  })
})
