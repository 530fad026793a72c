package message

import (
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/wire"
)

func TestValid(t *testing.T) {
	t.Parallel()
	for kind, texts := range map[wire.MessageKind]map[string]bool{
		wire.KindSMS: {
			"+491701234567": true, "0170 123-45.67": true, "(555) 123 4567": true, "12345": true, "": false, "+": false,
			"+49170x1234": false, "a@b.de": false, "12345+": false, "+49\r\n170123": false, "٠١٢٣٤٥٦": false,
		},
		wire.KindEmail: {
			"ada@example.com": true, "a+b@c.de": true, "": false, "ada": false, "Ada <ada@example.com>": false, "<ada@example.com>": false, "a@b.de,c@d.de": false,
			"a@b.de\r\nBcc: x@y.de": false, strings.Repeat("a", 250) + "@b.de": false,
		},
	} {
		for text, want := range texts {
			if got := Valid(kind, text); got != want {
				t.Errorf("%s %q: %v, want %v", kind, text, got, want)
			}
		}
	}
}

func TestHash(t *testing.T) {
	t.Parallel()
	key := []byte("key")
	for _, same := range [][2]string{{"+49 170 1234567", "+491701234567"}, {"Ada@Example.com ", "ada@example.com"}} {
		if hash(key, same[0]) != hash(key, same[1]) {
			t.Errorf("%q are different recipients", same)
		}
	}
	for _, other := range [][2]string{{"+491701234567", "+491701234568"}, {"a.b@c.de", "ab@c.de"}} {
		if hash(key, other[0]) == hash(key, other[1]) {
			t.Errorf("%q are one recipient", other)
		}
	}
	if hash(key, "+491701234567") == hash([]byte("other"), "+491701234567") {
		t.Error("the hash does not depend on the key")
	}
}

func TestScrubber(t *testing.T) {
	t.Parallel()
	s := newScrubber("+49 170 1234567", []string{"483920", "", "7x", "id-of+a/link"})
	for text, want := range map[string]string{
		"":                                    "",
		"status 503":                          "status 503",
		`{"code":"483920"}`:                   `{"code":"(hidden)"}`,
		"Your code is 4 8 3 9 2 0.":           "Your code is (hidden).",
		"To=%2B491701234567&Body=Code+483920": "To=%2B+49…67&Body=Code+(hidden)",
		"number +49 170 1234567 is unknown":   "number +49…67 is unknown",
		"number +491701234567 is unknown":     "number +49…67 is unknown",
		"number 491701234567 is unknown":      "number +49…67 is unknown",
		"https://x/?id=id-of%2Ba%2Flink":      "https://x/?id=(hidden)",
		"https://x/?id=id-of+a/link":          "https://x/?id=(hidden)",
		"7x is short, 17x is not it":          "(hidden) is short, 17x is not it",
		"cut off: 48392":                      "cut off: (hidden)",
		"cut off: 483":                        "cut off: 483",
		"bad \xff and \x00":                   "bad \uFFFD and \uFFFD",
	} {
		if got := s.text(text, 1000); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
	if got := s.text("äöü", 3); got != "ä …" {
		t.Errorf("cut to %q", got)
	}
	mail := newScrubber("Ada@Example.com", []string{"abc"})
	if got := mail.text("550 <ada@example.com>: no Ada@Example.com, abc", 1000); got != "550 <a…@example.com>: no a…@example.com, (hidden)" {
		t.Errorf("e-mail: %q", got)
	}
}

func TestHint_EveryOutcomeHasOne(t *testing.T) {
	t.Parallel()
	seen := map[string]egress.Outcome{}
	for _, o := range egress.Outcomes() {
		if o == egress.Accepted {
			continue
		}
		for _, kind := range kinds {
			hint := hintFor(kind, wire.MessageAttempt{Outcome: string(o), StatusCode: 400})
			if hint == "" {
				t.Errorf("%s %s has no hint", kind, o)
			}
			seen[hint] = o
		}
	}
	if len(seen) < 10 {
		t.Errorf("only %d hints", len(seen))
	}
}
