package wire

// MessageTemplate is the text of a message to a phone, in several languages.
type MessageTemplate struct {
	// ID is given by the path on creation, or chosen at random.
	ID ID `json:"id,omitzero"`
	// Name is required and unique.
	Name string `json:"name,omitzero"`
	// Type is required and cannot be changed after creation.
	Type MessageType `json:"type,omitzero"`
	// DefaultTemplate is for those whose languages have none of their own. Required; see package ftl for the language.
	DefaultTemplate string `json:"defaultTemplate,omitzero"`
	// LocalizedTemplates maps a locale (de, fr_CA) to the text. Always present in a response.
	LocalizedTemplates Map[string] `json:"localizedTemplates"`
	// Data is free-form. Always present in a response.
	Data Object `json:"data"`
	// InsertInstant is when the template was created. Set by the server.
	InsertInstant Instant `json:"insertInstant,omitzero"`
	// LastUpdateInstant is when it was last changed. Set by the server.
	LastUpdateInstant Instant `json:"lastUpdateInstant,omitzero"`
}

// MessageTemplateRequest creates, replaces or patches a template.
type MessageTemplateRequest struct {
	MessageTemplate MessageTemplate `json:"messageTemplate"`
}

// MessageTemplateResponse has one template.
type MessageTemplateResponse struct {
	MessageTemplate *MessageTemplate `json:"messageTemplate,omitzero"`
}

// MessageTemplatesResponse has all templates.
type MessageTemplatesResponse struct {
	MessageTemplates List[MessageTemplate] `json:"messageTemplates"`
}

// MessageTemplatePreviewRequest renders a template with sample values. Nothing is stored.
type MessageTemplatePreviewRequest struct {
	MessageTemplate MessageTemplate `json:"messageTemplate"`
	// Locale chooses the text. Empty means the default text.
	Locale string `json:"locale,omitzero"`
	// Values is ours: each member takes the place of the sample of its name, as user and tenant do.
	Values Object `json:"values,omitzero"`
}

// MessageTemplatePreviewResponse has the text, or what is wrong with the template; the status is 200 in both cases.
type MessageTemplatePreviewResponse struct {
	// Errors is always present, empty when the template is fine.
	Errors Errors `json:"errors"`
	// PreviewMessage is the text.
	PreviewMessage string `json:"previewMessage,omitzero"`
	// Message has the text of an SMS. Deprecated by FusionAuth.
	Message *SMSMessage `json:"message,omitzero"`
	// Locale is ours: that of the text that was chosen. Absent for the default text.
	Locale string `json:"locale,omitzero"`
	// SMS is ours: how long an SMS is on its way to a phone.
	SMS *SMSLength `json:"sms,omitzero"`
}

// SMSLength is how long a text is for a phone.
type SMSLength struct {
	// Segments are the messages that it is sent as, and paid for.
	Segments int `json:"segments"`
	// Encoding is GSM-7 or Unicode. One character that GSM-7 does not have makes the whole text Unicode.
	Encoding   string `json:"encoding"`
	Characters int    `json:"characters"`
}

// SMSMessage is a text message as it was rendered.
type SMSMessage struct {
	PhoneNumber string      `json:"phoneNumber,omitzero"`
	TextMessage string      `json:"textMessage,omitzero"`
	Type        MessageType `json:"type,omitzero"`
}

// EmailTemplate is an e-mail in several languages. Each text is in the language of package ftl.
type EmailTemplate struct {
	// ID is given by the path on creation, or chosen at random.
	ID ID `json:"id,omitzero"`
	// Name is required and unique.
	Name string `json:"name,omitzero"`
	// DefaultSubject, DefaultTextTemplate and DefaultHTMLTemplate are for those whose languages have none of their own. All are required.
	DefaultSubject      string `json:"defaultSubject,omitzero"`
	DefaultTextTemplate string `json:"defaultTextTemplate,omitzero"`
	DefaultHTMLTemplate string `json:"defaultHtmlTemplate,omitzero"`
	// DefaultFromName is the name of the sender. Defaults to that of the tenant.
	DefaultFromName string `json:"defaultFromName,omitzero"`
	// FromEmail is the address of the sender. Defaults to that of the tenant.
	FromEmail string `json:"fromEmail,omitzero"`
	// The localized maps have locales as keys. A locale that has a subject or a text needs all three of subject, text and HTML. Always present
	// in a response.
	LocalizedSubjects      Map[string] `json:"localizedSubjects"`
	LocalizedTextTemplates Map[string] `json:"localizedTextTemplates"`
	LocalizedHTMLTemplates Map[string] `json:"localizedHtmlTemplates"`
	LocalizedFromNames     Map[string] `json:"localizedFromNames"`
	// Data is free-form. Always present in a response.
	Data Object `json:"data"`
	// InsertInstant is when the template was created. Set by the server.
	InsertInstant Instant `json:"insertInstant,omitzero"`
	// LastUpdateInstant is when it was last changed. Set by the server.
	LastUpdateInstant Instant `json:"lastUpdateInstant,omitzero"`
}

// EmailTemplateRequest creates, replaces or patches a template.
type EmailTemplateRequest struct {
	EmailTemplate EmailTemplate `json:"emailTemplate"`
}

// EmailTemplateResponse has one template.
type EmailTemplateResponse struct {
	EmailTemplate *EmailTemplate `json:"emailTemplate,omitzero"`
}

// EmailTemplatesResponse has all templates.
type EmailTemplatesResponse struct {
	EmailTemplates List[EmailTemplate] `json:"emailTemplates"`
}

// EmailTemplatePreviewRequest renders a template with sample values. Nothing is stored.
type EmailTemplatePreviewRequest struct {
	EmailTemplate EmailTemplate `json:"emailTemplate"`
	// Locale chooses the texts. Empty means the default ones.
	Locale string `json:"locale,omitzero"`
	// Values is ours: each member takes the place of the sample of its name, as user and tenant do.
	Values Object `json:"values,omitzero"`
}

// EmailTemplatePreviewResponse has the e-mail, or what is wrong with the template; the status is 200 in both cases.
type EmailTemplatePreviewResponse struct {
	Email  Email  `json:"email"`
	Errors Errors `json:"errors"`
	// Locale is ours: that of the texts that were chosen. Absent for the default ones.
	Locale string `json:"locale,omitzero"`
}

// EmailTemplateSearchRequest finds e-mail templates.
type EmailTemplateSearchRequest struct {
	Search EmailTemplateSearch `json:"search"`
}

// EmailTemplateSearch is ordered by name, id or insertInstant; the default is "name ASC".
type EmailTemplateSearch struct {
	Page
	// Name finds templates whose name contains it; * stands for anything.
	Name string `json:"name,omitzero"`
}

// EmailTemplateSearchResponse is one page of e-mail templates.
type EmailTemplateSearchResponse struct {
	EmailTemplates List[EmailTemplate] `json:"emailTemplates"`
	// Total counts all that match, not only those of the page.
	Total int `json:"total"`
}
