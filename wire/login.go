package wire

// LoginRequest logs a user in: with a password, an application's authentication token in its place, or a one-time password.
type LoginRequest struct {
	// LoginID is required unless there is a OneTimePassword.
	LoginID string `json:"loginId,omitzero"`
	// LoginIDTypes says what the LoginID may be, in order. Defaults to an e-mail address, then a user name.
	LoginIDTypes []IdentityType `json:"loginIdTypes,omitempty"`
	Password     string         `json:"password,omitzero"`
	// OneTimePassword comes from a change of the password.
	OneTimePassword string `json:"oneTimePassword,omitzero"`
	// TwoFactorTrustID spares the second factor. A cookie fusionauth.trust wins over it.
	TwoFactorTrustID string `json:"twoFactorTrustId,omitzero"`
	BaseLogin
}

// BaseLogin has the members of every request that logs a user in.
type BaseLogin struct {
	// ApplicationID is what the user logs in to. Without one the user proves who he is, and no more.
	ApplicationID ID `json:"applicationId,omitzero"`
	// IPAddress is that of the user, for the record and the events.
	IPAddress string `json:"ipAddress,omitzero"`
	// MetaData describes what the user logs in with.
	MetaData LoginMetaData `json:"metaData,omitzero"`
	// NewDevice says that the user has not logged in from here before.
	NewDevice bool `json:"newDevice,omitzero"`
	// NoJWT asks for no tokens.
	NoJWT bool `json:"noJWT,omitzero"`
	// BotDetectionScore is what a detector said, from 0 (a person) to 100.
	BotDetectionScore int        `json:"botDetectionScore,omitzero"`
	EventInfo         *EventInfo `json:"eventInfo,omitzero"`
}

// LoginMetaData says what a user logs in with.
type LoginMetaData struct {
	Device Device   `json:"device,omitzero"`
	Scopes []string `json:"scopes,omitempty"`
	Data   Object   `json:"data,omitzero"`
}

// LoginResponse answers a login. Which members it has depends on the status.
type LoginResponse struct {
	// User is who has logged in.
	User *User `json:"user,omitzero"`
	// Token is an access token, good until TokenExpirationInstant.
	Token                  string  `json:"token,omitzero"`
	TokenExpirationInstant Instant `json:"tokenExpirationInstant,omitzero"`
	// RefreshToken is exchanged for new access tokens, where the application allows that.
	RefreshToken   string `json:"refreshToken,omitzero"`
	RefreshTokenID ID     `json:"refreshTokenId,omitzero"`
	// TwoFactorID names the login that waits for a second factor, Methods those of the user, ConfigurableMethods those that can be added.
	TwoFactorID         string            `json:"twoFactorId,omitzero"`
	Methods             []TwoFactorMethod `json:"methods,omitzero"`
	ConfigurableMethods []string          `json:"configurableMethods,omitempty"`
	// TwoFactorTrustID spares later logins the second factor.
	TwoFactorTrustID string `json:"twoFactorTrustId,omitzero"`
	// TrustToken proves the second factor to the next call.
	TrustToken string `json:"trustToken,omitzero"`
	// State is that of the request that began it.
	State Object `json:"state,omitzero"`
	// ChangePasswordID lets the user choose a new password, which has to happen first for ChangePasswordReason.
	ChangePasswordID     string               `json:"changePasswordId,omitzero"`
	ChangePasswordReason PasswordChangeReason `json:"changePasswordReason,omitzero"`
	// EmailVerificationID, IdentityVerificationID and RegistrationVerificationID belong to the form in which the user types the code of a message in.
	EmailVerificationID        string `json:"emailVerificationId,omitzero"`
	IdentityVerificationID     string `json:"identityVerificationId,omitzero"`
	RegistrationVerificationID string `json:"registrationVerificationId,omitzero"`
	// Actions keep the user from logging in.
	Actions []PreventingAction `json:"actions,omitempty"`
	// ThreatsDetected are signals that it may be somebody else.
	ThreatsDetected []string `json:"threatsDetected,omitempty"`
}

// LoginPingRequest records a login of a user who is known to be logged in.
type LoginPingRequest struct {
	// UserID and ApplicationID may also stand in the path. With a token of the user they are those of the token.
	UserID        ID `json:"userId,omitzero"`
	ApplicationID ID `json:"applicationId,omitzero"`
	BaseLogin
}

