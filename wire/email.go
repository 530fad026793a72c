package wire

// Email is an e-mail message as it was rendered.
type Email struct {
	From        EmailAddress      `json:"from,omitzero"`
	ReplyTo     EmailAddress      `json:"replyTo,omitzero"`
	To          []EmailAddress    `json:"to,omitzero"`
	CC          []EmailAddress    `json:"cc,omitzero"`
	BCC         []EmailAddress    `json:"bcc,omitzero"`
	Subject     string            `json:"subject,omitzero"`
	HTML        string            `json:"html,omitzero"`
	Text        string            `json:"text,omitzero"`
	Attachments []EmailAttachment `json:"attachments,omitzero"`
}

// EmailAddress is a mailbox with an optional name.
type EmailAddress struct {
	Address string `json:"address,omitzero"`
	Display string `json:"display,omitzero"`
}

// EmailAttachment is a file that goes with an e-mail.
type EmailAttachment struct {
	// Attachment is the content, base64 in JSON.
	Attachment []byte `json:"attachment,omitzero"`
	// MIME is its media type.
	MIME string `json:"mime,omitzero"`
	Name string `json:"name,omitzero"`
}
