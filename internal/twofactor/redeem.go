package twofactor

import (
	"context"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/identity"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/internal/ticket"
)

// Redeem takes the code of a challenge that [Service.Start] began, and nothing else of a login: no webhook is asked, nobody is logged in or kept
// out.
//
// Errors: ErrWrongCode; problem.ErrNotFound for an id that is unknown, has ended, was used or is void. Events: user.two-factor.success or
// user.two-factor.failed-attempt.
func (s *Service) Redeem(ctx context.Context, id, code string) (u *identity.User, err error) {
	if len(code) > maxCode {
		return nil, ErrWrongCode
	}
	owner, _, _, err := s.waiting(ctx, id)
	if err != nil {
		return nil, err
	}
	var t *ticket.Ticket
	var right *proof
	err = s.o.Events.Do(ctx, publish.Operation{
		Tenant: owner.TenantID,
		Prepare: func(tx *db.Tx, plan *publish.Plan) (err error) {
			if t, err = s.o.Tickets.Lock(tx, ticket.Challenge, id); err != nil {
				return err
			}
			var c challenge
			if err := t.Content(&c); err != nil {
				return err
			}
			if u, err = s.o.Users.LoadIn(tx, owner.ID); err != nil {
				return err
			}
			if !u.Active {
				return problem.ErrNotFound
			}
			if right, err = s.prove(tx, u, c.Sent, code, ""); err != nil {
				return err
			}
			plan.Publish(attempt(u, "", c.Sent, right))
			return nil
		},
		Commit: func(tx *db.Tx) error {
			if right == nil {
				return t.CountWrong(tx)
			}
			if err := t.Spend(tx); err != nil {
				return err
			}
			return s.use(tx, right)
		},
	})
	if err == nil && right == nil {
		err = ErrWrongCode
	}
	return u, err
}
