package message

import (
	"context"

	"github.com/herald-events/herald/internal/messenger"
	"github.com/herald-events/herald/wire"
)

// Ways finds what can take a message.
type Ways interface {
	// Phone returns the messenger with that id, problem.ErrNotFound without one.
	Phone(ctx context.Context, messenger wire.ID) (*Way, error)
	// Mail returns the mail server of a tenant.
	Mail(ctx context.Context, tenant wire.ID) (*Way, error)
}

// Way is one way to hand a message over: a messenger, or a mail server.
type Way struct {
	ID   wire.ID // of the messenger; empty for a mail server
	Name string
	// Debug asks for an entry in the event log about each message.
	Debug bool
	// RetryUnknown allows another attempt after one that may have arrived.
	RetryUnknown bool
	// Can tells whether it carries messages of that kind.
	Can func(wire.MessageKind) bool
	// Send makes one attempt. It never fails: what went wrong is in the attempt. It returns soon after ctx has ended.
	Send func(ctx context.Context, c Content) messenger.Attempt
}

// Content is what a Way sends.
type Content struct {
	Kind wire.MessageKind
	// To is the phone number or the e-mail address as the caller gave it.
	To string
	// Text and Locale are for SMS and Voice.
	Text, Locale string
	// Mail is for Email: sender, subject and texts as the template has them, and the recipient. Without a sender it is the tenant's.
	Mail wire.Email
	// Code is the bare one-time code, empty without one.
	Code   string
	UserID wire.ID
	// Key is the same in all attempts to send one message, so that a receiver can tell it from another one with the same text.
	Key string
}

// Templates renders texts.
type Templates interface {
	// Text renders a message template in the best of the languages. Errors: problem.ErrNotFound without the template, else what is wrong with
	// it and where; Name is set even then.
	Text(ctx context.Context, template wire.ID, languages []string, model map[string]any) (Rendered, error)
	// Mail is Text for e-mail templates.
	Mail(ctx context.Context, template wire.ID, languages []string, model map[string]any) (Rendered, error)
}

// Rendered is a text in a person's language.
type Rendered struct {
	// Name is that of the template.
	Name string
	// Locale is that of the text, empty for the default one; Reason says why in words.
	Locale, Reason string
	// Text is that of a message to a phone.
	Text string
	// Mail has sender, subject and texts of an e-mail.
	Mail wire.Email
}
