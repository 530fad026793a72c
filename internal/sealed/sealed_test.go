package sealed_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/key"
	"github.com/herald-events/herald/internal/sealed"
)

func TestSealJSON(t *testing.T) {
	t.Parallel()
	sealer := key.NewSealer(make([]byte, key.Size))
	text, err := sealed.SealJSON(sealer, "here", []string{"planted"})
	if err != nil || strings.Contains(text, "planted") {
		t.Fatalf("%q, %v", text, err)
	}
	var got []string
	if err := sealed.OpenJSON(sealer, "here", text, &got); err != nil || len(got) != 1 || got[0] != "planted" {
		t.Errorf("%q, %v", got, err)
	}
	if err := sealed.OpenJSON(sealer, "there", text, &got); !errors.Is(err, key.ErrCorrupt) {
		t.Errorf("opened at another place: %v", err)
	}
	// What is sealed there is not what is expected: the error does not quote it.
	var number int
	if err := sealed.OpenJSON(sealer, "here", text, &number); err == nil || !strings.Contains(err.Error(), "here") || strings.Contains(err.Error(), "planted") {
		t.Errorf("opened as something else: %v", err)
	}
}
