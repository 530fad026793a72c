package admin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/identity"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/internal/ticket"
	"github.com/herald-events/herald/wire"
)

const (
	// idleTime ends a session that nobody uses, longestSession every session.
	idleTime       = 8 * time.Hour
	longestSession = 7 * 24 * time.Hour
	// touchEvery is how exactly it is known when a session was last used: a page is no reason for a commit.
	touchEvery = time.Minute
	// confirmedFor is how long after the password was given something may be done that needs it.
	confirmedFor = 10 * time.Minute
)

// Session is a browser in which an administrator has signed in.
type Session struct {
	*Admin
	Began wire.Instant

	hash            string // of what the cookie holds, which is not stored
	user            wire.ID
	last, confirmed wire.Instant
	now             int64
}

// Confirmed tells whether the password was given so recently that it need not be given again, for what takes it.
func (s *Session) Confirmed() bool { return s.now-int64(s.confirmed) < confirmedFor.Milliseconds() }

func hashOf(value string) string {
	sum := sha256.Sum256([]byte("admin session/" + value))
	return hex.EncodeToString(sum[:])
}

// begin makes a session of a user and returns what its cookie holds.
func begin(tx *db.Tx, user wire.ID) (value string, err error) {
	now := wire.Instant(tx.NowMillis())
	value = ticket.NewID()
	return value, insertSession(tx, hashOf(value), &Session{user: user, Began: now, last: now, confirmed: now})
}

// Authenticate is Look for somebody who does something, so that the session does not end for want of use.
func (s *Service) Authenticate(ctx context.Context, value string) (*Session, error) {
	found, err := s.Look(ctx, value)
	if err == nil && found.now-int64(found.last) > touchEvery.Milliseconds() {
		err = s.o.DB.Update(ctx, func(tx *db.Tx) error { return touchSession(tx, found.hash, tx.NowMillis()) })
	}
	return found, err
}

// Look returns the session whose cookie holds value. It is problem.ErrUnauthenticated when there is none, it has ended, or its user is no
// administrator any more.
func (s *Service) Look(ctx context.Context, value string) (*Session, error) {
	var found *Session
	err := s.o.DB.View(ctx, func(tx *db.Tx) (err error) {
		now := tx.Now()
		if found, err = findSession(tx, hashOf(value), now.Add(-longestSession).UnixMilli(), now.Add(-idleTime).UnixMilli()); err != nil {
			return db.Found(err)
		}
		found.now = now.UnixMilli()
		u, err := s.o.Users.LoadIn(tx, found.user)
		if err != nil {
			return err
		}
		found.Admin, err = administrator(u)
		return err
	})
	if errors.Is(err, problem.ErrNotFound) {
		return nil, problem.ErrUnauthenticated
	}
	return found, err
}

// patience is how often somebody who is in may give a wrong password.
var patience = tenant.RateLimit{Enabled: true, Limit: mostTries, Period: tryTime}

// Confirm notes that the administrator has given the password again. Errors: ErrWrong; a problem of kind TooMany after too many tries.
func (s *Service) Confirm(ctx context.Context, session *Session, password string) error {
	err := s.o.DB.Update(ctx, func(tx *db.Tx) error { return identity.Allow(tx, session.user, "admin again", patience) })
	if err != nil {
		return err
	}
	if err := s.check(ctx, session.User, password); err != nil {
		return err
	}
	session.confirmed = wire.Instant(session.now)
	return s.o.DB.Update(ctx, func(tx *db.Tx) error { return confirmSession(tx, session.hash, tx.NowMillis()) })
}

// SignOut ends a session.
func (s *Service) SignOut(ctx context.Context, session *Session) error {
	return s.o.DB.Update(ctx, func(tx *db.Tx) error { return deleteSession(tx, session.hash) })
}

// EndSessions ends all sessions of a user whose password changes, and what began with the old one: it is a hook of identity.Service.OnPasswordChange.
func (s *Service) EndSessions(_ *db.Tx, _ *publish.Plan, u *wire.User, _ bool) (commit func(*db.Tx) error, err error) {
	return func(tx *db.Tx) error {
		return errors.Join(deleteSessionsOf(tx, u.ID), ticket.Revoke(tx, u.ID, ticket.AdminSignIn))
	}, nil
}

// Trim removes sessions that have ended, and what was counted of tries that are over.
func (s *Service) Trim(ctx context.Context) error {
	return s.o.DB.Update(ctx, func(tx *db.Tx) error {
		return errors.Join(trimSessions(tx, tx.Now().Add(-longestSession).UnixMilli(), tx.Now().Add(-idleTime).UnixMilli()),
			trimTries(tx, tx.Now().Add(-tryTime).UnixMilli(), mostCounted))
	})
}

// Opened is a session as its owner sees it.
type Opened struct {
	// ID names the session, and opens nothing.
	ID          string
	Began, Last wire.Instant
	// Current marks the one that asks.
	Current bool
}

// Sessions returns all sessions of the administrator that have not ended, the one that was used last first.
func (s *Service) Sessions(ctx context.Context, of *Session) (all []Opened, err error) {
	err = s.o.DB.View(ctx, func(tx *db.Tx) error {
		now := tx.Now()
		all, err = sessionsOf(tx, of.user, now.Add(-longestSession).UnixMilli(), now.Add(-idleTime).UnixMilli())
		return err
	})
	for i := range all {
		all[i].Current = all[i].ID == of.hash
	}
	return all, err
}

// EndSession ends one of the administrator's sessions. It is problem.ErrNotFound when there is none with that id.
func (s *Service) EndSession(ctx context.Context, of *Session, id string) error {
	return s.o.DB.Update(ctx, func(tx *db.Tx) error { return deleteSessionOf(tx, of.user, id) })
}

// Renew begins another session of the administrator, whose old ones have ended with the password, and returns what its cookie holds.
func (s *Service) Renew(ctx context.Context, of *Session) (value string, err error) {
	step, err := s.letIn(ctx, of.user)
	return step.Session, err
}
