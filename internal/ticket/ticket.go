// Package ticket keeps ids and codes that are worth something for a short while, and once: the id of a two-factor challenge, a code that was
// sent, a trusted computer, the right to choose a new password.
//
// What a caller holds is 256 random bits. The store has only the SHA-256 of it, and what goes with it sealed, so neither a copy of the
// database nor a log gives anything away. All decisions are made under the lock of the row: of two callers with one ticket one gets it, on
// both engines, and wrong tries are counted exactly however many come at once.
package ticket

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/sealed"
	"github.com/herald-events/herald/wire"
)

// Kind says what a ticket is good for. The same id of two kinds are two tickets.
type Kind string

// The kinds.
const (
	Challenge       Kind = "challenge"       // a login that waits for its second factor
	Code            Kind = "code"            // a code that was sent to switch a second factor on or off
	Trust           Kind = "trust"           // a computer that needs no second factor for a while
	TrustToken      Kind = "trustToken"      // the proof of a second factor, for the next call
	ChangePassword  Kind = "changePassword"  // the right to choose a new password
	OneTimePassword Kind = "oneTimePassword" // logs in once after a new password was chosen
	Passwordless    Kind = "passwordless"    // logs in once, and was sent to the user
	AdminSignIn     Kind = "adminSignIn"     // an administrator has given the password, and is asked for the second factor

	Verification             Kind = "verification"             // proves that an address or a number is somebody's
	RegistrationVerification Kind = "registrationVerification" // proves that a registration is wanted
)

// MaxWrong is how many wrong tries a ticket survives. The last of them makes it void.
const MaxWrong = 5

// Office issues tickets and takes them back. It is safe for concurrent use.
type Office struct{ sealer sealed.Sealer }

// NewOffice returns the office whose tickets are sealed by s.
func NewOffice(s sealed.Sealer) *Office { return &Office{s} }

// Ticket is one ticket as it was when it was read. It is for the transaction that read it.
type Ticket struct {
	// User is empty when the ticket is that of somebody who is no user yet.
	User wire.ID
	// Wrong counts the wrong tries so far.
	Wrong int
	// Insert and Expire are when it was issued and when it ends.
	Insert, Expire wire.Instant

	office  *Office
	hash    string
	content string // sealed
}

// NewID returns an id that nobody can guess: 256 random bits, safe in a URL.
func NewID() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Same compares codes in a time that tells nothing about either. An empty code is none.
func Same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1 && a != ""
}

func hashOf(kind Kind, id string) string {
	sum := sha256.Sum256([]byte(string(kind) + "/" + id))
	return hex.EncodeToString(sum[:])
}

func place(hash string) string { return "ticket/" + hash }

// Sealed are the places where secrets stand.
var Sealed = []sealed.Place{{
	Table: "ticket", Column: "content", Key: []string{"hash"}, Context: func(key []string) string { return place(key[0]) },
}}

// Issue makes a ticket that ends after lifetime, for a user, or for nobody who is known if that is empty. It replaces one with the same id, wrong tries included. content goes through JSON.
//
// Errors: problem.ErrNotFound when there is no such user (any more); [ErrTaken] when the id is that of another user's ticket.
func (o *Office) Issue(tx *db.Tx, kind Kind, id string, user wire.ID, content any, lifetime time.Duration) (*Ticket, error) {
	t := &Ticket{
		User: user, Insert: wire.Instant(tx.NowMillis()), Expire: wire.Instant(tx.NowMillis() + lifetime.Milliseconds()),
		office: o, hash: hashOf(kind, id),
	}
	if err := t.seal(content); err != nil {
		return nil, err
	}
	n, err := upsert(tx, t, kind)
	switch {
	case db.IsForeignKey(err):
		return nil, problem.ErrNotFound
	case err != nil:
		return nil, err
	case n == 0:
		return nil, ErrTaken
	}
	return t, nil
}

// ErrTaken says that an id that a caller chose is in use.
var ErrTaken error = problem.New(problem.Invalid, "[duplicate]id", "This id is in use.")

