package ui

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/doctor"
	"github.com/herald-events/herald/internal/sink"
)

// Every language has every text, and no text that nobody uses; what templates and code ask for is there.
func TestTexts_Complete(t *testing.T) {
	t.Parallel()
	wanted := map[string]bool{}
	var sources []string
	for _, pattern := range []string{"page/*.html", "*.go"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, slices.DeleteFunc(found, func(file string) bool { return strings.HasSuffix(file, "_test.go") })...)
	}
	// In templates that is said, in code everything else in quotes that looks like an id.
	asked := regexp.MustCompile(`(?:Say|Note|Field "[^"]*") "([A-Za-z0-9]+)"`)
	quoted := regexp.MustCompile(`"([A-Z][A-Za-z0-9]+)"`)
	mentioned := map[string]bool{}
	for _, file := range sources {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range asked.FindAllStringSubmatch(string(content), -1) {
			wanted[m[1]] = true
		}
		for _, m := range quoted.FindAllStringSubmatch(string(content), -1) {
			mentioned[m[1]] = true
		}
	}
	for prefix, rest := range madeUp {
		for _, end := range rest {
			mentioned[prefix+end], wanted[prefix+end] = true, true
		}
	}
	for _, of := range sink.Types() { // every setting has a name; a note where there is something to say
		mentioned["SinkType_"+string(of)], mentioned["SinkAbout_"+string(of)] = true, true
		wanted["SinkType_"+string(of)], wanted["SinkAbout_"+string(of)] = true, true
		for _, setting := range sink.Settings(of) {
			mentioned[textOfSetting(setting)], mentioned[idOfNote(of, setting)] = true, true
			wanted[textOfSetting(setting)] = true
		}
	}
	var first []string
	for _, l := range languages {
		all := map[string]any{}
		found, err := filepath.Glob("text/*." + l + ".json")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range found {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var some map[string]any
			if err := json.Unmarshal(content, &some); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			for id, text := range some {
				if all[id] != nil {
					t.Errorf("%s has %q, which another file has as well", file, id)
				}
				all[id] = text
			}
		}
		ids := slices.Sorted(maps.Keys(all))
		if first == nil {
			first = ids
		}
		if !slices.Equal(ids, first) {
			t.Errorf("%s has other texts than %s: only there %v, only here %v", l, languages[0], without(first, ids), without(ids, first))
		}
		for id := range wanted {
			if all[id] == nil {
				t.Errorf("%s lacks %q", l, id)
			}
		}
		for _, id := range ids {
			if !mentioned[id] {
				t.Errorf("%s has %q, which nobody asks for", l, id)
			}
		}
	}
}

// madeUp are ids that templates and code put together, by what they begin with.
var madeUp = map[string][]string{
	"Result":  {"Succeeded", "Failed", "Running"},
	"LogType": {"", "Error", "Information", "Debug"},
	"Minutes": {"In", "Ago"}, "Hours": {"In", "Ago"}, "Days": {"In", "Ago"}, "Months": {"In", "Ago"}, "Years": {"In", "Ago"},
	"Means": {"Any", "SimpleMajority", "SuperMajority", "AbsoluteMajority"},
	// Kinds of login ids and of second factors, as the API calls them.
	"Identity":        {"email", "username", "phoneNumber"},
	"Factor":          {"authenticator", "email", "sms"},
	"Message_":        {"sent", "failed", "unknown", "limited", "sending"},
	"MessageTemplate": {"s", "Add"}, "EmailTemplate": {"s", "Add"},
	"MessengerAdd": {"Generic", "Twilio"},
	"Range":        ranges,
	"Delivery":     {"pending", "retrying", "delivered", "dead", "cancelled", "accepted", "refused"},
	"Tests":        {"none", "only"},
	"Kind":         {"vote", "delivery", "retry", "test", "replay"},
	"Attempted":    {"Success", "Failure", "Unknown"},
	"CheckOf":      {"blocking", "setup", "database", "clock", "webhooks", "events", "keys", "messengers", "secondfactors", "logs", "tasks"},
	"Find":         codes(),
	"Live":         {"good", "wait", "bad"},
	"Rule":         {"None", "Any", "SimpleMajority", "SuperMajority", "AbsoluteMajority"},
	"Task":         {"replay", "cancel", "recover"},
	"TaskState":    {"running", "paused", "done", "cancelled", "failed"},
}

// codes are what the doctor may find: every one of them has a text.
func codes() (all []string) {
	for _, code := range doctor.Codes() {
		all = append(all, strings.TrimPrefix(textOfCode(code), "Find"))
	}
	return all
}

func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(id string) bool { return slices.Contains(some, id) })
}
