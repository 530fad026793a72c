// Package access owns API keys: who may call the API, and what.
//
// It keeps the keys, checks them, and decides which key may manage which other key. It does not know the routes of the API
// (package api asks [Key.May] for each) nor how a key travels in a request.
//
// A key is a secret that we must recognise, and often show again. So two things are stored: its SHA-256, by which it is
// found, and, if it is retrievable, the key itself, sealed. Neither is ever logged.
//
// Checking a key costs no query: all keys, without their secrets, are in memory, and are read again when one has changed.
package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/sealed"
	"github.com/herald-events/herald/wire"
)

// TenantExists tells whether there is a tenant with that id.
type TenantExists func(tx *db.Tx, id wire.ID) (bool, error)

// Service manages and checks API keys. It is safe for concurrent use.
//
// Its methods take the key on whose behalf they act. It can manage keys of equal or lesser authority: none with a permission it
// lacks, and, when it is bound to a tenant, none outside that tenant. Keys outside the tenant do not exist for it; others
// above its authority give [problem.ErrUnauthenticated]. A nil key is Herald itself (kickstart, the command line) and may do everything.
type Service struct {
	d            *db.DB
	sealer       sealed.Sealer
	clock        func() time.Time
	tenantExists TenantExists
	keys         *db.Cache[map[digest]*Key]
	local        atomic.Pointer[Key]
}

type digest = [sha256.Size]byte

// New returns the service on a migrated store. clock decides when a key has expired.
func New(d *db.DB, sealer sealed.Sealer, clock func() time.Time, tenantExists TenantExists) *Service {
	return &Service{d: d, sealer: sealer, clock: clock, tenantExists: tenantExists, keys: db.NewCache(d, topic, loadKeys)}
}

// Authenticate returns the key with that text. The error for one that is empty, unknown or expired is
// [problem.ErrUnauthenticated]; it never says which.
func (s *Service) Authenticate(ctx context.Context, text string) (*Key, error) {
	if text == "" || len(text) > maxLength {
		return nil, problem.ErrUnauthenticated
	}
	keys, err := s.keys.Load(ctx)
	if err != nil {
		return nil, err
	}
	// The look-up compares digests, not keys, and its timing can at most betray bits of a digest, from which nobody gets to
	// a key. The comparison in constant time is what the answer depends on.
	hash := sha256.Sum256([]byte(text))
	key, found := keys[hash]
	if local := s.local.Load(); !found && local != nil {
		key, found = local, true
	}
	if !found || subtle.ConstantTimeCompare(hash[:], key.hash[:]) != 1 || key.expired(s.clock()) {
		return nil, problem.ErrUnauthenticated
	}
	return key, nil
}

// Local makes a key that may do everything, in this process and until it ends, and returns its text. It is for the commands that the owner of the process runs
// beside it. It is not stored, so nothing remains of it that could open anything later, and a store that only it has used is untouched. A second call replaces it.
func (s *Service) Local() string {
	text := rand.Text() + rand.Text()
	s.local.Store(&Key{id: wire.ID(db.NewID()), hash: sha256.Sum256([]byte(text)), manager: true})
	return text
}

// CreateOptions loosens the rules of the API for keys that do not come from there.
type CreateOptions struct {
	// AllowKeyManager accepts a key that may manage keys. The API never makes one.
	AllowKeyManager bool
	// AllowUnknownTenant accepts a tenantId that does not exist yet: a kickstart file makes its keys first.
	AllowUnknownTenant bool
}

// Create stores a new key and returns it with its text, which a key that is not retrievable never shows again. An empty id
// or an empty key text is replaced by a random one. A tenant's key makes keys of its own tenant.
func (s *Service) Create(ctx context.Context, by *Key, id wire.ID, given wire.APIKey, options CreateOptions) (wire.APIKey, error) {
	return s.insert(ctx, func(tx *db.Tx) (wire.APIKey, error) {
		return s.CreateIn(tx, by, id, given, options)
	})
}

