package identity

import (
	"context"
	"strings"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/internal/risk"
	"github.com/herald-events/herald/wire"
)

// This file is about passwords that somebody chooses, or has chosen: what the tenant wants of them beyond their form (rules.go), and what follows from a new one.

// choose checks a password that is about to become that of a user, and hashes it. was is the user before, nil for a new one; will is what the password will be
// used with. It takes its time: never call it inside a transaction.
//
// Errors: problem.Invalid.
func (s *Service) choose(ctx context.Context, path, password string, was *User, will *wire.User, rules PasswordRules) (credential, error) {
	var v problem.Validation
	ids := loginIDs(will)
	for _, l := range ids {
		v.Check(!rules.DisallowLoginID || !strings.EqualFold(l.value(will), password) || v.Has(path), path, "matchesLoginId", "A password is not what the user logs in with.")
	}
	if was != nil && rules.MinimumAge > 0 && was.PasswordLastUpdateInstant > 0 && !was.PasswordChangeRequired {
		age := s.db.Now().Sub(time.UnixMilli(int64(was.PasswordLastUpdateInstant)))
		v.Check(age >= rules.MinimumAge, path, "tooYoung", "The password was changed a moment ago. It can be changed again in %v.", (rules.MinimumAge - age).Round(time.Second))
	}
	if rules.Breach.Enabled {
		status, err := s.breached(will, password, rules)
		if err != nil {
			return credential{}, err
		}
		if status != wire.BreachedNone {
			v.Field(path, "breached"+string(status), "This password is known to be stolen. Choose another one.")
		}
	}
	if err := v.Err(); err != nil {
		return credential{}, err
	}
	if was != nil && rules.Remember > 0 {
		used, err := s.used(ctx, was, password, rules.Remember)
		if err != nil {
			return credential{}, err
		}
		if used {
			v.Field(path, "previouslyUsed", "This password was used before. Choose another one.")
			return credential{}, v.Err()
		}
	}
	return s.hasher.hash(ctx, password)
}

// breached tells how much of a login is known to be stolen, as far as the tenant counts that.
func (s *Service) breached(u *wire.User, password string, rules PasswordRules) (wire.BreachedPasswordStatus, error) {
	if s.Breaches == nil {
		return wire.BreachedNone, nil
	}
	var ids []string
	for _, l := range loginIDs(u) {
		ids = append(ids, l.value(u))
	}
	status, err := s.Breaches.Check(ids, password)
	if err != nil || !rules.Breach.counts(status) {
		return wire.BreachedNone, err
	}
	return status, nil
}

// used tells whether a password is the one that the user has, or one of the last that he had.
func (s *Service) used(ctx context.Context, u *User, password string, last int) (bool, error) {
	var before []credential
	err := s.db.View(ctx, func(tx *db.Tx) (err error) {
		before, err = oldPasswords(tx, u.ID, last)
		return err
	})
	if err != nil {
		return false, err
	}
	for _, c := range append([]credential{u.password}, before...) {
		if same, err := s.hasher.verify(ctx, c, password); err != nil || same {
			return same, err
		}
	}
	return false, nil
}

// remember keeps the password that a user had until now, where the tenant wants that.
func remember(tx *db.Tx, was *User, rules PasswordRules) error {
	if rules.Remember == 0 || was.password == (credential{}) {
		return nil
	}
	return keepPassword(tx, was, rules.Remember)
}

// PasswordChange plans what follows from a new password, besides its own events. reset says that the user has chosen it, by the way for that. What it returns is
// called in the commit, and is nil when there is nothing to do.
type PasswordChange func(tx *db.Tx, plan *publish.Plan, u *wire.User, reset bool) (commit func(*db.Tx) error, err error)

// followUp plans what follows from the new password of u.
func (s *Service) followUp(tx *db.Tx, plan *publish.Plan, u *User, reset bool) (commits []func(*db.Tx) error, err error) {
	for _, follows := range s.OnPasswordChange {
		commit, err := follows(tx, plan, &u.User, reset)
		if err != nil {
			return nil, err
		}
		if commit != nil {
			commits = append(commits, commit)
		}
	}
	return commits, nil
}

func run(tx *db.Tx, commits []func(*db.Tx) error) error {
	for _, commit := range commits {
		if err := commit(tx); err != nil {
			return err
		}
	}
	return nil
}

// Judgment is what is to be said, at a login, about a password that is right.
type Judgment struct {
	// Change is why it must be changed, empty when it need not be.
	Change wire.PasswordChangeReason
	// Breached says that it is known to be stolen, and that the tenant wants to be told. Notify is the template of the message to the user; may be empty.
	Breached bool
	Notify   wire.ID
	// Status is how much of it is known; empty when nobody has looked.
	Status wire.BreachedPasswordStatus
}

// Judge says what is to be said about a password that is right.
func (s *Service) Judge(ctx context.Context, u *User, password string) (Judgment, error) {
	var j Judgment
	rules, err := s.rules(ctx, u.TenantID)
	if err != nil {
		return j, err
	}
	p := rules.Password
	if p.ValidateOnLogin {
		var v problem.Validation
		if p.check(&v, "password", password); v.Err() != nil {
			j.Change = wire.PasswordChangeValidation
		}
	}
	if p.MaximumAge > 0 && u.PasswordLastUpdateInstant > 0 && s.db.Now().Sub(time.UnixMilli(int64(u.PasswordLastUpdateInstant))) >= p.MaximumAge {
		j.Change = wire.PasswordChangeExpired
	}
	if !p.Breach.Enabled || p.Breach.OnLogin == BreachIgnored {
		return j, nil
	}
	if j.Status, err = s.breached(&u.User, password, p); err != nil || j.Status == wire.BreachedNone {
		return j, err
	}
	switch p.Breach.OnLogin {
	case BreachRequiresChange:
		j.Change = wire.PasswordChangeBreached
	case BreachNotifies:
		j.Breached, j.Notify = true, p.Breach.NotifyTemplateID
	default:
		j.Breached = true
	}
	return j, nil
}

// Breaches is what knows stolen passwords: see [risk.Breaches].
type Breaches = risk.Breaches
