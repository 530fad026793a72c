package admin

import (
	"context"
	"errors"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/identity"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/ticket"
	"github.com/herald-events/herald/wire"
)

// ErrWrong says that name and password do not let anybody in. It never says which of them is wrong, nor whether there is such an administrator.
var ErrWrong = errors.New("admin: wrong name or password")

// Step is how far signing in has come.
type Step struct {
	// Session is what the cookie holds of who is in. Empty when a second factor is needed.
	Session string
	// Challenge is the id to give to [Service.Prove], and Methods what may prove it.
	Challenge string
	Methods   []wire.TwoFactorMethod
}

// SignIn lets an administrator in who knows the password, or asks for the second factor if there is one. address is where the request comes from.
//
// Errors: ErrWrong; a problem of kind TooMany after too many tries; problem.Invalid.
func (s *Service) SignIn(ctx context.Context, name, password, address string) (Step, error) {
	if err := s.try(ctx, name, address); err != nil {
		return Step{}, err
	}
	home, err := s.home(ctx)
	if err != nil {
		return Step{}, err
	}
	u, _, err := s.o.Users.FindByLoginID(ctx, home, name, nil)
	if err != nil && !errors.Is(err, problem.ErrNotFound) {
		return Step{}, err
	}
	if err := s.check(ctx, u, password); err != nil {
		return Step{}, err
	}
	if _, err := administrator(u); err != nil { // only now, so that nobody learns who is one
		return Step{}, ErrWrong
	}
	if len(u.TwoFactor.Methods) > 0 {
		return s.challenge(ctx, u)
	}
	return s.letIn(ctx, u.ID)
}

// codeTime is how long an administrator has to bring the second factor after the password.
const codeTime = 10 * time.Minute

// challenge asks for the second factor, and notes that the password was given here: logins have challenges too, and so has whoever may call the API.
func (s *Service) challenge(ctx context.Context, u *identity.User) (Step, error) {
	started, err := s.o.Factors.Start(ctx, u, wire.TwoFactorStartRequest{}, nil)
	if err != nil {
		return Step{}, err
	}
	err = s.o.DB.Update(ctx, func(tx *db.Tx) error {
		_, err := s.o.Tickets.Issue(tx, ticket.AdminSignIn, started.TwoFactorID, u.ID, struct{}{}, codeTime)
		return err
	})
	return Step{Challenge: started.TwoFactorID, Methods: started.Methods}, err
}

// begun is ErrWrong for a challenge that did not begin with a password given here, or is over.
func (s *Service) begun(ctx context.Context, challenge string) error {
	err := s.o.DB.View(ctx, func(tx *db.Tx) error {
		_, err := s.o.Tickets.Find(tx, ticket.AdminSignIn, challenge)
		return err
	})
	if errors.Is(err, problem.ErrNotFound) {
		err = ErrWrong
	}
	return err
}

// check is ErrWrong unless the password is the user's. It takes as long without a user.
func (s *Service) check(ctx context.Context, u *identity.User, password string) error {
	right, err := s.o.Users.CheckPassword(ctx, u, password)
	if err == nil && !right {
		err = ErrWrong
	}
	return err
}

// SendCode sends a code for a challenge by one of its methods. Errors: ErrWrong for a challenge that is over; those of twofactor.Service.SendForLogin.
func (s *Service) SendCode(ctx context.Context, challenge, method string) error {
	if err := s.begun(ctx, challenge); err != nil {
		return err
	}
	return s.o.Factors.SendForLogin(ctx, challenge, wire.TwoFactorSendRequest{MethodID: method})
}

// Prove lets the administrator in who was asked for a second factor. Errors: twofactor.ErrWrongCode; ErrWrong when the challenge has ended, or is void after
// too many wrong codes.
func (s *Service) Prove(ctx context.Context, challenge, code string) (Step, error) {
	if err := s.begun(ctx, challenge); err != nil {
		return Step{}, err
	}
	u, err := s.o.Factors.Redeem(ctx, challenge, code)
	if errors.Is(err, problem.ErrNotFound) {
		err = ErrWrong
	}
	if err != nil {
		return Step{}, err
	}
	if _, err := administrator(u); err != nil {
		return Step{}, ErrWrong
	}
	return s.letIn(ctx, u.ID)
}

func (s *Service) letIn(ctx context.Context, user wire.ID) (Step, error) {
	var value string
	err := s.o.DB.Update(ctx, func(tx *db.Tx) (err error) {
		value, err = begin(tx, user)
		return err
	})
	return Step{Session: value}, err
}
