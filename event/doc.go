// Package event is the catalogue of the events that Herald publishes: for each type its name, when it is sent, whether webhooks can
// stop the operation behind it, its payload and a complete example.
//
// It owns names, shapes and their JSON. It does not send anything, and knows neither tenants nor webhooks.
//
// An event travels as the body {"event": {…}} of an HTTP POST. A sender builds a payload and calls [Encode] once, so that all
// receivers and all later attempts get the same bytes; a receiver calls [Decode] and switches on the type of the payload:
//
//	payload, err := event.Decode(body)
//	…
//	switch e := payload.(type) {
//	case *event.UserEvent:
//		log.Println(e.Type, e.User.Email)
//	case *event.GroupMemberEvent:
//		…
//	}
//
// Payloads are named after what they carry. Types with the same members share one: all of user.create, user.delete, user.deactivate
// and others are a [UserEvent], told apart by [Header].Type.
//
// Names and members are those of FusionAuth's events. The catalogue does not change while the program runs; all functions may be
// called concurrently.
package event
