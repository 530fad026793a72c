package event

import "github.com/herald-events/herald/wire"

// UserRegistrationEvent is user.registration.create and user.registration.delete, their .complete twins, and
// user.registration.verified.
type UserRegistrationEvent struct {
	Header
	// ApplicationID is the application that the user is registered for.
	ApplicationID wire.ID           `json:"applicationId"`
	Registration  wire.Registration `json:"registration"`
	// User is sent without registrations; the one that matters is in Registration.
	User wire.User `json:"user"`
}

func (e UserRegistrationEvent) outgoing() Payload {
	e.Registration = secureRegistration(e.Registration)
	e.User.Registrations = nil
	e.User = SecureUser(e.User)
	return &e
}

// UserRegistrationUpdateEvent is user.registration.update and user.registration.update.complete.
type UserRegistrationUpdateEvent struct {
	Header
	// ApplicationID is the application that the user is registered for.
	ApplicationID wire.ID `json:"applicationId"`
	// Original is the registration before the change, Registration after it.
	Original     wire.Registration `json:"original"`
	Registration wire.Registration `json:"registration"`
	// User is sent without registrations; the one that matters is in Registration.
	User wire.User `json:"user"`
}

func (e UserRegistrationUpdateEvent) outgoing() Payload {
	e.Original, e.Registration = secureRegistration(e.Original), secureRegistration(e.Registration)
	e.User.Registrations = nil
	e.User = SecureUser(e.User)
	return &e
}
