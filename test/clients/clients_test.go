// Package clients runs the official TypeScript client of FusionAuth against a running Herald. The tests themselves are in the *.test.js
// beside this file, written as a user of the client would write them.
package clients

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// oldestNode is the first major version with all that the tests use of node:test.
const oldestNode = 18

func TestTypeScript(t *testing.T) {
	t.Parallel()
	node, npm := programs(t)
	install(t, npm)
	files, err := filepath.Glob("*.test.js")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no tests: %v", err)
	}
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		cmd := exec.CommandContext(t.Context(), node, append([]string{"--no-deprecation", "--test", "--test-reporter=spec"}, files...)...)
		cmd.Env = append(os.Environ(), "HERALD_URL="+s.URL, "HERALD_KEY="+apptest.Key)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", cmd, err, out)
		} else if testing.Verbose() {
			t.Logf("%s", out)
		}
	})
}

// programs are Node and its package manager. Without Node there is nothing to run the client with.
func programs(t *testing.T) (node, npm string) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("Node was not found: the TypeScript client is not tested")
	}
	out, err := exec.CommandContext(t.Context(), node, "--version").Output()
	if err != nil {
		t.Fatalf("node --version: %v", err)
	}
	version := strings.TrimSpace(string(out))
	major, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	if n, err := strconv.Atoi(major); err != nil || n < oldestNode {
		if os.Getenv("CI") == "true" {
			t.Fatalf("Node %s is too old, the tests of the TypeScript client need %d", version, oldestNode)
		}
		t.Skipf("Node %s is too old, the tests need %d: the TypeScript client is not tested", version, oldestNode)
	}
	npm, err = exec.LookPath("npm")
	if err != nil {
		t.Fatal("Node is there, but not npm, which fetches the client: install both")
	}
	return node, npm
}

// install fetches the client in its exact version, unless it is there: node_modules then has a copy of the lock file it was made from.
func install(t *testing.T, npm string) {
	t.Helper()
	lock, err := os.ReadFile("package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	stamp := filepath.Join("node_modules", ".made-from")
	if made, err := os.ReadFile(stamp); err == nil && bytes.Equal(made, lock) {
		return
	}
	cmd := exec.CommandContext(t.Context(), npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	out, err := cmd.CombinedOutput()
	if err == nil {
		err = os.WriteFile(stamp, lock, 0o600)
	}
	if err != nil {
		t.Fatalf("the TypeScript client could not be fetched; the first run needs the npm registry: %s: %v\n%s", cmd, err, out)
	}
}
