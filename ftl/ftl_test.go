package ftl_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"runtime/metrics"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/text/language"

	"github.com/herald-events/herald/ftl"
)

func render(t *testing.T, template string, model any, o ftl.Options) (string, *ftl.Error) {
	t.Helper()
	parsed, err := ftl.Parse("t", template, o)
	text := ""
	if err == nil {
		text, err = parsed.Render(t.Context(), model, ftl.RenderOptions{})
	}
	var e *ftl.Error
	if err != nil && !errors.As(err, &e) {
		t.Fatalf("%s: the error is a %T", template, err)
	}
	return text, e
}

func TestErrors_SayWhatToDo(t *testing.T) {
	t.Parallel()
	model := map[string]any{"user": ftl.JSON(`{"firstName":"Ada","age":36}`), "yes": true, "word": "true"}
	for template, want := range map[string]string{
		"Hi\n${user.mobile}":                  "user.mobile is missing (line 2, column 3): write (user.mobile)!'' if it may be",
		"ü ${usr.firstName}":                  "usr is missing (line 1, column 5): did you mean user? Otherwise write usr!'' if it may be",
		"${user.firstname}":                   "user.firstname is missing (line 1, column 3): did you mean firstName? Otherwise write (user.firstname)!'' if it may be",
		"${user['x']}":                        "user['x'] is missing (line 1, column 3): write user['x']!'' if it may be",
		"${1 == 1}":                           "the expression is a boolean, which has no text of its own (line 1, column 3): write (…)?string('yes', 'no'), or ?c for true and false",
		"${true}":                             "true is a boolean, which has no text of its own (line 1, column 3): write true?string('yes', 'no'), or ?c for true and false",
		"[#assign x = 1\n${word}":             "${…} cannot be used here, in an expression (line 2, column 1): write the variable without ${}, or the whole as a string in quotes",
		"${word?matches('a(b')}":              "\"a(b\" is no regular expression that is known here: missing closing ) in \"a(b\" (line 1, column 3)",
		"${yes}":                              "yes is a boolean, which has no text of its own (line 1, column 3): write yes?string('yes', 'no'), or ?c for true and false",
		"${user}":                             "user is an object, where a text is needed (line 1, column 3): choose one of its members, or list it",
		"[#if word]a[/#if]":                   "word is a text, where a boolean is needed (line 1, column 6): write word?boolean",
		"[#list user as x]a[/#list]":          "user is an object, which is listed with two variables (line 1, column 8): write … as key, value",
		"${word?url}":                         "?url does not know the character set to use (line 1, column 3): write [#setting url_escaping_charset=\"UTF-8\"] at the top of the template",
		"${word + }":                          "an expression was expected, } was found (line 1, column 10)",
		"${word":                              "${ is never closed (line 1, column 1): write }",
		"a\n[#if yes]\nb":                     "#if is never closed (line 2, column 1): write [/#if]",
		"[#if yes]\n[#list [1] as x]\n[/#if]": "[/#if] has nothing here that it belongs to (line 3, column 1): write [/#list] before it to close the #list of line 2",
		"<#else>":                             "<#else> has nothing here that it belongs to (line 1, column 1)",
		"[#lst x as y]":                       "there is no directive #lst (line 1, column 1): did you mean #list?",
		"[#if(yes)]":                          "the tag [#if] is malformed: what follows its name must be a space or its end (line 1, column 1)",
		"[#include 'x']":                      "#include cannot be used here (line 1, column 1): there are no other templates here: write the text where it is needed, or define a macro",
		"${word?new()}":                       "?new cannot be used here (line 1, column 8): templates cannot make Java objects",
		"${.data_model}":                      "the variable .data_model cannot be used here (line 1, column 3): write the name of the variable, or .vars",
		"${user.age?substring(1, 9)}":         "?substring(1, 9) does not fit: the text has 2 characters (line 1, column 3): write [1..*length], which takes what there is",
		"${user.age?string('yyyy')}":          "\"yyyy\" is no format for numbers: it has no digits: 0 or # (line 1, column 19)",
		"${.now}":                             ".now is not known to whoever renders this template (line 1, column 3)",
		"[#macro m a]${a}[/#macro]\n[@m/]":    "m needs a value for its parameter a (line 2, column 1): pass it, or write a=… where the macro is defined",
		"${1/0}":                              "division by zero (line 1, column 3)",
		"[#stop 'no address']":                "no address (line 1, column 1)",
		"${\"text ${nope}\"}":                 "nope is missing (line 1, column 3): write nope!'' if it may be",
	} {
		_, err := render(t, template, model, ftl.Options{})
		if err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v,\nwant %s", template, err, want)
		}
	}
}

