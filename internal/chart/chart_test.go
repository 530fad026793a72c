package chart

import (
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"html/template"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "write the files in testdata anew")

var nan = math.NaN()

// sample is half an hour by the five minutes, with a gap.
func sample() Chart {
	return Chart{
		ID: "deliveries", Title: "Deliveries per minute", Desc: "52 delivered, 9 to be tried again, 2 failed.", Empty: "Nothing was sent.",
		Start: time.Date(2026, 3, 4, 12, 20, 0, 0, time.UTC), Step: 5 * time.Minute, Unfinished: true, Whole: true,
		Series: []Series{
			{"delivered", "good", []float64{10, 12, 0, nan, 20, 10}},
			{"retried", "wait", []float64{0, 3, 6, nan, 0, 0}},
			{"failed", "bad", []float64{0, 0, 2, nan, 0, 0}},
		},
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	none := sample()
	none.Series = []Series{{"delivered", "good", nil}}
	long := sample()
	long.Series[1].Label = "failed, but there will be another attempt before long"
	for name, got := range map[string]template.HTML{
		"stacked": Stacked(sample()),
		"lines":   Lines(sample()),
		"empty":   Stacked(none),
		"legend":  Lines(long),
		"spark":   Sparkline(Spark{Title: "The last hours", Class: "good", Values: []float64{1, 2, nan, 4, 0, 3}, Unfinished: true}),
	} {
		checkMarkup(t, name, got)
		file := filepath.Join("testdata", name+".html")
		text := strings.ReplaceAll(string(got), "><", ">\n<") + "\n" // so that a difference is a line
		if *update {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if text != string(want) {
			t.Errorf("%s has changed; if it should have, look at it in a browser, then run the tests with -update:\n%s", file, text)
		}
	}
}

func TestTabulate(t *testing.T) {
	t.Parallel()
	c := sample()
	c.Value = func(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }
	c.Series[2].Values = c.Series[2].Values[:2] // not known after that
	got := Tabulate(c)
	if !slices.Equal(got.Head, []string{"delivered", "retried", "failed"}) || len(got.Rows) != 6 {
		t.Fatalf("%+v", got)
	}
	if row := got.Rows[1]; !row.Start.Equal(c.Start.Add(c.Step)) || !slices.Equal(row.Cells, []Cell{{"12.0", false}, {"3.0", false}, {"0.0", false}}) {
		t.Errorf("%+v", row)
	}
	if row := got.Rows[3]; !slices.Equal(row.Cells, []Cell{{"", true}, {"", true}, {"", true}}) || row.Unfinished {
		t.Errorf("%+v", row)
	}
	if row := got.Rows[5]; !slices.Equal(row.Cells, []Cell{{"10.0", false}, {"0.0", false}, {"", true}}) || !row.Unfinished {
		t.Errorf("%+v", row)
	}
	if empty := Tabulate(Chart{}); len(empty.Rows) != 0 {
		t.Errorf("%+v", empty)
	}
}

// An unfinished bucket, a gap and zero are three things.
func TestDrawing_TellsApart(t *testing.T) {
	t.Parallel()
	c := Chart{ID: "x", Step: time.Minute, Series: []Series{{"a", "good", []float64{1, 2, 3, 4}}}}
	plain := string(Lines(c))
	if strings.Contains(plain, `class="unfinished"`) || strings.Count(paths(plain, "series good")[0], "M") != 1 {
		t.Errorf("unfinished or interrupted: %s", plain)
	}
	c.Unfinished = true
	if !strings.Contains(string(Lines(c)), `class="unfinished"`) {
		t.Error("the last bucket is not hatched")
	}
	c.Series[0].Values[1] = nan
	gap := string(Lines(c))
	if strings.Count(paths(gap, "series good")[0], "M") != 2 || strings.Count(paths(gap, "axis")[0], "M") != 2 {
		t.Errorf("the gap is bridged: %s", gap)
	}
	c.Series[0].Values[1] = 0
	if zero := string(Lines(c)); strings.Count(paths(zero, "series good")[0], "M") != 1 || strings.Count(paths(zero, "axis")[0], "M") != 1 {
		t.Errorf("zero is a gap: %s", zero)
	}
}

// paths are the shapes of elements of a class.
func paths(markup, class string) (all []string) {
	for _, part := range strings.Split(markup, "<")[1:] {
		if strings.HasPrefix(part, `path class="`+class+`"`) {
			_, d, _ := strings.Cut(part, ` d="`)
			all = append(all, d)
		}
	}
	return all
}

// Every series has dashes or a pattern that no other one has.
func TestDrawing_SeriesDifferWithoutColour(t *testing.T) {
	t.Parallel()
	c := Chart{ID: "x", Step: time.Minute}
	for i := range len(dashes) {
		c.Series = append(c.Series, Series{fmt.Sprint("s", i), "", []float64{1, 2}})
	}
	seen := map[string]bool{}
	narrow, _, _ := strings.Cut(string(Lines(c)), "</svg>")
	for _, part := range strings.Split(narrow, "<") {
		if strings.HasPrefix(part, `path class="series `) {
			dash := ""
			if _, after, ok := strings.Cut(part, `stroke-dasharray="`); ok {
				dash, _, _ = strings.Cut(after, `"`)
			}
			if seen[dash] {
				t.Errorf("two lines have the dashes %q", dash)
			}
			seen[dash] = true
		}
	}
	if len(seen) != len(dashes) || len(fills) != len(dashes) {
		t.Errorf("%d lines differ, want %d", len(seen), len(dashes))
	}
}

func TestValueTicks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		highest float64
		most    int
		whole   bool
		want    []float64
	}{
		{0, 4, false, []float64{0, .5, 1}},
		{0, 4, true, []float64{0, 1}},
		{1, 4, true, []float64{0, 1}},
		{3, 4, true, []float64{0, 1, 2, 3}},
		{23, 4, true, []float64{0, 10, 20, 30}},
		{.3, 4, false, []float64{0, .1, .2, .3}},
		{1000, 4, false, []float64{0, 500, 1000}},
		{7, 3, false, []float64{0, 5, 10}},
	} {
		if got := valueTicks(c.highest, c.most, c.whole); !slices.Equal(got, c.want) {
			t.Errorf("up to %v: %v, want %v", c.highest, got, c.want)
		}
	}
}

