package event

import "github.com/herald-events/herald/wire"

// UserEvent is every event whose only content is a user: user.create, user.delete, their .complete twins, user.deactivate,
// user.reactivate, user.email.verified, user.password.breach, user.password.reset.send, user.password.reset.start,
// user.password.reset.success and user.password.update.
type UserEvent struct {
	Header
	User wire.User `json:"user"`
}

func (e UserEvent) outgoing() Payload {
	e.User = SecureUser(e.User)
	return &e
}

// UserUpdateEvent is user.update and user.update.complete.
type UserUpdateEvent struct {
	Header
	// Original is the user before the change, User after it.
	Original wire.User `json:"original"`
	User     wire.User `json:"user"`
}

func (e UserUpdateEvent) outgoing() Payload {
	e.Original, e.User = SecureUser(e.Original), SecureUser(e.User)
	return &e
}

// UserBulkCreateEvent is user.bulk.create.
type UserBulkCreateEvent struct {
	Header
	// Users are all users of the import.
	Users wire.List[wire.User] `json:"users"`
}

func (e UserBulkCreateEvent) outgoing() Payload {
	users := make([]wire.User, len(e.Users))
	for i, u := range e.Users {
		users[i] = SecureUser(u)
	}
	e.Users = users
	return &e
}

// UserEmailUpdateEvent is user.email.update.
type UserEmailUpdateEvent struct {
	Header
	User wire.User `json:"user"`
	// PreviousEmail is the address before the change. Empty when there was none.
	PreviousEmail string `json:"previousEmail"`
}

func (e UserEmailUpdateEvent) outgoing() Payload {
	e.User = SecureUser(e.User)
	return &e
}

// UserIdentityProviderLinkEvent is user.identity-provider.link and user.identity-provider.unlink.
type UserIdentityProviderLinkEvent struct {
	Header
	IdentityProviderLink wire.IdentityProviderLink `json:"identityProviderLink"`
	User                 wire.User                 `json:"user"`
}

func (e UserIdentityProviderLinkEvent) outgoing() Payload {
	e.IdentityProviderLink.Token = ""
	e.User = SecureUser(e.User)
	return &e
}

// UserIdentityUpdateEvent is user.identity.update.
type UserIdentityUpdateEvent struct {
	Header
	// LoginIDType is the kind of identity that changes.
	LoginIDType wire.IdentityType `json:"loginIdType"`
	// PreviousLoginID is its value before the change, NewLoginID after it. Either may be empty.
	PreviousLoginID string     `json:"previousLoginId"`
	NewLoginID      string     `json:"newLoginId"`
	User            *wire.User `json:"user,omitzero"`
}

func (e UserIdentityUpdateEvent) outgoing() Payload {
	e.User = secureUserIfAny(e.User)
	return &e
}

// UserIdentityVerifiedEvent is user.identity.verified.
type UserIdentityVerifiedEvent struct {
	Header
	// LoginID is the address or number that was verified.
	LoginID     string            `json:"loginId"`
	LoginIDType wire.IdentityType `json:"loginIdType"`
	// User is nil when an address was verified before there is a user with it.
	User *wire.User `json:"user,omitzero"`
}

func (e UserIdentityVerifiedEvent) outgoing() Payload {
	e.User = secureUserIfAny(e.User)
	return &e
}

// UserLoginIDDuplicateEvent is user.loginId.duplicate.create and user.loginId.duplicate.update.
type UserLoginIDDuplicateEvent struct {
	Header
	// DuplicateEmail, DuplicatePhoneNumber and DuplicateUsername are the values that are taken, each empty if that one is not.
	DuplicateEmail       string `json:"duplicateEmail,omitzero"`
	DuplicatePhoneNumber string `json:"duplicatePhoneNumber,omitzero"`
	DuplicateUsername    string `json:"duplicateUsername,omitzero"`
	// DuplicateIdentities are the same, as a list.
	DuplicateIdentities []IdentityValue `json:"duplicateIdentities,omitempty"`
	// Existing is the user who has them.
	Existing wire.User `json:"existing"`
	// User is as the failed request gave it. A new user may have no id.
	User wire.User `json:"user"`
}

func (e UserLoginIDDuplicateEvent) outgoing() Payload {
	e.Existing, e.User = SecureUser(e.Existing), SecureUser(e.User)
	return &e
}

// IdentityValue is something a user can log in with.
type IdentityValue struct {
	Type  wire.IdentityType `json:"type"`
	Value string            `json:"value"`
}
