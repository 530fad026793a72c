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
	asked := regexp.MustCompile(`Say "([A-Za-z]+)"`)
	quoted := regexp.MustCompile(`"([A-Z][A-Za-z]+)"`)
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
	for _, result := range []string{"Succeeded", "Failed", "Running"} { // put together by log.html
		mentioned["Result"+result] = true
	}
	var first []string
	for _, l := range languages {
		content, err := os.ReadFile("text/" + l + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var all map[string]any
		if err := json.Unmarshal(content, &all); err != nil {
			t.Fatalf("%s: %v", l, err)
		}
		ids := slices.Sorted(maps.Keys(all))
		if first == nil {
			first = ids
		}
		if !slices.Equal(ids, first) {
			t.Errorf("%s has other texts than %s: %v, %v", l, languages[0], ids, first)
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