func TestTimeTicks(t *testing.T) {
	t.Parallel()
	india := time.FixedZone("", 5*3600+1800)
	for _, c := range []struct {
		start time.Time
		step  time.Duration
		n     int
		apart float64
		want  string
	}{
		{time.Date(2026, 3, 4, 12, 7, 0, 0, time.UTC), time.Minute, 60, 10, "12:10 12:20 12:30 12:40 12:50 13:00"},
		{time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC), time.Minute, 60, 16, "12:00 12:30"},
		{time.Date(2026, 3, 4, 13, 30, 0, 0, india), time.Hour, 24, 5, "18:30 00:30 06:30 12:30"},
		{time.Date(2026, 3, 4, 12, 1, 0, 0, time.UTC), time.Minute, 3, 10, "12:01"},
		{time.Date(2026, 3, 4, 12, 1, 0, 0, time.UTC), time.Minute, 0, 10, ""},
	} {
		var got []string
		chart := Chart{Start: c.start, Step: c.step}
		for _, i := range timeTicks(&chart, c.n, c.apart) {
			got = append(got, chart.time(chart.start(i)))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("from %v: %v, want %s", c.start, got, c.want)
		}
	}
}

func TestWrap(t *testing.T) {
	t.Parallel()
	if got := wrap("one two  three", widthOf("one two")); !slices.Equal(got, []string{"one two", "three"}) {
		t.Errorf("%q", got)
	}
	if got := strings.Join(wrap("unbreakable", 30), ""); got != "unbreakable" {
		t.Errorf("%q", got)
	}
	if got := wrap("ab", 0); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("%q", got)
	}
}

// hostile is what must not get out of its place.
const hostile = "\"'><script>alert(1)</script>&\x00\x1b\xff\u2028"

func TestEscapes(t *testing.T) {
	t.Parallel()
	c := sample()
	c.ID, c.Title, c.Desc = hostile, hostile, hostile
	c.Series[0].Label, c.Series[0].Class = hostile, hostile
	c.Value = func(float64) string { return hostile }
	c.Time = func(time.Time) string { return hostile }
	for _, got := range []template.HTML{Stacked(c), Lines(c), Sparkline(Spark{Title: hostile, Class: hostile, Values: []float64{1}})} {
		checkMarkup(t, "hostile", got)
		if strings.Contains(string(got), "<script") || strings.Contains(string(got), "style=") {
			t.Errorf("it got out: %s", got)
		}
	}
	c.Empty, c.Series = hostile, nil
	checkMarkup(t, "hostile and empty", Stacked(c))
}

