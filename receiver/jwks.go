package receiver

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// JWKS is the set of public keys that a sender publishes, Herald under /.well-known/jwks.json. It is fetched when it is first needed and kept. A key that is not in it
// makes it be fetched again, not more often than Pause allows, so that a new key needs nothing to be done here. Every Refresh it is fetched again in the
// background, so that a key that was taken out is no longer believed. When a fetch fails, what there was goes on being used; a request that needs another key
// is answered 503, as nobody can say yet whether to let it in.
//
// Secrets in the set are ignored: what anybody can read proves nothing. It is safe for concurrent use and must not be copied.
type JWKS struct {
	// URL is where the set is: https, or http on this machine. Redirects are not followed.
	URL string

	// AllowHTTP takes http from other machines as well. Whoever can change what is on the way can then sign.
	AllowHTTP bool

	// Client fetches. Nil means one that gives up after two seconds, which is how long Herald waits for an answer by default.
	Client *http.Client

	// Refresh is how old the set may become. Zero means 15 minutes.
	Refresh time.Duration

	// Pause is the shortest time from one fetch to the next. Zero means ten seconds.
	Pause time.Duration

	// Log hears of fetches that failed. Nil means slog.Default().
	Log *slog.Logger

	mu      sync.Mutex
	keys    []key
	fetched time.Time // when keys came; zero: never
	tried   time.Time // when the latest fetch began
	failure error     // what came of it
	pending chan struct{}
}

const (
	usualRefresh = 15 * time.Minute
	usualPause   = 10 * time.Second
	usualPatient = 2 * time.Second
	// firstPause replaces Pause as long as there are no keys at all.
	firstPause = time.Second

	longestSet = 1 << 20 // bytes
	mostKeys   = 1000
)

