package outbox

import (
	"fmt"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

// TestLines is what leaves one after the other. A delivery is written as operation, object and "!" for a retry.
func TestLines(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"1a":                      "1a",
		"1a 1a":                   "1a,1a",
		"1a 1b 1a":                "1a,1a 1b",
		"1a 2a":                   "1a 2a",
		"1- 1-":                   "1- 1-", // about nothing
		"1a 1a 1a 1a 1a 1a":       "1a,1a,1a,1a 1a,1a",
		"1a! 1a 1a! 1a":           "1a!,1a! 1a,1a",
		"1a 2b 3c 1a 2b 3c 1a 4d": "1a,1a,1a 2b,2b 3c,3c 4d",
	} {
		var claimed []*delivery
		for i, text := range strings.Fields(in) {
			d := &delivery{sequence: int64(i), operation: text[:1], object: wire.ID(strings.Trim(text[1:], "-!"))}
			if strings.HasSuffix(text, "!") {
				d.attempts = 1
			}
			claimed = append(claimed, d)
		}
		var got []string
		for _, line := range lines(claimed) {
			var texts []string
			last := int64(-1)
			for _, d := range line {
				object := string(d.object)
				if object == "" {
					object = "-"
				}
				texts = append(texts, d.operation+object+map[bool]string{true: "!"}[d.attempts > 0])
				if d.sequence <= last {
					t.Errorf("%s: a line is out of order", in)
				}
				last = d.sequence
			}
			got = append(got, strings.Join(texts, ","))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s becomes %q, want %q", in, got, want)
		}
	}
}

func TestDelivery_AttemptKind(t *testing.T) {
	t.Parallel()
	for want, d := range map[webhook.Kind]delivery{
		webhook.Delivery: {}, webhook.Retry: {attempts: 1}, webhook.Replay: {replays: 1},
	} {
		if got := d.attemptKind(); got != want {
			t.Errorf("%+v is sent as %s, want %s", d, got, want)
		}
	}
	if got := (&delivery{attempts: 2, replays: 1}).attemptKind(); got != webhook.Retry {
		t.Error(fmt.Sprint("a retry after a replay is sent as ", got))
	}
}
