package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/herald-events/herald/wire"
)

type doctorCommand struct {
	remote
	Probe bool `help:"Knock at all receivers as well: webhooks get a HEAD request, to sinks a connection is made."`
	All   bool `short:"v" name:"verbose" help:"List what is well, too. Default: on a healthy server only."`
}

func (doctorCommand) Help() string {
	return `Looks at database, clock, encryption key, outgoing requests, webhooks, sinks, events, keys, messengers, logs and tasks of a running server. Status 1 when something does not work;
warnings alone are status 0.

Examples:

  herald doctor
  herald doctor --probe -v`
}

func (c doctorCommand) Run(ctx context.Context, s *session) error {
	found, err := s.System.Doctor(ctx)
	if err != nil {
		return err
	}
	if c.Probe {
		probed, err := s.System.Probe(ctx)
		if err != nil {
			return err
		}
		found = append(found, probed...)
	}
	count := map[wire.FindingSeverity]int{}
	for _, f := range found {
		count[f.Severity]++
	}
	failures, warnings := count[wire.FindingFailure], count[wire.FindingWarning]
	if err := s.answer(wire.DoctorResponse{Findings: found}, func() {
		for _, f := range found {
			if f.Severity != wire.FindingOK || c.All || failures+warnings == 0 || strings.HasPrefix(f.Code, "probe.") {
				s.showFinding(f)
			}
		}
	}); err != nil {
		return err
	}
	s.say("%s, %s, %d well", counts(failures, "failure"), counts(warnings, "warning"), count[wire.FindingOK])
	if failures > 0 {
		return errFound
	}
	return nil
}

func (s *session) showFinding(f wire.Finding) {
	mark := s.paint(good, "✓")
	switch f.Severity {
	case wire.FindingFailure:
		mark = s.paint(bad, "✗")
	case wire.FindingWarning:
		mark = s.paint(warn, "!")
	}
	fmt.Fprintf(s, "%s %s\n", mark, printable(f.Text))
}
