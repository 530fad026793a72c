package ui

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math"
	"net/textproto"
	"slices"
	"strings"

	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/internal/webhooklog"
	"github.com/herald-events/herald/wire"
)

var attemptRoutes = []route{
	{"GET /admin/attempt", signedIn, admin.WebhookLog, admin.View, (*server).attempts},
	{"GET /admin/attempt/{id}", signedIn, admin.WebhookLog, admin.View, (*server).attempt},
}

type attemptsPage struct {
	Choice   receiverChoice
	Attempts []webhooklog.TriedAttempt
	Problem  string
	Pager    pager
}

// attempts lists the attempts to reach receivers.
func (s *server) attempts(v *visit) (err error) {
	page, moved := attemptsPage{}, false
	if page.Choice, moved, err = s.receiverChoice(v); moved || err != nil {
		return err
	}
	filter := webhooklog.AttemptFilter{
		Period: v.period(), WebhookID: wire.ID(v.FormValue("webhook")), Kind: webhook.Kind(v.FormValue("kind")),
		Result: wire.WebhookAttemptResult(v.FormValue("result")), StatusCode: v.FormValue("status"),
	}
	found, links, err := s.WebhookLog.PageAttempts(v.Context(), filter, pageSize, v.cursor())
	if page.Problem, err = invalid(err); err != nil {
		return err
	}
	page.Attempts, page.Pager = found, v.pager(links)
	return v.show("attempts", "Attempts", page)
}

// Receiver is the one with an id.
func (p attemptsPage) Receiver(id wire.ID) called { return p.Choice.Receiver(id) }

// Several tells that the attempts are about several events.
func (attemptsPage) Several() bool { return true }

// Kinds and Results are what the list can be narrowed to.
func (attemptsPage) Kinds() []string { return []string{"vote", "delivery", "retry", "test", "replay"} }

func (attemptsPage) Results() []string {
	return []string{string(wire.AttemptSuccess), string(wire.AttemptFailure), string(wire.AttemptUnknown)}
}

type attemptPage struct {
	wire.WebhookAttemptLog
	Receiver        called
	EventType       string
	RequestHeaders  []pair
	ResponseHeaders []pair
	Phases          []phase
	Signatures      []signature
	// RequestShown and ResponseShown are the bodies, indented when they are whole and JSON.
	RequestShown, ResponseShown string
}

// phase is a part of a request, as one stretch of a bar that is barWidth wide.
type phase struct {
	Text     string // the id
	Micros   int64
	X, Width float64
	Class    string
}

const barWidth = 1000

// signature is a JWT that a request was signed with, taken apart.
type signature struct {
	Header string
	KeyID  string
	Key    string // its name, "" when it is gone
	Claims string
	// Valid says that the signature is that of the key, Matches that the hash in it is that of the event.
	Valid, Matches bool
}

// attempt shows one request and its answer side by side.
func (s *server) attempt(v *visit) error {
	a, err := s.WebhookLog.Attempt(v.Context(), v.id())
	if err != nil {
		return err
	}
	e, err := s.WebhookLog.Event(v.Context(), a.WebhookEventLogID)
	if err != nil {
		return err
	}
	page := attemptPage{WebhookAttemptLog: a, EventType: e.EventType, RequestShown: indented([]byte(a.RequestBody))}
	all, err := s.allCalled(v.Context())
	if err != nil {
		return err
	}
	page.Receiver = all.of(a.WebhookID)
	if a.Request != nil {
		page.RequestHeaders = sortedPairs(a.Request.Headers)
		if page.Signatures, err = s.signatures(v, a.Request.Headers, e.Event); err != nil {
			return err
		}
	}
	if a.Response != nil {
		page.ResponseHeaders, page.ResponseShown = sortedPairs(a.Response.Headers), indented([]byte(a.Response.Body))
	}
	page.Phases = phasesOf(a.Phases)
	v.under("Attempts", "/admin/attempt")
	v.above = append(v.above, link{Text: e.EventType, To: "/admin/log/" + string(e.ID)})
	v.of = answerOf(&a)
	return v.show("attempt", "Attempt", page)
}

func sortedPairs(headers map[string]string) (all []pair) {
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		all = append(all, pair{Name: textproto.CanonicalMIMEHeaderKey(name), Value: headers[name]})
	}
	return all
}

// phasesOf puts the parts of a request one behind the other. What is between them, and after the first byte, is "reading".
func phasesOf(p *wire.WebhookAttemptPhases) (all []phase) {
	if p == nil || p.Total <= 0 {
		return nil
	}
	at := 0.0
	add := func(text, class string, micros int64) {
		if micros <= 0 {
			return
		}
		width := math.Round(float64(micros)/float64(p.Total)*barWidth*10) / 10
		width = min(width, barWidth-at)
		all = append(all, phase{text, micros, at, width, class})
		at += width
	}
	add("PhaseDNS", "phase-1", p.DNS)
	add("PhaseConnect", "phase-2", p.Connect)
	add("PhaseTLS", "phase-3", p.TLS)
	add("PhaseFirstByte", "phase-4", p.FirstByte)
	add("PhaseRest", "phase-5", p.Total-p.DNS-p.Connect-p.TLS-p.FirstByte)
	return all
}

// signatures takes the JWTs apart that a request was signed with, and checks them as a receiver would.
func (s *server) signatures(v *visit, headers map[string]string, event []byte) (all []signature, err error) {
	keys, err := s.Keys.Set(v.Context())
	if err != nil {
		return nil, err
	}
	for _, name := range []string{webhook.HeaderJWT, webhook.HeaderSecondaryJWT} {
		for given, token := range headers {
			if !strings.EqualFold(name, given) {
				continue
			}
			one := signature{Header: name}
			head, rest, _ := strings.Cut(token, ".")
			payload, _, _ := strings.Cut(rest, ".")
			var header struct {
				KID string `json:"kid"`
			}
			if text, err := base64.RawURLEncoding.DecodeString(head); err == nil {
				_ = json.Unmarshal(text, &header) // a token that cannot be read is not valid
			}
			if text, err := base64.RawURLEncoding.DecodeString(payload); err == nil {
				one.Claims = indented(text)
			}
			one.KeyID = header.KID
			if k := keys.ByKID(header.KID); k != nil {
				one.Key = k.Name
				if claims, err := k.Verify(token); err == nil {
					var hash struct {
						SHA256 string `json:"request_body_sha256"`
					}
					_ = json.Unmarshal(claims, &hash) // without the claim it does not match
					sum := sha256.Sum256(event)
					one.Valid, one.Matches = true, hash.SHA256 == base64.StdEncoding.EncodeToString(sum[:])
				}
			}
			all = append(all, one)
		}
	}
	return all, nil
}
