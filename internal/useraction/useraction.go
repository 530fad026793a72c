// Package useraction owns what is done to users: the definitions of actions (a ban, a warning, a subscription), the reasons, the actions taken, and
// the end of those that last for a time. It does not own users (package identity), nor the login that an action prevents: whoever logs users in asks
// [Service.Preventing], and locks them out with [Service.LockIn].
//
//	definition.go  what can be done; reason.go why; check.go the rules for both
//	take.go        an action is taken on a user, changed, cancelled, read
//	lock.go        what is done to users who log in: prevented, locked out, let in again
//	step.go        what all of these are: one step of one action, with its event, its e-mail, and the row it leaves
//	end.go         the end of what lasts for a time, through restarts and with several processes
//	mail.go        the e-mails
//	duration.go    how long something lasts, for people (pure)
//
// An action on a user keeps the names it was taken with, in the language of the user. What it does (preventing a login, e-mails, the event of its end)
// follows its definition.
//
// Event of this package: user.action. A step that is to be broadcast asks webhooks before its commit, under the stricter of the tenant's rule and the
// action's own; see [publish.Plan.PublishUnder]. The end is not asked about, as nothing could stop it.
package useraction

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/identity"
	"github.com/herald-events/herald/internal/message"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/internal/template"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

// Options are what a Service is made of. All but Logger and Poll are required.
type Options struct {
	DB           *db.DB
	Events       publish.Doer
	Tenants      *tenant.Service
	Applications *application.Service
	Users        *identity.Service
	Templates    *template.Service
	Sender       Sender
	// Model makes the variables of an e-mail that are not particular to it.
	Model func(tx *db.Tx, u *wire.User) (map[string]any, error)
	// Logger hears of what cannot be returned to anybody. Defaults to silence.
	Logger *slog.Logger
	// Poll is how often actions are looked for that have ended and that this process has not heard of. Defaults to 30 s.
	Poll time.Duration
}

// Sender sends messages: [message.Sender].
type Sender interface {
	Post(r message.Request)
}

// Service takes actions on users. It is safe for concurrent use once its exported fields are set.
type Service struct {
	o           Options
	definitions *Definitions
	reasons     *Reasons

	// Revoke plans the revocation of all refresh tokens of a user whose login an action prevents from now on, in the transaction that plans the action. It
	// is asked for when the tenant wants that (onLoginPrevented). What it returns writes it, in the transaction that writes the action; nil when there is
	// nothing to revoke. A Revoke of nil revokes nothing.
	Revoke func(tx *db.Tx, plan *publish.Plan, u *wire.User) (commit func(*db.Tx) error, err error)

	working context.Context // ends with Stop
	halt    context.CancelFunc
	woken   chan struct{} // of one: an action may end earlier than expected
	next    atomic.Int64  // when the next look at the ends is due
	watched sync.WaitGroup
}

// New returns the actions on users. Start begins to see to their ends.
func New(o Options) *Service {
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	o.Poll = cmp.Or(o.Poll, 30*time.Second)
	s := &Service{
		o: o, definitions: &Definitions{db: o.DB, templates: o.Templates}, reasons: &Reasons{o.DB},
		woken: make(chan struct{}, 1),
	}
	s.working, s.halt = context.WithCancel(context.Background())
	return s
}

// Definitions say what can be done to users.
func (s *Service) Definitions() *Definitions { return s.definitions }

// Reasons say why.
func (s *Service) Reasons() *Reasons { return s.reasons }

// flows are what a tenant says about what users do. Of a tenant that is gone they say nothing.
func (s *Service) flows(tx *db.Tx, id wire.ID) (*tenant.Flows, error) {
	settings, err := s.o.Tenants.SettingsIn(tx)
	if err != nil {
		return nil, err
	}
	flows, ok := settings.Flows(id)
	if !ok {
		flows = &tenant.Flows{}
	}
	return flows, nil
}
