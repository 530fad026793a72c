// Package client is the Go client of Herald's API. It uses the standard library and the shapes of package wire, nothing else.
//
//	c, err := client.New(client.Options{URL: "http://localhost:9011", APIKey: key})
//	webhook, err := c.Webhooks.Create(ctx, wire.Webhook{URL: "https://crm.example.com/hook", Global: true, ConnectTimeout: 1000, ReadTimeout: 2000})
//	for delivery, err := range c.Deliveries.List(ctx, wire.DeliverySearch{DeliveryFilter: wire.DeliveryFilter{WebhookID: webhook.ID}}) { … }
//
// Operations are grouped as the API is: [Client].Webhooks, [Client].Deliveries and so on. They are called the same everywhere:
//
//	List     all that match, as an iterator that reads page after page
//	Page     one page of them, with their number
//	Load     one by its id; ErrNotFound without it
//	Create   a new one, with the id that it has or one that the server chooses
//	Replace  all of it
//	Patch    some members of it, as in JSON Merge Patch: null removes
//	Delete   gone
//
// What has no method is reached with [Client.Call], or with [Client.Send] where the status matters that is no success. [Client.In] confines a client to a tenant.
//
// # Errors
//
// An answer that is no success is an [*Error] with the status, what the server says about each member of the request, and the id under which the
// server has it in its log. [errors.Is] tells what matters:
//
//	errors.Is(err, client.ErrNotFound)      there is no such object
//	errors.Is(err, client.ErrForbidden)     the key is unknown, has expired or may not do this
//	errors.Is(err, client.ErrInvalid)       the request is wrong; Error.Fields says where
//	errors.Is(err, client.ErrConflict)      somebody else was faster
//	errors.Is(err, client.ErrRefused)       webhooks have refused the change
//	errors.Is(err, client.ErrUnreachable)   no answer: the server does not run, or not there
//
// No error holds the API key, a request or a response, except for what the server says is wrong.
//
// # Repetition
//
// Reading is repeated when there was no answer, or one that says that there may be another later. What changes something is repeated only when the server
// says that it has done nothing and when to come again: 429 or 503 with Retry-After. See [Options.Retries].
package client