// Whatever the numbers are, the markup is well-formed, and everything is inside of the view box.
func TestAnyNumbers(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	values := map[string]func() float64{
		"small":    func() float64 { return float64(random.IntN(5)) },
		"zero":     func() float64 { return 0 },
		"huge":     func() float64 { return math.MaxFloat64 * random.Float64() },
		"tiny":     func() float64 { return math.SmallestNonzeroFloat64 },
		"any":      func() float64 { return math.Float64frombits(random.Uint64()) },
		"unknown":  func() float64 { return nan },
		"negative": func() float64 { return -random.Float64() },
		"mixed":    func() float64 { return []float64{0, nan, 1, math.Inf(1), 1e9, .001}[random.IntN(6)] },
	}
	for name, value := range values {
		for _, n := range []int{0, 1, 2, 24, 300} {
			for _, count := range []int{0, 1, 3, 12} {
				if n*count > 1000 {
					continue
				}
				c := Chart{
					ID: "any", Title: "title", Empty: strings.Repeat("nothing here ", random.IntN(10)), Unfinished: random.IntN(2) == 0, Whole: random.IntN(2) == 0,
					Start: time.Unix(random.Int64N(2e9), 0), Step: time.Duration(1+random.IntN(5000)) * time.Minute,
				}
				for range count {
					s := Series{Label: strings.Repeat("Wm", random.IntN(20)), Class: "good"}
					for range n - random.IntN(n/2+1) {
						s.Values = append(s.Values, value())
					}
					c.Series = append(c.Series, s)
				}
				what := fmt.Sprintf("%s, %d series of %d", name, count, n)
				checkMarkup(t, "stacked: "+what, Stacked(c))
				checkMarkup(t, "lines: "+what, Lines(c))
				for _, s := range c.Series {
					checkMarkup(t, "spark: "+what, Sparkline(Spark{Title: "title", Values: s.Values, Max: value(), Unfinished: c.Unfinished}))
				}
				for _, row := range Tabulate(c).Rows {
					for _, cell := range row.Cells {
						if strings.Contains(cell.Text, "N") || strings.Contains(cell.Text, "Inf") {
							t.Errorf("%s: a cell says %q", what, cell.Text)
						}
					}
				}
			}
		}
	}
}

func FuzzMarkup(f *testing.F) {
	f.Add("id", "title", "label", 1.0, 2.0)
	f.Add(hostile, hostile, hostile, math.Inf(-1), nan)
	f.Fuzz(func(t *testing.T, id, title, label string, a, b float64) {
		c := Chart{ID: id, Title: title, Step: time.Minute, Series: []Series{{label, label, []float64{a, b}}, {label, label, []float64{b, b, a}}}}
		checkMarkup(t, "stacked", Stacked(c))
		checkMarkup(t, "lines", Lines(c))
	})
}

// checkMarkup fails the test unless the markup is well-formed, names its ids once and refers to none that is not there, has no number that is none, and keeps
// texts inside of the view box.
func checkMarkup(t *testing.T, what string, markup template.HTML) {
	t.Helper()
	text := string(markup)
	if !utf8.ValidString(text) || strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
		t.Errorf("%s: a number is none: %.2000s", what, text)
	}
	decoder := xml.NewDecoder(strings.NewReader(text))
	ids, used := map[string]bool{}, []string{}
	var width, height float64
	var place map[string]string // of the text that is open
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v in %.2000s", what, err, text)
		}
		switch token := token.(type) {
		case xml.StartElement:
			attr := map[string]string{}
			for _, a := range token.Attr {
				attr[a.Name.Local] = a.Value
			}
			if id := attr["id"]; id != "" {
				if ids[id] {
					t.Errorf("%s: the id %s is there twice", what, id)
				}
				ids[id] = true
			}
			for _, name := range []string{"aria-labelledby", "aria-describedby"} {
				if attr[name] != "" {
					used = append(used, attr[name])
				}
			}
			if id, ok := strings.CutPrefix(attr["fill"], "url(#"); ok {
				used = append(used, strings.TrimSuffix(id, ")"))
			}
			if attr["viewBox"] != "" {
				if _, err := fmt.Sscanf(attr["viewBox"], "0 0 %g %g", &width, &height); err != nil {
					t.Errorf("%s: view box %q", what, attr["viewBox"])
				}
			}
			place = nil
			if token.Name.Local == "text" {
				place = attr
			}
			if y := attr["y"]; y != "" {
				if y, err := strconv.ParseFloat(y, 64); err != nil || y < 0 || y > height {
					t.Errorf("%s: %s is outside: %v", what, token.Name.Local, attr)
				}
			}
		case xml.CharData:
			if place == nil || strings.Contains(what, "hostile") || !strings.Contains(text, `class="chart"`) {
				continue
			}
			x, err := strconv.ParseFloat(place["x"], 64)
			w := widthOf(string(token))
			switch place["text-anchor"] {
			case "middle":
				x -= w / 2
			case "end":
				x -= w
			}
			if strings.HasPrefix(what, "stacked:") || strings.HasPrefix(what, "lines:") {
				if err != nil || x < -.1 || x+w > width+.1 {
					t.Errorf("%s: %q is cut: from %v, %v wide of %v", what, token, x, w, width)
				}
			}
		case xml.EndElement:
			place = nil
		}
	}
	for _, id := range used {
		if !ids[id] {
			t.Errorf("%s: there is no %s", what, id)
		}
	}
}