// Copy is Create with the permissions, the tenant and the access control list of an existing key. Key managers cannot be copied.
func (s *Service) Copy(ctx context.Context, by *Key, source, id wire.ID, given wire.APIKey) (wire.APIKey, error) {
	return s.insert(ctx, func(tx *db.Tx) (wire.APIKey, error) {
		original, err := find(tx, source)
		if err != nil {
			return wire.APIKey{}, err
		}
		if original == nil || original.KeyManager || by.manages(original) != nil {
			var v problem.Validation
			v.Field("sourceKeyId", "invalid", "There is no key with this id that you may copy. Key managers cannot be copied.")
			return wire.APIKey{}, v.Err()
		}
		copied := given
		copied.Permissions = original.Permissions
		if copied.TenantID == "" {
			copied.TenantID = original.TenantID
		}
		if copied.IPAccessControlListID == "" {
			copied.IPAccessControlListID = original.IPAccessControlListID
		}
		return s.CreateIn(tx, by, id, copied, CreateOptions{})
	})
}

// insert runs create in a transaction, and once more when another request stored the same name, id or key in between:
// the second time create finds it and says which.
func (s *Service) insert(ctx context.Context, create func(*db.Tx) (wire.APIKey, error)) (created wire.APIKey, err error) {
	for range 2 {
		err = s.d.Update(ctx, func(tx *db.Tx) (err error) {
			created, err = create(tx)
			return err
		})
		if !db.IsDuplicate(err) {
			break
		}
	}
	return created, err
}

// CreateIn is Create as part of a transaction.
func (s *Service) CreateIn(tx *db.Tx, by *Key, id wire.ID, given wire.APIKey, options CreateOptions) (wire.APIKey, error) {
	rec := newRecord(id, given)
	if rec.TenantID == "" && by != nil {
		rec.TenantID = by.tenant
	}
	rec.InsertInstant, rec.LastUpdateInstant = wire.Instant(tx.NowMillis()), wire.Instant(tx.NowMillis())

	var v problem.Validation
	// Kickstart files come here without the decoding of the API.
	normalise(&rec.ID, "keyId", &v)
	normalise(&rec.TenantID, "apiKey.tenantId", &v)
	rec.validate(&v)
	v.Check(!rec.KeyManager || options.AllowKeyManager, "apiKey.keyManager", "invalid",
		"A key manager cannot be made with the API. Use a kickstart file or the command line.")
	v.Check(rec.ExpirationInstant <= 0 || rec.ExpirationInstant > rec.InsertInstant, "apiKey.expirationInstant", "invalid",
		"The key would have expired already.")
	if rec.TenantID != "" && !v.Has("apiKey.tenantId") {
		exists, err := s.tenantExists(tx, rec.TenantID)
		if err != nil {
			return wire.APIKey{}, err
		}
		mine := by == nil || by.tenant == "" || by.tenant == rec.TenantID
		v.Check(mine && (exists || options.AllowUnknownTenant), "apiKey.tenantId", "invalid",
			"There is no tenant with this id, or your key is bound to another one.")
	}
	v.Check(by == nil || by.may.covers(rec.Permissions.Endpoints), "apiKey.permissions.endpoints", "invalid",
		"A key can only be given permissions that your own key has.")
	if err := rec.checkUnique(tx, false, &v); err != nil {
		return wire.APIKey{}, err
	}
	if err := v.Err(); err != nil {
		return wire.APIKey{}, err
	}
	return rec.APIKey, s.insertRecord(tx, rec)
}

// Load returns a key; with its text when it is retrievable.
func (s *Service) Load(ctx context.Context, by *Key, id wire.ID) (wire.APIKey, error) {
	var loaded wire.APIKey
	err := s.d.View(ctx, func(tx *db.Tx) error {
		rec, err := s.load(tx, by, id)
		if err != nil {
			return err
		}
		loaded = rec.APIKey
		return nil
	})
	return loaded, err
}

// List returns the keys that by may manage, by name, without their texts: nobody looks for a secret in a list.
func (s *Service) List(ctx context.Context, by *Key) (keys []wire.APIKey, err error) {
	err = s.d.View(ctx, func(tx *db.Tx) error {
		all, err := allKeys(tx)
		for _, rec := range all {
			if by.manages(rec) == nil {
				keys = append(keys, rec.APIKey)
			}
		}
		return err
	})
	return keys, err
}

