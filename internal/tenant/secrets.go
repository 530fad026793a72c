package tenant

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/herald-events/herald/internal/sealed"
	"github.com/herald-events/herald/wire"
)

// secrets lists all there are. The hidden one is FusionAuth's way for the password of the mail server, and is not copied with a tenant; the others
// are returned, because clients compare them with what they sent. A certificate may have its private key behind it.
var secrets = sealed.Members{
	{Parent: "emailConfiguration", Name: "password", Hidden: true},
	{Parent: "emailConfiguration", Name: "sslCertificate"},
	{Parent: "captchaConfiguration", Name: "secretKey"},
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
	rest, values, err := secrets.Split(t.Extra, kept)
	if err != nil {
		return row{}, err
	}
	secrets, err := s.sealSecrets(t.ID, values)
	if err != nil {
		return row{}, err
	}
	text, err := json.Marshal(document{EventConfiguration: t.EventConfiguration, Extra: rest})
	if err != nil {
		return row{}, fmt.Errorf("encode tenant: %w", err)
	}
	r := row{
		id: t.ID, name: t.Name, document: string(bytes.ToValidUTF8(text, []byte("\uFFFD"))), secrets: secrets, version: 1,
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
	if err := secrets.Join(doc.Extra, values); err != nil {
		return wire.Tenant{}, fmt.Errorf("tenant %s: %w", r.id, err)
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
	return sealed.Seal(s.sealer, place(id), values)
}

func (s *Service) openSecrets(r row) (map[string]string, error) {
	return sealed.Open(s.sealer, place(r.id), r.secrets)
}
