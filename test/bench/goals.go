package main

import (
	"fmt"
	"io"

	"github.com/herald-events/herald/internal/db"
)

// goal is what a figure is held against. The limits are for a machine with two cores; ratios move little between machines, times and rates do.
type goal struct {
	text     string
	engine   db.Engine
	scenario string
	line     string // the beginning of its name
	metric   metric
	least    bool // the limit is the least that is wanted, otherwise the most
	limit    float64
}

var goals = []goal{
	{"Draining a backlog ÷ ceiling", db.SQLite, "backlog", "", ceilingRatio, true, 0.60},
	{"Batch intake, 1 webhook ÷ ceiling", db.SQLite, "batch", "1 webhook", ceilingRatio, true, 0.40},
	{"One call per event, 128 callers ÷ ceiling", db.SQLite, "single", "128 ", ceilingRatio, true, 0.25},
	{"One call per event, 128 callers, per second: 5 × the best comparable engine", db.SQLite, "single", "128 ", perSecond, true, 8500},
	{"Committed → arrived at 500/s, p50", db.SQLite, "latency", "committed", p50, false, 1500},
	{"Committed → arrived at 500/s, p99", db.SQLite, "latency", "committed", p99, false, 6000},
	{"One vote, 1 caller: added p50", db.SQLite, "votes", "1 webhook, 1 caller", addedP50, false, 1000},
	{"One vote, 1 caller: added p99", db.SQLite, "votes", "1 webhook, 1 caller", addedP99, false, 5000},
	{"A two-factor code, 1 caller: added p50", db.SQLite, "codes", "1 caller", addedP50, false, 2000},
	{"The same with thousands on record ÷ with none, p50", db.SQLite, "codes", "1 caller, when", timesBefore, false, 1.2},
	{"Nine webhooks' p99, the tenth hanging ÷ answering", db.SQLite, "dead", "the tenth hangs", timesBefore, false, 1.1},
	{"Resident, idle", db.SQLite, "start", "", residentMB, false, 60},
	{"Start on an empty store", db.SQLite, "start", "", startMillis, false, 300},
	{"Resident, taking in a backlog of a million", db.SQLite, "million", "1000000 events", residentMB, false, 150},
	{"Resident, delivering beside it", db.SQLite, "million", "the other webhook, 1000000", residentMB, false, 150},
	{"A list of a million events, p99", db.SQLite, "lists", "events", p99, false, 50_000},
	{"A text that none of them has, p99", db.SQLite, "lists", "events, a text in none", p99, false, 50_000},
	{"The page of it in the admin UI, p99", db.SQLite, "lists", "page: log", p99, false, 50_000},
	{"PostgreSQL: two servers ÷ one; 1.5 when the database has a core of its own", db.PostgreSQL, "processes", "two", timesBefore, true, 1},
}

// verdict is a goal and what was measured.
type verdict struct {
	Goal     string  `json:"goal"`
	Limit    float64 `json:"limit"`
	Least    bool    `json:"least"`
	Measured float64 `json:"measured"`
	Met      bool    `json:"met"`

	format func(float64) string
}

// verdicts leaves out what was not measured, or not in earnest.
func (r *report) verdicts() []verdict {
	all := []verdict{}
	if r.quick || r.profile != "" {
		return all
	}
	for _, g := range goals {
		s := r.find(g.engine, g.scenario, g.line)
		if s == nil || s.Metrics[g.metric] == nil {
			continue
		}
		v := verdict{Goal: g.text, Limit: g.limit, Least: g.least, Measured: s.Metrics[g.metric].Median}
		v.Met = v.Measured <= g.limit
		if g.least {
			v.Met = v.Measured >= g.limit
		}
		for _, c := range columns {
			if c.metric == g.metric {
				v.format = c.format
			}
		}
		all = append(all, v)
	}
	return all
}

func (r *report) printGoals(w io.Writer) {
	verdicts := r.verdicts()
	if len(verdicts) == 0 {
		return
	}
	rows := [][]string{{"", "goal", "measured", "met"}}
	for _, v := range verdicts {
		sign, met := "≤", "no"
		if v.Least {
			sign = "≥"
		}
		if v.Met {
			met = "yes"
		}
		rows = append(rows, []string{v.Goal, sign + " " + v.format(v.Limit), v.format(v.Measured), met})
	}
	fmt.Fprintf(w, "\n### Goals, for a machine with two cores\n\n")
	markdown(w, rows)
}
