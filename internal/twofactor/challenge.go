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
	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/identity"
	"github.com/herald-events/herald/internal/login"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/internal/ticket"
	"github.com/herald-events/herald/wire"
)

// challenge is what goes with the ticket of a login that waits for its second factor.
type challenge struct {
	Application wire.ID                  `json:"application,omitempty"`
	Type        event.AuthenticationType `json:"type,omitempty"`
	Sent        sentCode                 `json:"sent"`
	State       wire.Object              `json:"state,omitempty"`
	// Origin is that of the request which began the login.
	Origin login.Origin `json:"origin,omitzero"`
	// Judgment of the password with which it began: by the time the code comes, nobody has the password any more.
	Judgment       identity.Judgment `json:"judgment,omitzero"`
	TrustChallenge string            `json:"trustChallenge,omitempty"`
}

// outdated tells whether the password is another one since the login began with it. One that began with [Service.Start] has none.
func (c challenge) outdated(u *identity.User, began wire.Instant) bool {
	return c.Type == event.AuthenticationPassword && c.Origin.LoginID != "" && u.PasswordLastUpdateInstant > began
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
	c.Sent.Code = cmp.Or(code, flows.Code.New())
	id := ticket.NewID()
	var commit func(*db.Tx) error
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
			commit = s.challenge(plan, u, id, c, flows)
			return nil
		},
		Commit: func(tx *db.Tx) error { return commit(tx) },
	})
	if err != nil {
		return res, err
	}
	return wire.TwoFactorStartResponse{Code: c.Sent.Code, TwoFactorID: id, Methods: u.TwoFactor.Methods}, nil
}

// challenge plans user.two-factor.challenge, and returns what stores the challenge under an id.
func (s *Service) challenge(plan *publish.Plan, u *identity.User, id string, c challenge, flows *tenant.Flows) (commit func(*db.Tx) error) {
	plan.Publish(&event.UserTwoFactorChallengeEvent{
		Header: event.About(event.UserTwoFactorChallenge, u.ID), ApplicationID: c.Application, User: u.User,
	})
	return func(tx *db.Tx) error {
		_, err := s.o.Tickets.Issue(tx, ticket.Challenge, id, u.ID, c, flows.Lifetimes.TwoFactorID)
		return err
	}
}

// Challenge plans the demand for a second factor when a login needs one: that makes it a login.Factors. It returns nil when the login needs none.
func (s *Service) Challenge(tx *db.Tx, plan *publish.Plan, e login.Entry, flows *tenant.Flows) (commit func(*db.Tx) error, answer *wire.LoginResponse, err error) {
	var a application.Application
	if e.Application != nil {
		a = *e.Application
	}
	u := e.User
	trusted := false
	if e.TrustID != "" {
		if trusted, _, err = s.trusted(tx, u, a, e.TrustID); err != nil {
			return nil, nil, err
		}
	}
	if !needed(flows.MultiFactor.LoginPolicy, a, len(u.TwoFactor.Methods) > 0, trusted) {
		return nil, nil, nil
	}
	origin := e.Origin
	origin.TrustID = ""
	id := ticket.NewID()
	c := challenge{Application: a.ID, Type: e.Type, State: e.State, Origin: origin, Judgment: e.Judgment}
	answer = &wire.LoginResponse{TwoFactorID: id, State: e.State, Methods: append([]wire.TwoFactorMethod{}, u.TwoFactor.Methods...)}
	if len(answer.Methods) == 0 {
		answer.ConfigurableMethods = configurable(flows)
	}
	return s.challenge(plan, u, id, c, flows), answer, nil
}

// configurable are the methods that a user can add in the tenant.
func configurable(flows *tenant.Flows) (methods []string) {
	for _, m := range []struct {
		name    string
		enabled bool
	}{
		{wire.TwoFactorByAuthenticator, flows.MultiFactor.Authenticator.Enabled},
		{wire.TwoFactorByEmail, flows.MultiFactor.Email.Enabled},
		{wire.TwoFactorBySMS, flows.MultiFactor.SMS.Enabled},
	} {
		if m.enabled {
			methods = append(methods, m.name)
		}
	}
	return methods
}

func isCode(code string) bool {
	return utf8.ValidString(code) && !strings.ContainsFunc(code, unicode.IsControl)
}

