package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/herald-events/herald/wire"
)

// testEvent are the flags of commands that try a webhook or a sink out.
type testEvent struct {
	Type   string `placeholder:"TYPE" help:"Send the example of this event type. Default: user.create."`
	Body   string `placeholder:"FILE" help:"Send the event in this file, - for stdin."`
	Record bool   `help:"Keep it in the webhook log, as a test."`
	All    bool   `short:"v" name:"verbose" help:"Show headers and body of the answer."`
}

func (t testEvent) request(s *session) (wire.WebhookTestRequest, error) {
	request := wire.WebhookTestRequest{Record: &t.Record}
	switch {
	case t.Body != "" && t.Type != "":
		return request, usageError{"give either --type or --body"}
	case t.Body == "":
		request.Type = cmp.Or(t.Type, "user.create")
		return request, knownType(request.Type)
	}
	text, err := s.read(t.Body)
	if err != nil {
		return request, err
	}
	var body struct {
		Event json.RawMessage `json:"event"`
	}
	if !json.Valid(text) {
		return request, fmt.Errorf("%s must hold an event as JSON", t.Body)
	}
	if request.Event = text; json.Unmarshal(text, &body) == nil && body.Event != nil { // as receivers get it
		request.Event = body.Event
	}
	return request, nil
}

// tell shows what came of it. signed says how the request was, for receivers that check that.
func (t testEvent) tell(s *session, a *wire.WebhookAttempt, signed string) error {
	if err := s.one("attempt", a, func() { t.show(s, a, signed) }); err != nil {
		return err
	}
	if a.Outcome != "accepted" {
		return errFound
	}
	return nil
}

func (t testEvent) show(s *session, a *wire.WebhookAttempt, signed string) {
	colour, record := good, "not recorded, use --record"
	if a.Outcome != "accepted" {
		colour = bad
	}
	if t.Record {
		record = "recorded as a test"
	}
	if signed != "" {
		record = signed + "; " + record
	}
	fmt.Fprintf(s, "%s in %s  %s\n", s.paint(colour, "← "+answered(a.StatusCode, a.Outcome)), took(a.DurationMicros), s.paint(faint, "("+record+")"))
	if a.Exception != "" {
		fmt.Fprintln(s, printable(a.Exception))
	}
	if !t.All {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(a.ResponseHeaders)) {
		fmt.Fprintf(s, "%s: %s\n", printable(name), printable(a.ResponseHeaders[name]))
	}
	if a.ResponseBody != "" {
		fmt.Fprintf(s, "\n%s\n", printableLines(a.ResponseBody))
	}
}
