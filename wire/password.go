package wire

// ForgotPasswordRequest begins the choice of a new password.
type ForgotPasswordRequest struct {
	// LoginID is what the user logs in with. Required.
	LoginID string `json:"loginId,omitzero"`
	// LoginIDTypes says what the LoginID may be, in order. Defaults to an e-mail address, then a user name.
	LoginIDTypes []IdentityType `json:"loginIdTypes,omitempty"`
	// Email and Username are older ways to give the LoginID.
	Email    string `json:"email,omitzero"`
	Username string `json:"username,omitzero"`
	// ApplicationID chooses the template of the message.
	ApplicationID ID `json:"applicationId,omitzero"`
	// ChangePasswordID is the id to use instead of a random one. Only with an API key.
	ChangePasswordID string `json:"changePasswordId,omitzero"`
	// SendForgotPasswordMessage sends the message. Only with an API key; without one it is always sent. Nil, in both members, means true.
	SendForgotPasswordMessage *bool `json:"sendForgotPasswordMessage,omitzero"`
	// SendForgotPasswordEmail is its older name. One of the two being true is enough.
	SendForgotPasswordEmail *bool `json:"sendForgotPasswordEmail,omitzero"`
	// State comes back when the password is changed, and can be used in the message.
	State     Object     `json:"state,omitzero"`
	EventInfo *EventInfo `json:"eventInfo,omitzero"`
}

// ForgotPasswordResponse has the id, for callers with an API key.
type ForgotPasswordResponse struct {
	ChangePasswordID string `json:"changePasswordId,omitzero"`
}

// ChangePasswordRequest sets a new password, for the holder of a ChangePasswordID, or for a user named by LoginID.
type ChangePasswordRequest struct {
	// ChangePasswordID wins over the one in the path.
	ChangePasswordID string `json:"changePasswordId,omitzero"`
	// LoginID and LoginIDTypes name the user. Only with an API key.
	LoginID       string         `json:"loginId,omitzero"`
	LoginIDTypes  []IdentityType `json:"loginIdTypes,omitempty"`
	ApplicationID ID             `json:"applicationId,omitzero"`
	// CurrentPassword is checked, if given.
	CurrentPassword string `json:"currentPassword,omitzero"`
	// Password is the new one. Required.
	Password string `json:"password,omitzero"`
	// TrustToken proves a second factor, which a user who has one needs. TrustChallenge is what it was asked for with, if anything.
	TrustToken     string `json:"trustToken,omitzero"`
	TrustChallenge string `json:"trustChallenge,omitzero"`
	// RefreshToken is for callers with a token of the user.
	RefreshToken string     `json:"refreshToken,omitzero"`
	EventInfo    *EventInfo `json:"eventInfo,omitzero"`
}

// ChangePasswordResponse lets the user log in once without typing the new password.
type ChangePasswordResponse struct {
	// OneTimePassword logs in once, within a minute.
	OneTimePassword string `json:"oneTimePassword,omitzero"`
	// State is that of the request that began it.
	State Object `json:"state,omitzero"`
}
