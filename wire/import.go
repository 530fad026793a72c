package wire

// UserImportRequest creates many users at once, as other systems know them.
type UserImportRequest struct {
	Users []ImportedUser `json:"users,omitempty"`
	// EncryptionScheme and Factor are those of users who have none of their own.
	EncryptionScheme string `json:"encryptionScheme,omitzero"`
	Factor           int    `json:"factor,omitzero"`
	// ValidateDbConstraints asks for a check before anything is stored. Herald always does that.
	ValidateDbConstraints bool       `json:"validateDbConstraints,omitzero"`
	EventInfo             *EventInfo `json:"eventInfo,omitzero"`
}

// ImportedUser is a user with what only an import may say: the id, whether they are active and verified, when they were created, registrations and memberships count,
// and there may be a hash in the place of the password.
type ImportedUser struct {
	UserInput
	// EncryptionScheme says how Password is hashed; Salt and Factor are what it takes to do it again. Without a scheme, and a salt, Password is in
	// clear.
	EncryptionScheme string            `json:"encryptionScheme,omitzero"`
	Factor           int               `json:"factor,omitzero"`
	Salt             string            `json:"salt,omitzero"`
	TwoFactor        ImportedTwoFactor `json:"twoFactor,omitzero"`
}

// ImportedTwoFactor are second factors with their secrets.
type ImportedTwoFactor struct {
	Methods []ImportedTwoFactorMethod `json:"methods,omitempty"`
	// RecoveryCodes each replace a second factor once.
	RecoveryCodes []string `json:"recoveryCodes,omitempty"`
}

// ImportedTwoFactorMethod is a second factor. An authenticator needs a secret.
type ImportedTwoFactorMethod struct {
	TwoFactorMethod
	// Secret is in base64.
	Secret string `json:"secret,omitzero"`
}