// waiting returns the user of a login that waits for its second factor, and until when it does. It is problem.ErrNotFound for an id that is unknown,
// has ended or is void.
func (s *Service) waiting(ctx context.Context, id string) (u *identity.User, c challenge, until wire.Instant, err error) {
	err = s.o.DB.View(ctx, func(tx *db.Tx) error {
		t, err := s.o.Tickets.Find(tx, ticket.Challenge, id)
		if err != nil {
			return err
		}
		if err := t.Content(&c); err != nil {
			return err
		}
		until = t.Expire
		u, err = s.o.Users.LoadIn(tx, t.User)
		return err
	})
	return u, c, until, err
}

// Complete completes a login with a second factor.
//
// Errors: problem.Invalid; problem.ErrNotFound for an id that is unknown, has ended, was used or is void; ErrWrongCode; those of login.Completion;
// publish.ErrRefused, after which the code is good for another try.
//
// Events: with a right code those of a login, unless something is in the way, and user.two-factor.success; with a wrong one
// user.two-factor.failed-attempt, and what keeps the user out when it was one too many.
func (s *Service) Complete(ctx context.Context, req wire.TwoFactorLoginRequest, info *wire.EventInfo) (*login.Outcome, error) {
	var v problem.Validation
	v.Check(req.TwoFactorID != "", "twoFactorId", "blank", "Say which login: twoFactorId.")
	v.Check(strings.TrimSpace(req.Code) != "", "code", "blank", "The code is missing.")
	v.Check(len(req.Code) <= maxCode, "code", "tooLong", "A code has at most %d bytes.", maxCode)
	if err := v.Err(); err != nil {
		return nil, err
	}
	u, c, _, err := s.waiting(ctx, req.TwoFactorID)
	if err != nil {
		return nil, err
	}
	v.Check(req.UserID == "" || req.UserID == u.ID, "userId", "mismatch", "This login is another user's.")
	v.Check(req.ApplicationID == "" || c.Application == "" || req.ApplicationID == c.Application, "applicationId", "mismatch",
		"This login is one to another application.")
	a, err := s.application(ctx, &v, u.TenantID, cmp.Or(c.Application, req.ApplicationID))
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
	done := &completion{s: s, req: req, user: u.ID, flows: flows}
	e := login.Entry{User: u, Type: cmp.Or(c.Type, event.AuthenticationPassword), State: c.State, Origin: c.Origin, Judgment: c.Judgment}
	if a.ID != "" {
		e.Application = &a
	}
	e.BaseLogin = merged(req.BaseLogin, c.Origin.BaseLogin)
	if info != nil {
		e.IPAddress, e.EventInfo = cmp.Or(e.IPAddress, info.IPAddress), info
	}
	done.application, done.login = a.ID, s.o.Logins.Complete(e, flows)
	if err := s.o.Events.Do(ctx, publish.Operation{Tenant: u.TenantID, Info: info, Prepare: done.prepare, Commit: done.commit}); err != nil {
		return nil, err
	}
	if done.proof == nil {
		if err := s.failed(ctx, u, flows, info); err != nil {
			return nil, err
		}
		return nil, ErrWrongCode
	}
	out, err := done.login.Outcome(ctx)
	if err != nil {
		return nil, err
	}
	out.TrustToken, out.TwoFactorTrustID = done.trustToken, done.trustID
	return out, nil
}

// merged is what this request says of where it comes from, and what the one that began the login said where this one says nothing.
func merged(now, before wire.BaseLogin) wire.BaseLogin {
	now.IPAddress = cmp.Or(now.IPAddress, before.IPAddress)
	now.NewDevice, now.NoJWT = now.NewDevice || before.NewDevice, now.NoJWT || before.NoJWT
	if now.MetaData.Device == (wire.Device{}) {
		now.MetaData = before.MetaData
	}
	now.BotDetectionScore = max(now.BotDetectionScore, before.BotDetectionScore)
	return now
}

// completion is one call of Complete on its way through its operation.
type completion struct {
	s           *Service
	req         wire.TwoFactorLoginRequest
	user        wire.ID
	application wire.ID
	flows       *tenant.Flows
	login       *login.Completion

	ticket              *ticket.Ticket
	challenge           challenge
	proof               *proof // nil when the code is wrong
	trustToken, trustID string
}

func (d *completion) prepare(tx *db.Tx, plan *publish.Plan) (err error) {
	d.proof, d.challenge, d.trustToken, d.trustID = nil, challenge{}, "", ""
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
	if !u.Active || d.challenge.outdated(u, d.ticket.Insert) {
		return problem.ErrNotFound
	}
	if d.proof, err = d.s.prove(tx, u, d.challenge.Sent, d.req.Code, ""); err != nil {
		return err
	}
	if d.proof == nil {
		plan.Publish(attempt(u, d.application, d.challenge.Sent, nil))
		return nil
	}
	// Of two with the right code, one asks webhooks.
	if err := plan.Reserve(tx, d.ticket.Name(), problem.ErrNotFound); err != nil {
		return err
	}
	if err := d.login.Prepare(tx, plan, u); err != nil {
		return err
	}
	plan.Publish(attempt(u, d.application, d.challenge.Sent, d.proof))
	return nil
}

