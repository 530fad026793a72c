package wire

import "encoding/json"

// MessageType is a way to reach a phone.
type MessageType string

// The ways.
const (
	SMS   MessageType = "SMS"
	Voice MessageType = "Voice"
)

// MessengerType is a kind of messenger. It cannot be changed after creation.
type MessengerType string

// The kinds. Kafka is known and refused until events can go there at all.
const (
	Generic MessengerType = "Generic"
	Twilio  MessengerType = "Twilio"
	Kafka   MessengerType = "Kafka"
)

// Messenger takes text messages to phones, through a receiver of one's own (Generic) or through Twilio.
type Messenger struct {
	// ID is given by the path on creation, or chosen at random.
	ID ID `json:"id,omitzero"`
	// Name is required and unique.
	Name string `json:"name,omitzero"`
	// Type is required and decides which of the other members count.
	Type MessengerType `json:"type,omitzero"`
	// Debug writes a Debug entry into the event log for each message. Defaults to false.
	Debug bool `json:"debug"`
	// Data is free-form. Always present in a response.
	Data Object `json:"data"`
	// MessageTypes are what the messenger can carry. Defaults to SMS alone. A patch replaces them.
	MessageTypes []MessageType `json:"messageTypes,omitempty"`
	// Transport is always "sms". Deprecated by FusionAuth. Set by the server.
	Transport string `json:"transport,omitzero"`

	// URL is where messages are sent (Generic) or where the API is (Twilio, normally https://api.twilio.com). Required.
	URL string `json:"url,omitzero"`
	// ConnectTimeout and ReadTimeout are in milliseconds. Generic requires both, greater than zero; for Twilio they are ours and default to
	// 2000 and 5000.
	ConnectTimeout int `json:"connectTimeout,omitzero"`
	ReadTimeout    int `json:"readTimeout,omitzero"`
	// Headers are added to each request (Generic).
	Headers map[string]string `json:"headers,omitempty"`
	// HTTPAuthenticationUsername and HTTPAuthenticationPassword are sent as HTTP Basic authentication when either is set (Generic). They
	// are returned in clear.
	HTTPAuthenticationUsername string `json:"httpAuthenticationUsername,omitzero"`
	HTTPAuthenticationPassword string `json:"httpAuthenticationPassword,omitzero"`
	// SSLCertificate is a certificate in PEM form (Generic). When set it is all that is trusted for this messenger.
	SSLCertificate string `json:"sslCertificate,omitzero"`

	// AccountSID and AuthToken are how Twilio knows its customer. The first is required for Twilio, which refuses messages without the second.
	AccountSID string `json:"accountSID,omitzero"`
	AuthToken  string `json:"authToken,omitzero"`
	// FromPhoneNumber or MessagingServiceSID is what Twilio sends from. One of them is required for Twilio; the service wins.
	FromPhoneNumber     string `json:"fromPhoneNumber,omitzero"`
	MessagingServiceSID string `json:"messagingServiceSid,omitzero"`

	// IncludeCode and IncludeUserID are ours: they add code and userId to what a Generic receiver gets, which otherwise has the three members
	// phoneNumber, textMessage and type.
	IncludeCode   bool `json:"includeCode,omitzero"`
	IncludeUserID bool `json:"includeUserId,omitzero"`
	// RetryUnknown is ours: a message that may or may not have arrived (the answer never came) is sent again, or through the next messenger. By
	// default it is not, so that nobody gets the same message twice.
	RetryUnknown bool `json:"retryUnknown,omitzero"`

	// InsertInstant is when the messenger was created. Set by the server.
	InsertInstant Instant `json:"insertInstant,omitzero"`
	// LastUpdateInstant is when it was last changed. Set by the server.
	LastUpdateInstant Instant `json:"lastUpdateInstant,omitzero"`
}

// MessengerRequest creates, replaces or patches a messenger.
type MessengerRequest struct {
	Messenger Messenger `json:"messenger"`
}

// MessengerResponse has one messenger.
type MessengerResponse struct {
	Messenger *Messenger `json:"messenger,omitzero"`
}

// MessengersResponse has all messengers.
type MessengersResponse struct {
	Messengers List[Messenger] `json:"messengers"`
}

// MessengerTestRequest sends one message to try a messenger out. The call is ours.
type MessengerTestRequest struct {
	// Messenger is tried as it is here, without being stored. With an id in the path there is none.
	Messenger *Messenger `json:"messenger,omitzero"`
	// PhoneNumber is where the message goes. Required.
	PhoneNumber string `json:"phoneNumber,omitzero"`
	// TextMessage defaults to a sentence that says what it is.
	TextMessage string `json:"textMessage,omitzero"`
	// MessageType defaults to SMS, or to what the messenger can do.
	MessageType MessageType `json:"messageType,omitzero"`
}

