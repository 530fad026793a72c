package twofactor

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/identity"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/internal/ticket"
	"github.com/herald-events/herald/wire"
)

// challenge is what goes with the ticket of a login that waits for its second factor.
type challenge struct {
	Application    wire.ID                  `json:"application,omitempty"`
	Type           event.AuthenticationType `json:"type,omitempty"`
	Sent           sentCode                 `json:"sent"`
	State          wire.Object              `json:"state,omitempty"`
	TrustChallenge string                   `json:"trustChallenge,omitempty"`
}

// minCode is for codes that a caller brings along, in bytes.
const minCode = 4

// Start asks u for a second factor, whatever the tenant's policy is. The answer has a code, which is worth the same as one that is sent until
// one is.
//
// Errors: problem.Invalid. Event: user.two-factor.challenge.
func (s *Service) Start(ctx context.Context, u *identity.User, req wire.TwoFactorStartRequest, info *wire.EventInfo) (wire.TwoFactorStartResponse, error) {
	var res wire.TwoFactorStartResponse
	flows, err := s.flows(ctx, u.TenantID)
	if err != nil {
		return res, err
	}
	var v problem.Validation
	if _, err := s.application(ctx, &v, u.TenantID, req.ApplicationID); err != nil {
		return res, err
	}
	code := typed(req.Code)
	v.Check(req.Code == "" || len(code) >= minCode && len(code) <= maxCode && isCode(code), "code", "invalid",
		"A code has %d to %d characters, and no control characters.", minCode, maxCode)
	v.Check(len(req.TrustChallenge) <= maxCode, "trustChallenge", "tooLong", "A trust challenge has at most %d bytes.", maxCode)
	if err := v.Err(); err != nil {
		return res, err
	}
	c := challenge{Application: req.ApplicationID, Type: event.AuthenticationPassword, State: req.State, TrustChallenge: req.TrustChallenge}
	c.Sent.Code = cmp.Or(code, generate(flows.Code))
	id := ticket.NewID()
	err = s.o.Events.Do(ctx, publish.Operation{
		Tenant: u.TenantID,
		Info:   info,
		Prepare: func(tx *db.Tx, plan *publish.Plan) (err error) {
			if u, err = s.o.Users.LoadIn(tx, u.ID); err != nil {
				return err
			}
			if !u.Active {
				return problem.ErrNotFound
			}
			plan.Publish(&event.UserTwoFactorChallengeEvent{
				Header: event.About(event.UserTwoFactorChallenge, u.ID), ApplicationID: req.ApplicationID, User: u.User,
			})
			return nil
		},
		Commit: func(tx *db.Tx) error {
			_, err := s.o.Tickets.Issue(tx, ticket.Challenge, id, u.ID, c, flows.Lifetimes.TwoFactorID)
			return err
		},
	})
	if err != nil {
		return res, err
	}
	return wire.TwoFactorStartResponse{Code: c.Sent.Code, TwoFactorID: id, Methods: u.TwoFactor.Methods}, nil
}

func isCode(code string) bool {
	return utf8.ValidString(code) && !strings.ContainsFunc(code, unicode.IsControl)
}

// waiting returns the user of a login that waits for its second factor. It is problem.ErrNotFound for an id that is unknown, has ended or is
// void.
func (s *Service) waiting(ctx context.Context, id string) (u *identity.User, c challenge, err error) {
	err = s.o.DB.View(ctx, func(tx *db.Tx) error {
		t, err := s.o.Tickets.Find(tx, ticket.Challenge, id)
		if err != nil {
			return err
		}
		if err := t.Content(&c); err != nil {
			return err
		}
		u, err = s.o.Users.LoadIn(tx, t.User)
		return err
	})
	return u, c, err
}

// Result is how a login was completed. The second factor was right in any case.
type Result struct {
	wire.LoginResponse

	// Registered is false when the user is not registered for the application that is logged in to.
	Registered bool
	// Standing says what is in the way of the login. It is Good, ChangePassword or Unverified.
	Standing identity.Standing
}

