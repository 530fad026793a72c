package receiver_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/receiver"
	"github.com/herald-events/herald/receiver/receivertest"
)

// Whatever comes, it is handled as what it says it is, or turned away.
func FuzzReceiver(f *testing.F) {
	for _, t := range receivertest.Types() {
		body, err := event.Example(t)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	for _, body := range []string{``, `{"event":{"type":"custom.a","id":"1","ID":"2","info":{}}}`, `{"event":{"type":"user.create","\u0074ype":"x"}}`, `{"event":null}`, `[[[[`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r := receiver.New(open())
		var got *receiver.Event
		r.Default(func(_ context.Context, e *receiver.Event) error {
			got = e
			if d, ok := event.Lookup(e.Type); ok {
				_ = e.Decode(d.New())
			}
			return nil
		})
		w := receivertest.Do(r, receivertest.Sender{}.Body("1", body))
		if (w.Code == 200) != (got != nil) || w.Code != 200 && w.Code != 400 && w.Code != 413 {
			t.Fatalf("status %d, handled: %v", w.Code, got != nil)
		}
		if got == nil {
			return
		}
		var outer map[string]map[string]any
		if err := json.Unmarshal(body, &struct{ Event *map[string]any }{}); err != nil {
			t.Fatalf("what is no event was handled: %v", err)
		}
		if json.Unmarshal(body, &outer) == nil && outer["event"]["type"] != string(got.Type) {
			t.Fatalf("%v was handled as %s", outer["event"]["type"], got.Type)
		}
	})
}
