package event

import "strings"

// Type is the name of a kind of event, as it is written on the wire: user.create. Case matters.
type Type string

// CustomPrefix begins the names of types that are not in the catalogue: those that other systems publish. A tenant registers such a type
// by listing it in its event settings.
const CustomPrefix = "custom."

// CustomNaming says for people what the name of a custom type looks like.
const CustomNaming = "custom. and then lower-case letters, digits, hyphens and underscores, in parts separated by dots, 100 bytes at most in all"

const longestCustom = 100

// IsCustom tells whether t is a well-formed name of a custom type: custom.order.paid.
func IsCustom(t Type) bool {
	rest, ok := strings.CutPrefix(string(t), CustomPrefix)
	if !ok || len(t) > longestCustom {
		return false
	}
	for part := range strings.SplitSeq(rest, ".") {
		if part == "" || strings.Trim(part, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

// custom describes a custom type. One that ends like the twins of the catalogue is sent after a commit, any other before.
func custom(t Type) Descriptor {
	return Descriptor{
		Type: t, Name: string(t), Scope: ScopeTenant, Transactional: !strings.HasSuffix(string(t), ".complete"),
		Description: "Sent when a system outside of Herald publishes it.", New: payload[CustomEvent], goType: customType,
	}
}

// The types, in the order in which they are shown.
const (
	AuditLogCreate                 Type = "audit-log.create"
	EntityCreate                   Type = "entity.create"
	EntityCreateComplete           Type = "entity.create.complete"
	EntityDelete                   Type = "entity.delete"
	EntityDeleteComplete           Type = "entity.delete.complete"
	EntityUpdate                   Type = "entity.update"
	EntityUpdateComplete           Type = "entity.update.complete"
	EventLogCreate                 Type = "event-log.create"
	JWTPublicKeyUpdate             Type = "jwt.public-key.update"
	JWTRefreshTokenRevoke          Type = "jwt.refresh-token.revoke"
	JWTRefresh                     Type = "jwt.refresh"
	KickstartSuccess               Type = "kickstart.success"
	GroupCreate                    Type = "group.create"
	GroupCreateComplete            Type = "group.create.complete"
	GroupDelete                    Type = "group.delete"
	GroupDeleteComplete            Type = "group.delete.complete"
	GroupMemberAdd                 Type = "group.member.add"
	GroupMemberAddComplete         Type = "group.member.add.complete"
	GroupMemberRemove              Type = "group.member.remove"
	GroupMemberRemoveComplete      Type = "group.member.remove.complete"
	GroupMemberUpdate              Type = "group.member.update"
	GroupMemberUpdateComplete      Type = "group.member.update.complete"
	GroupUpdate                    Type = "group.update"
	GroupUpdateComplete            Type = "group.update.complete"
	UserAction                     Type = "user.action"
	UserBulkCreate                 Type = "user.bulk.create"
	UserCreate                     Type = "user.create"
	UserCreateComplete             Type = "user.create.complete"
	UserDeactivate                 Type = "user.deactivate"
	UserDelete                     Type = "user.delete"
	UserDeleteComplete             Type = "user.delete.complete"
	UserEmailUpdate                Type = "user.email.update"
	UserEmailVerified              Type = "user.email.verified"
	UserIdentityProviderLink       Type = "user.identity-provider.link"
	UserIdentityProviderUnlink     Type = "user.identity-provider.unlink"
	UserIdentityUpdate             Type = "user.identity.update"
	UserIdentityVerified           Type = "user.identity.verified"
	UserLoginIDDuplicateCreate     Type = "user.loginId.duplicate.create"
	UserLoginIDDuplicateUpdate     Type = "user.loginId.duplicate.update"
	UserLoginFailed                Type = "user.login.failed"
	UserLoginNewDevice             Type = "user.login.new-device"
	UserLoginSuccess               Type = "user.login.success"
	UserLoginSuspicious            Type = "user.login.suspicious"
	UserPasswordBreach             Type = "user.password.breach"
	UserPasswordResetSend          Type = "user.password.reset.send"
	UserPasswordResetStart         Type = "user.password.reset.start"
	UserPasswordResetSuccess       Type = "user.password.reset.success"
	UserPasswordUpdate             Type = "user.password.update"
	UserReactivate                 Type = "user.reactivate"
	UserRegistrationCreate         Type = "user.registration.create"
	UserRegistrationCreateComplete Type = "user.registration.create.complete"
	UserRegistrationDelete         Type = "user.registration.delete"
	UserRegistrationDeleteComplete Type = "user.registration.delete.complete"
	UserRegistrationUpdate         Type = "user.registration.update"
	UserRegistrationUpdateComplete Type = "user.registration.update.complete"
	UserRegistrationVerified       Type = "user.registration.verified"
	UserTwoFactorChallenge         Type = "user.two-factor.challenge"
	UserTwoFactorFailedAttempt     Type = "user.two-factor.failed-attempt"
	UserTwoFactorMethodAdd         Type = "user.two-factor.method.add"
	UserTwoFactorMethodRemove      Type = "user.two-factor.method.remove"
	UserTwoFactorSuccess           Type = "user.two-factor.success"
	UserUpdate                     Type = "user.update"
	UserUpdateComplete             Type = "user.update.complete"
	Test                           Type = "test"
)
