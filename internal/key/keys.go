package key

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

// Service manages signing keys. It is safe for concurrent use.
type Service struct {
	db         *db.DB
	sealer     *Sealer
	defaultKey wire.ID
	set        *db.Cache[*Set]
}

// topic of the cached set.
const topic = "key"

// NewService returns the signing keys in d. defaultKey is the id of the one that Bootstrap makes and nobody can delete.
func NewService(d *db.DB, sealer *Sealer, defaultKey wire.ID) *Service {
	s := &Service{db: d, sealer: sealer, defaultKey: defaultKey}
	s.set = db.NewCache(d, topic, s.loadSet)
	return s
}

// Bootstrap makes the default key, an HMAC secret, if it does not exist. Several processes may call it at once.
func (s *Service) Bootstrap(ctx context.Context) error {
	return s.Ensure(ctx, s.defaultKey, "Default signing key", wire.HS256)
}

// Ensure makes a key of Herald's own if it does not exist: an HMAC secret, or a key on a curve. Several processes may call it at once.
func (s *Service) Ensure(ctx context.Context, id wire.ID, name string, with wire.KeyAlgorithm) error {
	set, err := s.Set(ctx)
	if err != nil || set.Key(id) != nil {
		return err
	}
	a, _ := algorithmOf(with)
	d := &draft{Key: wire.Key{ID: id, Name: name, Algorithm: a.name, Type: a.family}}
	if a.curve != nil {
		d.Length = a.curve.Params().BitSize
	}
	if err := d.complete(a, s.db.Now()); err != nil {
		return err
	}
	err = s.db.Update(ctx, func(tx *db.Tx) error {
		d.Name = name
		sameID, sameName, _, err := findSame(tx, d.ID, d.Name, d.KID)
		if err != nil || sameID {
			return err
		}
		if sameName { // somebody's own key was here first
			d.Name += " of this installation"
		}
		_, err = s.insert(tx, d)
		return err
	})
	if db.IsDuplicate(err) { // another process was faster
		return nil
	}
	return err
}

// Set returns all keys. It follows this process's changes at once, other processes' within a second.
func (s *Service) Set(ctx context.Context) (*Set, error) { return s.set.Load(ctx) }

// SetIn returns all keys exactly as tx sees them.
func (s *Service) SetIn(tx *db.Tx) (*Set, error) { return s.set.LoadIn(tx) }

// Generate makes a key under id, or under a new id if that is empty, and returns it as stored. An RSA key takes its time, up to seconds.
func (s *Service) Generate(ctx context.Context, id wire.ID, given wire.KeyInput) (wire.Key, error) {
	d, a, v := forGeneration(id, given)
	now, err := s.examine(ctx, v, d) // before the work is done
	if err != nil {
		return wire.Key{}, err
	}
	if err := d.complete(a, now); err != nil {
		return wire.Key{}, err
	}
	return s.store(ctx, d)
}

// Import stores a key that was made elsewhere, under id or, if that is empty, under a new one, and returns it as stored.
func (s *Service) Import(ctx context.Context, id wire.ID, given wire.KeyInput) (wire.Key, error) {
	d, v, err := forImport(id, given)
	if err != nil {
		return wire.Key{}, err
	}
	if _, err := s.examine(ctx, v, d); err != nil {
		return wire.Key{}, err
	}
	return s.store(ctx, d)
}

// examine adds what is taken already to v, and fails when there is anything in it. now is the instant of the look.
func (s *Service) examine(ctx context.Context, v *problem.Validation, d *draft) (now time.Time, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		now = tx.Now()
		if err := checkUnique(tx, v, d); err != nil {
			return err
		}
		return v.Err()
	})
	return now, err
}

// store inserts a draft. Between the look and the insert somebody may have taken one of its names: the second time that is found.
func (s *Service) store(ctx context.Context, d *draft) (k wire.Key, err error) {
	for range 2 {
		err = s.db.Update(ctx, func(tx *db.Tx) (err error) {
			var v problem.Validation
			if err := checkUnique(tx, &v, d); err != nil {
				return err
			}
			if err := v.Err(); err != nil {
				return err
			}
			k, err = s.insert(tx, d)
			return err
		})
		if !db.IsDuplicate(err) {
			break
		}
	}
	return k, err
}

// checkUnique looks for other keys with the same id, name or kid.
func checkUnique(tx *db.Tx, v *problem.Validation, d *draft) error {
	name, kid := d.Name, d.KID
	if v.Has("key.name") || v.Has("key.kid") { // they may hold what a database refuses
		name, kid = "", ""
	}
	sameID, sameName, sameKID, err := findSame(tx, d.ID, name, kid)
	if err != nil {
		return err
	}
	v.Check(!sameID, "keyId", "duplicate", "There is a key with the id %s already.", d.ID)
	if sameName {
		duplicateName(v, d.Name)
	}
	v.Check(!sameKID, "key.kid", "duplicate", "There is a key with the kid %q already. It names the public key unless you give another one.", d.KID)
	return nil
}

