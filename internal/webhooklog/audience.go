package webhooklog

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

// Whom an event is withheld from depends on the settings of tenants and webhooks only, so thousands of events have the same answer. It is stored
// once, under the hash of its content, and each event names it.

// audiences remembers what was stored, so that the usual event costs no statement.
type audiences struct {
	mu     sync.Mutex
	known  map[audienceKey]*audience
	size   int              // of known, in bytes
	stored map[string]int64 // id → the day on which its row was last touched
}

// audienceKey is what the answer follows from. Audiences are made once per registry, so the pointer stands for its content.
type audienceKey struct {
	*webhook.Audience
	enabled bool
}

type audience struct{ id, document string }

// What is remembered is bounded, as each change of a webhook makes new audiences, and one of a thousand webhooks takes as much as a thousand of one.
const (
	mostRemembered = 8 << 20 // bytes of audiences; a larger one is remembered alone
	mostStored     = 4096    // ids
)

// sizeOf is about how many bytes it takes to remember what is known of an audience, which itself is kept with it.
func sizeOf(a *webhook.Audience, known *audience) int {
	return 200 + len(known.document) + 64*(len(a.Withheld)+len(a.Targets))
}

// Audience stores, unless it is there already, whom events with this audience are withheld from, and returns the id to put into [Event.Audience]; empty when
// every webhook gets the event. enabled is the tenant's own switch for the event.
func (l *Log) Audience(tx *db.Tx, a *webhook.Audience, enabled bool) (string, error) {
	known, err := l.audiences.find(audienceKey{a, enabled})
	if err != nil || known.id == "" {
		return "", err
	}
	day := tx.NowMillis() / dayMillis
	if l.audiences.touched(known.id, day) {
		return known.id, nil
	}
	if err := useAudience(tx, known.id, known.document); err != nil {
		return "", err
	}
	tx.AfterCommit(func() { l.audiences.touch(known.id, day) })
	return known.id, nil
}

const dayMillis = 24 * 60 * 60 * 1000

func (s *audiences) find(key audienceKey) (*audience, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.known[key]; ok {
		return known, nil
	}
	known, err := describe(key.Audience, key.enabled)
	if err != nil {
		return nil, err
	}
	size := sizeOf(key.Audience, known)
	if s.known == nil || s.size+size > mostRemembered {
		s.known, s.size = map[audienceKey]*audience{}, 0
	}
	s.known[key] = known
	s.size += size
	return known, nil
}

func (s *audiences) touched(id string, day int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stored[id] == day
}

func (s *audiences) touch(id string, day int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stored == nil || len(s.stored) >= mostStored {
		s.stored = map[string]int64{}
	}
	s.stored[id] = day
}

// describe lists the webhooks that do not get the event, by id.
func describe(a *webhook.Audience, enabled bool) (*audience, error) {
	var withheld []wire.WithheldWebhook
	for _, w := range a.Withheld {
		withheld = append(withheld, wire.WithheldWebhook{WebhookID: w.WebhookID, URL: w.URL, Reason: string(w.Gate), Detail: w.Detail, Kind: kindOf(w.Kind)})
	}
	if !enabled {
		for _, t := range a.Targets {
			withheld = append(withheld, wire.WithheldWebhook{WebhookID: t.ID, URL: t.URL(), Reason: tenantDisabled, Kind: kindOf(t.Kind())})
		}
	}
	if len(withheld) == 0 {
		return &audience{}, nil
	}
	slices.SortFunc(withheld, func(a, b wire.WithheldWebhook) int { return strings.Compare(string(a.WebhookID), string(b.WebhookID)) })
	document, err := json.Marshal(withheld)
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(document)
	return &audience{id: base64.RawURLEncoding.EncodeToString(hash[:16]), document: string(document)}, nil
}

// kindOf is the kind of a receiver as it is stored and shown: nothing for webhooks.
func kindOf(k webhook.ReceiverKind) string {
	if k == webhook.Webhook {
		return ""
	}
	return string(k)
}

// tenantDisabled is the reason when the tenant has switched the event off; the others are the gates of [webhook.Match].
const tenantDisabled = "tenant disabled"