// PasswordlessStartRequest begins a login without a password. It sends nothing.
type PasswordlessStartRequest struct {
	// ApplicationID and LoginID are required.
	ApplicationID ID             `json:"applicationId,omitzero"`
	LoginID       string         `json:"loginId,omitzero"`
	LoginIDTypes  []IdentityType `json:"loginIdTypes,omitempty"`
	// LoginStrategy is ClickableLink, the default, or FormField: with a short code beside the long one.
	LoginStrategy string `json:"loginStrategy,omitzero"`
	// State comes back with the login.
	State Object `json:"state,omitzero"`
}

// PasswordlessStartResponse names what was started.
type PasswordlessStartResponse struct {
	Code        string `json:"code,omitzero"`
	OneTimeCode string `json:"oneTimeCode,omitzero"`
}

// PasswordlessSendRequest sends the user the code of a login that was started. ApplicationID and LoginID start it in the same call, as older clients do.
type PasswordlessSendRequest struct {
	Code          string `json:"code,omitzero"`
	ApplicationID ID     `json:"applicationId,omitzero"`
	LoginID       string `json:"loginId,omitzero"`
	State         Object `json:"state,omitzero"`
}

// PasswordlessLoginRequest completes a login without a password.
type PasswordlessLoginRequest struct {
	// Code is required, OneTimeCode where the login was started with FormField.
	Code        string `json:"code,omitzero"`
	OneTimeCode string `json:"oneTimeCode,omitzero"`
	// TwoFactorTrustID spares the second factor.
	TwoFactorTrustID string `json:"twoFactorTrustId,omitzero"`
	BaseLogin
}

// LogoutRequest ends a session. All members can also be query parameters.
type LogoutRequest struct {
	// Global ends all sessions of the user, not just that of the token.
	Global bool `json:"global,omitzero"`
	// RefreshToken names the session. A cookie refresh_token wins over it.
	RefreshToken string     `json:"refreshToken,omitzero"`
	EventInfo    *EventInfo `json:"eventInfo,omitzero"`
}

// LoginRecordSearchRequest finds login records.
type LoginRecordSearchRequest struct {
	Search LoginRecordSearch `json:"search"`
	// RetrieveTotal counts all matches; else the total is that of the page.
	RetrieveTotal bool `json:"retrieveTotal,omitzero"`
}

// LoginRecordSearch is ordered by instant, newest first.
type LoginRecordSearch struct {
	Page
	ApplicationID ID `json:"applicationId,omitzero"`
	UserID        ID `json:"userId,omitzero"`
	// Start and End bound the instant; End does not count itself.
	Start Instant `json:"start,omitzero"`
	End   Instant `json:"end,omitzero"`
}

// LoginRecord is one login.
type LoginRecord struct {
	ApplicationID   ID           `json:"applicationId,omitzero"`
	ApplicationName string       `json:"applicationName,omitzero"`
	Instant         Instant      `json:"instant,omitzero"`
	IPAddress       string       `json:"ipAddress,omitzero"`
	Location        *Location    `json:"location,omitzero"`
	LoginID         string       `json:"loginId,omitzero"`
	LoginIDType     IdentityType `json:"loginIdType,omitzero"`
	UserID          ID           `json:"userId,omitzero"`
}

// LoginRecordSearchResponse is one page of login records.
type LoginRecordSearchResponse struct {
	Logins List[LoginRecord] `json:"logins"`
	Total  int               `json:"total"`
}

// RecentLoginResponse has the newest logins.
type RecentLoginResponse struct {
	Logins List[LoginRecord] `json:"logins"`
}

// PreventingAction is an action that keeps a user from logging in, in the answer to a login.
type PreventingAction struct {
	ActionID ID `json:"actionId,omitzero"`
	// ActionerUserID is empty when the server took the action by itself.
	ActionerUserID  ID      `json:"actionerUserId,omitzero"`
	Expiry          Instant `json:"expiry,omitzero"`
	Name            string  `json:"name,omitzero"`
	LocalizedName   string  `json:"localizedName,omitzero"`
	Option          string  `json:"option,omitzero"`
	LocalizedOption string  `json:"localizedOption,omitzero"`
	Reason          string  `json:"reason,omitzero"`
	LocalizedReason string  `json:"localizedReason,omitzero"`
	ReasonCode      string  `json:"reasonCode,omitzero"`
}
