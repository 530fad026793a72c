package event

import (
	"fmt"
	"reflect"
	"slices"
)

// Descriptor says what a type of event is.
type Descriptor struct {
	Type Type `json:"type"`
	// Name is the type for people: "User Create".
	Name string `json:"name"`
	// Scope says whose settings decide about it.
	Scope Scope `json:"scope"`
	// Transactional events are sent before the change behind them is committed, and webhooks can stop it. All others are sent after
	// the commit; a transaction type has no effect on them.
	Transactional bool `json:"transactional"`
	// Complete is the twin that follows a transactional event after the commit. Empty when there is none.
	Complete Type `json:"complete,omitzero"`
	// Completes is the other direction: the transactional event that this one is the twin of. Empty when it is none.
	Completes Type `json:"completes,omitzero"`
	// Since is the FusionAuth version that introduced the type. Empty means it was always there.
	Since string `json:"since,omitzero"`
	// Description says in one or two sentences when the event is sent.
	Description string `json:"description"`
	// Documented is false for types that FusionAuth's clients know but its documentation does not describe.
	Documented bool `json:"documented"`
	// New returns an empty payload of the type.
	New func() Payload `json:"-"`

	goType reflect.Type // of what New returns
}

// Scope says whose settings decide whether an event is sent.
type Scope string

// The scopes.
const (
	// ScopeTenant events belong to a tenant: the tenant enables them, and they go to webhooks of that tenant that enable them too.
	ScopeTenant Scope = "tenant"
	// ScopeSystem events belong to the installation: every webhook that enables them gets them, whatever tenants say.
	ScopeSystem Scope = "system"
)

// All returns the descriptors of all types of the catalogue in display order; custom types are not among them. The caller may change the slice.
func All() []Descriptor { return slices.Clone(catalogue) }

// Lookup returns the descriptor of t, and whether there is one. Any well-formed name of a custom type has one.
func Lookup(t Type) (Descriptor, bool) {
	i, ok := positions[t]
	if !ok {
		if IsCustom(t) {
			return custom(t), true
		}
		return Descriptor{}, false
	}
	return catalogue[i], true
}

// positions maps a type to its place in the catalogue.
var positions = index(catalogue)

// index returns positions and completes the descriptors.
func index(catalogue []Descriptor) map[Type]int {
	positions := make(map[Type]int, len(catalogue))
	for i, d := range catalogue {
		if _, ok := positions[d.Type]; ok {
			panic(fmt.Sprintf("event: type %s is in the catalogue twice", d.Type))
		}
		positions[d.Type] = i
		catalogue[i].goType = reflect.TypeOf(d.New())
	}
	return positions
}

// payload makes an empty payload of one Go type; payload[UserEvent] is a value for New.
func payload[T any, P interface {
	*T
	Payload
}]() Payload {
	return P(new(T))
}

