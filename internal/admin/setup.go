package admin

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/ticket"
	"github.com/herald-events/herald/wire"
)

// setup is the one-time right to become the first administrator. It is in the memory of the process that printed it, and ends with it.
type setup struct {
	mu    sync.Mutex
	token string
	ends  time.Time
}

// setupTime is how long the link is good that a server without administrators prints.
const setupTime = 30 * time.Minute

// SetUpToken returns a new token for [Service.SetUp], or "" when there are administrators already. It voids the one before.
func (s *Service) SetUpToken(ctx context.Context) (string, error) {
	any, err := s.any(ctx)
	if err != nil || any {
		return "", err
	}
	s.setup.mu.Lock()
	defer s.setup.mu.Unlock()
	s.setup.token, s.setup.ends = ticket.NewID(), s.o.DB.Now().Add(setupTime)
	return s.setup.token, nil
}

// any tells whether there is an administrator.
func (s *Service) any(ctx context.Context) (found bool, err error) {
	err = s.o.DB.View(ctx, func(tx *db.Tx) error {
		found, err = s.o.Users.Registered(tx, application.AdminID)
		return err
	})
	return found, err
}

// MaySetUp tells whether the token is good.
func (s *Service) MaySetUp(token string) bool {
	s.setup.mu.Lock()
	defer s.setup.mu.Unlock()
	return ticket.Same(s.setup.token, token) && s.o.DB.Now().Before(s.setup.ends)
}

// SetUp makes the first administrator, who is signed in with that. Errors: ErrWrong for a token that is not good (any more); problem.Invalid.
//
// Events: those of identity.Service.CreateRegistered.
func (s *Service) SetUp(ctx context.Context, token, email, password string, info *wire.EventInfo) (Step, error) {
	if !s.MaySetUp(token) {
		return Step{}, ErrWrong
	}
	if any, err := s.any(ctx); err != nil || any { // another process was faster, or the API
		return Step{}, cmp.Or(err, ErrWrong)
	}
	home, err := s.home(ctx)
	if err != nil {
		return Step{}, err
	}
	var v problem.Validation
	v.Check(email != "", "user.email", "blank", "The e-mail address is missing.")
	v.Check(password != "", "user.password", "blank", "The password is missing.")
	if err := v.Err(); err != nil {
		return Step{}, err
	}
	done, err := s.o.Users.CreateRegistered(ctx, home, "", wire.RegistrationRequest{
		User:             &wire.UserInput{User: wire.User{Email: email}, Password: password},
		Registration:     wire.Registration{ApplicationID: application.AdminID, Roles: []string{"admin"}},
		SkipVerification: true,
	}, info)
	if err != nil {
		return Step{}, err
	}
	s.setup.mu.Lock()
	s.setup.token = ""
	s.setup.mu.Unlock()
	return s.letIn(ctx, done.User.ID)
}
