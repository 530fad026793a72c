package wire

// The kinds of second factors.
const (
	TwoFactorByAuthenticator = "authenticator"
	TwoFactorByEmail         = "email"
	TwoFactorBySMS           = "sms"
	TwoFactorByRecoveryCode  = "recoveryCode" // in events only
)

// TwoFactorSecretResponse has a new secret for an authenticator, in two spellings. Nothing is stored.
type TwoFactorSecretResponse struct {
	Secret              string `json:"secret,omitzero"`
	SecretBase32Encoded string `json:"secretBase32Encoded,omitzero"`
}

// TwoFactorSendRequest sends a code: to an address, to switch it on as a second factor; to a method of the user, to switch it off or to log in.
type TwoFactorSendRequest struct {
	// UserID is required where the path has no two-factor id.
	UserID ID `json:"userId,omitzero"`
	// ApplicationID chooses the template of the message.
	ApplicationID ID `json:"applicationId,omitzero"`
	// Method is email or sms, with Email or MobilePhone for the address.
	Method      string `json:"method,omitzero"`
	Email       string `json:"email,omitzero"`
	MobilePhone string `json:"mobilePhone,omitzero"`
	// MethodID names a method of the user instead.
	MethodID string `json:"methodId,omitzero"`
	// MessageType is how a phone is reached. Defaults to SMS.
	MessageType MessageType `json:"messageType,omitzero"`
}

// TwoFactorRequest adds a second factor to a user.
type TwoFactorRequest struct {
	// Method is authenticator, email or sms. Required.
	Method string `json:"method,omitzero"`
	// Code proves that the user has it. Required.
	Code          string `json:"code,omitzero"`
	Email         string `json:"email,omitzero"`
	MobilePhone   string `json:"mobilePhone,omitzero"`
	ApplicationID ID     `json:"applicationId,omitzero"`
	// Name is chosen by the user.
	Name string `json:"name,omitzero"`
	// Secret (base64) or SecretBase32Encoded is that of the authenticator.
	Secret              string `json:"secret,omitzero"`
	SecretBase32Encoded string `json:"secretBase32Encoded,omitzero"`
	// TwoFactorID is that of a login that waits for a second factor to be added. The answer has the code to finish it then.
	TwoFactorID string     `json:"twoFactorId,omitzero"`
	EventInfo   *EventInfo `json:"eventInfo,omitzero"`
}

// TwoFactorResponse answers the addition of a second factor.
type TwoFactorResponse struct {
	// Code finishes the login of the request's [TwoFactorRequest.TwoFactorID].
	Code string `json:"code,omitzero"`
	// RecoveryCodes come with the first second factor, and are shown this once.
	RecoveryCodes []string `json:"recoveryCodes,omitempty"`
}

// TwoFactorDisableRequest removes a second factor. Both members can also be query parameters.
type TwoFactorDisableRequest struct {
	MethodID string `json:"methodId,omitzero"`
	// Code is one of the method, or a recovery code, which removes all methods.
	Code          string     `json:"code,omitzero"`
	ApplicationID ID         `json:"applicationId,omitzero"`
	EventInfo     *EventInfo `json:"eventInfo,omitzero"`
}

// TwoFactorRenameRequest names a second factor.
type TwoFactorRenameRequest struct {
	// MethodID says which. It can also be a query parameter.
	MethodID string `json:"methodId,omitzero"`
	// Name is empty to have none.
	Name string `json:"name,omitzero"`
}

// TwoFactorStartRequest asks a user for a second factor outside of a login.
type TwoFactorStartRequest struct {
	// UserID or LoginID names the user.
	UserID       ID             `json:"userId,omitzero"`
	LoginID      string         `json:"loginId,omitzero"`
	LoginIDTypes []IdentityType `json:"loginIdTypes,omitempty"`
	// ApplicationID is what the user logs in to.
	ApplicationID ID `json:"applicationId,omitzero"`
	// Code is the code to use, for callers that deliver it themselves. Random by default.
	Code string `json:"code,omitzero"`
	// State comes back when the login is complete.
	State Object `json:"state,omitzero"`
	// TrustChallenge asks for a trust token, which is then worth something only together with it.
	TrustChallenge string     `json:"trustChallenge,omitzero"`
	EventInfo      *EventInfo `json:"eventInfo,omitzero"`
}

// TwoFactorStartResponse names what was started.
type TwoFactorStartResponse struct {
	// Code is worth the same as one that is sent, until one is.
	Code        string            `json:"code,omitzero"`
	Methods     []TwoFactorMethod `json:"methods,omitempty"`
	TwoFactorID string            `json:"twoFactorId,omitzero"`
}

// TwoFactorLoginRequest completes a login with a second factor.
type TwoFactorLoginRequest struct {
	// TwoFactorID and Code are required.
	TwoFactorID string `json:"twoFactorId,omitzero"`
	Code        string `json:"code,omitzero"`
	// UserID is checked, if given.
	UserID ID `json:"userId,omitzero"`
	// TrustComputer asks for a twoFactorTrustId, with which later logins need no second factor.
	TrustComputer bool `json:"trustComputer,omitzero"`
	BaseLogin
}

// TwoFactorStatusRequest asks whether a login would need a second factor.
type TwoFactorStatusRequest struct {
	UserID           ID     `json:"userId,omitzero"`
	ApplicationID    ID     `json:"applicationId,omitzero"`
	TwoFactorTrustID string `json:"twoFactorTrustId,omitzero"`
}

// TwoFactorStatusResponse has the trust that was found. The status says what it means: 200 or 242.
type TwoFactorStatusResponse struct {
	Trusts           List[TwoFactorTrust] `json:"trusts"`
	TwoFactorTrustID string               `json:"twoFactorTrustId,omitzero"`
}

// TwoFactorTrust is a computer that needs no second factor for a while.
type TwoFactorTrust struct {
	// ApplicationID is what was logged in to when the computer was trusted.
	ApplicationID ID      `json:"applicationId,omitzero"`
	Expiration    Instant `json:"expiration,omitzero"`
	StartInstant  Instant `json:"startInstant,omitzero"`
}

// TwoFactorRecoveryCodeResponse has recovery codes where they were just made, and an empty list otherwise: what is stored can only be compared.
type TwoFactorRecoveryCodeResponse struct {
	RecoveryCodes List[string] `json:"recoveryCodes"`
}