// Update replaces a key by what change makes of it. change runs in the transaction, possibly more than once, so it does
// nothing but look at the key and return another.
//
// The text of a key, its tenant, whether it is retrievable and whether it manages keys stay as they are. Asking for another
// text or tenant, or for the flag of a key manager, is an error and not ignored: who asks for it counts on it. The other
// flags are sent by clients without anybody having asked, so those are ignored.
func (s *Service) Update(ctx context.Context, by *Key, id wire.ID, change func(current wire.APIKey) (wire.APIKey, error)) (wire.APIKey, error) {
	var updated wire.APIKey
	err := s.d.Update(ctx, func(tx *db.Tx) error {
		current, err := s.load(tx, by, id)
		if err != nil {
			return err
		}
		wanted, err := change(current.APIKey)
		if err != nil {
			return err
		}
		rec, err := s.change(tx, by, current, wanted)
		if err != nil {
			return err
		}
		updated = rec.APIKey
		return s.updateRecord(tx, rec)
	})
	if db.IsDuplicate(err) { // another request took the name in between
		var v problem.Validation
		duplicateName(&v)
		return wire.APIKey{}, v.Err()
	}
	return updated, err
}

// change checks what an update wants and returns the record to store.
func (s *Service) change(tx *db.Tx, by *Key, current *record, wanted wire.APIKey) (*record, error) {
	var v problem.Validation
	v.Check(wanted.Key == "" || current.is(wanted.Key), "apiKey.key", "invalid", "The text of a key cannot be changed.")
	v.Check(wanted.TenantID == "" || wanted.TenantID == current.TenantID, "apiKey.tenantId", "invalid",
		"A key cannot move to another tenant.")
	v.Check(!wanted.KeyManager || current.KeyManager, "apiKey.keyManager", "invalid",
		"A key cannot be made a key manager with the API.")

	rec := *current
	rec.Name = strings.TrimSpace(wanted.Name)
	rec.MetaData = wanted.MetaData
	rec.Permissions = wanted.Permissions
	rec.IPAccessControlListID = wanted.IPAccessControlListID
	rec.ExpirationInstant = wanted.ExpirationInstant
	rec.LastUpdateInstant = wire.Instant(tx.NowMillis())
	rec.validate(&v)
	v.Check(by == nil || by.may.covers(rec.Permissions.Endpoints), "apiKey.permissions.endpoints", "invalid",
		"A key can only be given permissions that your own key has.")
	if err := rec.checkUnique(tx, true, &v); err != nil {
		return nil, err
	}
	return &rec, v.Err()
}

// Delete removes a key. It is refused from then on.
func (s *Service) Delete(ctx context.Context, by *Key, id wire.ID) error {
	return s.d.Update(ctx, func(tx *db.Tx) error {
		if _, err := s.load(tx, by, id); err != nil {
			return err
		}
		return remove(tx, id)
	})
}

// DeleteOfTenant removes all keys that are bound to a tenant. It belongs into the transaction that removes the tenant: a
// tenant that is later created with the same id must not be open to the old keys.
func (s *Service) DeleteOfTenant(tx *db.Tx, tenant wire.ID) error { return removeOfTenant(tx, tenant) }

// Any tells whether there is a key.
func (s *Service) Any(tx *db.Tx) (bool, error) { return anyKey(tx) }

// load reads a key and checks that by may manage it.
func (s *Service) load(tx *db.Tx, by *Key, id wire.ID) (*record, error) {
	rec, err := find(tx, id)
	switch {
	case err != nil:
		return nil, err
	case rec == nil:
		return nil, problem.ErrNotFound
	}
	if err := by.manages(rec); err != nil {
		return nil, err
	}
	return rec, s.open(rec)
}

// manages says whether k may see and change a key.
func (k *Key) manages(rec *record) error {
	switch {
	case k == nil:
		return nil
	case k.tenant != "" && k.tenant != rec.TenantID:
		return problem.ErrNotFound
	case !k.may.covers(rec.Permissions.Endpoints):
		return problem.ErrUnauthenticated
	}
	return nil
}

// record is a key as it is stored.
type record struct {
	wire.APIKey // Key is empty until open, and stays so when it is not retrievable

	hash    digest
	sealed  string
	version int64
}

