package wire

import "encoding/json"

// User is a person known to a tenant. It has no password, neither in clear nor hashed: a request brings one in a [UserInput].
type User struct {
	// ID is given by the path on creation, or chosen at random.
	ID       ID `json:"id,omitzero"`
	TenantID ID `json:"tenantId,omitzero"`
	// Active is false for a deactivated user. Set by the server.
	Active bool `json:"active"`

	// Email, Username and PhoneNumber are what a user logs in with. At least one is required; each is unique within the tenant,
	// whatever its case. Email is kept in lower case, Username as it is, PhoneNumber in E.164 form.
	Email       string `json:"email,omitzero"`
	Username    string `json:"username,omitzero"`
	PhoneNumber string `json:"phoneNumber,omitzero"`
	// UniqueUsername is Username made unique, where several users may have the same one.
	UniqueUsername string        `json:"uniqueUsername,omitzero"`
	UsernameStatus ContentStatus `json:"usernameStatus,omitzero"`
	// Identities are Email, Username and PhoneNumber with what is known of each. Set by the server.
	Identities []UserIdentity `json:"identities,omitzero"`

	FirstName  string `json:"firstName,omitzero"`
	MiddleName string `json:"middleName,omitzero"`
	LastName   string `json:"lastName,omitzero"`
	FullName   string `json:"fullName,omitzero"`
	// BirthDate is written YYYY-MM-DD.
	BirthDate string `json:"birthDate,omitzero"`
	ImageURL  string `json:"imageUrl,omitzero"`
	// MobilePhone is contact data; it is not an identity.
	MobilePhone string `json:"mobilePhone,omitzero"`
	// ParentEmail is the address of a child's parent.
	ParentEmail string `json:"parentEmail,omitzero"`
	// PreferredLanguages are locales (en, es_MX), the best first. Always present.
	PreferredLanguages List[string] `json:"preferredLanguages"`
	// Timezone is an IANA name.
	Timezone string `json:"timezone,omitzero"`
	// Data is free-form. Always present.
	Data Object `json:"data"`

	// Registrations say which applications the user may use. Always present.
	Registrations List[Registration] `json:"registrations"`
	// Memberships say which groups the user is in. Always present.
	Memberships List[GroupMember] `json:"memberships"`

	// Verified tells whether the e-mail address is. Identities tell it for each identity. Set by the server.
	Verified        bool    `json:"verified"`
	VerifiedInstant Instant `json:"verifiedInstant,omitzero"`
	// TwoFactor is how the user proves more than a password. Always present, possibly empty.
	TwoFactor TwoFactor `json:"twoFactor"`
	// PasswordChangeRequired makes the user choose a new password at the next login.
	PasswordChangeRequired             bool                   `json:"passwordChangeRequired"`
	PasswordChangeReason               PasswordChangeReason   `json:"passwordChangeReason,omitzero"`
	PasswordLastUpdateInstant          Instant                `json:"passwordLastUpdateInstant,omitzero"`
	BreachedPasswordStatus             BreachedPasswordStatus `json:"breachedPasswordStatus,omitzero"`
	BreachedPasswordLastCheckedInstant Instant                `json:"breachedPasswordLastCheckedInstant,omitzero"`

	// CleanSpeakID is the id of the user in a moderation system.
	CleanSpeakID ID `json:"cleanSpeakId,omitzero"`
	// ConnectorID says who checks the password: [InternalConnectorID] unless users come from elsewhere.
	ConnectorID ID `json:"connectorId,omitzero"`
	// Expiry is when the user stops to be able to log in. Zero means never.
	Expiry            Instant `json:"expiry,omitzero"`
	LastLoginInstant  Instant `json:"lastLoginInstant,omitzero"`
	InsertInstant     Instant `json:"insertInstant,omitzero"`
	LastUpdateInstant Instant `json:"lastUpdateInstant,omitzero"`
}

// InternalConnectorID is the connector of users whose password is checked here. The value is FusionAuth's.
const InternalConnectorID ID = "e3306678-a53a-4964-9040-1c96f36dda72"

