package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/herald-events/herald/internal/db"
)

// metric is something that is measured about a line. Its name stands in the JSON.
type metric string

const (
	perSecond       metric = "perSecond"       // what the title of the scenario says
	eventsPerSecond metric = "eventsPerSecond" // where perSecond counts deliveries
	ceilingRatio    metric = "ceilingRatio"    // perSecond ÷ that of the bare exchange with 64 callers
	cpuRatio        metric = "ceilingRatioCPU" // CPU time of the bare exchange ÷ allCPUMicros
	p50             metric = "p50Micros"
	p99             metric = "p99Micros"
	addedP50        metric = "addedP50Micros" // beyond the bare exchange with as many callers
	addedP99        metric = "addedP99Micros"
	timesBefore     metric = "timesLineBefore" // the figure that counts ÷ that of the line before
	cpuMicros       metric = "cpuMicros"       // user and system time of the servers, for each that perSecond counts
	databaseMicros  metric = "databaseCPUMicros"
	allCPUMicros    metric = "allCPUMicros" // of everybody: servers, database, callers, receivers
	residentMB      metric = "residentMB"   // at most, in million bytes
	startMillis     metric = "startMillis"
	duplicates      metric = "duplicates" // requests that were made once more
)

// columns is the order of metrics in tables, and how they look there.
var columns = []struct {
	metric
	title  string
	format func(float64) string
}{
	{startMillis, "start", func(f float64) string { return fmt.Sprintf("%.0f ms", f) }},
	{perSecond, "per second", thousands},
	{eventsPerSecond, "events/s", thousands},
	{ceilingRatio, "÷ ceiling", ratio},
	{cpuRatio, "by CPU", ratio},
	{p50, "p50", millis},
	{p99, "p99", millis},
	{addedP50, "added p50", millis},
	{addedP99, "added p99", millis},
	{timesBefore, "× line above", ratio},
	{cpuMicros, "CPU each", micros},
	{databaseMicros, "PostgreSQL's", micros},
	{allCPUMicros, "everybody's", micros},
	{residentMB, "resident", func(f float64) string { return fmt.Sprintf("%.0f MB", f) }},
	{duplicates, "sent twice", thousands},
}

func ratio(f float64) string  { return fmt.Sprintf("%.2f", f) }
func micros(f float64) string { return fmt.Sprintf("%.0f µs", f) }

func millis(f float64) string {
	if f >= 100_000 || f <= -100_000 {
		return fmt.Sprintf("%.0f ms", f/1000)
	}
	return fmt.Sprintf("%.2f ms", f/1000)
}

