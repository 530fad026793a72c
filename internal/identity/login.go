package identity

import (
	"slices"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

// Login is a user who has proved everything that was asked, about to be logged in. It takes part in the operation of whoever asked: Plan in
// Prepare, Write in Commit.
type Login struct {
	User *User
	// Application is what is logged in to. Empty when the request named none.
	Application wire.ID
	Type        event.AuthenticationType
	// IPAddress is that of the client, as far as it is known.
	IPAddress string
	// NewDevice says that the user has not logged in from there before.
	NewDevice bool
}

// Registered tells whether the user may use the application, or none was named.
func (l *Login) Registered() bool {
	return l.Application == "" || slices.ContainsFunc(l.User.Registrations, func(r wire.Registration) bool { return r.ApplicationID == l.Application })
}

// Plan publishes user.login.success and, from a new device, user.login.new-device. The user in them has the instant of this login.
func (l *Login) Plan(tx *db.Tx, plan *publish.Plan) {
	l.User.LastLoginInstant = wire.Instant(tx.NowMillis())
	payload := event.UserLoginEvent{
		Header: event.About(event.UserLoginSuccess, l.User.ID), AuthenticationType: l.Type, ConnectorID: l.User.ConnectorID, User: l.User.User,
	}
	//lint:ignore SA1019 receivers may still read it
	payload.IPAddress = l.IPAddress
	if l.Registered() {
		payload.ApplicationID = l.Application
	}
	plan.Publish(&payload)
	if l.NewDevice {
		plan.Publish(event.WithType(&payload, event.UserLoginNewDevice))
	}
}

// Write stores that the user has logged in. It is problem.ErrNotFound when the user is gone, or was deactivated while webhooks were asked.
func (l *Login) Write(tx *db.Tx) error { return writeLogin(tx, l.User) }

// Standing is what keeps a user from logging in, whatever was proved.
type Standing string

// The standings, in the order in which they count.
const (
	Good           Standing = ""
	Deactivated    Standing = "deactivated"
	Expired        Standing = "expired"
	ChangePassword Standing = "change password" // a new password has to be chosen first
	Unverified     Standing = "unverified"      // an address has to be verified first, because the tenant wants it
)

// Standing tells whether u may log in at an instant.
func (u *User) Standing(now wire.Instant, flows *tenant.Flows) Standing {
	gated := func(i wire.UserIdentity) bool {
		waits := !i.Verified && i.VerifiedReason == wire.VerifiedPending
		return waits && (i.Type == wire.IdentityEmail && flows.Email.Gated || i.Type == wire.IdentityPhoneNumber && flows.Phone.Gated)
	}
	switch {
	case !u.Active:
		return Deactivated
	case u.Expiry > 0 && u.Expiry <= now:
		return Expired
	case u.PasswordChangeRequired:
		return ChangePassword
	case slices.ContainsFunc(u.Identities, gated):
		return Unverified
	}
	return Good
}
