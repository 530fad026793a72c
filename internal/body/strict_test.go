package body

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

func TestDecodeStrict(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"text":"x","ids":"A0000000-0000-4000-8000-00000000000A","many":{"number":"1"}}`: "",
		`{"txt":1}`:                              `[unknown]txt There is no such member. Did you mean "text"?`,
		`{"TEXT":1,"inner":{"y":1}}`:             `[unknown]TEXT There is no such member. Did you mean "text"?; [unknown]inner.y There is no such member. There is only "X".`,
		`{"mayHave":{"numbr":1},"int":[]}`:       `[couldNotConvert]int This must be a whole number.`,
		`{"data":{"anything":1}}`:                "",
		`[]`:                                     "[invalidJSON] The body must be a JSON object.",
		`{"` + strings.Repeat("x", 100) + `":1}`: "[unknown]" + strings.Repeat("x", longestKey) + "… There is no such member.",
	} {
		var got sink
		err := DecodeStrict([]byte(body), &got)
		if p, ok := problem.As(err); want == "" && err != nil || want != "" && (!ok || !strings.Contains(p.Error(), want)) {
			t.Errorf("%.60s: %v, want %s", body, err, want)
		}
	}
	var got sink
	err := DecodeStrict([]byte(`{"ids":"A0000000-0000-4000-8000-00000000000A","many":{"number":"1"},"list":null}`), &got)
	if diff := cmp.Diff(sink{IDs: []wire.ID{tenantA}, Many: []Embedded{{Number: 1}}}, got); err != nil || diff != "" {
		t.Errorf("single values where lists belong: %v\n%s", err, diff)
	}
}

func TestDecodeValues(t *testing.T) {
	t.Parallel()
	values := url.Values{
		"text": {"a", "b"}, "int": {" 7 "}, "bool": {"true"}, "id": {"A0000000-0000-4000-8000-00000000000A"}, "float": {""},
		"ids": {string(tenantA), "", string(tenantB)}, "list": {"x"}, "unknown": {"1"},
	}
	want := sink{Text: "a", Int: 7, Bool: true, ID: tenantA, IDs: []wire.ID{tenantA, tenantB}, List: wire.List[string]{"x"}}
	var got sink
	if err := DecodeValues(values, &got); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	err := DecodeValuesStrict(values, new(sink))
	if p, ok := problem.As(err); !ok || len(p.Fields) != 1 || p.Fields[0].Code != "[unknown]unknown" || !strings.Contains(p.Error(), "no such parameter") {
		t.Errorf("%v, want one unknown parameter", err)
	}
	delete(values, "unknown")
	if err := DecodeValuesStrict(values, new(sink)); err != nil {
		t.Error(err)
	}

	number := 5
	if err := errors.Join(DecodeValue("n", nil, &number), DecodeValue("n", []string{""}, &number)); err != nil || number != 5 {
		t.Errorf("nothing is %d, %v", number, err)
	}
	if p, ok := problem.As(DecodeValue("n", []string{"x"}, &number)); !ok || len(p.Fields) != 1 || p.Fields[0].Code != "[couldNotConvert]n" {
		t.Errorf("%v", p)
	}
}
