package webhooklog

import (
	"fmt"
	"testing"

	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

// What is remembered is bounded by its size, however few or many webhooks there are, and is still right.
func TestAudiences_Bounded(t *testing.T) {
	t.Parallel()
	for _, webhooks := range []int{1, 1000, 50_000} {
		t.Run(fmt.Sprint(webhooks), func(t *testing.T) {
			t.Parallel()
			withheld := make([]webhook.Withheld, webhooks)
			for i := range withheld {
				withheld[i] = webhook.Withheld{WebhookID: wire.ID(fmt.Sprintf("00000000-0000-4000-8000-%012d", i)), URL: "https://example.com/hook", Gate: webhook.OtherTenant}
			}
			var s audiences
			var id string
			most := 0
			for i := range max(50_000/webhooks, 2) {
				key := audienceKey{&webhook.Audience{Withheld: withheld}, true}
				known, err := s.find(key)
				if err != nil || id != "" && known.id != id {
					t.Fatalf("%+v, %v, want the id %s", known, err, id)
				}
				if again, err := s.find(key); err != nil || again != known {
					t.Fatalf("it is not remembered: %v", err)
				}
				id = known.id
				most = max(most, len(s.known))
				if i%max(1000/webhooks, 1) != 0 {
					continue // it takes a while to add up
				}
				size := 0
				for key, known := range s.known {
					size += sizeOf(key.Audience, known)
				}
				if size != s.size || size > 8<<20 && len(s.known) > 1 {
					t.Fatalf("%d audiences of %d bytes are remembered, and counted as %d", len(s.known), size, s.size)
				}
			}
			if webhooks == 1000 && most < 20 {
				t.Errorf("%d audiences are remembered at most", most)
			}
		})
	}
}
