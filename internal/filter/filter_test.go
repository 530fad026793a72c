package filter_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/filter"
)

const body = `{"event":{"type":"user.create","tenantId":"t1","createInstant":1700000000123,"info":{"ipAddress":"10.1.2.3"},
	"user":{"email":"Ada@Example.com","verified":true,"memberships":[{"groupId":"a"},{"groupId":"b"}],"data":{"n":1.5,"odd name":"x"}}}}`

func TestMatch(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`true`:                                                                     "true",
		`event.type == "user.create"`:                                              "true",
		`tenant == "t1"`:                                                           "true",
		`event.type startsWith "user."`:                                            "true",
		`event["type"] == "user.create"`:                                           "true",
		`event.user.email == nil`:                                                  "false",
		`event.user.nothing.more == nil`:                                           "true",
		`event.group.name contains "x"`:                                            "false", // not there
		`not (event.group.name contains "x")`:                                      "true",
		`lower(event.user.email) endsWith "@example.com"`:                          "true",
		`event.user.email matches "(?i)^ada@"`:                                     "true",
		`event.info.ipAddress startsWith "10." and not event.user.verified`:        "false",
		`event.createInstant > 1600000000000 && event.createInstant < 1.8e12`:      "true",
		`event.user.data["odd name"] in ["x", "y"]`:                                "true",
		`event.user.data.n * 2 == 3`:                                               "true",
		`any(event.user.memberships, .groupId == "b")`:                             "true",
		`all(event.user.memberships, #.groupId != "c") ? len(tenant) == 2 : false`: "true",
		`count(event.user.registrations ?? [], true) == 0`:                         "true",
		`event.user.email`:                                                         "error: line 1, column 1: invalid operation: bool(string)",
		`event.user.email > 3`:                                                     "error: line 1, column 18: invalid operation: string > int",
		`any(event.user.registrations, true)`:                                      "error: ",
		`event.nothing`:                                                            "false",
		`len(1..1000000) > 0`:                                                      "error: ",
	} {
		f, err := filter.Compile(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		e := filter.NewEvent([]byte(body))
		for range 2 { // decoded once
			is, err := f.Match(e)
			got := fmt.Sprint(is)
			if err != nil {
				got = "error: " + err.Error()
			}
			if got != want && !(want == "error: " && err != nil && !strings.Contains(err.Error(), "\n")) {
				t.Errorf("%s is %s, want %s", text, got, want)
			}
		}
	}
}

func TestCompile(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`event.type = "x"`:                 "line 1, column 12: ",
		"event.type ==\n  evnt":            "line 2, column 3: unknown name evnt",
		`event.type`:                       "",
		`"x"`:                              "expected bool",
		``:                                 "unexpected token EOF",
		`any(event.a, any(event.b, true))`: "line 1, column 14: a list cannot be gone through inside of another",
		`event.a matches event.b`:          "line 1, column 9: the pattern must be a text in quotes",
		`event.a matches "("`:              "missing closing )",
		`repeat("x", 1000) == ""`:          "repeat",
		`now() == null`:                    "now",
		`"` + strings.Repeat("x", 3000) + `" == ""`:                  "at most 2000 bytes",
		strings.Repeat(`true and `, 200) + `true`:                    "exceeds maximum allowed nodes",
		strings.Repeat(`(`, 900) + `true` + strings.Repeat(`)`, 900): "",
	} {
		_, err := filter.Compile(text)
		switch {
		case want == "" && err != nil:
			t.Errorf("%.50s: %v", text, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n")):
			t.Errorf("%.50s: %v, want %s", text, err, want)
		}
		if _, ok := errors.AsType[*filter.Error](err); err != nil && !ok {
			t.Errorf("%.50s: an error of type %T", text, err)
		}
	}
	f, _ := filter.Compile(`tenant == ""`)
	if is, err := f.Match(filter.NewEvent([]byte(`{"event":{"type":"kickstart.success"}}`))); !is || err != nil {
		t.Errorf("without a tenant: %v, %v", is, err)
	}
	if is, err := f.Match(filter.NewEvent([]byte(`{"event":3}`))); is || err == nil {
		t.Errorf("no event: %v, %v", is, err)
	}
}

// An event may have a list and a text as long as they like: an expression that reads the text for each element ends all the same, with an error.
func TestMatch_Ends(t *testing.T) {
	t.Parallel()
	long := `{"event":{"list":[` + strings.Repeat("1,", 20_000) + `1],"text":"` + strings.Repeat("aé", 30_000) + `"}}`
	for _, text := range []string{
		`any(event.list, lower(event.text) == "x")`, `any(event.list, event.text matches "(a+b)+c")`, `any(event.list, string(event) == "")`, `any(event.list, 7 in event.list)`,
		`len(filter(event.list, not (event.text matches "(a+b)+c"))) == 3`, `find(event.list, upper(event.text) == "x") == nil`,
	} {
		f, err := filter.Compile(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		begin := time.Now()
		is, err := f.Match(filter.NewEvent([]byte(long)))
		if is || err == nil || !strings.Contains(err.Error(), "too long") {
			t.Errorf("%s is %v, %v", text, is, err)
		}
		if took := time.Since(begin); took > 10*time.Second { // it would be a minute
			t.Errorf("%s took %v", text, took)
		}
	}
	// What is quick may come past much.
	f, err := filter.Compile(`count(event.list, # == 1) == 20001 and event.text contains "éa"`)
	if err != nil {
		t.Fatal(err)
	}
	if is, err := f.Match(filter.NewEvent([]byte(long))); !is || err != nil {
		t.Errorf("a long list: %v, %v", is, err)
	}
}

func FuzzMatch(f *testing.F) {
	f.Add(`any(event.user.memberships, .groupId == "b")`, body)
	f.Add(`event.user.email matches "(?i)^ada@"`, `{"event":null}`)
	f.Fuzz(func(t *testing.T, text, body string) {
		begin := time.Now()
		compiled, err := filter.Compile(text)
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("%q took %v to be compiled", text, took)
		}
		if err != nil {
			return
		}
		begin = time.Now()
		is, err := compiled.Match(filter.NewEvent([]byte(body)))
		if is && err != nil {
			t.Errorf("%q is true and fails: %v", text, err)
		}
		if err != nil && (err.Error() == "" || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "one step")) {
			t.Errorf("%q fails with %q", text, err)
		}
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("%q took %v", text, took)
		}
	})
}