// catalogue holds every type, in the order in which FusionAuth's clients list them.
var catalogue = []Descriptor{
	{
		Type: AuditLogCreate, Name: "Audit Log Create", Scope: ScopeSystem, Since: "1.30.0", Documented: true,
		Description: "Sent after an entry was added to the audit log. An entry that belongs to a tenant goes only to webhooks of that tenant.",
		New:         payload[AuditLogEvent],
	},
	{
		Type: EntityCreate, Name: "Entity Create", Scope: ScopeTenant, Transactional: true, Complete: EntityCreateComplete, Since: "1.69.0", Documented: true,
		Description: "Sent while an entity is being created, before the change is committed.",
		New:         payload[EntityEvent],
	},
	{
		Type: EntityCreateComplete, Name: "Entity Create Complete", Scope: ScopeTenant, Completes: EntityCreate, Since: "1.69.0", Documented: true,
		Description: "Sent after the creation of an entity was committed.",
		New:         payload[EntityEvent],
	},
	{
		Type: EntityDelete, Name: "Entity Delete", Scope: ScopeTenant, Transactional: true, Complete: EntityDeleteComplete, Since: "1.69.0", Documented: true,
		Description: "Sent while an entity is being deleted, before the change is committed.",
		New:         payload[EntityEvent],
	},
	{
		Type: EntityDeleteComplete, Name: "Entity Delete Complete", Scope: ScopeTenant, Completes: EntityDelete, Since: "1.69.0", Documented: true,
		Description: "Sent after the deletion of an entity was committed.",
		New:         payload[EntityEvent],
	},
	{
		Type: EntityUpdate, Name: "Entity Update", Scope: ScopeTenant, Transactional: true, Complete: EntityUpdateComplete, Since: "1.69.0", Documented: true,
		Description: "Sent while an entity is being changed, before the change is committed.",
		New:         payload[EntityUpdateEvent],
	},
	{
		Type: EntityUpdateComplete, Name: "Entity Update Complete", Scope: ScopeTenant, Completes: EntityUpdate, Since: "1.69.0", Documented: true,
		Description: "Sent after the change of an entity was committed.",
		New:         payload[EntityUpdateEvent],
	},
	{
		Type: EventLogCreate, Name: "Event Log Create", Scope: ScopeSystem, Since: "1.30.0", Documented: true,
		Description: "Sent after an entry was added to the event log.",
		New:         payload[EventLogEvent],
	},
	{
		Type: JWTPublicKeyUpdate, Name: "JWT Public Key Update", Scope: ScopeTenant, Transactional: true, Documented: true,
		Description: "Sent when a change of keys or token settings may have changed the public key that verifies the tokens of one or more applications.",
		New:         payload[JWTPublicKeyUpdateEvent],
	},
	{
		Type: JWTRefreshTokenRevoke, Name: "JWT Refresh Token Revoke", Scope: ScopeTenant, Transactional: true, Documented: true,
		Description: "Sent when refresh tokens are revoked: a single one, all of a user, all of a user for one application, or all of an application.",
		New:         payload[JWTRefreshTokenRevokeEvent],
	},
	{
		Type: JWTRefresh, Name: "JWT Refresh", Scope: ScopeTenant, Transactional: true, Since: "1.16.0", Documented: true,
		Description: "Sent when a refresh token is exchanged for a new access token, before the caller gets it.",
		New:         payload[JWTRefreshEvent],
	},
	{
		Type: KickstartSuccess, Name: "Kickstart Success", Scope: ScopeSystem, Since: "1.30.0", Documented: true,
		Description: "Sent once, after the kickstart file of a new installation ran without an error.",
		New:         payload[KickstartSuccessEvent],
	},
	{
		Type: GroupCreate, Name: "Group Create", Scope: ScopeTenant, Transactional: true, Complete: GroupCreateComplete, Since: "1.38.0", Documented: true,
		Description: "Sent while a group is being created, before the change is committed.",
		New:         payload[GroupEvent],
	},
	{
		Type: GroupCreateComplete, Name: "Group Create Complete", Scope: ScopeTenant, Completes: GroupCreate, Since: "1.38.0", Documented: true,
		Description: "Sent after the creation of a group was committed.",
		New:         payload[GroupEvent],
	},
	{
		Type: GroupDelete, Name: "Group Delete", Scope: ScopeTenant, Transactional: true, Complete: GroupDeleteComplete, Since: "1.38.0", Documented: true,
		Description: "Sent while a group is being deleted, before the change is committed.",
		New:         payload[GroupEvent],
	},
	{
		Type: GroupDeleteComplete, Name: "Group Delete Complete", Scope: ScopeTenant, Completes: GroupDelete, Since: "1.38.0", Documented: true,
		Description: "Sent after the deletion of a group was committed.",
		New:         payload[GroupEvent],
	},
	{
		Type: GroupMemberAdd, Name: "Group Member Add", Scope: ScopeTenant, Transactional: true, Complete: GroupMemberAddComplete, Since: "1.38.0", Documented: true,
		Description: "Sent while users are being added to a group, before the change is committed.",
		New:         payload[GroupMemberEvent],
	},
	{
		Type: GroupMemberAddComplete, Name: "Group Member Add Complete", Scope: ScopeTenant, Completes: GroupMemberAdd, Since: "1.38.0", Documented: true,
		Description: "Sent after the addition of users to a group was committed.",
		New:         payload[GroupMemberEvent],
	},
	{
		Type: GroupMemberRemove, Name: "Group Member Remove", Scope: ScopeTenant, Transactional: true, Complete: GroupMemberRemoveComplete, Since: "1.38.0", Documented: true,
		Description: "Sent while certain users are being removed from a group, before the change is committed. Removing all at once sends group.member.update instead.",
		New:         payload[GroupMemberEvent],
	},
	{
		Type: GroupMemberRemoveComplete, Name: "Group Member Remove Complete", Scope: ScopeTenant, Completes: GroupMemberRemove, Since: "1.38.0", Documented: true,
		Description: "Sent after the removal of certain users from a group was committed.",
		New:         payload[GroupMemberEvent],
	},
	{
		Type: GroupMemberUpdate, Name: "Group Member Update", Scope: ScopeTenant, Transactional: true, Complete: GroupMemberUpdateComplete, Since: "1.38.0", Documented: true,
		Description: "Sent while the members of a group are being replaced by others, or all removed, before the change is committed.",
		New:         payload[GroupMemberEvent],
	},
	{
		Type: GroupMemberUpdateComplete, Name: "Group Member Update Complete", Scope: ScopeTenant, Completes: GroupMemberUpdate, Since: "1.38.0", Documented: true,
		Description: "Sent after the replacement of the members of a group was committed.",
		New:         payload[GroupMemberEvent],
	},
	{
		Type: GroupUpdate, Name: "Group Update", Scope: ScopeTenant, Transactional: true, Complete: GroupUpdateComplete, Since: "1.38.0", Documented: true,
		Description: "Sent while a group is being changed, before the change is committed.",
		New:         payload[GroupUpdateEvent],
	},
	{
		Type: GroupUpdateComplete, Name: "Group Update Complete", Scope: ScopeTenant, Completes: GroupUpdate, Since: "1.38.0", Documented: true,
		Description: "Sent after the change of a group was committed.",
		New:         payload[GroupUpdateEvent],
	},
	{
		Type: UserAction, Name: "User Action", Scope: ScopeTenant, Transactional: true, Documented: true,
		Description: "Sent when a user action is taken on a user, modified or cancelled, and when one that lasts for a time ends.",
		New:         payload[UserActionEvent],
	},
	{
		Type: UserBulkCreate, Name: "User Bulk Create", Scope: ScopeTenant, Transactional: true, Documented: true,
		Description: "Sent once for each import, with all of its users, before they are committed. Imported users have no user.create.",
		New:         payload[UserBulkCreateEvent],
	},
	{
		Type: UserCreate, Name: "User Create", Scope: ScopeTenant, Transactional: true, Complete: UserCreateComplete, Documented: true,
		Description: "Sent while a user is being created, before the change is committed. Not sent for imports.",
		New:         payload[UserEvent],
	},
	{
		Type: UserCreateComplete, Name: "User Create Complete", Scope: ScopeTenant, Completes: UserCreate, Since: "1.30.0", Documented: true,
		Description: "Sent after the creation of a user was committed. Not sent for imports.",
		New:         payload[UserEvent],
	},
	{
		Type: UserDeactivate, Name: "User Deactivate", Scope: ScopeTenant, Transactional: true, Documented: true,
		Description: "Sent while a user is being deactivated, before the change is committed.",
		New:         payload[UserEvent],
	},
	{
		Type: UserDelete, Name: "User Delete", Scope: ScopeTenant, Transactional: true, Complete: UserDeleteComplete, Documented: true,
		Description: "Sent while a user is being deleted for good, before the change is committed.",
		New:         payload[UserEvent],
	},
	{
		Type: UserDeleteComplete, Name: "User Delete Complete", Scope: ScopeTenant, Completes: UserDelete, Since: "1.30.0", Documented: true,
		Description: "Sent after the deletion of a user was committed.",
		New:         payload[UserEvent],
	},
	{
		Type: UserEmailUpdate, Name: "User Email Update", Scope: ScopeTenant, Since: "1.30.0", Documented: true,
		Description: "Sent after the e-mail address of a user was changed.",
		New:         payload[UserEmailUpdateEvent],
	},
	{
		Type: UserEmailVerified, Name: "User Email Verified", Scope: ScopeTenant, Transactional: true, Since: "1.8.0", Documented: true,
		Description: "Sent when a user has proved to own the e-mail address, before that is committed. user.identity.verified is sent for it too.",
		New:         payload[UserEvent],
	},
	{
		Type: UserIdentityProviderLink, Name: "User Identity Provider Link", Scope: ScopeTenant, Since: "1.36.0", Documented: true,
		Description: "Sent after a user was linked to an account at an identity provider.",
		New:         payload[UserIdentityProviderLinkEvent],
	},
	{
		Type: UserIdentityProviderUnlink, Name: "User Identity Provider Unlink", Scope: ScopeTenant, Since: "1.36.0", Documented: true,
		Description: "Sent after the link between a user and an account at an identity provider was removed.",
		New:         payload[UserIdentityProviderLinkEvent],
	},
	{
		Type: UserIdentityUpdate, Name: "User Identity Update", Scope: ScopeTenant, Transactional: true, Since: "1.59.0",
		Description: "Sent while the e-mail address, phone number or user name that a user logs in with is being changed.",
		New:         payload[UserIdentityUpdateEvent],
	},
	{
		Type: UserIdentityVerified, Name: "User Identity Verified", Scope: ScopeTenant, Transactional: true, Since: "1.59.0", Documented: true,
		Description: "Sent when a user has proved to own an e-mail address or phone number, before that is committed.",
		New:         payload[UserIdentityVerifiedEvent],
	},
	{
		Type: UserLoginIDDuplicateCreate, Name: "User Login Id Duplicate Create", Scope: ScopeTenant, Since: "1.30.0", Documented: true,
		Description: "Sent after a request to create a user failed because the e-mail address, phone number or user name belongs to another user.",
		New:         payload[UserLoginIDDuplicateEvent],
	},
	{
		Type: UserLoginIDDuplicateUpdate, Name: "User Login Id Duplicate Update", Scope: ScopeTenant, Since: "1.30.0", Documented: true,
		Description: "Sent after a request to change a user failed because the e-mail address, phone number or user name belongs to another user.",
		New:         payload[UserLoginIDDuplicateEvent],
	},
	{
		Type: UserLoginFailed, Name: "User Login Failed", Scope: ScopeTenant, Transactional: true, Since: "1.6.0", Documented: true,
		Description: "Sent when a user fails to log in because of wrong credentials or a login validation. Not sent when there is no such user.",
		New:         payload[UserLoginFailedEvent],
	},
	{
		Type: UserLoginNewDevice, Name: "User Login New Device", Scope: ScopeTenant, Transactional: true, Since: "1.30.0", Documented: true,
		Description: "Sent when a user logs in from a device not seen before, before the login is answered.",
		New:         payload[UserLoginEvent],
	},
	{
		Type: UserLoginSuccess, Name: "User Login Success", Scope: ScopeTenant, Transactional: true, Since: "1.6.0", Documented: true,
		Description: "Sent when a user logs in, before the login is answered.",
		New:         payload[UserLoginEvent],
	},
	{
		Type: UserLoginSuspicious, Name: "User Login Suspicious", Scope: ScopeTenant, Transactional: true, Since: "1.30.0", Documented: true,
		Description: "Sent when a user logs in and at least one risk signal is high, before the login is answered.",
		New:         payload[UserLoginSuspiciousEvent],
	},
	{
		Type: UserPasswordBreach, Name: "User Password Breach", Scope: ScopeTenant, Transactional: true, Since: "1.15.0", Documented: true,
		Description: "Sent when a user logs in with a password that is known to be stolen, unless the tenant forces a change of it.",
		New:         payload[UserEvent],
	},
	{
		Type: UserPasswordResetSend, Name: "User Password Reset Send", Scope: ScopeTenant, Since: "1.30.0", Documented: true,
		Description: "Sent after the message for a forgotten password went out to the user.",
		New:         payload[UserEvent],
	},
	{
		Type: UserPasswordResetStart, Name: "User Password Reset Start", Scope: ScopeTenant, Since: "1.30.0", Documented: true,
		Description: "Sent after the reset of a forgotten password began.",
		New:         payload[UserEvent],
	},
	{
		Type: UserPasswordResetSuccess, Name: "User Password Reset Success", Scope: ScopeTenant, Since: "1.30.0", Documented: true,
		Description: "Sent after the reset of a forgotten password ended with a new one.",
		New:         payload[UserEvent],
	},
	{
		Type: UserPasswordUpdate, Name: "User Password Update", Scope: ScopeTenant, Since: "1.30.0", Documented: true,
		Description: "Sent after the password of a user was changed.",
		New:         payload[UserEvent],
	},
	{
		Type: UserReactivate, Name: "User Reactivate", Scope: ScopeTenant, Transactional: true, Documented: true,
		Description: "Sent while a deactivated user is being brought back, before the change is committed.",
		New:         payload[UserEvent],
	},
	{
		Type: UserRegistrationCreate, Name: "User Registration Create", Scope: ScopeTenant, Transactional: true, Complete: UserRegistrationCreateComplete, Since: "1.6.0", Documented: true,
		Description: "Sent while a user is being registered for an application, before the change is committed. The user may not be committed yet either.",
		New:         payload[UserRegistrationEvent],
	},
	{
		Type: UserRegistrationCreateComplete, Name: "User Registration Create Complete", Scope: ScopeTenant, Completes: UserRegistrationCreate, Since: "1.30.0", Documented: true,
		Description: "Sent after the registration of a user for an application was committed.",
		New:         payload[UserRegistrationEvent],
	},
	{
		Type: UserRegistrationDelete, Name: "User Registration Delete", Scope: ScopeTenant, Transactional: true, Complete: UserRegistrationDeleteComplete, Since: "1.6.0", Documented: true,
		Description: "Sent while the registration of a user for an application is being deleted, before the change is committed.",
		New:         payload[UserRegistrationEvent],
	},
	{
		Type: UserRegistrationDeleteComplete, Name: "User Registration Delete Complete", Scope: ScopeTenant, Completes: UserRegistrationDelete, Since: "1.30.0", Documented: true,
		Description: "Sent after the deletion of a registration was committed.",
		New:         payload[UserRegistrationEvent],
	},
	{
		Type: UserRegistrationUpdate, Name: "User Registration Update", Scope: ScopeTenant, Transactional: true, Complete: UserRegistrationUpdateComplete, Since: "1.6.0", Documented: true,
		Description: "Sent while the registration of a user for an application is being changed, before the change is committed.",
		New:         payload[UserRegistrationUpdateEvent],
	},
	{
		Type: UserRegistrationUpdateComplete, Name: "User Registration Update Complete", Scope: ScopeTenant, Completes: UserRegistrationUpdate, Since: "1.30.0", Documented: true,
		Description: "Sent after the change of a registration was committed.",
		New:         payload[UserRegistrationUpdateEvent],
	},
	{
		Type: UserRegistrationVerified, Name: "User Registration Verified", Scope: ScopeTenant, Transactional: true, Since: "1.8.0", Documented: true,
		Description: "Sent when a user has completed the verification of a registration, before that is committed.",
		New:         payload[UserRegistrationEvent],
	},
	{
		Type: UserTwoFactorChallenge, Name: "User Two Factor Challenge", Scope: ScopeTenant, Since: "1.68.0", Documented: true,
		Description: "Sent after a user was asked for a second factor, before any code was submitted.",
		New:         payload[UserTwoFactorChallengeEvent],
	},
	{
		Type: UserTwoFactorFailedAttempt, Name: "User Two Factor Failed Attempt", Scope: ScopeTenant, Since: "1.68.0", Documented: true,
		Description: "Sent after a user answered the demand for a second factor with a wrong code.",
		New:         payload[UserTwoFactorAttemptEvent],
	},
	{
		Type: UserTwoFactorMethodAdd, Name: "User Two-factor Method Add", Scope: ScopeTenant, Since: "1.30.0", Documented: true,
		Description: "Sent after a second factor was added to a user.",
		New:         payload[UserTwoFactorMethodEvent],
	},
	{
		Type: UserTwoFactorMethodRemove, Name: "User Two-factor Method Remove", Scope: ScopeTenant, Since: "1.30.0", Documented: true,
		Description: "Sent after a second factor of a user was removed.",
		New:         payload[UserTwoFactorMethodEvent],
	},
	{
		Type: UserTwoFactorSuccess, Name: "User Two Factor Success", Scope: ScopeTenant, Since: "1.68.0", Documented: true,
		Description: "Sent after a user answered the demand for a second factor with the right code.",
		New:         payload[UserTwoFactorAttemptEvent],
	},
	{
		Type: UserUpdate, Name: "User Update", Scope: ScopeTenant, Transactional: true, Complete: UserUpdateComplete, Since: "1.6.0", Documented: true,
		Description: "Sent while a user is being changed, before the change is committed.",
		New:         payload[UserUpdateEvent],
	},
	{
		Type: UserUpdateComplete, Name: "User Update Complete", Scope: ScopeTenant, Completes: UserUpdate, Since: "1.30.0", Documented: true,
		Description: "Sent after the change of a user was committed.",
		New:         payload[UserUpdateEvent],
	},
	{
		Type: Test, Name: "Test", Scope: ScopeTenant,
		Description: "Sent by no operation. It is there to try out a webhook.",
		New:         payload[TestEvent],
	},
}