// Find returns a ticket without locking it. It is problem.ErrNotFound when there is none, when it has ended or is void.
func (o *Office) Find(tx *db.Tx, kind Kind, id string) (*Ticket, error) {
	return o.usable(find(tx, hashOf(kind, id)))
}

// Lock is Find for a transaction that goes on to change the ticket: others that want it wait until this one ends.
func (o *Office) Lock(tx *db.Tx, kind Kind, id string) (*Ticket, error) {
	return o.usable(lock(tx, hashOf(kind, id)))
}

// Guard is Lock for something that can be tried without a ticket, such as the code of an authenticator: an empty ticket, which ends after
// lifetime, is made where there is none, so that there is a place to count. Unlike Lock it also returns a void ticket.
func (o *Office) Guard(tx *db.Tx, kind Kind, id string, user wire.ID, lifetime time.Duration) (*Ticket, error) {
	t := &Ticket{
		User: user, Insert: wire.Instant(tx.NowMillis()), Expire: wire.Instant(tx.NowMillis() + lifetime.Milliseconds()),
		office: o, hash: hashOf(kind, id),
	}
	if err := t.seal(struct{}{}); err != nil {
		return nil, err
	}
	found, err := guard(tx, t, kind)
	if db.IsForeignKey(err) {
		return nil, problem.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	found.office = o
	return found, nil
}

// Live returns the tickets of a kind that a user has and that are worth something, the newest first.
func (o *Office) Live(tx *db.Tx, kind Kind, user wire.ID) ([]*Ticket, error) {
	all, err := live(tx, user, kind)
	for _, t := range all {
		t.office = o
	}
	return all, err
}

func (o *Office) usable(t *Ticket, err error) (*Ticket, error) {
	if err != nil {
		return nil, db.Found(err)
	}
	if t.Void() {
		return nil, problem.ErrNotFound
	}
	t.office = o
	return t, nil
}

// Void tells whether the wrong tries are used up.
func (t *Ticket) Void() bool { return t.Wrong >= MaxWrong }

// Name identifies the ticket in reservations, without being of use to anybody.
func (t *Ticket) Name() string { return "ticket/" + t.hash }

// Content decodes what the ticket was issued with.
func (t *Ticket) Content(into any) error {
	return sealed.OpenJSON(t.office.sealer, place(t.hash), t.content, into)
}

func (t *Ticket) seal(content any) (err error) {
	t.content, err = sealed.SealJSON(t.office.sealer, place(t.hash), content)
	return err
}

// Replace gives the ticket another content. It is problem.ErrNotFound when the ticket is gone, or its content was replaced by somebody else
// since it was read.
func (t *Ticket) Replace(tx *db.Tx, content any) error {
	before := t.content
	if err := t.seal(content); err != nil {
		return err
	}
	n, err := replace(tx, t, before)
	if err == nil && n == 0 {
		err = problem.ErrNotFound
	}
	return err
}

// CountWrong counts one more wrong try.
func (t *Ticket) CountWrong(tx *db.Tx) error {
	t.Wrong++
	return countWrong(tx, t)
}

// Spend takes the ticket back. Of all who try, one succeeds; for the others it is problem.ErrNotFound. It also is when the content was replaced
// since the ticket was read: a code that was sent anew voids the one before, whoever is about to use that.
func (t *Ticket) Spend(tx *db.Tx) error {
	n, err := spend(tx, t)
	if err == nil && n == 0 {
		err = problem.ErrNotFound
	}
	return err
}

// Revoke ends all tickets of a user that are of the kinds.
func Revoke(tx *db.Tx, user wire.ID, kinds ...Kind) error {
	for _, kind := range kinds {
		if err := revoke(tx, user, kind); err != nil {
			return err
		}
	}
	return nil
}

// trimStep is how many tickets one transaction removes, so that others get their turn in between.
const trimStep = 500

// Trim removes what has ended and returns how many that were, at most a few hundred; call it again while it returns any.
func Trim(tx *db.Tx) (removed int64, err error) { return trim(tx, tx.NowMillis(), trimStep) }