func thousands(f float64) string {
	text := fmt.Sprintf("%.0f", f)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// values are what was measured about a line in one run.
type values map[metric]float64

// percentiles notes p50 and p99 of sorted durations.
func (v values) percentiles(sorted []time.Duration) {
	if len(sorted) == 0 {
		return
	}
	at := func(share float64) float64 {
		return float64(sorted[min(int(share*float64(len(sorted))), len(sorted)-1)].Nanoseconds()) / 1000
	}
	v[p50], v[p99] = at(0.50), at(0.99)
}

func (v values) String() string {
	var all []string
	for _, c := range columns {
		if f, ok := v[c.metric]; ok {
			all = append(all, c.title+" "+c.format(f))
		}
	}
	return strings.Join(all, "  ")
}

// line is one row of a table.
type line struct {
	name   string
	values values
}

// report collects what was measured.
type report struct {
	settings
	began  time.Time
	series []*series // in the order of their first appearance
}

// series is one line over all runs.
type series struct {
	Engine   db.Engine           `json:"engine,omitempty"` // none for the ceiling
	Scenario string              `json:"scenario"`
	Line     string              `json:"line"`
	Metrics  map[metric]*figures `json:"metrics"`
}

// figures are the values of one metric.
type figures struct {
	Median float64   `json:"median"`
	Min    float64   `json:"min"`
	Max    float64   `json:"max"`
	Runs   []float64 `json:"runs"`
}

func (f *figures) add(value float64) {
	f.Runs = append(f.Runs, value)
	sorted := slices.Sorted(slices.Values(f.Runs))
	n := len(sorted)
	f.Min, f.Median, f.Max = sorted[0], (sorted[(n-1)/2]+sorted[n/2])/2, sorted[n-1]
}

const bareScenario = "bare"

func newReport(s settings) *report { return &report{settings: s, began: time.Now()} }

func (r *report) addCeiling(callers int, v values) {
	r.seriesOf("", bareScenario, count(callers, "caller")).add(v)
}

func (r *report) add(t *turn, l line) {
	r.seriesOf(t.engine, t.scenario.name, l.name).add(l.values)
}

func (r *report) seriesOf(engine db.Engine, scenario, name string) *series {
	if s := r.find(engine, scenario, name); s != nil {
		return s
	}
	s := &series{Engine: engine, Scenario: scenario, Line: name, Metrics: map[metric]*figures{}}
	r.series = append(r.series, s)
	return s
}

// find returns the line whose name begins with name, nil without one.
func (r *report) find(engine db.Engine, scenario, name string) *series {
	for _, s := range r.series {
		if s.Engine == engine && s.Scenario == scenario && strings.HasPrefix(s.Line, name) {
			return s
		}
	}
	return nil
}

func (s *series) add(v values) {
	for m, value := range v {
		if s.Metrics[m] == nil {
			s.Metrics[m] = &figures{}
		}
		s.Metrics[m].add(value)
	}
}

// spread is how far the runs lie apart: half of the range of the figure that counts, in percent of its median.
func (s *series) spread() string {
	for _, m := range []metric{ceilingRatio, perSecond, p99, startMillis, residentMB} {
		if f := s.Metrics[m]; f != nil && len(f.Runs) > 1 && f.Median > 0 {
			return fmt.Sprintf("±%.0f %%", 50*(f.Max-f.Min)/f.Median)
		}
	}
	return ""
}

// print writes the tables, as Markdown that can also be read as it is.
func (r *report) print(w io.Writer) {
	machine := r.machine()
	fmt.Fprintf(w, "\n%s, %d CPUs (%s), %s, %s\n", machine.System, machine.CPUs, machine.Processor, machine.Go, r.began.Format(time.DateOnly))
	fmt.Fprintf(w, "Medians of %s, %v per line. Durable commits, default settings, events of 1.5 KB.\n", count(r.runs, "run"), r.each)
	if r.quick {
		fmt.Fprintf(w, "A quick round, to see that everything works: quote none of it.\n")
	}
	if r.profile != "" {
		fmt.Fprintf(w, "Profiled, and server, callers and receivers in one process: quote none of it.\n")
	}
	r.table(w, "Bare client → receiver, requests per second; CPU is that of both sides", func(s *series) bool { return s.Scenario == bareScenario })
	for _, scenario := range scenarios() {
		r.table(w, scenario.title, func(s *series) bool { return s.Scenario == scenario.name })
	}
	r.printGoals(w)
}

func (r *report) table(w io.Writer, title string, belongs func(*series) bool) {
	var lines []*series
	for _, s := range r.series {
		if belongs(s) {
			lines = append(lines, s)
		}
	}
	if len(lines) == 0 {
		return
	}
	slices.SortStableFunc(lines, func(a, b *series) int {
		return cmp.Compare(slices.Index(r.engines, a.Engine), slices.Index(r.engines, b.Engine))
	})
	rows := [][]string{{"", ""}}
	for _, s := range lines {
		rows = append(rows, []string{string(s.Engine), s.Line})
	}
	for _, c := range columns {
		if !slices.ContainsFunc(lines, func(s *series) bool { return s.Metrics[c.metric] != nil }) {
			continue
		}
		rows[0] = append(rows[0], c.title)
		for i, s := range lines {
			cell := ""
			if f := s.Metrics[c.metric]; f != nil {
				cell = c.format(f.Median)
			}
			rows[i+1] = append(rows[i+1], cell)
		}
	}
	if r.runs > 1 {
		rows[0] = append(rows[0], "spread")
		for i, s := range lines {
			rows[i+1] = append(rows[i+1], s.spread())
		}
	}
	fmt.Fprintf(w, "\n### %s\n\n", title)
	markdown(w, rows)
}

// markdown writes rows, the first one being the heads. The first two columns are texts, the others numbers.
func markdown(w io.Writer, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell), 3)
		}
	}
	for n, row := range rows {
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i < 2 {
				cell += pad
			} else {
				cell = pad + cell
			}
			fmt.Fprintf(w, "| %s ", cell)
		}
		fmt.Fprintln(w, "|")
		if n > 0 {
			continue
		}
		for i, width := range widths {
			if i < 2 {
				fmt.Fprintf(w, "| %s ", strings.Repeat("-", width))
			} else {
				fmt.Fprintf(w, "| %s:", strings.Repeat("-", width))
			}
		}
		fmt.Fprintln(w, "|")
	}
}

// machine is where it was measured.
type machine struct {
	System    string `json:"system"`
	Processor string `json:"processor"`
	CPUs      int    `json:"cpus"`
	Go        string `json:"go"`
}

func (r *report) machine() machine {
	m := machine{System: runtime.GOOS + "/" + runtime.GOARCH, Processor: "unknown", CPUs: runtime.NumCPU(), Go: runtime.Version()}
	info, _ := os.ReadFile("/proc/cpuinfo")
	if _, rest, ok := strings.Cut(string(info), "model name"); ok {
		name, _, _ := strings.Cut(rest, "\n")
		m.Processor = strings.Trim(name, " \t:")
	}
	return m
}

// write writes everything as JSON.
func (r *report) write(file string) error {
	document, err := json.MarshalIndent(struct {
		Began   time.Time `json:"began"`
		Took    string    `json:"took"`
		Machine machine   `json:"machine"`
		Runs    int       `json:"runs"`
		Each    string    `json:"each"`
		Quick   bool      `json:"quick,omitempty"`
		Lines   []*series `json:"lines"`
		Goals   []verdict `json:"goals"`
	}{r.began.UTC(), time.Since(r.began).Round(time.Second).String(), r.machine(), r.runs, r.each.String(), r.quick, r.series, r.verdicts()}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(document, '\n'), 0o644)
}
