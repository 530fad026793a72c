package cli_test

import (
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/cli"
)

// Every command says in words what it is for and shows how it is used; every flag and argument says what it means.
func TestHelp_IsComplete(t *testing.T) {
	t.Parallel()
	for command, page := range cli.Pages() {
		if page.Help == "" || !strings.HasSuffix(page.Help, ".") {
			t.Errorf("%s has the help text %q: it should be a sentence", command, page.Help)
		}
		if page.Leaf && !strings.Contains(page.Detail, command) {
			t.Errorf("%s has no example in its help", command)
		}
		for _, name := range page.Silent {
			t.Errorf("%s: %s has no help text", command, name)
		}
	}
}
