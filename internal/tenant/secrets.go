package tenant

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// secret is a member that the store holds sealed, apart from the rest of the document.
type secret struct {
	parent, name string
	// hidden members are in no answer, nor in a tenant copied from this one. A change that does not mention one keeps it, an empty text
	// removes it.
	hidden bool
}

// secrets lists all there are. A hidden one is FusionAuth's way for the password of the mail server; the key of the captcha is
// returned, because clients compare it with what they sent.
var secrets = []secret{
	{parent: "emailConfiguration", name: "password", hidden: true},
	{parent: "captchaConfiguration", name: "secretKey"},
}

func (s secret) key() string { return s.parent + "." + s.name }

func checkSecrets(v *problem.Validation, extra map[string]json.RawMessage) {
	for _, s := range secrets {
		members, _ := object(v, "tenant."+s.parent, extra[s.parent])
		if value := members[s.name]; !isNull(value) {
			_, isText := textOf(value)
			v.Check(isText, "tenant."+s.key(), "couldNotConvert", "%s must be a text.", s.key())
		}
	}
}

// row is a tenant as it is stored.
type row struct {
	id                               wire.ID
	name                             string
	document                         string // without what has a column, and without secrets
	secrets                          string // sealed JSON object: key of the secret → text; empty without any
	deleting                         bool
	version                          int64
	insertInstant, lastUpdateInstant int64
}

// document is what is in row.document.
type document struct {
	EventConfiguration wire.EventConfiguration    `json:"eventConfiguration"`
	Extra              map[string]json.RawMessage `json:"extra"`
}

func place(id wire.ID) string { return "tenant/secrets/" + string(id) }

// seal makes the row of a checked tenant. previous, if there is one, lends the hidden secrets that t does not mention.
func (s *Service) seal(t wire.Tenant, previous *row) (row, error) {
	kept := map[string]string{}
	if previous != nil {
		var err error
		if kept, err = s.openSecrets(*previous); err != nil {
			return row{}, err
		}
	}
	doc := document{EventConfiguration: t.EventConfiguration, Extra: maps.Clone(t.Extra)}
	values := map[string]string{}
	for _, secret := range secrets {
		var members map[string]json.RawMessage
		if raw := doc.Extra[secret.parent]; !isNull(raw) {
			if err := json.Unmarshal(raw, &members); err != nil {
				return row{}, fmt.Errorf("decode %s: %w", secret.parent, err)
			}
		}
		value, mentioned := textOf(members[secret.name])
		if !mentioned && secret.hidden {
			value = kept[secret.key()]
		}
		if value != "" {
			values[secret.key()] = value
		}
		if members[secret.name] != nil && (value != "" || secret.hidden) {
			delete(members, secret.name)
			doc.Extra[secret.parent] = encode(members)
		}
	}
	sealed, err := s.sealSecrets(t.ID, values)
	if err != nil {
		return row{}, err
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return row{}, fmt.Errorf("encode tenant: %w", err)
	}
	r := row{
		id: t.ID, name: t.Name, document: string(bytes.ToValidUTF8(text, []byte("\uFFFD"))), secrets: sealed, version: 1,
		insertInstant: int64(t.InsertInstant), lastUpdateInstant: int64(t.LastUpdateInstant),
	}
	if previous != nil {
		r.version = previous.version + 1
	}
	return r, nil
}

// open makes the tenant of a row as callers see it, without hidden secrets.
func (s *Service) open(r row) (wire.Tenant, error) {
	var doc document
	if err := json.Unmarshal([]byte(r.document), &doc); err != nil {
		return wire.Tenant{}, fmt.Errorf("decode tenant %s: %w", r.id, err)
	}
	values, err := s.openSecrets(r)
	if err != nil {
		return wire.Tenant{}, err
	}
	for _, secret := range secrets {
		value, ok := values[secret.key()]
		if !ok || secret.hidden {
			continue
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(doc.Extra[secret.parent], &members); err != nil {
			return wire.Tenant{}, fmt.Errorf("decode %s of tenant %s: %w", secret.parent, r.id, err)
		}
		text, err := json.Marshal(value)
		if err != nil {
			return wire.Tenant{}, err
		}
		members[secret.name] = text
		doc.Extra[secret.parent] = encode(members)
	}
	t := wire.Tenant{
		ID: r.id, Name: r.name, State: wire.Active, EventConfiguration: doc.EventConfiguration, Extra: doc.Extra,
		InsertInstant: wire.Instant(r.insertInstant), LastUpdateInstant: wire.Instant(r.lastUpdateInstant),
	}
	if r.deleting {
		t.State = wire.PendingDelete
	}
	return t, nil
}

func (s *Service) openAll(rows []row) ([]wire.Tenant, error) {
	tenants := make([]wire.Tenant, len(rows))
	for i, r := range rows {
		var err error
		if tenants[i], err = s.open(r); err != nil {
			return nil, err
		}
	}
	return tenants, nil
}

func (s *Service) sealSecrets(id wire.ID, values map[string]string) (string, error) {
	if len(values) == 0 {
		return "", nil
	}
	plain, err := json.Marshal(values)
	if err != nil {
		return "", err
	}
	return s.sealer.Seal(place(id), plain)
}

func (s *Service) openSecrets(r row) (map[string]string, error) {
	values := map[string]string{}
	if r.secrets == "" {
		return values, nil
	}
	plain, err := s.sealer.Open(place(r.id), r.secrets)
	if err != nil {
		return nil, err
	}
	return values, json.Unmarshal(plain, &values)
}