// attempt is the event about a code that proves something, or, without a proof, about a wrong one.
func attempt(u *identity.User, application wire.ID, sent sentCode, right *proof) *event.UserTwoFactorAttemptEvent {
	e := &event.UserTwoFactorAttemptEvent{Header: event.About(event.UserTwoFactorFailedAttempt, u.ID), ApplicationID: application, User: u.User}
	if right == nil {
		e.Method, e.MessageType = tried(u, sent)
	} else {
		e.Type, e.Method, e.MessageType = event.UserTwoFactorSuccess, right.method, right.messageType
	}
	return e
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
	if err := d.ticket.Spend(tx); err != nil {
		return err
	}
	if err := d.s.use(tx, d.proof); err != nil {
		return err
	}
	if err := d.login.Commit(tx); err != nil {
		return err
	}
	if err := d.s.markUsed(tx, d.user, d.proof.methodID); err != nil {
		return err
	}
	if d.challenge.TrustChallenge != "" {
		d.trustToken = ticket.NewID()
		proof := identity.Proof{Challenge: d.challenge.TrustChallenge}
		if _, err := d.s.o.Tickets.Issue(tx, ticket.TrustToken, d.trustToken, d.user, proof, d.flows.Lifetimes.TrustToken); err != nil {
			return err
		}
	}
	if d.req.TrustComputer {
		d.trustID = ticket.NewID()
		if _, err := d.s.o.Tickets.Issue(tx, ticket.Trust, d.trustID, d.user, trust{d.application}, d.flows.Lifetimes.TwoFactorTrust); err != nil {
			return err
		}
	}
	return nil
}

// failed counts a wrong code as a failed login, and keeps the user out when it was one too many. The code itself was counted with its event.
func (s *Service) failed(ctx context.Context, u *identity.User, flows *tenant.Flows, info *wire.EventInfo) error {
	if flows.Lockout.UserActionID == "" {
		return nil
	}
	failures, err := s.o.Logins.CountFailure(ctx, u.ID, flows.Lockout.Window)
	if err != nil {
		return err
	}
	var commit func(*db.Tx) error
	err = s.o.Events.Do(ctx, publish.Operation{
		Tenant: u.TenantID,
		Info:   info,
		Prepare: func(tx *db.Tx, plan *publish.Plan) (err error) {
			commit, err = s.o.Logins.Lock(tx, plan, u, failures, flows.Lockout.TooManyAttempts)
			return err
		},
		Commit: func(tx *db.Tx) error {
			if commit == nil {
				return nil
			}
			return commit(tx)
		},
	})
	if p, ok := problem.As(err); ok && p.Kind == problem.Conflict { // somebody else keeps the user out, and the code is wrong in any case
		return nil
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
		err := s.o.DB.View(ctx, func(tx *db.Tx) (err error) {
			var found *wire.TwoFactorTrust
			if trusted, found, err = s.trusted(tx, u, a, req.TwoFactorTrustID); err == nil && found != nil {
				res.TwoFactorTrustID, res.Trusts = req.TwoFactorTrustID, append(res.Trusts, *found)
			}
			return err
		})
		if err != nil {
			return res, false, err
		}
	}
	return res, needed(flows.MultiFactor.LoginPolicy, a, len(u.TwoFactor.Methods) > 0, trusted), nil
}

// trusted tells whether a computer spares the user the second factor for an application, and what is known of it, nil for nothing.
func (s *Service) trusted(tx *db.Tx, u *identity.User, a application.Application, trustID string) (bool, *wire.TwoFactorTrust, error) {
	t, err := s.o.Tickets.Find(tx, ticket.Trust, trustID)
	if errors.Is(err, problem.ErrNotFound) || err == nil && t.User != u.ID {
		return false, nil, nil
	}
	if err != nil {
		return false, nil, err
	}
	var in trust
	if err := t.Content(&in); err != nil {
		return false, nil, err
	}
	return trusts(a, in.Application), &wire.TwoFactorTrust{ApplicationID: in.Application, StartInstant: t.Insert, Expiration: t.Expire}, nil
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