// UserIdentity is one thing a user can log in with.
type UserIdentity struct {
	Type IdentityType `json:"type,omitzero"`
	// Value is unique within the tenant for its type. It is in its canonical form: an address in lower case, a number in E.164.
	Value string `json:"value,omitzero"`
	// DisplayValue is the value to show to people.
	DisplayValue string `json:"displayValue,omitzero"`
	// Primary marks the one that the members of [User] show.
	Primary           bool           `json:"primary"`
	ModerationStatus  ContentStatus  `json:"moderationStatus,omitzero"`
	Verified          bool           `json:"verified"`
	VerifiedInstant   Instant        `json:"verifiedInstant,omitzero"`
	VerifiedReason    VerifiedReason `json:"verifiedReason,omitzero"`
	InsertInstant     Instant        `json:"insertInstant,omitzero"`
	LastLoginInstant  Instant        `json:"lastLoginInstant,omitzero"`
	LastUpdateInstant Instant        `json:"lastUpdateInstant,omitzero"`
}

// IdentityType is a kind of login id.
type IdentityType string

// The kinds of login ids.
const (
	IdentityEmail       IdentityType = "email"
	IdentityPhoneNumber IdentityType = "phoneNumber"
	IdentityUsername    IdentityType = "username"
)

// VerifiedReason says why an identity is, or is not, verified.
type VerifiedReason string

// The reasons. Only Pending, Implicit and Completed can keep a user from logging in where that needs a verified identity.
const (
	VerifiedAdministrative VerifiedReason = "Administrative" // an administrator said so
	VerifiedCompleted      VerifiedReason = "Completed"      // the user did what was asked
	VerifiedDisabled       VerifiedReason = "Disabled"       // the tenant does not ask for it
	VerifiedImplicit       VerifiedReason = "Implicit"       // the user used the identity in another way
	VerifiedImport         VerifiedReason = "Import"         // it came with an import
	VerifiedPending        VerifiedReason = "Pending"        // not yet
	VerifiedSkipped        VerifiedReason = "Skipped"        // the request that made it said skipVerification
	VerifiedTrusted        VerifiedReason = "Trusted"        // an identity provider vouches for it
	VerifiedUnverifiable   VerifiedReason = "Unverifiable"   // it cannot be, such as a user name
)

// ContentStatus is the state of a text under moderation.
type ContentStatus string

// The states.
const (
	ContentActive   ContentStatus = "ACTIVE"
	ContentPending  ContentStatus = "PENDING"
	ContentRejected ContentStatus = "REJECTED"
)

// PasswordChangeReason says why a password must be changed.
type PasswordChangeReason string

// The reasons.
const (
	PasswordChangeAdministrative PasswordChangeReason = "Administrative"
	PasswordChangeBreached       PasswordChangeReason = "Breached"
	PasswordChangeExpired        PasswordChangeReason = "Expired"
	PasswordChangeValidation     PasswordChangeReason = "Validation"
)

// BreachedPasswordStatus says whether a password is among those known to be stolen, and how much of it matched.
type BreachedPasswordStatus string

// The results of a check.
const (
	BreachedNone            BreachedPasswordStatus = "None"
	BreachedExactMatch      BreachedPasswordStatus = "ExactMatch"
	BreachedSubAddressMatch BreachedPasswordStatus = "SubAddressMatch"
	BreachedPasswordOnly    BreachedPasswordStatus = "PasswordOnly"
	BreachedCommonPassword  BreachedPasswordStatus = "CommonPassword"
)

