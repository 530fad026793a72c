package ui

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestDocument(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		form url.Values
		want string
	}{
		"texts":               {url.Values{"a.b": {"x"}, "a.c": {" "}, "next": {"/"}}, `{"a":{"b":"x","c":null},"next":"/"}`},
		"lines":               {url.Values{"a.b": {"one\r\ntwo"}}, `{"a":{"b":"one\ntwo"}}`},
		"numbers and bools":   {url.Values{"a.n:number": {"12"}, "a.m:number": {"1x"}, "a.t:bool": {"false", "true"}, "a.f:bool": {"false"}}, `{"a":{"f":false,"m":"1x","n":12,"t":true}}`},
		"a secret":            {url.Values{"a.kept:secret": {""}, "a.new:secret": {" x "}, "a.gone:clear": {"true"}}, `{"a":{"gone":null,"new":" x "}}`},
		"brackets":            {url.Values{"a.e[user.create]:bool": {"true"}, "a.e[x:y]": {"z"}, "a.e[user.create].deep": {"lost"}}, `{"a":{"e":{"user.create":true,"x:y":"z"}}}`},
		"a list":              {url.Values{"a.ids[]": {"", "x", "y"}}, `{"a":{"ids":["x","y"]}}`},
		"a text with commas":  {url.Values{"a.l:list": {" en, de_CH,,fr "}, "a.n:list": {" "}}, `{"a":{"l":["en","de_CH","fr"],"n":[]}}`},
		"an empty list":       {url.Values{"a.ids[]": {""}}, `{"a":{"ids":[]}}`},
		"a list of objects":   {url.Values{"a[10].n": {"last"}, "a[2].n": {"first"}, "a[3].n": {""}}, `{"a":[{"n":"first"},{"n":"last"}]}`},
		"pairs":               {url.Values{"a.h{was}": {"Old", "Same"}, "a.h{name}": {"Same", "", "New"}, "a.h{value}": {"1", "2", "3"}}, `{"a":{"h":{"New":"3","Old":null,"Same":"1"}}}`},
		"JSON":                {url.Values{"a.d:json": {`{"x":[1.50]}`}, "a.e:json": {""}}, `{"a":{"d":{"x":[1.50]},"e":null}}`},
		"a name that is odd":  {url.Values{"a[": {"x"}}, `{"a":{"":"x"}}`},
		"a text and its part": {url.Values{"a": {"x"}, "a.b": {"y"}}, `{"a":"x"}`},
	} {
		r, err := http.NewRequest("POST", "/", strings.NewReader(test.form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		doc, err := (&visit{Request: r}).document()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != test.want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, test.want)
		}
	}
}

// What a form has as JSON takes the place of what is there; the rest is merged.
func TestFill_ReplacesJSON(t *testing.T) {
	t.Parallel()
	form := url.Values{"webhook.data:json": {`{"b":{"d":12345678901234567890}}`}, "webhook.url": {"https://new"}, "webhook.nothing.there[x]:json": {"1"}, "other[0].data:json": {"{}"}}
	r, err := http.NewRequest("POST", "/", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	current := map[string]any{"webhook": map[string]any{
		"url": "https://old", "kept": json.RawMessage(`1.50`), "data": map[string]any{"a": 1, "b": map[string]any{"c": 1}},
	}}
	var got struct {
		Webhook struct {
			URL  string          `json:"url"`
			Kept json.RawMessage `json:"kept"`
			Data json.RawMessage `json:"data"`
		} `json:"webhook"`
	}
	if err := (&visit{Request: r}).fill(current, &got); err != nil {
		t.Fatal(err)
	}
	if w := got.Webhook; w.URL != "https://new" || string(w.Kept) != "1.50" || string(w.Data) != `{"b":{"d":12345678901234567890}}` {
		t.Errorf("filled: %s %s %s", w.URL, w.Kept, w.Data)
	}
}
