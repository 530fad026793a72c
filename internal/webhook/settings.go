package webhook

import (
	"maps"
	"slices"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/key"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

const (
	mostDelays      = 50
	longestDelay    = 7 * 24 * 60 * 60 // seconds
	mostConcurrency = 256
	// A pause of more than a quarter of an hour between two deliveries is nothing that anybody wants of a limit per second.
	leastRate = 0.001
	mostRate  = 10_000
)

// CheckPace adds what is wrong with the settings of deliveries; prefix is that of their members. What is not set stays so: the server's defaults may change.
func CheckPace(v *problem.Validation, prefix string, retry **wire.RetryConfiguration, concurrency int, rateLimit float64) {
	if r := *retry; r != nil {
		path := prefix + "retryConfiguration.delays"
		v.Check(len(r.Delays) <= mostDelays, path, "tooMany", "A delivery is tried again at most %d times.", mostDelays)
		v.Check(!slices.ContainsFunc(r.Delays, func(d int) bool { return d < 1 || d > longestDelay }), path, "invalid",
			"A delay is between 1 and %d seconds.", longestDelay)
		if r.Delays == nil {
			*retry = nil
		}
	}
	v.Check(concurrency >= 0 && concurrency <= mostConcurrency, prefix+"concurrency", "invalid",
		"Between 1 and %d deliveries may be under way at once.", mostConcurrency)
	v.Check(rateLimit == 0 || rateLimit >= leastRate && rateLimit <= mostRate, prefix+"rateLimit", "invalid",
		"A rate limit is between %v and %v deliveries per second.", leastRate, mostRate)
}

// DelaysOf is a retry configuration as durations, nil without one.
func DelaysOf(r *wire.RetryConfiguration) []time.Duration {
	if r == nil {
		return nil
	}
	delays := make([]time.Duration, len(r.Delays))
	for i, seconds := range r.Delays {
		delays[i] = time.Duration(seconds) * time.Second
	}
	return delays
}

// keysOf are the keys that a webhook names, each once.
func keysOf(w *wire.Webhook) []wire.ID {
	c := w.SignatureConfiguration
	named := map[wire.ID]bool{
		w.SSLCertificateKeyID: true, c.SigningKeyID: true, c.SecondarySigningKeyID: true,
		c.StandardWebhooks.SigningKeyID: true, c.StandardWebhooks.SecondarySigningKeyID: true,
	}
	delete(named, "")
	return slices.Sorted(maps.Keys(named))
}

// checkKeys refuses keys that do not exist or cannot do what they are named for.
func (s *Service) checkKeys(tx *db.Tx, v *problem.Validation, w *wire.Webhook) error {
	c := w.SignatureConfiguration
	const path = "webhook.signatureConfiguration"
	v.Check(!c.Enabled || c.SigningKeyID != "", path+".signingKeyId", "missing", "Signing needs the id of a key.")
	standard, _ := standardKeys(c)
	v.Check(!c.StandardWebhooks.Enabled || standard != "", path+".standardWebhooks.signingKeyId", "missing", "Signing needs the id of a key.")
	if len(keysOf(w)) == 0 {
		return nil
	}
	keys, err := s.keys(tx)
	if err != nil {
		return err
	}
	find := func(path string, id wire.ID) *key.Key {
		k := keys.Key(id)
		v.Check(id == "" || k != nil, path, "invalid", "There is no key with the id %s.", id)
		return k
	}
	if k := find("webhook.sslCertificateKeyId", w.SSLCertificateKeyID); k != nil {
		v.Check(k.Certificate != "", "webhook.sslCertificateKeyId", "invalid", "The key %q has no certificate.", k.Name)
		v.Check(w.SSLCertificate == "", "webhook.sslCertificateKeyId", "invalid", "Give either a certificate or the id of a key with one, not both.")
	}
	pair(v, path, c.SigningKeyID, c.SecondarySigningKeyID)
	pair(v, path+".standardWebhooks", c.StandardWebhooks.SigningKeyID, c.StandardWebhooks.SecondarySigningKeyID)
	for _, named := range []struct {
		path string
		id   wire.ID
	}{{path + ".signingKeyId", c.SigningKeyID}, {path + ".secondarySigningKeyId", c.SecondarySigningKeyID}} {
		if k := find(named.path, named.id); k != nil {
			v.Check(k.CanSign(), named.path, "invalid", "The key %q cannot sign: it has neither a private key nor the secret of an HMAC.", k.Name)
		}
	}
	// Those that stand in for missing ones are looked at, too, where they are used.
	primary, secondary := c.StandardWebhooks.SigningKeyID, c.StandardWebhooks.SecondarySigningKeyID
	if c.StandardWebhooks.Enabled {
		primary, secondary = standardKeys(c)
	}
	for _, named := range []struct {
		path string
		id   wire.ID
	}{{path + ".standardWebhooks.signingKeyId", primary}, {path + ".standardWebhooks.secondarySigningKeyId", secondary}} {
		if k := find(named.path, named.id); k != nil {
			v.Check(k.CanSignStandard(), named.path, "invalid",
				"Standard Webhooks are signed with an HMAC secret or an Ed25519 key; the key %q is neither.", k.Name)
		}
	}
	return nil
}

// pair refuses a secondary key that is none.
func pair(v *problem.Validation, path string, primary, secondary wire.ID) {
	v.Check(secondary == "" || secondary != primary, path+".secondarySigningKeyId", "invalid", "The secondary key must be another one than the first.")
}
