package openapi

// introduction is what the document says before anything else.
const introduction = `
Herald tells your systems what happens to identities, and lets them have a say. Its API is compatible with FusionAuth's: paths, JSON, statuses and headers are the same. What FusionAuth does not have
is marked as ours.

**Who you are.** An API key stands alone in the header Authorization, without a scheme. It may do what its permissions name, by endpoint and method; a key without permissions may do everything. A
key may be bound to a tenant, and then stays inside it. Some requests take the access token of a user instead, as Authorization: Bearer.

**Which tenant.** With more than one tenant, a request that does not say otherwise where it belongs needs the header X-FusionAuth-TenantId, or a key that is bound to a tenant.

**What is wrong.** 400 comes with an errors document: fieldErrors by the dotted name of the member, generalErrors for the rest. Codes are the contract, messages are for people. 401 and 404 have no body.

**What is asked first.** A request that changes an identity may be put to the vote of webhooks before it is committed. Where too few agree, the answer is 504 with the code [WebhookTransactionException],
and nothing was changed.

**How values are read.** Unknown members are ignored, null is the same as an absent member, and numbers and booleans may be sent as texts. Instants are milliseconds since 1970, ids are UUIDs.

**PATCH** comes in three kinds. With application/json objects are merged, null removes a member, and the elements of arrays are appended; with application/merge-patch+json arrays replace arrays
(RFC 7396); with application/json-patch+json the body is a list of operations (RFC 6902).
`

// groups are the parts of the API, in the order in which they are shown.
var groups = []group{
	webhooks, sinks, events, listeners, webhookLog, deliveries,
	tenants, applications, users, registrations, userGroups, logins, tokens, oauth, passwords, verifications, twoFactors, userActions, entities,
	messengers, templates, messageLog,
	apiKeys, signingKeys, journals, installation,
	kept, links,
}
