package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// tool returns a command of a program that must be there in CI.
func tool(t *testing.T, words ...string) *exec.Cmd {
	t.Helper()
	if _, err := exec.LookPath(words[0]); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return exec.Command(words[0], words[1:]...)
}

// well runs a command that must not complain.
func well(t *testing.T, c *exec.Cmd) string {
	t.Helper()
	said, err := c.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", strings.Join(c.Args, " "), err, said)
	}
	return string(said)
}

// TestRules lets Prometheus read the alert rules, and say which of them fire when.
func TestRules(t *testing.T) {
	t.Parallel()
	well(t, tool(t, "promtool", "check", "rules", "prometheus/herald.rules.yaml"))
	well(t, tool(t, "promtool", "test", "rules", "prometheus/herald.test.yaml"))
}

// TestRules_AllAreTested holds a rule that is new to saying when it fires.
func TestRules_AllAreTested(t *testing.T) {
	t.Parallel()
	tests := read(t, "prometheus/herald.test.yaml")
	for line := range strings.SplitSeq(read(t, "prometheus/herald.rules.yaml"), "\n") {
		if _, name, found := strings.Cut(line, "- alert: "); found && !strings.Contains(tests, "alertname: "+name+"\n        exp_alerts: [{") {
			t.Errorf("herald.test.yaml does not say when %s fires", name)
		}
	}
}

// TestUnit lets systemd read the unit, and say how much of the machine is within its reach.
func TestUnit(t *testing.T) {
	t.Parallel()
	const program = "/usr/local/bin/herald"
	file := filepath.Join(t.TempDir(), "herald.service")
	unit := read(t, "systemd/herald.service")
	if !strings.Contains(unit, "ExecStart="+program+" serve\n") {
		t.Fatalf("the unit does not start %s", program)
	}
	self, err := os.Executable() // there is no Herald at its place here
	if err == nil {
		err = os.WriteFile(file, []byte(strings.ReplaceAll(unit, program, self)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(well(t, tool(t, "systemd-analyze", "verify", "--man=no", file)), "\n") {
		if strings.HasPrefix(line, "herald.service") || strings.HasPrefix(line, file) {
			t.Error(line)
		}
	}
	well(t, tool(t, "systemd-analyze", "security", "--offline=true", "--threshold=20", file)) // of 100, where 0 is out of reach
}

// TestCompose_Config lets Compose read its files.
func TestCompose_Config(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"compose/sqlite.yaml", "compose/postgres.yaml"} {
		words := []string{"docker-compose", "-f", file, "config", "--quiet"}
		if _, err := exec.LookPath(words[0]); err != nil && exec.Command("docker", "compose", "version").Run() == nil {
			words = append([]string{"docker", "compose"}, words[1:]...)
		}
		c := tool(t, words...)
		c.Env = append(os.Environ(), "HERALD_ENCRYPTION_KEY=k", "POSTGRES_PASSWORD=p")
		well(t, c)
		if strings.Contains(file, "postgres") {
			c = tool(t, words...)
			if said, err := c.CombinedOutput(); err == nil {
				t.Errorf("two servers would start without a key and a password: %s", said)
			}
		}
	}
}