// Complete completes a login with a second factor.
//
// Errors: problem.Invalid; problem.ErrNotFound for an id that is unknown, has ended, was used or is void, and when the user was deactivated;
// ErrWrongCode; ErrExpired; publish.ErrRefused, after which the code is good for another try.
//
// Events: with a right code user.login.success and user.login.new-device, unless something is in the way, and user.two-factor.success; with a
// wrong one user.two-factor.failed-attempt.
func (s *Service) Complete(ctx context.Context, req wire.TwoFactorLoginRequest, info *wire.EventInfo) (*Result, error) {
	var v problem.Validation
	v.Check(req.TwoFactorID != "", "twoFactorId", "blank", "Say which login: twoFactorId.")
	v.Check(strings.TrimSpace(req.Code) != "", "code", "blank", "The code is missing.")
	v.Check(len(req.Code) <= maxCode, "code", "tooLong", "A code has at most %d bytes.", maxCode)
	if err := v.Err(); err != nil {
		return nil, err
	}
	u, c, err := s.waiting(ctx, req.TwoFactorID)
	if err != nil {
		return nil, err
	}
	v.Check(req.UserID == "" || req.UserID == u.ID, "userId", "mismatch", "This login is another user's.")
	v.Check(req.ApplicationID == "" || c.Application == "" || req.ApplicationID == c.Application, "applicationId", "mismatch",
		"This login is one to another application.")
	application, err := s.application(ctx, &v, u.TenantID, cmp.Or(c.Application, req.ApplicationID))
	if err != nil {
		return nil, err
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	flows, err := s.flows(ctx, u.TenantID)
	if err != nil {
		return nil, err
	}
	done := &completion{
		s: s, req: req, user: u.ID, application: application.ID, flows: flows,
		login: identity.Login{Application: application.ID, IPAddress: req.IPAddress, NewDevice: req.NewDevice},
	}
	if info != nil {
		done.login.IPAddress = cmp.Or(req.IPAddress, info.IPAddress)
	}
	if err := s.o.Events.Do(ctx, publish.Operation{Tenant: u.TenantID, Info: info, Prepare: done.prepare, Commit: done.commit}); err != nil {
		return nil, err
	}
	if done.proof == nil {
		return nil, ErrWrongCode
	}
	return &done.result, nil
}

// completion is one call of Complete on its way through its operation.
type completion struct {
	s           *Service
	req         wire.TwoFactorLoginRequest
	user        wire.ID
	application wire.ID
	flows       *tenant.Flows

	ticket    *ticket.Ticket
	challenge challenge
	proof     *proof // nil when the code is wrong
	login     identity.Login
	result    Result
}

func (d *completion) prepare(tx *db.Tx, plan *publish.Plan) (err error) {
	d.proof, d.challenge, d.result = nil, challenge{}, Result{}
	// Locked: with a wrong code there is nobody to ask, so it is counted before the next one looks.
	if d.ticket, err = d.s.o.Tickets.Lock(tx, ticket.Challenge, d.req.TwoFactorID); err != nil {
		return err
	}
	if err := d.ticket.Content(&d.challenge); err != nil {
		return err
	}
	u, err := d.s.o.Users.LoadIn(tx, d.user)
	if err != nil {
		return err
	}
	standing := u.Standing(wire.Instant(tx.NowMillis()), d.flows)
	if standing == identity.Deactivated {
		return problem.ErrNotFound
	}
	if d.proof, err = d.s.prove(tx, u, d.challenge.Sent, d.req.Code, ""); err != nil {
		return err
	}
	attempt := event.UserTwoFactorAttemptEvent{
		Header: event.About(event.UserTwoFactorFailedAttempt, u.ID), ApplicationID: d.application, User: u.User,
	}
	if d.proof == nil {
		attempt.Method, attempt.MessageType = tried(u, d.challenge.Sent)
		plan.Publish(&attempt)
		return nil
	}
	if standing == identity.Expired {
		return ErrExpired
	}
	// Of two with the right code, one asks webhooks.
	if err := plan.Reserve(tx, d.ticket.Name(), problem.ErrNotFound); err != nil {
		return err
	}
	d.login.User, d.login.Type = u, cmp.Or(d.challenge.Type, event.AuthenticationPassword)
	d.result = Result{Standing: standing, Registered: d.login.Registered(), LoginResponse: wire.LoginResponse{State: d.challenge.State}}
	if standing == identity.Good {
		d.login.Plan(tx, plan)
	}
	attempt.Type, attempt.Method, attempt.MessageType, attempt.User = event.UserTwoFactorSuccess, d.proof.method, d.proof.messageType, u.User
	plan.Publish(&attempt)
	return nil
}

// tried is what a wrong code was most likely meant to be of.
func tried(u *identity.User, sent sentCode) (method string, by wire.MessageType) {
	if sent.Method != "" {
		return sent.Method, sent.MessageType
	}
	app := func(m wire.TwoFactorMethod) bool { return m.Method == wire.TwoFactorByAuthenticator }
	if slices.ContainsFunc(u.TwoFactor.Methods, app) {
		return wire.TwoFactorByAuthenticator, ""
	}
	return "", ""
}

func (d *completion) commit(tx *db.Tx) error {
	if d.proof == nil {
		return d.ticket.CountWrong(tx)
	}
	u := d.login.User
	if err := d.ticket.Spend(tx); err != nil {
		return err
	}
	if err := d.s.use(tx, d.proof); err != nil {
		return err
	}
	if err := d.s.markUsed(tx, u.ID, d.proof.methodID); err != nil {
		return err
	}
	var err error
	switch d.result.Standing {
	case identity.ChangePassword:
		d.result.ChangePasswordReason = cmp.Or(u.PasswordChangeReason, wire.PasswordChangeAdministrative)
		d.result.ChangePasswordID, err = d.s.o.Resets.IssueIn(tx, u, d.flows)
	case identity.Good:
		d.result.User = &u.User
		err = d.login.Write(tx)
	}
	if err != nil {
		return err
	}
	if d.challenge.TrustChallenge != "" {
		d.result.TrustToken = ticket.NewID()
		proof := identity.Proof{Challenge: d.challenge.TrustChallenge}
		if _, err := d.s.o.Tickets.Issue(tx, ticket.TrustToken, d.result.TrustToken, u.ID, proof, d.flows.Lifetimes.TrustToken); err != nil {
			return err
		}
	}
	if d.req.TrustComputer {
		d.result.TwoFactorTrustID = ticket.NewID()
		_, err = d.s.o.Tickets.Issue(tx, ticket.Trust, d.result.TwoFactorTrustID, u.ID, trust{d.application}, d.flows.Lifetimes.TwoFactorTrust)
	}
	return err
}

// markUsed remembers which method was used last. It is for people to see, so it gives way to any other change of the user.
func (s *Service) markUsed(tx *db.Tx, user wire.ID, methodID string) error {
	u, err := s.o.Users.LoadIn(tx, user)
	if err != nil {
		return err
	}
	changed := u.Copy()
	differs := false
	for i := range changed.TwoFactor.Methods {
		m := &changed.TwoFactor.Methods[i]
		differs = differs || m.LastUsed != (m.ID == methodID)
		m.LastUsed = m.ID == methodID
	}
	if !differs || methodID == "" {
		return nil
	}
	err = s.o.Users.WriteIn(tx, u, changed)
	if p, ok := problem.As(err); ok && p.Kind == problem.Conflict {
		return nil
	}
	return err
}

// trust is what goes with the ticket of a trusted computer.
type trust struct {
	Application wire.ID `json:"application,omitempty"`
}

// Status tells whether a login of u to an application would need a second factor from a computer with the request's trust id, and what that id
// is worth. Errors: problem.Invalid.
func (s *Service) Status(ctx context.Context, u *identity.User, req wire.TwoFactorStatusRequest) (res wire.TwoFactorStatusResponse, challenged bool, err error) {
	flows, err := s.flows(ctx, u.TenantID)
	if err != nil {
		return res, false, err
	}
	var v problem.Validation
	a, err := s.application(ctx, &v, u.TenantID, req.ApplicationID)
	if err == nil {
		err = v.Err()
	}
	if err != nil {
		return res, false, err
	}
	trusted := false
	if req.TwoFactorTrustID != "" {
		err := s.o.DB.View(ctx, func(tx *db.Tx) error {
			t, err := s.o.Tickets.Find(tx, ticket.Trust, req.TwoFactorTrustID)
			if errors.Is(err, problem.ErrNotFound) || err == nil && t.User != u.ID {
				return nil
			}
			if err != nil {
				return err
			}
			var in trust
			if err := t.Content(&in); err != nil {
				return err
			}
			trusted = trusts(a, in.Application)
			res.TwoFactorTrustID = req.TwoFactorTrustID
			res.Trusts = append(res.Trusts, wire.TwoFactorTrust{ApplicationID: in.Application, StartInstant: t.Insert, Expiration: t.Expire})
			return nil
		})
		if err != nil {
			return res, false, err
		}
	}
	return res, needed(flows.MultiFactor.LoginPolicy, a, len(u.TwoFactor.Methods) > 0, trusted), nil
}

// TrustedUser returns the user of a trusted computer, or problem.ErrNotFound.
func (s *Service) TrustedUser(ctx context.Context, trustID string) (u *identity.User, err error) {
	err = s.o.DB.View(ctx, func(tx *db.Tx) error {
		t, err := s.o.Tickets.Find(tx, ticket.Trust, trustID)
		if err != nil {
			return err
		}
		u, err = s.o.Users.LoadIn(tx, t.User)
		return err
	})
	return u, err
}

// trimPatience bounds one call of Trim.
const trimPatience = 20 * time.Second

// Trim removes ids and codes that have ended, in small steps beside the work.
func (s *Service) Trim(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, trimPatience)
	defer cancel()
	for {
		var removed int64
		err := s.o.DB.Update(ctx, func(tx *db.Tx) (err error) {
			removed, err = ticket.Trim(tx)
			return err
		})
		if err != nil || removed == 0 {
			return err
		}
	}
}