// maxLength keeps a key far below what servers and proxies accept as a header.
const maxLength = 1024

// newRecord applies the defaults.
func newRecord(id wire.ID, given wire.APIKey) *record {
	rec := &record{APIKey: given, version: 1}
	rec.ID = id
	if id == "" {
		rec.ID = wire.ID(db.NewID())
	}
	rec.Name = strings.TrimSpace(rec.Name)
	if rec.Key == "" {
		rec.Key = rand.Text() + rand.Text() // 52 letters and digits, 260 bits
	}
	if rec.Retrievable == nil {
		rec.Retrievable = new(true)
	}
	rec.hash = sha256.Sum256([]byte(rec.Key))
	return rec
}

// validate checks what must be so at any time.
func (r *record) validate(v *problem.Validation) {
	// When it was not retrievable, an update does not know the key, and need not.
	if r.Key != "" {
		validateText(r.Key, v)
	}
	if r.Name == "" && !*r.Retrievable {
		v.Field("apiKey.name", "blank", "A key that cannot be retrieved needs a name, so that it can be told apart.")
	}
	v.Check(len(r.Name) <= 191, "apiKey.name", "tooLong", "The name of a key has at most 191 bytes.")
	v.Check(r.ExpirationInstant >= 0, "apiKey.expirationInstant", "invalid", "An instant is in milliseconds since 1970.")
	for endpoint, allowed := range r.Permissions.Endpoints {
		if !isEndpoint(endpoint) {
			v.Field("apiKey.permissions.endpoints", "invalid", "%q is no path of an endpoint, such as \"/api/webhook\".", endpoint)
		}
		for _, method := range allowed {
			if !slices.Contains(methods, method) {
				v.Field("apiKey.permissions.endpoints", "invalid", "%q for %q is no method; these are: %s.",
					method, endpoint, strings.Join(methods, ", "))
			}
		}
	}
}

// validateText checks that a key survives the way through a header: servers and proxies trim spaces at the ends, refuse control
// characters, and do not agree about what is not ASCII. The messages never repeat the key.
func validateText(text string, v *problem.Validation) {
	const field = "apiKey.key"
	v.Check(len(text) <= maxLength, field, "tooLong", "A key has at most %d characters.", maxLength)
	printable := !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
	v.Check(printable && strings.TrimSpace(text) == text, field, "invalid",
		"A key consists of printable ASCII characters and neither begins nor ends with a space: it is sent as an HTTP header.")
	scheme, _, found := strings.Cut(strings.ToLower(text), " ")
	v.Check(!found || !slices.Contains([]string{"basic", "bearer", "jwt"}, scheme), field, "invalid",
		"A key must not begin like another way to authenticate (%s).", scheme)
}

// checkUnique looks for other keys with the same id, text or name. With own set, r itself is stored already.
func (r *record) checkUnique(tx *db.Tx, own bool, v *problem.Validation) error {
	sameID, sameKey, sameName, err := findSame(tx, r, own)
	if err != nil {
		return err
	}
	v.Check(!sameID, "keyId", "duplicate", "There is already a key with this id.")
	v.Check(!sameKey, "apiKey.key", "duplicate", "There is already such a key. Leave it out to get a random one.")
	if sameName {
		duplicateName(v)
	}
	return nil
}

// normalise brings an id into its one form; every comparison relies on that.
func normalise(id *wire.ID, field string, v *problem.Validation) {
	if *id == "" {
		return
	}
	parsed, err := uuid.Parse(string(*id))
	if err != nil {
		v.Field(field, "couldNotConvert", "This must be a UUID.")
		return
	}
	*id = wire.ID(parsed.String())
}

func duplicateName(v *problem.Validation) {
	v.Field("apiKey.name", "duplicate", "There is already a key with this name.")
}

func (k *Key) expired(now time.Time) bool {
	return k.expires != 0 && now.UnixMilli() >= int64(k.expires)
}

// is tells whether text is the key. It also knows of a key that is not retrievable.
func (r *record) is(text string) bool {
	hash := sha256.Sum256([]byte(text))
	return subtle.ConstantTimeCompare(hash[:], r.hash[:]) == 1
}
