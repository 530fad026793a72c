package key

import (
	"encoding/json"
	"iter"
	"maps"
	"sync"

	"github.com/go-jose/go-jose/v4"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/wire"
)

// Set is all signing keys at one moment. It is immutable and safe for concurrent use.
type Set struct {
	byID  map[wire.ID]*Key
	byKID map[string]*Key
	jwks  func() ([]byte, error)
}

// Key is the key with the given id, nil if there is none.
func (s *Set) Key(id wire.ID) *Key { return s.byID[id] }

// All yields every key, in no order.
func (s *Set) All() iter.Seq2[wire.ID, *Key] { return maps.All(s.byID) }

// ByKID is the key that tokens call kid, nil if there is none.
func (s *Set) ByKID(kid string) *Key { return s.byKID[kid] }

// JWKS is the public key set (RFC 7517) as JSON: every public key whose private key is here. A certificate or a public key that was imported
// alone is somebody else's; in this set it would let that somebody sign in our name.
func (s *Set) JWKS() ([]byte, error) { return s.jwks() }

func (s *Service) loadSet(tx *db.Tx) (*Set, error) {
	rows, err := allKeys(tx)
	if err != nil {
		return nil, err
	}
	set := &Set{byID: make(map[wire.ID]*Key, len(rows)), byKID: make(map[string]*Key, len(rows))}
	var ours []*Key // in the order of their names
	for _, r := range rows {
		k, err := s.newKey(r)
		if err != nil {
			return nil, err
		}
		set.byID[k.ID], set.byKID[k.KID] = k, k
		if k.HasPrivateKey {
			ours = append(ours, k)
		}
	}
	set.jwks = sync.OnceValues(func() ([]byte, error) { return publicSet(ours) })
	return set, nil
}

// publicSet takes the public keys out of the private ones, which are sealed, and not from what stands beside them: who can write to the store
// must not be able to have a key of their own published as ours. A key that does not open signs nothing, and needs no verification.
func publicSet(keys []*Key) ([]byte, error) {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, k := range keys {
		private, err := k.private()
		if err != nil {
			continue
		}
		a, _ := algorithmOf(k.Algorithm)
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: private.Public(), KeyID: k.KID, Algorithm: string(a.jose), Use: "sig"})
	}
	return json.Marshal(set)
}
