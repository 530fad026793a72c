// Package identity is the directory of users and the first publisher of events: whatever happens to a user happens here, as one
// publish.Operation with the events that go with it. It owns users, what they log in with, their passwords and their registrations. It does
// not own who may call it (package access), how webhooks are asked and events delivered (package publish), or the settings of tenants and
// applications.
//
// The flow of a change, taking creation as the example (create.go):
//
//   - what a request says is brought into canonical form and checked, all mistakes at once (input.go);
//   - a password is hashed, slowly and outside of any transaction (password.go);
//   - Prepare reserves the login ids, then looks whether somebody has them (login_id.go), and plans user.create;
//   - the webhooks are asked, by package publish;
//   - Commit writes the row. A change of an existing user re-checks the row's version: one that moved is problem.Stale.
//
// A login id that belongs to somebody else refuses the request and is announced all the same: user.loginId.duplicate.* (login_id.go).
//
// Events of this package, in their order within one call; `.complete` twins are added by package publish:
//
//	create      user.create, then user.email.verified and user.identity.verified for what completed verifications prove; the groups in which the
//	            user begins are in it, and have no events
//	import      user.bulk.create, one for all (import.go)
//	update      user.update, then user.email.update if the address changed, user.password.update if a password was set
//	deactivate  user.deactivate, unless the user is inactive already
//	reactivate  user.reactivate, unless the user is active already
//	delete      user.delete
//	forgot      user.password.reset.start, then user.password.reset.send once somebody has taken the message (reset.go)
//	change      user.email.verified and user.identity.verified when the address waited for that, user.password.update, and by id
//	            user.password.reset.success
//	verify      user.email.verified for an address, user.identity.verified; of a registration user.registration.verified (verify.go, ask.go)
//	register    user.registration.create, behind user.create when the user is created by the same call (registration.go); so for .update, .delete
package identity
