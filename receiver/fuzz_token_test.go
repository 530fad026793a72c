package receiver_test

import (
	"net/http"
	"testing"

	"github.com/herald-events/herald/receiver"
	"github.com/herald-events/herald/receiver/receivertest"
)

// No text but what a key has signed is a signature, and none makes a check panic.
func FuzzChecks(f *testing.F) {
	hs, es, ed := receivertest.NewKey("HS256"), receivertest.NewKey("ES256"), receivertest.NewKey("EdDSA")
	body := []byte(`{"event":{"id":"1","type":"user.create"}}`)
	checks := []receiver.Check{
		receiver.Signature(hs.Keys()), receiver.Signature(es.Keys()), receiver.Signature(ed.Keys()), receiver.StandardWebhooks(hs.Keys(), 0), receiver.StandardWebhooks(ed.Keys(), 0),
	}
	for _, k := range []*receivertest.Key{hs, es, ed} { // of another body
		f.Add(receivertest.Sender{JWT: k}.Body("1", nil).Header.Get("X-FusionAuth-Signature-JWT"), "1", "1700000000")
	}
	f.Add("eyJhbGciOiJub25lIn0.e30.", "", "")
	f.Add("v1,AAAA v1a,AAAA", "1", "-1")
	f.Fuzz(func(t *testing.T, signature, id, at string) {
		q := receivertest.Sender{}.Body("1", body)
		for name, value := range map[string]string{"X-FusionAuth-Signature-JWT": signature, "webhook-signature": signature, "webhook-id": id, "webhook-timestamp": at} {
			q.Header[http.CanonicalHeaderKey(name)] = []string{value}
		}
		for i, c := range checks {
			if c.Verify(q, body) == nil {
				t.Errorf("check %d lets %q in", i, signature)
			}
		}
	})
}