func duplicateName(v *problem.Validation, name string) {
	v.Field("key.name", "duplicate", "There is a key with the name %q already; case does not count.", name)
}

// Load returns the key, or problem.ErrNotFound.
func (s *Service) Load(ctx context.Context, id wire.ID) (k wire.Key, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		k, _, err = loadKey(tx, id)
		return err
	})
	return k, err
}

// List returns all keys by name.
func (s *Service) List(ctx context.Context) (keys []wire.Key, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		rows, err := allKeys(tx)
		if err != nil {
			return err
		}
		keys, err = shown(rows)
		return err
	})
	return keys, err
}

// Use is something that uses a key, and keeps it from being deleted.
type Use struct {
	Key wire.ID
	// Kind is "webhook", "tenant", "application" or "entity type".
	Kind string
	ID   wire.ID
	// Name is "" for a webhook, which has none.
	Name string
}

// String names it in a sentence.
func (u Use) String() string { return "the " + u.Kind + " " + cmp.Or(u.Name, string(u.ID)) }

// mostUses is how many uses are looked for.
const mostUses = 1000

// Uses returns what uses the key, or any key when id is empty.
func (s *Service) Uses(ctx context.Context, id wire.ID) (uses []Use, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		uses, err = usesOf(tx, id, mostUses)
		return err
	})
	return uses, err
}

// IsDefault tells whether it is the key of every tenant that names no other.
func (s *Service) IsDefault(id wire.ID) bool { return id == s.defaultKey }

// Search returns a page of the keys that match, and how many match in all.
func (s *Service) Search(ctx context.Context, c wire.KeySearch) (keys []wire.Key, total int, err error) {
	var v problem.Validation
	search.Check(&v, "search.", c.Page)
	search.CheckText(&v, "search.name", c.Name)
	chooseAlgorithm(&v, "search.algorithm", c.Algorithm)
	if families := families(); c.Type != "" && !slices.Contains(families, c.Type) {
		v.Field("search.type", "invalid", "There is no type %.64q.%s", c.Type, didYouMean(c.Type, families))
	}
	if err := v.Err(); err != nil {
		return nil, 0, err
	}
	err = s.db.View(ctx, func(tx *db.Tx) error {
		var rows []row
		if rows, total, err = searchKeys(tx, c); err != nil {
			return err
		}
		keys, err = shown(rows)
		return err
	})
	return keys, total, err
}

// Rename gives the key another name: nothing else of a key can change, and what else a caller sends is ignored, as in the original.
func (s *Service) Rename(ctx context.Context, id wire.ID, name string) (k wire.Key, err error) {
	err = s.db.Update(ctx, func(tx *db.Tx) error {
		var version int64
		if k, version, err = loadKey(tx, id); err != nil {
			return err
		}
		var v problem.Validation
		k.Name, k.LastUpdateInstant = name, wire.Instant(tx.NowMillis())
		v.Name("key.name", "A key", &k.Name)
		if err := v.Err(); err != nil {
			return err
		}
		taken, err := nameTaken(tx, k.Name, id)
		if err != nil {
			return err
		}
		if taken {
			duplicateName(&v, k.Name)
			return v.Err()
		}
		if err := rename(tx, k, version); err != nil {
			return err
		}
		return tx.Bump(topic)
	})
	if db.IsDuplicate(err) { // another request took the name in between
		var v problem.Validation
		duplicateName(&v, k.Name)
		return wire.Key{}, v.Err()
	}
	return k, err
}

// Delete removes the key. One that anything uses, and the default key, stay.
func (s *Service) Delete(ctx context.Context, id wire.ID) error {
	var v problem.Validation
	err := s.db.Update(ctx, func(tx *db.Tx) error {
		v = problem.Validation{}
		if _, _, err := loadKey(tx, id); err != nil {
			return err
		}
		uses, err := usesOf(tx, id, 10)
		if err != nil {
			return err
		}
		var users []string
		for _, u := range uses {
			users = append(users, u.String())
		}
		if id == s.defaultKey {
			users = append(users, "every tenant that names no other")
		}
		if len(users) > 0 {
			v.Field("keyId", "inUse", "The key is in use by %s.", strings.Join(users, ", "))
			return v.Err()
		}
		if err := remove(tx, id); err != nil {
			return err
		}
		return tx.Bump(topic)
	})
	if db.IsForeignKey(err) { // it began to be used after we looked
		v.Field("keyId", "inUse", "The key is in use by a webhook or an entity type.")
		return v.Err()
	}
	return err
}
