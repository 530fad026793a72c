// Package deploy_test keeps what is in this folder in step with the program.
package deploy_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/wire"
)

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestMetrics looks for the metrics that dashboard and alerts name among those that a server has, with the labels that they go by.
func TestMetrics(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, db.SQLite)
	s.Enable(wire.None, "user.create")
	s.Call("POST", "/api/user", `{"user": {"email": "ada@example.com", "password": "correct horse"}}`).Want(200) // so that there is something to count
	shown := string(s.Call("GET", "/api/prometheus/metrics", nil).Want(200).Body)

	var expressions []string
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, "prometheus/herald.rules.yaml")), &rules); err != nil {
		t.Fatal(err)
	}
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			if rule.Alert == "" || rule.Annotations["summary"] == "" {
				t.Errorf("a rule has no name, or does not say what it means: %+v", rule)
			}
			expressions = append(expressions, rule.Expr)
		}
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(read(t, "grafana/herald.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			expressions = append(expressions, target.Expr)
		}
	}
	if len(expressions) < 15 {
		t.Fatalf("only %d expressions were found", len(expressions))
	}
	name, by, selector := regexp.MustCompile(`\b(herald|process)_[a-z_]+`), regexp.MustCompile(`by \(([a-z]+)\)`), regexp.MustCompile(`[{,]\s*([a-z]+)[!=~]+"([^"]*)"`)
	for _, expression := range expressions {
		for _, metric := range name.FindAllString(expression, -1) {
			family := strings.TrimSuffix(metric, "_bucket")
			if !strings.Contains(shown, "# TYPE "+family+" ") {
				t.Errorf("no server has the metric %s: %s", metric, expression)
				continue
			}
			labels := slices.Concat(by.FindAllStringSubmatch(expression, -1), selector.FindAllStringSubmatch(expression, -1))
			for _, label := range labels {
				if len(label) == 3 && label[1] == "result" && !regexp.MustCompile(`(?m)^`+metric+`\{[^}]*\bresult="`+label[2]+`"`).MatchString(shown) {
					t.Errorf("no %s has the result %s: %s", metric, label[2], expression)
				}
				if label[1] != "job" && !regexp.MustCompile(`(?m)^`+metric+`\{[^}]*\b`+label[1]+`="`).MatchString(shown) {
					t.Errorf("%s has no label %s: %s", metric, label[1], expression)
				}
			}
		}
	}
}

// TestCompose reads the compose files: everything that is started has what it names.
func TestCompose(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"compose/sqlite.yaml", "compose/postgres.yaml"} {
		var c struct {
			Services map[string]struct {
				Build, Image string
				Ports        []string
				Volumes      []string
			}
			Volumes map[string]any
		}
		if err := yaml.Unmarshal([]byte(read(t, file)), &c); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if len(c.Services) == 0 {
			t.Errorf("%s starts nothing", file)
		}
		for name, service := range c.Services {
			if (service.Build == "") == (service.Image == "") {
				t.Errorf("%s: %s has neither an image nor a build, or both", file, name)
			}
			if service.Build != "" {
				if _, err := os.Stat("compose/" + service.Build + "/Dockerfile"); err != nil {
					t.Errorf("%s: %s: %v", file, name, err)
				}
			}
			for _, volume := range service.Volumes {
				if named, _, _ := strings.Cut(volume, ":"); c.Volumes != nil {
					if _, declared := c.Volumes[named]; !declared {
						t.Errorf("%s: %s mounts %s, which is not declared", file, name, named)
					}
				}
			}
		}
	}
}