// EmailTestRequest sends one e-mail to try a tenant's e-mail configuration out. The call is ours.
type EmailTestRequest struct {
	// TenantID names the tenant whose configuration is tried. Defaults to that of the request.
	TenantID ID `json:"tenantId,omitzero"`
	// EmailConfiguration is tried in place of the stored one. A password that is not mentioned is the stored one.
	EmailConfiguration json.RawMessage `json:"emailConfiguration,omitzero"`
	// To is the recipient. Required.
	To string `json:"to,omitzero"`
}

// MessageTestResponse says what the receiver answered.
type MessageTestResponse struct {
	Attempt MessageAttempt `json:"attempt"`
}

// Message is one entry of the message log. The log is ours. It has neither the text nor the code.
type Message struct {
	ID       ID `json:"id,omitzero"`
	TenantID ID `json:"tenantId,omitzero"`
	// UserID is empty for a message to somebody who is no user yet.
	UserID ID `json:"userId,omitzero"`
	// ApplicationID is set where an application chose the template.
	ApplicationID ID `json:"applicationId,omitzero"`
	// Kind is SMS, Voice or Email.
	Kind MessageKind `json:"kind,omitzero"`
	// Purpose says what the message is for: two-factor, forgot-password, test and so on.
	Purpose string `json:"purpose,omitzero"`
	// Recipient is masked: enough to recognize, not enough to use.
	Recipient string `json:"recipient,omitzero"`
	// TemplateID and TemplateName are of the template at that time.
	TemplateID   ID     `json:"templateId,omitzero"`
	TemplateName string `json:"templateName,omitzero"`
	// Locale is that of the text that was chosen, empty for the default text; LocaleReason says why in words.
	Locale       string `json:"locale,omitzero"`
	LocaleReason string `json:"localeReason,omitzero"`
	// State says how it ended.
	State MessageState `json:"state,omitzero"`
	// Failure says in words why it did not arrive, or why that is not known.
	Failure  string               `json:"failure,omitzero"`
	Attempts List[MessageAttempt] `json:"attempts"`

	InsertInstant     Instant `json:"insertInstant,omitzero"`
	LastUpdateInstant Instant `json:"lastUpdateInstant,omitzero"`
}

// MessageKind is a way to reach a person.
type MessageKind string

// The ways.
const (
	KindSMS   MessageKind = "SMS"
	KindVoice MessageKind = "Voice"
	KindEmail MessageKind = "Email"
)

// MessageState is how far a message got.
type MessageState string

// The states.
const (
	MessageSending MessageState = "sending" // it is under way
	MessageSent    MessageState = "sent"    // somebody took it
	MessageFailed  MessageState = "failed"  // nobody took it
	MessageUnknown MessageState = "unknown" // it may have arrived: no answer came, or this server ended meanwhile
	MessageLimited MessageState = "limited" // it was not sent: too many went to this recipient, or from this tenant
)

// MessageAttempt is one try to hand a message over.
type MessageAttempt struct {
	// MessengerID is empty for e-mail, which goes through the mail server of the tenant.
	MessengerID   ID     `json:"messengerId,omitzero"`
	MessengerName string `json:"messengerName,omitzero"`
	// Outcome is a word of the closed set that webhook attempts have too, such as accepted, refused, timeout, connect, tls.
	Outcome string `json:"outcome,omitzero"`
	// StatusCode is that of the answer, HTTP or SMTP. Zero without one.
	StatusCode int `json:"statusCode,omitzero"`
	// URL is where the request went, without credentials; for e-mail host and port of the server.
	URL string `json:"url,omitzero"`
	// Exception says what went wrong.
	Exception string `json:"exception,omitzero"`
	// ResponseBody is the beginning of the answer, without secrets and codes.
	ResponseBody string `json:"responseBody,omitzero"`
	// StartInstant is when it began, DurationMicros how long it took.
	StartInstant   Instant `json:"startInstant,omitzero"`
	DurationMicros int64   `json:"durationMicros"`
}

// MessageSearchRequest finds messages.
type MessageSearchRequest struct {
	Search MessageSearch `json:"search"`
}

// MessageSearch is ordered by insertInstant; the default is "insertInstant DESC". Its period is about insertInstant.
type MessageSearch struct {
	Page
	Period
	TenantID    ID           `json:"tenantId,omitzero"`
	UserID      ID           `json:"userId,omitzero"`
	MessengerID ID           `json:"messengerId,omitzero"`
	TemplateID  ID           `json:"templateId,omitzero"`
	Kind        MessageKind  `json:"kind,omitzero"`
	Purpose     string       `json:"purpose,omitzero"`
	State       MessageState `json:"state,omitzero"`
	// Recipient finds the messages to one whole address or number.
	Recipient string `json:"recipient,omitzero"`
}

// MessageSearchResponse is one page of messages.
type MessageSearchResponse struct {
	Messages List[Message] `json:"messages"`
	// Total counts all that match, not only those of the page.
	Total int `json:"total"`
}

// MessageResponse has one message.
type MessageResponse struct {
	Message *Message `json:"message,omitzero"`
}
