package event

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/herald-events/herald/wire"
)

func TestIsCustom(t *testing.T) {
	t.Parallel()
	for _, name := range []Type{"custom.a", "custom.order.paid", "custom.order-2.paid_at.complete", "custom.-", "custom.0", Type("custom." + strings.Repeat("x", 93))} {
		d, ok := Lookup(name)
		if !IsCustom(name) || !ok || d.Type != name || d.Name == "" || d.Scope != ScopeTenant || d.Description == "" || d.Complete != "" || d.Completes != "" ||
			d.Transactional == strings.HasSuffix(string(name), ".complete") {
			t.Errorf("%s: %+v, %v", name, d, ok)
		}
		if slices.ContainsFunc(All(), func(d Descriptor) bool { return d.Type == name }) {
			t.Errorf("%s is in the catalogue", name)
		}
	}
	for _, name := range []Type{
		"", "custom", "custom.", "custom..a", "custom.a.", "custom.a..b", "custom.A", "custom.ä", "custom.a b", "custom.a/b", "Custom.a", "customs.a", "user.create",
		"custom.a\n", Type("custom." + strings.Repeat("x", 94)),
	} {
		if IsCustom(name) {
			t.Errorf("%q is a custom type", name)
		}
	}
	if _, ok := Lookup("custom.A"); ok {
		t.Error("a name that is none has a descriptor")
	}
}

// A custom event is whatever its publisher makes it, and stays so.
func TestCustomEvent_RoundTrip(t *testing.T) {
	t.Parallel()
	const body = `{"event":{"amount":12345678901234567890.10,"createInstant":7,"id":"e5d3b8f2-0c1a-4a39-9f0a-4f5d7c9b1a20","markup":"<&>","order":{"b":1,"a":[]},` +
		`"tenantId":"a0000000-0000-4000-8000-00000000000a","type":"custom.order.paid"}}`
	p, err := Decode([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	e, ok := p.(*CustomEvent)
	if !ok || e.Type != "custom.order.paid" || e.CreateInstant != 7 || e.TenantID != "a0000000-0000-4000-8000-00000000000a" || string(e.Members["order"]) != `{"b":1,"a":[]}` || len(e.Members) != 3 {
		t.Fatalf("%T %+v", p, p)
	}
	again, err := Encode(p)
	if diff := cmp.Diff(body, string(again)); err != nil || diff != "" {
		t.Errorf("%v (-before +after)\n%s", err, diff)
	}
	// A member cannot pass for a part of the header.
	e.Members = map[string]json.RawMessage{"type": []byte(`"user.create"`), "tenantId": []byte(`"x"`)}
	e.TenantID = ""
	if again, err = Encode(e); err != nil || strings.Contains(string(again), "user.create") || strings.Contains(string(again), "tenantId") {
		t.Errorf("%s, %v", again, err)
	}
}

func TestCustomEvent_Header(t *testing.T) {
	t.Parallel()
	body, err := Encode(&CustomEvent{Header: Header{ID: "e5d3b8f2-0c1a-4a39-9f0a-4f5d7c9b1a20", Type: "custom.x"}})
	if want := `{"event":{"createInstant":0,"id":"e5d3b8f2-0c1a-4a39-9f0a-4f5d7c9b1a20","type":"custom.x"}}`; err != nil || string(body) != want {
		t.Errorf("%s, %v", body, err)
	}
	if _, err := Encode(&UserEvent{Header: Header{Type: "custom.x"}}); err == nil {
		t.Error("a payload of the catalogue goes as a custom event")
	}
	if _, err := Encode(&CustomEvent{Header: Header{Type: UserCreate}}); err == nil {
		t.Error("a custom payload goes as an event of the catalogue")
	}
	var unknown *UnknownTypeError
	if _, err := Decode([]byte(`{"event":{"type":"custom.X"}}`)); !errors.As(err, &unknown) {
		t.Errorf("a name that is none: %v", err)
	}
	if h := WithType(&CustomEvent{Header: Header{ID: "1"}}, "custom.y").Head(); h.ID != wire.ID("1") || h.Type != "custom.y" {
		t.Errorf("the twin has the header %+v", h)
	}
}
