package trace_test

import (
	"testing"

	"github.com/herald-events/herald/internal/trace"
)

// BenchmarkOff is what a request and its attempt cost when nothing is traced.
func BenchmarkOff(b *testing.B) {
	var tracer *trace.Tracer
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		span := tracer.Start(trace.In(ctx), trace.Server, "POST")
		if span.On() {
			ctx = trace.With(ctx, span.Parent())
		}
		span.Number(trace.Status, 200)
		span.End("")
	}
}

func TestOff_CostsNothing(t *testing.T) {
	var tracer *trace.Tracer
	ctx := t.Context()
	allocations := testing.AllocsPerRun(100, func() {
		span := tracer.Start(trace.In(ctx), trace.Client, "POST")
		span.Text(trace.EventType, "user.create")
		span.End("timeout")
	})
	if allocations != 0 {
		t.Errorf("%v allocations", allocations)
	}
}
