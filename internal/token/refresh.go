package token

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"time"

	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

// Refresh is a refresh token as stored: what may be shown, and when it ends.
type Refresh struct {
	wire.RefreshToken
	Expires wire.Instant

	hash string
}

// newValue has 256 random bits.
func newValue() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func hashOf(value string) string {
	sum := sha256.Sum256([]byte("refresh token/" + value))
	return hex.EncodeToString(sum[:])
}

// Issue makes a refresh token of a user, for an application or, if that is nil, for none, and returns its value, which is not stored.
//
// Errors: problem.ErrNotFound when user or application are gone.
func (s *Service) Issue(tx *db.Tx, u *wire.User, a *application.Application, rules tenant.JWT, meta wire.RefreshTokenMetaData) (value string, r *Refresh, err error) {
	now := wire.Instant(tx.NowMillis())
	value = newValue()
	r = &Refresh{
		RefreshToken: wire.RefreshToken{
			ID: wire.ID(db.NewID()), UserID: u.ID, TenantID: u.TenantID, StartInstant: now, InsertInstant: now, MetaData: meta,
		},
		Expires: now + wire.Instant(rules.RefreshToken.Milliseconds()), hash: hashOf(value),
	}
	if a != nil {
		r.ApplicationID = a.ID
	}
	return value, r, insert(tx, r)
}

// Presented is a refresh token that somebody has shown.
type Presented struct {
	*Refresh
	// Stolen says that the value is one that a one-time token had before, and that its grace is over: two parties have it.
	Stolen bool

	value string
}

// Find returns the token that has, or had, a value. It is problem.ErrNotFound when there is none, or it has ended.
func (s *Service) Find(tx *db.Tx, value string) (*Presented, error) {
	r, grace, err := find(tx, hashOf(value))
	if err != nil {
		return nil, db.Found(err)
	}
	if int64(r.Expires) <= tx.NowMillis() {
		return nil, problem.ErrNotFound
	}
	return &Presented{Refresh: r, Stolen: grace != 0 && grace <= tx.NowMillis(), value: value}, nil
}

// Use lets a token live on as the rules say, from where, and returns the value that is good from now on.
//
// Errors: problem.ErrNotFound when the token was revoked meanwhile; problem.Stale when somebody else has used a one-time token meanwhile.
func (s *Service) Use(tx *db.Tx, p *Presented, rules tenant.JWT, address string) (value string, err error) {
	r, now := p.Refresh, wire.Instant(tx.NowMillis())
	r.MetaData.Device.LastAccessedInstant = now
	if address != "" {
		r.MetaData.Device.LastAccessedAddress = address
	}
	if rules.Expiration != tenant.ExpirationFixed {
		r.Expires = now + wire.Instant(rules.RefreshToken.Milliseconds())
		if rules.Expiration == tenant.ExpirationSlidingMax {
			r.Expires = min(r.Expires, r.StartInstant+wire.Instant(rules.MaximumRefreshToken.Milliseconds()))
		}
	}
	before, after := r.hash, r.hash
	if value = p.value; rules.Usage == tenant.UsageOneTime && hashOf(p.value) == r.hash { // a value in its grace changes nothing
		value = newValue()
		after = hashOf(value)
	}
	updated, err := update(tx, r, before, after)
	switch {
	case err != nil:
		return "", err
	case !updated:
		if exists, err := tokenExists(tx, r.ID); err != nil || exists {
			return "", cmp.Or(err, error(problem.Stale("refresh token")))
		}
		return "", problem.ErrNotFound
	}
	if after != before {
		grace := int64(1) // long over, also for a transaction that began before this one and sees what it writes
		if rules.Grace > 0 {
			grace = int64(now) + rules.Grace.Milliseconds()
		}
		if err := keepUsed(tx, before, r.ID, grace); err != nil {
			return "", err
		}
	}
	r.hash = after
	return value, nil
}

// List returns the tokens of a user that are good, the newest first.
func (s *Service) List(ctx context.Context, user wire.ID) (all []wire.RefreshToken, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		found, err := ofUser(tx, user, "")
		for _, r := range found {
			all = append(all, r.RefreshToken)
		}
		return err
	})
	return all, err
}

// Load returns a token, or problem.ErrNotFound.
func (s *Service) Load(ctx context.Context, id wire.ID) (r *Refresh, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		r, err = load(tx, id)
		return db.Found(err)
	})
	return r, err
}

// Present is [Service.Find] in a transaction of its own.
func (s *Service) Present(ctx context.Context, value string) (p *Presented, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		p, err = s.Find(tx, value)
		return err
	})
	return p, err
}

// trimPatience bounds one call of Trim, trimStep one of its transactions.
const (
	trimPatience = 20 * time.Second
	trimStep     = 500
)

// Trim removes tokens that have ended, in small steps beside the work.
func (s *Service) Trim(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, trimPatience)
	defer cancel()
	for {
		var removed int64
		err := s.DB.Update(ctx, func(tx *db.Tx) (err error) {
			removed, err = trim(tx, tx.NowMillis(), trimStep)
			return err
		})
		if err != nil || removed == 0 {
			return err
		}
	}
}
