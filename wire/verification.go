package wire

// VerifyEmailRequest proves an e-mail address with the id that was sent to it, or, with an API key, declares that of a user verified.
type VerifyEmailRequest struct {
	// VerificationID may also stand in the path; the one here wins.
	VerificationID string `json:"verificationId,omitzero"`
	// OneTimeCode is what the user typed in, where the tenant asks for that.
	OneTimeCode string `json:"oneTimeCode,omitzero"`
	// UserID is whose address is verified without an id. Only with an API key.
	UserID    ID         `json:"userId,omitzero"`
	EventInfo *EventInfo `json:"eventInfo,omitzero"`
}

// ResendEmailRequest asks for another id, in the query of the request.
type ResendEmailRequest struct {
	// Email is the address. Required.
	Email string `json:"email,omitzero"`
	// ApplicationID chooses the template of the message.
	ApplicationID ID `json:"applicationId,omitzero"`
	// SendVerifyEmail sends the message. Only with an API key; without one it is always sent. Nil means true.
	SendVerifyEmail *bool `json:"sendVerifyEmail,omitzero"`
}

// ResendRegistrationRequest asks for another id, in the query of the request.
type ResendRegistrationRequest struct {
	// Email is the address of the user, ApplicationID what the registration is for. Both are required.
	Email         string `json:"email,omitzero"`
	ApplicationID ID     `json:"applicationId,omitzero"`
	// SendVerifyRegistrationEmail sends the message. Only with an API key; without one it is always sent. Nil, in both members, means true.
	SendVerifyRegistrationEmail *bool `json:"sendVerifyRegistrationEmail,omitzero"`
	// SendVerifyPasswordEmail is what the clients call it. One of the two being true is enough.
	SendVerifyPasswordEmail *bool `json:"sendVerifyPasswordEmail,omitzero"`
}

// VerifyEmailResponse has the id, for callers with an API key.
type VerifyEmailResponse struct {
	VerificationID string `json:"verificationId,omitzero"`
	OneTimeCode    string `json:"oneTimeCode,omitzero"`
	// VerificationOneTimeCode is OneTimeCode as FusionAuth's pages call it.
	VerificationOneTimeCode string `json:"verificationOneTimeCode,omitzero"`
}

// VerifyRegistrationRequest proves that a registration is wanted, with the id that was sent to the user.
type VerifyRegistrationRequest struct {
	// VerificationID may also stand in the path; the one here wins.
	VerificationID string     `json:"verificationId,omitzero"`
	OneTimeCode    string     `json:"oneTimeCode,omitzero"`
	EventInfo      *EventInfo `json:"eventInfo,omitzero"`
}

// VerifyRegistrationResponse has the id, for callers with an API key.
type VerifyRegistrationResponse = VerifyEmailResponse

// IdentityVerifyStartRequest begins the verification of an address or a number. It sends nothing.
type IdentityVerifyStartRequest struct {
	// LoginID is the address or number, LoginIDType says which. Both are required.
	LoginID     string       `json:"loginId,omitzero"`
	LoginIDType IdentityType `json:"loginIdType,omitzero"`
	// ApplicationID chooses the template of the message.
	ApplicationID ID `json:"applicationId,omitzero"`
	// ExistingUserStrategy says whether the user is there already: [MustExist], the default, or [MustNotExist] for one who is created later, with the id among the verificationIds.
	ExistingUserStrategy ExistingUserStrategy `json:"existingUserStrategy,omitzero"`
	// VerificationStrategy is ClickableLink or FormField. Defaults to what the tenant says.
	VerificationStrategy string `json:"verificationStrategy,omitzero"`
	// State comes back when the verification is completed.
	State     Object     `json:"state,omitzero"`
	EventInfo *EventInfo `json:"eventInfo,omitzero"`
}

// ExistingUserStrategy says whether there has to be a user with what is verified.
type ExistingUserStrategy string

// The strategies.
const (
	MustExist    ExistingUserStrategy = "mustExist"
	MustNotExist ExistingUserStrategy = "mustNotExist"
)

// IdentityVerifyStartResponse names what was begun.
type IdentityVerifyStartResponse struct {
	VerificationID string `json:"verificationId,omitzero"`
	OneTimeCode    string `json:"oneTimeCode,omitzero"`
}

// IdentityVerifySendRequest sends the message of a verification that was begun.
type IdentityVerifySendRequest struct {
	VerificationID string     `json:"verificationId,omitzero"`
	EventInfo      *EventInfo `json:"eventInfo,omitzero"`
}

// IdentityVerifyCompleteRequest completes a verification.
type IdentityVerifyCompleteRequest struct {
	VerificationID string     `json:"verificationId,omitzero"`
	OneTimeCode    string     `json:"oneTimeCode,omitzero"`
	EventInfo      *EventInfo `json:"eventInfo,omitzero"`
}

// IdentityVerifyCompleteResponse has the state of the request that began it.
type IdentityVerifyCompleteResponse struct {
	State Object `json:"state,omitzero"`
}

// IdentityVerifyRequest declares an address or a number of a user verified.
type IdentityVerifyRequest struct {
	LoginID     string       `json:"loginId,omitzero"`
	LoginIDType IdentityType `json:"loginIdType,omitzero"`
	EventInfo   *EventInfo   `json:"eventInfo,omitzero"`
}
