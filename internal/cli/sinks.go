package cli

import (
	"context"

	"github.com/herald-events/herald/wire"
)

type sinksCommands struct {
	List sinksList `cmd:"" help:"All sinks."`
	Show sinksShow `cmd:"" help:"One sink, without its secrets."`
	Test sinksTest `cmd:"" help:"Send one event, and show what comes of it."`
}

var sinkKind = kind[wire.Sink]{
	what: "sink", id: func(w wire.Sink) wire.ID { return w.ID }, names: func(w wire.Sink) []string { return []string{w.Name} },
}

// sinkArg is the argument of commands about one sink.
type sinkArg struct {
	Sink string `arg:"" help:"The sink: its name, its id or a part of them that no other has."`
}

func (a sinkArg) find(ctx context.Context, s *session) (wire.Sink, error) {
	return pick(sinkKind, a.Sink, s.Sinks.List(ctx, wire.SinkSearch{}))
}

func isOn(enabled *bool) string {
	if enabled == nil || *enabled {
		return "yes"
	}
	return "no"
}

type sinksList struct {
	remote
	limited
}

func (sinksList) Help() string { return "Examples:\n\n  herald sinks list" }

func (c sinksList) Run(ctx context.Context, s *session) error {
	return list(s, results[wire.Sink]{name: "sinks", all: s.Sinks.List(ctx, wire.SinkSearch{}), total: func() (int, error) {
		page, err := s.Sinks.Page(ctx, wire.SinkSearch{Page: justCount})
		return page.Total, err
	}}, c.Limit,
		col("NAME", func(w wire.Sink) string { return w.Name }),
		col("TYPE", func(w wire.Sink) string { return string(w.Type) }),
		col("ENABLED", func(w wire.Sink) string { return isOn(w.Enabled) }),
		col("FILTER", func(w wire.Sink) string { return w.Filter }),
		col("ID", func(w wire.Sink) string { return short(w.ID) }),
	)
}

type sinksShow struct {
	remote
	sinkArg
}

func (sinksShow) Help() string {
	return "Examples:\n\n  herald sinks show Warehouse\n  herald sinks show Warehouse -o json"
}

func (c sinksShow) Run(ctx context.Context, s *session) error {
	w, err := c.find(ctx, s)
	if err != nil {
		return err
	}
	return s.one("sink", w, func() {
		s.fields("Sink", w.Name, "Id", string(w.ID), "Type", string(w.Type), "Enabled", isOn(w.Enabled), "Filter", w.Filter, "Created", exactly(w.InsertInstant))
	})
}

type sinksTest struct {
	remote
	writes
	sinkArg
	testEvent
}

func (sinksTest) Help() string {
	return "Status 1 if the sink did not take it.\n\nExamples:\n\n  herald sinks test Warehouse --type user.create\n  herald events example user.create | herald sinks test Warehouse --body -"
}

func (c sinksTest) Run(ctx context.Context, s *session) error {
	w, err := c.find(ctx, s)
	if err != nil {
		return err
	}
	request, err := c.request(s)
	if err != nil {
		return err
	}
	a, err := s.Sinks.Test(ctx, w.ID, request)
	if err != nil {
		return err
	}
	return c.tell(s, a, "")
}