func TestError_Variable(t *testing.T) {
	t.Parallel()
	if _, err := render(t, "${nope!a!b}", ftl.Object{}, ftl.Options{}); err == nil || err.Kind != ftl.Missing || err.Variable != "" {
		t.Errorf("what is missing has no name: %#v", err)
	}
	_, err := render(t, "\n ${(a.b).c + 1}", map[string]any{"a": map[string]any{"b": map[string]any{}}}, ftl.Options{})
	if err == nil || err.Kind != ftl.Missing || err.Variable != "(a.b).c" || err.Line != 2 || err.Column != 4 || err.Template != "t" {
		t.Errorf("%#v", err)
	}
}

// longText assigns a text of a little less than the most that may be.
func longText(of string) string { return `[#assign s = ""?left_pad(400000, "` + of + `")]` }

// manyNames are arguments or parameters with a default.
var manyNames = func() string {
	var b strings.Builder
	for i := range 9000 {
		fmt.Fprintf(&b, "a%d=1 ", i)
	}
	return b.String()
}()

// hostile templates would take all time, memory or stack there is.
var hostile = map[string]string{
	"endless list":               `[#list 1.. as i][/#list]`,
	"endless list that writes":   `[#list 1.. as i]aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa[/#list]`,
	"macro that calls itself":    `[#macro m][@m/][/#macro][@m/]`,
	"function that calls itself": `[#function f][#return f()][/#function]${f()}`,
	"macro that doubles itself":  `[#macro m n][#if n > 0][@m n - 1/][@m n - 1/][/#if][/#macro][@m 90/]`,
	"nested that nests itself":   `[#macro m][#nested][/#macro][#macro n][@m][@n/][/@m][/#macro][@n/]`,
	"text that doubles itself":   `[#assign s = "ab"][#list 1..100 as i][#assign s = s + s][/#list]`,
	"texts that are kept":        `[#assign s = "a"?left_pad(900000)][#assign l = []][#list 1.. as i][#assign l = l + [s?upper_case + i]][/#list]`,
	"block that doubles itself":  `[#assign s]ab[/#assign][#list 1..100 as i][#assign s]${s}${s}[/#assign][/#list]`,
	"list that doubles itself":   `[#assign s = [1]][#list 1..100 as i][#assign s = s + s][/#list]`,
	"object that doubles itself": `[#assign h = {}][#list 1.. as i][#assign h = h + {"k" + i: i}][/#list]`,
	"number that squares itself": `[#assign n = 9][#list 1..100 as i][#assign n = n * n][/#list]`,
	"number with many digits":    `[#assign n = 0.1][#list 1..100000 as i][#assign n = n / 7 * 1000000007][/#list]`,
	"padding":                    `${"a"?left_pad(2000000000)}`,
	"padding to the right":       `${"a"?right_pad(2000000000, "xyz")}`,
	"replacement":                `[#assign s = "a"?left_pad(100000, "a")]${s?replace("a", s)}`,
	"replacement by expression":  `[#assign s = "a"?left_pad(100000, "a")]${s?replace("(a)", s, "r")}`,
	"expression that is slow":    `[#assign s = "a"?left_pad(900000, "a")][#list 1.. as i][#if s?matches("((a{0,30}){0,30})*b")]x[/#if][/#list]`,
	"slice of an endless list":   `${(1..)[0..1000000000]?size}`,
	"chunks":                     `${[1]?chunk(2000000000, 0)?size}`,
	"sort":                       `[#list 1.. as i][#assign l = (1..1000)?reverse?sort][/#list]`,
	"attempts":                   `[#list 1.. as i][#attempt]${nope.nope}[#recover]${.error?length?c}[/#attempt][/#list]`,
	"escapes":                    strings.Repeat(`[#escape x as x + x]`, 60) + `${1}` + strings.Repeat(`[/#escape]`, 60),
	"members of large objects":   `[#list 1.. as i][#attempt]${big.nope}[#recover][/#attempt]${(big?keys)[0]!}[/#list]`,
	"globals":                    `[#list 1.. as i][#assign g = .globals][#assign v = .vars?keys][/#list]`,
	"patterns":                   `[#list 1.. as i][#assign s = i?string("0.0'" + i + "'")][/#list]`,
	"zones":                      `[#list 1.. as i][#assign s = i?number_to_datetime?iso("Europe/Berlin")][/#list]`,
	"deep calls of deep trees":   `[#function f n][#return ` + strings.Repeat("(", 80) + strings.Repeat("1 + ", 900) + `f(n + 1)` + strings.Repeat(")", 80) + `][/#function]${f(1)}`,

	// What looks at a long text, takes long and makes little.
	"search for nothing":        longText("a") + `[#list 1.. as i][#assign x = s?replace("a", "")][/#list]`,
	"search for what is common": longText("a") + `[#assign p = s[0..1000] + "b"][#list 1.. as i][#assign x = s?contains(p)][/#list]`,
	"length":                    longText("ä") + `[#list 1.. as i][#assign x = s?length][/#list]`,
	"character":                 longText("ä") + `[#list 1.. as i][#assign x = s[5]][/#list]`,
	"white space":               longText(" ") + `[#list 1.. as i][#assign x = s?trim + s?word_list?size][/#list]`,
	"short words":               longText("a ") + `[#list 1.. as i][#assign x = s?capitalize][/#list]`,
	"name of a member":          longText("a") + `[#list 1.. as i][#assign x = {s: big[s]!}][/#list]`,
	"text that is no number":    longText("1") + `[#list 1.. as i][#attempt][#assign x = s?number][#recover][/#attempt][/#list]`,
	"text that is no date":      longText("1") + `[#list 1.. as i][#attempt][#assign x = s?date("iso")][#recover][/#attempt][/#list]`,
	"format that is none":       longText("#") + `[#list 1.. as i][#attempt][#assign x = 5?string(s)][#recover][/#attempt][/#list]`,
	"format of long names":      longText("Ga") + `[#list 1.. as i][#attempt][#assign x = 5?number_to_date?string(s)][#recover][/#attempt][/#list]`,
	"locale that is none":       longText("q") + `[#list 1.. as i][#attempt][#setting locale=s][#recover][/#attempt][/#list]`,
	"zone that is none":         `[#list 1.. as i][#attempt][#assign x = "Nope/Zone"?datetime("z")][#recover][/#attempt][/#list]`,
	"flags that are none":       longText("q") + `[#list 1.. as i][#attempt][#assign x = "a"?replace("a", "b", s)][#recover][/#attempt][/#list]`,
	"long message":              longText("q") + `[#list 1.. as i][#attempt][#stop s][#recover][#assign x = .error][/#attempt][/#list]`,
	"number of the model":       `[#list 1.. as i][#attempt][#assign x = model.digits][#recover][/#attempt][/#list]`,
	"output that is lost":       `[#function f]` + strings.Repeat("x", 200_000) + `[/#function][#list 1.. as i][#assign x = f()!][/#list]`,
	"names to suggest":          `[#list 1.. as i][#attempt]${big.membr}[#recover][#assign x = .error][/#attempt][/#list]`,
	"many arguments":            "[#macro m " + manyNames + "][/#macro][#list 1.. as i][@m " + manyNames + "/][/#list]",

	// What keeps more than it seems to make.
	"padding that goes on":  `[#assign s = ""][#list 1.. as i][#assign s = s?left_pad(s?length + 1000000)][/#list]`,
	"ranges that are kept":  `${((1..7000000) + [])?size}`,
	"objects that are kept": `[#assign l = []][#list 1.. as i][#assign l = l + [big + {}]][/#list]`,

	// Regular expressions are read up to their end before they match nothing, and some are long to be read themselves.
	"expression that looks ahead": longText("a") + `${s?replace("a.*b|a", "", "r")}`,
	"expression that divides":     longText("a") + `${s?split("a.*b|a", "r")?size}`,
	"expression with many groups": longText("a") + `${s?matches("((((((((((((a))))))))))))")?size}`,
	"expressions with many cases": `[#list 1.. as i][#assign x = "a"?matches("(?i)[a-\\x{10ffff}]" + i)][/#list]`,
	"expressions with classes":    `[#list 1.. as i][#assign x = "a"?matches("[\\pL\\pN]{9}" + i)][/#list]`,
	"expressions that repeat":     `[#list 1.. as i][#assign x = "a"?matches("(a{0,30}){0,30}" + i)][/#list]`,
	"expressions that are none":   `[#assign p = ""?left_pad(900, "[\\pL]") + "("][#list 1.. as i][#attempt][#assign x = "a"?matches(p)][#recover][/#attempt][/#list]`,

	"long name":            "${" + strings.Repeat("a", 1000) + "}",
	"long name as string":  "[#assign '" + strings.Repeat("a", 1000) + "'=1]",
	"brackets":             "${" + strings.Repeat("(", 100_000),
	"lists":                "${" + strings.Repeat("[", 100_000),
	"objects":              "${" + strings.Repeat(`{"a":`, 40_000),
	"signs":                "${" + strings.Repeat("!", 200_000) + "a}",
	"defaults":             "${a" + strings.Repeat("!", 200_000) + "}",
	"defaults of defaults": "${a" + strings.Repeat("!a", 100_000) + "}",
	"sums":                 "${a" + strings.Repeat("+a", 100_000) + "}",
	"members":              "${a" + strings.Repeat(".a", 100_000) + "}",
	"built-ins":            "${a" + strings.Repeat("?trim", 50_000) + "}",
	"directives":           strings.Repeat("[#if true]", 25_000),
	"calls":                strings.Repeat("[@m]", 60_000),
	"escapes to parse":     strings.Repeat("[#escape x as x?html]", 80) + strings.Repeat("${a}", 50_000),
	"size":                 strings.Repeat("a", 300_000),
	"large literal":        "${" + strings.Repeat("9", 2000) + "}",
}