// Registration lets a user use an application.
type Registration struct {
	ID            ID `json:"id,omitzero"`
	ApplicationID ID `json:"applicationId,omitzero"`
	// Roles are names of roles of the application.
	Roles []string `json:"roles,omitzero"`
	Data  Object   `json:"data,omitzero"`
	// Username is a name for display in the application. It is not a login id.
	Username       string        `json:"username,omitzero"`
	UsernameStatus ContentStatus `json:"usernameStatus,omitzero"`
	// AuthenticationToken can be used in place of the password for this application. Events never have it.
	AuthenticationToken string `json:"authenticationToken,omitzero"`
	// Tokens maps a name to a token that an identity provider gave for the user. Events never have any.
	Tokens map[string]string `json:"tokens,omitzero"`
	// PreferredLanguages are locales, the best first.
	PreferredLanguages []string `json:"preferredLanguages,omitzero"`
	// Timezone is an IANA name.
	Timezone          string  `json:"timezone,omitzero"`
	CleanSpeakID      ID      `json:"cleanSpeakId,omitzero"`
	Verified          bool    `json:"verified"`
	VerifiedInstant   Instant `json:"verifiedInstant,omitzero"`
	InsertInstant     Instant `json:"insertInstant,omitzero"`
	LastLoginInstant  Instant `json:"lastLoginInstant,omitzero"`
	LastUpdateInstant Instant `json:"lastUpdateInstant,omitzero"`
}

// TwoFactor lists the second factors of a user.
type TwoFactor struct {
	Methods []TwoFactorMethod `json:"methods,omitzero"`
	// RecoveryCodes each replace a second factor once. They are shown when they are made; events never have any.
	RecoveryCodes []string `json:"recoveryCodes,omitzero"`
}

// TwoFactorMethod is one second factor. Its secret never leaves the server and is not here.
type TwoFactorMethod struct {
	// ID is short and not a UUID.
	ID string `json:"id,omitzero"`
	// Method is authenticator, email or sms.
	Method string `json:"method,omitzero"`
	// Name is chosen by the user.
	Name string `json:"name,omitzero"`
	// Email is where codes go for the method email.
	Email string `json:"email,omitzero"`
	// MobilePhone is where codes go for the method sms.
	MobilePhone   string                  `json:"mobilePhone,omitzero"`
	Authenticator *TwoFactorAuthenticator `json:"authenticator,omitzero"`
	// LastUsed marks the method that was used last.
	LastUsed bool `json:"lastUsed"`
}

// TwoFactorAuthenticator says how an authenticator app makes its codes.
type TwoFactorAuthenticator struct {
	// Algorithm is HmacSHA1, HmacSHA256 or HmacSHA512.
	Algorithm string `json:"algorithm,omitzero"`
	// CodeLength is the number of digits.
	CodeLength int `json:"codeLength,omitzero"`
	// TimeStep is how long a code is shown, in seconds.
	TimeStep int `json:"timeStep,omitzero"`
}

// UserRequest creates, replaces or patches a user.
type UserRequest struct {
	User UserInput `json:"user"`
	// ApplicationID chooses the templates of messages to the user.
	ApplicationID ID `json:"applicationId,omitzero"`
	// CurrentPassword is checked before the user is changed, if given.
	CurrentPassword string `json:"currentPassword,omitzero"`
	// DisableDomainBlock accepts an address whose domain the tenant blocks.
	DisableDomainBlock bool `json:"disableDomainBlock,omitzero"`
	// SendSetPasswordEmail lets the user choose the password; user.password is ignored then.
	SendSetPasswordEmail bool `json:"sendSetPasswordEmail,omitzero"`
	// SendSetPasswordIdentityType does the same and says where the message goes: email, phone or doNotSend.
	SendSetPasswordIdentityType string `json:"sendSetPasswordIdentityType,omitzero"`
	// SkipVerification leaves identities unverified with the reason Skipped, and asks nothing of the user.
	SkipVerification bool `json:"skipVerification,omitzero"`
	// VerificationIDs are completed verifications of identities that the user brings along.
	VerificationIDs []string   `json:"verificationIds,omitempty"`
	EventInfo       *EventInfo `json:"eventInfo,omitzero"`
}

// UserInput is a user with the member that only requests have.
type UserInput struct {
	User
	// Password in clear. On an update empty means that it stays.
	Password string `json:"password,omitzero"`
}

// UserResponse has one user.
type UserResponse struct {
	User *User `json:"user,omitzero"`
	// Token is an access token for a user just created.
	Token                  string  `json:"token,omitzero"`
	TokenExpirationInstant Instant `json:"tokenExpirationInstant,omitzero"`
	// EmailVerificationID completes the verification of the e-mail address.
	EmailVerificationID          string `json:"emailVerificationId,omitzero"`
	EmailVerificationOneTimeCode string `json:"emailVerificationOneTimeCode,omitzero"`
	// VerificationIDs complete the verification of the identities that need it.
	VerificationIDs []VerificationID `json:"verificationIds,omitempty"`
}

