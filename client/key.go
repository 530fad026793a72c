package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"

	"github.com/herald-events/herald/wire"
)

// Keys are those that sign, and certificates.
type Keys struct{ c *Client }

const key = "/api/key"

// List returns all keys that match, by default in the order of their names.
func (k Keys) List(ctx context.Context, search wire.KeySearch) iter.Seq2[wire.Key, error] {
	return each(search.Page, func(k *wire.Key) string { return string(k.ID) }, func(p wire.Page) ([]wire.Key, int, error) {
		search.Page = p
		answer, err := k.Page(ctx, search)
		return answer.Keys, answer.Total, err
	})
}

// Page returns one page of those that match.
func (k Keys) Page(ctx context.Context, search wire.KeySearch) (wire.KeySearchResponse, error) {
	return find[wire.KeySearchResponse](ctx, k.c, key+"/search", search)
}

// Load returns one key.
func (k Keys) Load(ctx context.Context, id wire.ID) (*wire.Key, error) {
	answer, err := get[wire.KeyResponse](ctx, k.c, at(key, id))
	return answer.Key, err
}

// Generate makes a key. An empty id is chosen by the server.
func (k Keys) Generate(ctx context.Context, id wire.ID, given wire.KeyInput) (*wire.Key, error) {
	answer, err := send[wire.KeyResponse](ctx, k.c, http.MethodPost, at(key+"/generate", id), wire.KeyRequest{Key: given})
	return answer.Key, err
}

// Import stores a key that was made elsewhere. An empty id is chosen by the server.
func (k Keys) Import(ctx context.Context, id wire.ID, given wire.KeyInput) (*wire.Key, error) {
	answer, err := send[wire.KeyResponse](ctx, k.c, http.MethodPost, at(key+"/import", id), wire.KeyRequest{Key: given})
	return answer.Key, err
}

// Delete removes a key that nobody uses.
func (k Keys) Delete(ctx context.Context, id wire.ID) error {
	return k.c.call(ctx, http.MethodDelete, at(key, id), nil, nil, false)
}

// JWKS returns the public keys as a JSON Web Key Set. It needs no API key.
func (k Keys) JWKS(ctx context.Context) (set json.RawMessage, err error) {
	err = k.c.call(ctx, http.MethodGet, "/.well-known/jwks.json", nil, &set, true)
	return set, err
}

// APIKeys open the API. All of their operations need the key of a key manager.
type APIKeys struct{ c *Client }

const apiKey = "/api/api-key"

// List returns all API keys that the key may manage, by name and without their texts.
func (k APIKeys) List(ctx context.Context) iter.Seq2[wire.APIKey, error] {
	return whole(ctx, func(ctx context.Context) ([]wire.APIKey, error) {
		answer, err := get[wire.APIKeysResponse](ctx, k.c, apiKey)
		return answer.APIKeys, err
	})
}

// Load returns one API key; with its text if it is retrievable.
func (k APIKeys) Load(ctx context.Context, id wire.ID) (*wire.APIKey, error) {
	answer, err := get[wire.APIKeyResponse](ctx, k.c, at(apiKey, id))
	return answer.APIKey, err
}

// Create makes an API key and returns it with its text, which one that is not retrievable never shows again.
func (k APIKeys) Create(ctx context.Context, given wire.APIKey) (*wire.APIKey, error) {
	answer, err := send[wire.APIKeyResponse](ctx, k.c, http.MethodPost, at(apiKey, given.ID), wire.APIKeyRequest{APIKey: given})
	return answer.APIKey, err
}

// Delete removes an API key. It is refused from then on.
func (k APIKeys) Delete(ctx context.Context, id wire.ID) error {
	return k.c.call(ctx, http.MethodDelete, at(apiKey, id), nil, nil, false)
}

// System is the installation as a whole.
type System struct{ c *Client }

// Version returns the version of the server.
func (s System) Version(ctx context.Context) (string, error) {
	answer, err := get[struct {
		Version string `json:"version"`
	}](ctx, s.c, "/api/system/version")
	return answer.Version, err
}

// Doctor returns what the server finds when it examines itself: failures first, then warnings, then what is well.
func (s System) Doctor(ctx context.Context) ([]wire.Finding, error) {
	answer, err := get[wire.DoctorResponse](ctx, s.c, "/api/doctor")
	return answer.Findings, err
}

// Probe lets the server knock at the receivers of its webhooks, a hundred at most, and returns what came of it.
func (s System) Probe(ctx context.Context) ([]wire.Finding, error) {
	answer, err := send[wire.DoctorResponse](ctx, s.c, http.MethodPost, "/api/doctor/probe", nil)
	return answer.Findings, err
}

// ExportKickstart returns the set-up as a kickstart file, without secrets.
func (s System) ExportKickstart(ctx context.Context) (file json.RawMessage, err error) {
	err = s.c.call(ctx, http.MethodGet, "/api/kickstart/export", nil, &file, true)
	return file, err
}

// Healthy tells whether the server can work. It needs no API key.
func (s System) Healthy(ctx context.Context) error {
	return s.c.call(ctx, http.MethodGet, "/api/health", nil, nil, true)
}