func largeModel() map[string]any {
	var big strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&big, `"member%d%s":1,`, i, strings.Repeat("x", i%40))
	}
	return map[string]any{
		"big": ftl.JSON("{" + big.String() + `"last":1}`), "a": "a", "model": map[string]any{"digits": ftl.JSON(strings.Repeat("9", 4<<20))},
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	model := largeModel()
	for name, template := range hostile {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a tenth of a second would do
			defer cancel()
			parsed, err := ftl.Parse("t", template, ftl.Options{Limits: ftl.Limits{Steps: 200_000}})
			if err == nil {
				_, err = parsed.Render(ctx, model, ftl.RenderOptions{})
			}
			var e *ftl.Error
			if !errors.As(err, &e) || e.Kind != ftl.Limit {
				t.Errorf("%v, want an error because of a limit", err)
			}
		})
	}
}

// TestLimits_Memory runs alone: what is counted is what the whole process allocates.
func TestLimits_Memory(t *testing.T) {
	model := largeModel()
	allocated := func() uint64 {
		sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	for _, name := range []string{
		"texts that are kept", "padding that goes on", "list that doubles itself", "ranges that are kept", "objects that are kept", "object that doubles itself",
		"expression with many groups", "expressions that repeat", "expressions with classes",
	} {
		before := allocated()
		if _, err := render(t, hostile[name], model, ftl.Options{}); err == nil || err.Kind != ftl.Limit {
			t.Errorf("%s: %v, want an error because of a limit", name, err)
		}
		if mb := (allocated() - before) >> 20; mb > 250 {
			t.Errorf("%s: %d MB were allocated", name, mb)
		}
	}
}

func TestLimits_AreThoseGiven(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		template string
		limits   ftl.Limits
		want     string
	}{
		{"${1}${2}${3}", ftl.Limits{Source: 11}, "the template has 12 bytes, 11 are allowed (line 1, column 1): make it shorter"},
		{"abc\n${'d'}ef", ftl.Limits{Output: 6}, "the template wrote more than 6 bytes (line 2, column 7)"},
		{"[#if true]\n[#if true]\n[#if true]a[/#if][/#if][/#if]", ftl.Limits{Depth: 2}, "more than 2 brackets or directives within each other (line 3, column 1)"},
		{"a\n[#list 1..100 as i]${i}[/#list]", ftl.Limits{Steps: 20}, "the template did not come to its end within 20 steps (line 2, column 20): a loop or a macro that calls itself may have no end"},
		{"[#macro m n]${n}[#if n < 9][@m n+1/][/#if][/#macro][@m 0/]", ftl.Limits{Depth: 9}, "more than 9 calls within each other (line 1, column 28): a macro or function may call itself without end"},
	} {
		_, err := render(t, c.template, ftl.Object{}, ftl.Options{Limits: c.limits})
		if err == nil || err.Error() != c.want || err.Kind != ftl.Limit {
			t.Errorf("%s:\n got %v,\nwant %s", c.template, err, c.want)
		}
	}
	// Depth has a limit of its own, because that of the stack ends the process.
	if _, err := render(t, hostile["deep calls of deep trees"], ftl.Object{}, ftl.Options{Limits: ftl.Limits{Depth: 1e6, Steps: 1e8}}); err == nil || err.Kind != ftl.Limit {
		t.Errorf("without an end to the depth: %v", err)
	}
	// What just fits is fine, and an error that a template caught does not make up for a limit.
	if text, err := render(t, "abc${'d'}", ftl.Object{}, ftl.Options{Limits: ftl.Limits{Output: 4, Source: 9}}); err != nil || text != "abcd" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := render(t, "[#attempt][#list 1.. as i][/#list][#recover]caught[/#attempt]", ftl.Object{}, ftl.Options{}); err == nil || err.Kind != ftl.Limit {
		t.Errorf("an exhausted limit was caught by the template: %v", err)
	}
}

