package webhook

import (
	"container/list"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/key"
	"github.com/herald-events/herald/wire"
)

// The headers that carry signatures, spelled as they are sent.
const (
	// HeaderJWT is FusionAuth's: a JWT whose claim request_body_sha256 is the hash of the body.
	HeaderJWT = "X-FusionAuth-Signature-JWT"
	// HeaderSecondaryJWT is the same, made with the secondary key. It is a header of its own because receivers take all of HeaderJWT for one token.
	HeaderSecondaryJWT = "X-Herald-Signature-JWT-Secondary"

	// HeaderID, HeaderTimestamp and HeaderSignature are those of Standard Webhooks.
	HeaderID        = "webhook-id"
	HeaderTimestamp = "webhook-timestamp"
	HeaderSignature = "webhook-signature"
)

// isSignature tells whether a header, in any spelling, is one of ours.
func isSignature(name string) bool {
	return slices.ContainsFunc([]string{HeaderJWT, HeaderSecondaryJWT, HeaderID, HeaderTimestamp, HeaderSignature}, func(ours string) bool {
		return strings.EqualFold(name, ours)
	})
}

// signer signs what is sent to one webhook.
type signer struct {
	jwt      []*key.Key // at most two, the primary first
	standard []*key.Key // at most two
	claims   bool
	tokens   *tokens
	clock    func() time.Time
}

// newSigner returns nil for a webhook that wants no signature.
func (s *Service) newSigner(c wire.SignatureConfiguration, keys *key.Set) (*signer, error) {
	if !c.Enabled && !c.StandardWebhooks.Enabled {
		return nil, nil
	}
	n := &signer{claims: c.Claims, tokens: &s.tokens, clock: s.Clock}
	find := func(ids ...wire.ID) (found []*key.Key, err error) {
		for _, id := range ids {
			if id == "" {
				continue
			}
			k := keys.Key(id)
			if k == nil {
				return nil, fmt.Errorf("there is no key with the id %s", id)
			}
			found = append(found, k)
		}
		return found, nil
	}
	var err error
	if c.Enabled {
		if n.jwt, err = find(c.SigningKeyID, c.SecondarySigningKeyID); err != nil {
			return nil, err
		}
	}
	if c.StandardWebhooks.Enabled {
		n.standard, err = find(standardKeys(c))
	}
	return n, err
}

// standardKeys are the keys for Standard Webhooks: its own ones, or those for the JWT.
func standardKeys(c wire.SignatureConfiguration) (primary, secondary wire.ID) {
	primary, secondary = c.StandardWebhooks.SigningKeyID, c.StandardWebhooks.SecondarySigningKeyID
	if primary == "" {
		primary = c.SigningKeyID
		if secondary == "" {
			secondary = c.SecondarySigningKeyID
		}
	}
	return primary, secondary
}

// sign returns the headers to add to a request for m. Their names are to be sent as they are: some receivers look at the case.
func (n *signer) sign(m Message) (map[string]string, error) {
	h := make(map[string]string, 5)
	for i, k := range n.jwt {
		token, err := n.tokens.of(k, m, n.claims, n.clock)
		if err != nil {
			return nil, err
		}
		h[[]string{HeaderJWT, HeaderSecondaryJWT}[i]] = token
	}
	if len(n.standard) > 0 {
		if uuid.Validate(string(m.ID)) != nil { // a test may carry any text, which may be no header, or hold the dots that part what is signed
			return nil, errors.New("its event has an id that is no UUID")
		}
		at := strconv.FormatInt(n.clock().Unix(), 10)
		content := slices.Concat([]byte(m.ID), []byte("."), []byte(at), []byte("."), m.Body)
		signatures := make([]string, len(n.standard))
		for i, k := range n.standard {
			var err error
			if signatures[i], err = k.Standard(content); err != nil {
				return nil, err
			}
		}
		h[HeaderID], h[HeaderTimestamp], h[HeaderSignature] = string(m.ID), at, strings.Join(signatures, " ")
	}
	return h, nil
}

// claims are those of a JWT. FusionAuth's has the first one and nothing else.
type claims struct {
	BodyHash string  `json:"request_body_sha256"`
	EventID  wire.ID `json:"eventId,omitzero"`
	IssuedAt int64   `json:"iat,omitzero"` // seconds
	ID       string  `json:"jti,omitzero"`
}

// tokens keeps the latest JWTs. RS256 takes a millisecond, so all webhooks with one key, and all attempts, share what was signed once for
// an event. With claims, iat and jti are therefore those of the first signature. The zero value is ready to use.
type tokens struct {
	mu      sync.Mutex
	entries map[tokenID]*list.Element
	recent  list.List // of *token, the latest used first
	size    int       // bytes, about
}

// tokenID is all that a token depends on. The hash of the body is in it, so that none can ever go out with a body it was not made for.
type tokenID struct {
	key    [32]byte
	body   [32]byte
	event  wire.ID // only with claims: without, it has no part in the token
	claims bool
}

type token struct {
	id   tokenID
	make func() (string, error)
	size int
}

const (
	tokensLimit = 8 << 20 // bytes
	tokenSize   = 512     // of an entry without its signature, about
)

// of returns the JWT for m. Nobody waits here for a signature that is not theirs: it is made outside of the lock, once.
func (t *tokens) of(k *key.Key, m Message, extended bool, clock func() time.Time) (string, error) {
	id := tokenID{key: k.Mark, body: sha256.Sum256(m.Body), claims: extended}
	if extended {
		id.event = m.ID
	}
	return t.entry(id, k, clock).make()
}

func (t *tokens) entry(id tokenID, k *key.Key, clock func() time.Time) *token {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e, ok := t.entries[id]; ok {
		t.recent.MoveToFront(e)
		return e.Value.(*token)
	}
	if t.entries == nil {
		t.entries = map[tokenID]*list.Element{}
	}
	// An RSA signature of n bits becomes n/6 characters of base64.
	one := &token{id: id, size: tokenSize + k.Length/6, make: sync.OnceValues(func() (string, error) { return newToken(id, k, clock) })}
	t.entries[id] = t.recent.PushFront(one)
	for t.size += one.size; t.size > tokensLimit; {
		oldest := t.recent.Remove(t.recent.Back()).(*token)
		delete(t.entries, oldest.id)
		t.size -= oldest.size
	}
	return one
}

func newToken(id tokenID, k *key.Key, clock func() time.Time) (string, error) {
	c := claims{BodyHash: base64.StdEncoding.EncodeToString(id.body[:])}
	if id.claims {
		c.EventID, c.IssuedAt, c.ID = id.event, clock().Unix(), db.NewID()
	}
	payload, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	return k.JWT(payload)
}