// Load fetches the set, so that the first event need not wait for it, and tells whether that worked.
func (s *JWKS) Load(ctx context.Context) error {
	s.mu.Lock()
	done := s.fetch()
	s.mu.Unlock()
	select {
	case <-done:
	case <-ctx.Done():
		return ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure
}

func (s *JWKS) candidates(ctx context.Context, kid string) ([]key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.named(kid)
	if len(found) > 0 {
		if time.Since(s.fetched) > cmp.Or(s.Refresh, usualRefresh) && s.mayFetch() {
			s.fetch() // and this request goes on with what there is
		}
		return found, nil
	}
	s.again(ctx)
	if found = s.named(kid); len(found) == 0 {
		return nil, s.unknown(kid)
	}
	return found, nil
}

func (s *JWKS) renewed(ctx context.Context) []key {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.again(ctx) {
		return nil
	}
	return s.keys
}

// again waits for a fetch, under way or new, and tells whether there is one. The lock is open meanwhile.
func (s *JWKS) again(ctx context.Context) bool {
	done := s.pending
	if done == nil && s.mayFetch() {
		done = s.fetch()
	}
	if done == nil {
		return false
	}
	s.mu.Unlock()
	select {
	case <-done:
	case <-ctx.Done():
	}
	s.mu.Lock()
	return true
}

// named are the keys with the name kid, all if it is empty.
func (s *JWKS) named(kid string) (found []key) {
	for _, k := range s.keys {
		if kid == "" || k.kid == kid {
			found = append(found, k)
		}
	}
	return found
}

func (s *JWKS) unknown(kid string) error {
	if s.failure != nil {
		return &unavailable{fmt.Errorf("there is no key %.100q: the key set could not be fetched: %w", kid, s.failure)}
	}
	return fmt.Errorf("there is no key %.100q in the key set", kid)
}

func (s *JWKS) mayFetch() bool {
	pause := cmp.Or(s.Pause, usualPause)
	if s.fetched.IsZero() {
		pause = min(pause, firstPause)
	}
	return s.tried.IsZero() || time.Since(s.tried) >= pause
}

// fetch begins to fetch the set, unless that is being done, and returns a channel that is closed afterwards. It does not end with a request: others wait for it, too.
func (s *JWKS) fetch() chan struct{} {
	if s.pending != nil {
		return s.pending
	}
	done := make(chan struct{})
	s.pending, s.tried = done, time.Now()
	go func() {
		keys, err := s.get()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.failure = err; err == nil {
			s.keys, s.fetched = keys, time.Now()
		} else {
			log := s.Log
			if log == nil {
				log = slog.Default()
			}
			log.Warn("the key set could not be fetched", "error", err, "keys", len(s.keys))
		}
		s.pending = nil
		close(done)
	}()
	return done
}

// check looks at the settings.
func (s *JWKS) check() error {
	if s == nil {
		return errors.New("the JWKS is nil")
	}
	at, err := url.Parse(s.URL)
	if err != nil || at.Host == "" {
		return errors.New("JWKS.URL is no URL")
	}
	if at.Scheme != "https" && (at.Scheme != "http" || !s.AllowHTTP && !isLocal(at.Hostname())) {
		return fmt.Errorf("JWKS.URL begins with %.10s: it must be https, or JWKS.AllowHTTP be set", at.Scheme)
	}
	return nil
}

func (s *JWKS) get() ([]key, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	var client http.Client
	if s.Client != nil {
		client = *s.Client
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if client.Timeout == 0 {
		client.Timeout = usualPatient
	}
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, s.URL, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json, application/jwk-set+json")
	response, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d from %s", response.StatusCode, r.URL.Host)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, longestSet+1))
	if err != nil {
		return nil, err
	}
	if len(body) > longestSet {
		return nil, fmt.Errorf("the key set has more than %d bytes", longestSet)
	}
	return parseSet(body)
}

// isLocal tells whether a host is this machine, so that nobody is on the way to it.
func isLocal(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// webKey is a key of a set. Source: RFC 7517, RFC 7518 section 6, RFC 8037 section 2.
type webKey struct {
	Type       string   `json:"kty"`
	Use        string   `json:"use"`
	Operations []string `json:"key_ops"`
	Algorithm  string   `json:"alg"`
	ID         string   `json:"kid"`
	Curve      string   `json:"crv"`
	N          string   `json:"n"`
	E          string   `json:"e"`
	X          string   `json:"x"`
	Y          string   `json:"y"`
}

// parseSet returns the keys of a set that verify something. Others are left out: a set may have keys for other purposes, and of kinds that are yet to come.
func parseSet(text []byte) ([]key, error) {
	members, err := object(text)
	if err != nil {
		return nil, fmt.Errorf("the key set %w", err)
	}
	var all []json.RawMessage
	if err := json.Unmarshal(members["keys"], &all); err != nil {
		return nil, errors.New(`the key set has no list "keys"`)
	}
	if len(all) > mostKeys {
		return nil, fmt.Errorf("the key set has %d keys, %d at most are taken", len(all), mostKeys)
	}
	var keys []key
	for _, raw := range all {
		var w webKey
		if json.Unmarshal(raw, &w) != nil || w.Use != "" && w.Use != "sig" || len(w.Operations) > 0 && !slices.Contains(w.Operations, "verify") {
			continue
		}
		k := key{kid: w.ID, algorithm: w.Algorithm, material: w.public()}
		if k.material == nil || unsuitable(k.material) != nil || w.Algorithm != "" && !k.takes(w.Algorithm) {
			continue
		}
		if w.Type == "OKP" {
			k.algorithm = "" // EdDSA and Ed25519 are two names for the same
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, errors.New("the key set has no key that signatures could be verified with")
	}
	return keys, nil
}

// public is the key itself, nil for one that is none.
func (w *webKey) public() any {
	switch w.Type {
	case "RSA":
		n, e := number(w.N), number(w.E)
		if n == nil || e == nil || !e.IsInt64() || e.Int64() > 1<<31-1 {
			return nil
		}
		return &rsa.PublicKey{N: n, E: int(e.Int64())}
	case "EC":
		curve := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[w.Curve]
		x, y := number(w.X), number(w.Y)
		if curve == nil || x == nil || y == nil {
			return nil
		}
		size := (curve.Params().BitSize + 7) / 8
		if x.BitLen() > 8*size || y.BitLen() > 8*size {
			return nil
		}
		point := make([]byte, 1+2*size)
		point[0] = 4 // uncompressed
		x.FillBytes(point[1 : 1+size])
		y.FillBytes(point[1+size:])
		public, err := ecdsa.ParseUncompressedPublicKey(curve, point) // which checks that it is on the curve
		if err != nil {
			return nil
		}
		return public
	case "OKP":
		x, err := base64.RawURLEncoding.DecodeString(w.X)
		if w.Curve != "Ed25519" || err != nil || len(x) != ed25519.PublicKeySize {
			return nil
		}
		return ed25519.PublicKey(x)
	}
	return nil // oct among them
}

func number(text string) *big.Int {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) == 0 || len(b) > maxRSA/8+1 {
		return nil
	}
	return new(big.Int).SetBytes(b)
}