// VerificationID names the verification of one identity.
type VerificationID struct {
	ID string `json:"id,omitzero"`
	// OneTimeCode is what the user types in, where the tenant asks for that.
	OneTimeCode string       `json:"oneTimeCode,omitzero"`
	Type        IdentityType `json:"type,omitzero"`
	Value       string       `json:"value,omitzero"`
}

// UserDeleteSingleRequest is the optional body of the deletion of one user.
type UserDeleteSingleRequest struct {
	// HardDelete removes the user for good. Otherwise the user is deactivated.
	HardDelete bool       `json:"hardDelete,omitzero"`
	EventInfo  *EventInfo `json:"eventInfo,omitzero"`
}

// UserDeleteRequest deactivates or deletes many users. UserIDs win over Query, Query over QueryString.
type UserDeleteRequest struct {
	// UserIDs names the users. Unknown ids are skipped.
	UserIDs []ID `json:"userIds,omitempty"`
	// Query finds users as [UserSearch] does.
	Query string `json:"query,omitzero"`
	// QueryString finds users as [UserSearch] does.
	QueryString string `json:"queryString,omitzero"`
	// DryRun only says which users it would be.
	DryRun bool `json:"dryRun,omitzero"`
	// HardDelete removes the users for good. Otherwise they are deactivated.
	HardDelete bool `json:"hardDelete,omitzero"`
	// Limit is how many users a query may concern. Zero means the default, 10000.
	Limit     int        `json:"limit,omitzero"`
	EventInfo *EventInfo `json:"eventInfo,omitzero"`
}

// UserDeleteResponse says which users were, or would be, deactivated or deleted.
type UserDeleteResponse struct {
	DryRun     bool `json:"dryRun"`
	HardDelete bool `json:"hardDelete"`
	Total      int  `json:"total"`
	UserIDs    []ID `json:"userIds,omitempty"`
}

// UserSearchRequest finds users.
type UserSearchRequest struct {
	Search UserSearch `json:"search"`
	// Expand names what users come with: registrations, memberships. Nil means both. Also accepted inside Search.
	Expand    []string   `json:"expand,omitzero"`
	EventInfo *EventInfo `json:"eventInfo,omitzero"`
}

// UserSearch says which users. IDs win over the queries and are not paged.
type UserSearch struct {
	Page
	IDs []ID `json:"ids,omitempty"`
	// QueryString is a term that equals, in any case, a name, address, number or user name of the user; or field:value; or several of them with AND
	// between them. * stands for any characters, by itself for all users.
	QueryString string `json:"queryString,omitzero"`
	// Query asks the same as an Elasticsearch query, which may also be a text that holds one. It wins over QueryString.
	Query      json.RawMessage `json:"query,omitzero"`
	SortFields []SortField     `json:"sortFields,omitempty"`
	// AccurateTotal counts all matches. Otherwise a total above 10,000 means "at least".
	AccurateTotal bool `json:"accurateTotal,omitzero"`
	// Expand: see [UserSearchRequest].
	Expand []string `json:"expand,omitzero"`
	// NextResults continues a search where the answer with this value ended.
	NextResults string `json:"nextResults,omitzero"`
}

// SortField is one criterion of an order.
type SortField struct {
	// Name of a member of the user.
	Name string `json:"name,omitzero"`
	// Order is asc or desc. Defaults to asc.
	Order string `json:"order,omitzero"`
	// Missing is where users without the member go.
	Missing string `json:"missing,omitzero"`
}

// UserSearchResponse is one page of users.
type UserSearchResponse struct {
	Users List[User] `json:"users"`
	// Total counts all that match, not only those of the page. See [UserSearch.AccurateTotal].
	Total int `json:"total"`
	// NextResults fetches the page after this one. Empty on the last.
	NextResults string `json:"nextResults,omitzero"`
}