func TestRender_ContextEnds(t *testing.T) {
	t.Parallel()
	parsed, err := ftl.Parse("t", "[#attempt][#list 1.. as i][/#list][#recover][/#attempt]", ftl.Options{Limits: ftl.Limits{Steps: math.MaxInt}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(5*time.Millisecond, cancel)
	text, err := parsed.Render(ctx, map[string]any{}, ftl.RenderOptions{})
	var e *ftl.Error
	if text != "" || !errors.Is(err, context.Canceled) || !errors.As(err, &e) || e.Kind != ftl.Canceled {
		t.Errorf("%q, %v", text, err)
	}
	if _, err = parsed.Render(ctx, map[string]any{}, ftl.RenderOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("it began although the context had ended: %v", err)
	}
}

func TestRender_GoValues(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	model := map[string]any{
		"s": "text", "b": true, "i": 42, "i64": int64(-7), "u": uint64(math.MaxUint64), "f": 0.1, "f32": float32(0.5), "n": json.Number("12.50"),
		"t": time.Date(2026, 3, 29, 1, 30, 0, 0, time.UTC), "l": []any{1, "a", nil}, "ls": []string{"x", "y"}, "m": map[string]any{"z": 1, "a": map[string]any{"b": 2}},
		"ms": map[string]string{"k": "v", "a": "b"}, "o": ftl.Object{{"z", 1}, {"a", 2}}, "none": nil, "raw": json.RawMessage(`[1, {"x": "\u00e9"}]`),
		"j": ftl.JSON(` {"z": 1, "a": [true, null, -1.5e1], "z": 2} `),
	}
	parsed, err := ftl.Parse("t", `${s} ${b?c} ${i} ${i64} ${u?c} ${f} ${f32} ${n} ${t?string("yyyy-MM-dd HH:mm Z")} ${l?size} ${l[2]!"nil"} ${ls?join("")} `+
		`${m?keys?join("")} ${m.a.b} ${ms?keys?join("")} ${o?keys?join("")} ${none!"none"} ${raw[1].x} ${j.z} ${j.a[0]?c} ${j.a[1]!"null"} ${j.a[2]} ${.now?string("HH")}`, ftl.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := parsed.Render(t.Context(), model, ftl.RenderOptions{Zone: berlin, Now: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)})
	const want = "text true 42 -7 18446744073709551615 0.1 0.5 12.5 2026-03-29 03:30 +0200 3 nil xy az 2 ak za none é 2 true null -15 13"
	if err != nil || got != want {
		t.Errorf("%v\n got %s,\nwant %s", err, got, want)
	}
}

func TestRender_ModelsThatAreNone(t *testing.T) {
	t.Parallel()
	for _, model := range []any{nil, 5, "x", []any{}, ftl.JSON(`[]`), ftl.JSON(``), ftl.JSON(`nope`), struct{}{}} {
		if text, err := render(t, "a", model, ftl.Options{}); err == nil || err.Kind != ftl.Failed {
			t.Errorf("%v: %q, %v", model, text, err)
		}
	}
	for _, value := range []any{struct{}{}, math.NaN(), math.Inf(1), make(chan int), json.Number("x"), json.Number("1e999999999"), ftl.JSON("1e5000")} {
		if text, err := render(t, "${x}", map[string]any{"x": value}, ftl.Options{}); err == nil || err.Kind != ftl.Failed {
			t.Errorf("%v: %q, %v", value, text, err)
		}
	}
}

// TestJSON_Broken: what is not looked at may be anything, what is looked at is an error.
func TestJSON_Broken(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{`, `{"x"`, `{"x":`, `{"x":}`, `{"x":1`, `{"x":1,`, `{x:1}`, `{"x" 1}`, `{"x":tru}`, `{"x":"\q"}`, `{"x":"`, `{"x":"\`, `{"x":[1}`, `{"x":[1`, `{"x":-}`, `{"x":1 2}`, `{"x":{]`,
		`{"x":[1 2]}`, `{"x":{"a"}}`, `{"x":{"a":1 "b":2}}`,
	} {
		if got, err := render(t, "${x}${x[0]}${x.a}", ftl.JSON(text), ftl.Options{}); err == nil || err.Kind == ftl.Internal {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
	if got, err := render(t, "${x}", ftl.JSON(`{"x":1,"y":{nonsense]},"z":[tru]}`), ftl.Options{}); err != nil || got != "1" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestTemplate_ManyAtTheSameTime(t *testing.T) {
	t.Parallel()
	parsed, err := ftl.Parse("t", `[#assign x = x + 1][#macro m]${x}[/#macro][@m/][#escape e as e?html]${s}[/#escape]${d?string("d. MMMM")}${[3, 1]?sort?first}`, ftl.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 50 {
				text, err := parsed.Render(t.Context(), map[string]any{"x": i, "s": "<", "d": time.UnixMilli(0)}, ftl.RenderOptions{Locale: language.French})
				if want := string(rune('1'+i)) + "&lt;1. janvier1"; err != nil || text != want {
					t.Errorf("%q, %v, want %q", text, err, want)
				}
			}
		})
	}
	all.Wait()
}

// TestLocale: a locale that is not known is that of its language, or American English.
func TestLocale(t *testing.T) {
	t.Parallel()
	parsed, err := ftl.Parse("t", `${1234.5} ${d?string.short} ${.locale}`, ftl.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for tag, want := range map[string]string{
		"": "1,234.5 8/1/22, 12:00 PM en_US", "de": "1.234,5 01.08.22, 12:00 de", "de-LI": "1.234,5 01.08.22, 12:00 de_LI", "de-AT": "1\u00a0234,5 01.08.22, 12:00 de_AT",
		"tlh": "1,234.5 8/1/22, 12:00 PM tlh", "zh-Hant": "1,234.5 2022/8/1 下午12:00 zh", "no": "1\u00a0234,5 01.08.2022, 12:00 no",
	} {
		o := ftl.RenderOptions{}
		if tag != "" {
			o.Locale = language.MustParse(tag)
		}
		text, err := parsed.Render(t.Context(), map[string]any{"d": time.Date(2022, 8, 1, 12, 0, 0, 0, time.UTC)}, o)
		if err != nil || text != want {
			t.Errorf("%s: %q, %v, want %q", tag, text, err, want)
		}
	}
}
