// Package receiver is for programs that get events from Herald, or from FusionAuth: an http.Handler for webhooks that checks who sends, hands each event to a
// function with its type, once, and turns what that says into the answer. It needs the standard library alone.
//
//	r := receiver.New(receiver.Options{
//		Checks: []receiver.Check{receiver.Header("Authorization", os.Getenv("WEBHOOK_KEY"))},
//		Once:   receiver.Memory(0),
//	})
//	receiver.On(r, event.UserDelete, func(ctx context.Context, e *event.UserEvent) error {
//		return todos.DeleteAll(ctx, e.User.ID)
//	})
//	http.Handle("/webhook", r)
//
// # What a handler says
//
//	nil                200  done
//	Refuse(reason)     422  no: in a vote, the change does not happen, and Herald shows the reason with the event
//	RetryAfter(…, …)   503  not now; Herald waits at least as long as that
//	any other error    500  please send it again; the error goes to the log, not into the answer
//	a panic            500  the same
//
// Events without a handler are answered with 200, so that types of tomorrow fail nothing; [Receiver.Default] and [RefuseOthers] make it otherwise.
//
// # Votes
//
// A transactional event, such as user.create, is put to its webhooks before the change is committed. Answer quickly, within the read timeout of the webhook (two
// seconds by default), and do not change the user there: there is none yet. The twin user.create.complete comes after the commit; do lasting work there.
//
// # Who sends
//
// All checks in Options.Checks must hold. One that fails is answered with 401 and nothing more; the log has the reason. Where keys have to be fetched and cannot be,
// the answer is 503, and Herald comes again.
//
//	Header("Authorization", secret)         a header that the webhook is configured with
//	Basic(name, password)                   HTTP Basic authentication
//	Signature(&JWKS{URL: …})                FusionAuth's JWT over the body; new keys are found by themselves
//	Signature(Secret(text))                 the same with an HMAC key
//	StandardWebhooks(Secret("whsec_…"), 0)  Standard Webhooks: signed, and not older than five minutes
//	Any(Header(…, old), Header(…, new))     while a secret is changed
//	Custom(func…)                           anything else
//
// A header proves that the sender knows a secret; a signature proves also that nobody changed the body on its way. Serve TLS in any case.
//
// # Once
//
// Herald delivers at least once: an answer that is lost makes it send the event again. [Options].Once drops what was handled. [Memory] is enough for one process that may
// handle an event again after a restart. For more than that write the id of the event in the same database transaction as what the handler does; see
// the examples.
//
// # Messages
//
// [Messages] is the same for the text messages of a Generic messenger.
//
// # Tests
//
// Package receivertest makes signed requests of every type, and forged ones. Package heraldtest starts a whole Herald in a test.
package receiver
