package ui_test

import (
	"testing"

	"github.com/herald-events/herald/internal/ui"
)

// A page is parsed when it is first shown; here all of them are.
func TestPages_Parse(t *testing.T) {
	t.Parallel()
	if names := ui.ParsePages(); len(names) < 40 {
		t.Errorf("there are only %d pages: %v", len(names), names)
	}
}
