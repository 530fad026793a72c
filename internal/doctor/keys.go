package doctor

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"time"

	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/wire"
)

// soon is how long before the end of a certificate people should know.
const soon = 30 * 24 * time.Hour

// mostKeys is of how many keys it is found out who uses them.
const mostKeys = 200

func (s *Service) lookAtKeys(ctx context.Context, found *findings) error {
	keys, err := s.o.Keys.List(ctx)
	if err != nil {
		return err
	}
	now := s.o.DB.Now()
	known := map[wire.ID]bool{}
	for _, k := range keys {
		known[k.ID] = true
		if k.ExpirationInstant != 0 {
			ends(found, KeyExpired, KeyExpiring, Subject{Key, k.ID, k.Name}, time.UnixMilli(int64(k.ExpirationInstant)), now)
		}
	}
	for _, k := range keys[:min(len(keys), mostKeys)] {
		uses, err := s.o.Keys.Uses(ctx, k.ID)
		if err != nil {
			return err
		}
		if len(uses) == 0 && !s.o.Keys.IsDefault(k.ID) {
			found.add(KeyUnused, Subject{Key, k.ID, k.Name})
		}
	}
	settings, err := s.o.Tenants.Settings(ctx)
	if err != nil {
		return err
	}
	for _, id := range settings.IDs() {
		t, _ := settings.Find(id)
		flows, _ := settings.Flows(id)
		named := map[wire.ID]bool{flows.JWT.AccessTokenKeyID: true, flows.JWT.IDTokenKeyID: true}
		for k := range named {
			if k != "" && !known[k] {
				found.add(KeyMissing, Subject{Tenant, id, t.Name}, "key", string(k))
			}
		}
	}
	webhooks, err := s.o.Webhooks.List(ctx)
	for _, w := range webhooks {
		if first, ok := firstEnd(w.SSLCertificate); ok { // one that is a key was looked at above
			ends(found, CertificateExpired, CertificateExpiring, Subject{Webhook, w.ID, egress.RedactURL(w.URL)}, first, now)
		}
	}
	return err
}

// ends adds a finding about a certificate that has ended, or will before long.
func ends(found *findings, expired, expiring Code, about Subject, at, now time.Time) {
	instant := wire.Instant(at.UnixMilli())
	switch left := at.Sub(now); {
	case left <= 0:
		found.add(expired, about, "at", instant)
	case left <= soon:
		found.add(expiring, about, "days", int64(left/(24*time.Hour)), "at", instant)
	}
}

// firstEnd is when the first of the certificates in a PEM text ends.
func firstEnd(text string) (first time.Time, ok bool) {
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return first, ok
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		if c, err := x509.ParseCertificate(block.Bytes); err == nil && (!ok || c.NotAfter.Before(first)) {
			first, ok = c.NotAfter, true
		}
	}
}
