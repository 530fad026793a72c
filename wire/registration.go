package wire

// RegistrationRequest registers a user for an application, or replaces or patches a registration.
type RegistrationRequest struct {
	// User is to be created together with the registration. Nil, or one without a login id and a password, registers the user that the path names.
	User         *UserInput   `json:"user,omitzero"`
	Registration Registration `json:"registration"`
	// GenerateAuthenticationToken gives the registration a new authentication token, instead of one in the request.
	GenerateAuthenticationToken bool `json:"generateAuthenticationToken,omitzero"`
	// SkipRegistrationVerification counts a new registration as verified.
	SkipRegistrationVerification bool `json:"skipRegistrationVerification,omitzero"`

	// DisableDomainBlock, SendSetPasswordEmail, SendSetPasswordIdentityType, SkipVerification and VerificationIDs are about the new user, as in
	// a [UserRequest].
	DisableDomainBlock          bool       `json:"disableDomainBlock,omitzero"`
	SendSetPasswordEmail        bool       `json:"sendSetPasswordEmail,omitzero"`
	SendSetPasswordIdentityType string     `json:"sendSetPasswordIdentityType,omitzero"`
	SkipVerification            bool       `json:"skipVerification,omitzero"`
	VerificationIDs             []string   `json:"verificationIds,omitempty"`
	EventInfo                   *EventInfo `json:"eventInfo,omitzero"`
}

// RegistrationResponse has one registration.
type RegistrationResponse struct {
	Registration *Registration `json:"registration,omitzero"`
	// User is who was created together with the registration.
	User *User `json:"user,omitzero"`
	// Token is an access token for who has just registered.
	Token                  string  `json:"token,omitzero"`
	TokenExpirationInstant Instant `json:"tokenExpirationInstant,omitzero"`
	RefreshToken           string  `json:"refreshToken,omitzero"`
	RefreshTokenID         ID      `json:"refreshTokenId,omitzero"`
	// RegistrationVerificationID completes the verification of the registration.
	RegistrationVerificationID          string `json:"registrationVerificationId,omitzero"`
	RegistrationVerificationOneTimeCode string `json:"registrationVerificationOneTimeCode,omitzero"`
	// EmailVerificationID completes the verification of the new user's e-mail address.
	EmailVerificationID          string `json:"emailVerificationId,omitzero"`
	EmailVerificationOneTimeCode string `json:"emailVerificationOneTimeCode,omitzero"`
	// VerificationIDs complete the verification of those identities of the new user that need it.
	VerificationIDs []VerificationID `json:"verificationIds,omitempty"`
}

// RegistrationDeleteRequest is the optional body of a deletion.
type RegistrationDeleteRequest struct {
	EventInfo *EventInfo `json:"eventInfo,omitzero"`
}
