package sink

import (
	"bytes"
	"context"

	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// stdoutDriver writes events to the standard output of the process, one a line, for those who collect that of containers.
type stdoutDriver struct{}

func (stdoutDriver) settings() []Setting                   { return nil }
func (stdoutDriver) check(*problem.Validation, *wire.Sink) {}
func (stdoutDriver) address(*wire.Sink) string             { return "stdout:" }

func (stdoutDriver) open(_ context.Context, r *route) (connection, error) {
	w := &stdoutWriter{}
	w.batcher = newBatcher(func(batch []*handed) {
		var lines bytes.Buffer
		for _, h := range batch {
			writeLine(&lines, h.value)
		}
		_, err := r.service.Stdout.Write(lines.Bytes())
		if err != nil {
			err = fail(egress.Connect, "standard output cannot be written: "+err.Error())
		}
		for _, h := range batch {
			h.done("", err)
		}
	})
	return w, nil
}

type stdoutWriter struct{ *batcher }

func (*stdoutWriter) ping(context.Context) error { return nil }
func (*stdoutWriter) usable() bool               { return true }
