package api

import (
	"encoding/json"
	"net/http"

	"github.com/herald-events/herald/internal/key"
	"github.com/herald-events/herald/wire"
)

// signingKeys are the handlers of the Key API, which is about the keys that sign, and not about the API keys of apikey.go.
type signingKeys struct {
	*server

	keys *key.Service
}

// signingKeyRoutes are the rows of the Key API and of the public key set. The set is open, and outside of /api, because that is where
// receivers of signed webhooks look for it.
func (s *server) signingKeyRoutes(keys *key.Service) []route {
	h := signingKeys{s, keys}
	return []route{
		{"GET", "/api/key", "/api/key", globalKey, h.list},
		{"GET", "/api/key/{keyId}", "/api/key", globalKey, h.load},
		{"PUT", "/api/key/{keyId}", "/api/key", globalKey, h.rename},
		{"DELETE", "/api/key/{keyId}", "/api/key", globalKey, h.remove},
		{"POST", "/api/key/generate", "/api/key/generate", globalKey, h.generate},
		{"POST", "/api/key/generate/{keyId}", "/api/key/generate", globalKey, h.generate},
		{"POST", "/api/key/import", "/api/key/import", globalKey, h.bring},
		{"POST", "/api/key/import/{keyId}", "/api/key/import", globalKey, h.bring},
		{"GET", "/api/key/search", "/api/key/search", globalKey, h.search},
		{"POST", "/api/key/search", "/api/key/search", globalKey, h.search},
		{"GET", "/.well-known/jwks.json", "/.well-known/jwks.json", open, h.publicSet},
	}
}

func (h signingKeys) list(c *call) (any, error) {
	keys, err := h.keys.List(c.ctx())
	return wire.KeysResponse{Keys: keys}, err
}

func (h signingKeys) load(c *call) (any, error) {
	id, err := c.pathID("keyId")
	if err != nil {
		return nil, err
	}
	k, err := h.keys.Load(c.ctx(), id)
	return wire.KeyResponse{Key: &k}, err
}

// rename is PUT. Clients send whole keys; the name is all that counts.
func (h signingKeys) rename(c *call) (any, error) {
	id, err := c.pathID("keyId")
	if err != nil {
		return nil, err
	}
	var request wire.KeyRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	k, err := h.keys.Rename(c.ctx(), id, request.Key.Name)
	return wire.KeyResponse{Key: &k}, err
}

func (h signingKeys) remove(c *call) (any, error) {
	id, err := c.pathID("keyId")
	if err != nil {
		return nil, err
	}
	return nil, h.keys.Delete(c.ctx(), id)
}

func (h signingKeys) generate(c *call) (any, error) {
	id, err := c.pathID("keyId")
	if err != nil {
		return nil, err
	}
	var request wire.KeyRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	if request.Key.Issuer == "" {
		settings, err := h.Tenants.Settings(c.ctx())
		if err != nil {
			return nil, err
		}
		request.Key.Issuer = settings.Issuer()
	}
	k, err := h.keys.Generate(c.ctx(), id, request.Key)
	return wire.KeyResponse{Key: &k}, err
}

func (h signingKeys) bring(c *call) (any, error) {
	id, err := c.pathID("keyId")
	if err != nil {
		return nil, err
	}
	var request wire.KeyRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	k, err := h.keys.Import(c.ctx(), id, request.Key)
	return wire.KeyResponse{Key: &k}, err
}

func (h signingKeys) search(c *call) (any, error) {
	var criteria wire.KeySearch
	if err := c.search(&criteria); err != nil {
		return nil, err
	}
	keys, total, err := h.keys.Search(c.ctx(), criteria)
	return wire.KeySearchResponse{Keys: keys, Total: total}, err
}

func (h signingKeys) publicSet(c *call) (any, error) {
	set, err := h.keys.Set(c.ctx())
	if err != nil {
		return nil, err
	}
	body, err := set.JWKS()
	return publicKeys(body), err
}

// publicKeys as the result of a handler answers with a key set, which holds nothing secret and may be cached. Receivers look for a kid
// they do not know at once, so this only bounds how long a deleted key is trusted.
type publicKeys json.RawMessage

func (p publicKeys) send(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(p) // the caller hung up: there is nobody left to tell
	return nil
}

// MarshalJSON is for where it is shown otherwise.
func (p publicKeys) MarshalJSON() ([]byte, error) { return p, nil }
