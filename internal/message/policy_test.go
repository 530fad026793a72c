package message

import (
	"testing"
	"time"

	"github.com/herald-events/herald/internal/messenger"
	"github.com/herald-events/herald/wire"
)

func TestDecide(t *testing.T) {
	t.Parallel()
	const long = time.Minute
	for name, test := range map[string]struct {
		situation

		want  move
		pause time.Duration
	}{
		"taken":                               {situation{verdict: taken, tries: 1, others: true, left: long}, end, 0},
		"refused":                             {situation{verdict: refused, tries: 1, others: true, left: long}, nextInRow, 0},
		"refused, nobody else":                {situation{verdict: refused, tries: 1, left: long}, end, 0},
		"refused after a retry":               {situation{verdict: refused, tries: 2, others: true, left: long}, nextInRow, 0},
		"refused, too late for others":        {situation{verdict: refused, tries: 1, others: true}, end, 0},
		"again":                               {situation{verdict: again, tries: 1, others: true, left: long}, retry, 200 * time.Millisecond},
		"again twice":                         {situation{verdict: again, tries: 2, others: true, left: long}, retry, 500 * time.Millisecond},
		"again three times":                   {situation{verdict: again, tries: 3, others: true, left: long}, nextInRow, 0},
		"again three times, nobody else":      {situation{verdict: again, tries: 3, left: long}, end, 0},
		"again, pause too long":               {situation{verdict: again, tries: 1, others: true, left: 200 * time.Millisecond}, nextInRow, 0},
		"again, pause just fits":              {situation{verdict: again, tries: 1, others: true, left: 201 * time.Millisecond}, retry, 200 * time.Millisecond},
		"again, too late for anything":        {situation{verdict: again, tries: 1, others: true, left: -time.Second}, end, 0},
		"unsure":                              {situation{verdict: unsure, tries: 1, others: true, left: long}, end, 0},
		"unsure, may be sent again":           {situation{verdict: unsure, tries: 1, retryUnknown: true, others: true, left: long}, retry, 200 * time.Millisecond},
		"unsure, may be sent by others":       {situation{verdict: unsure, tries: 3, retryUnknown: true, others: true, left: long}, nextInRow, 0},
		"unsure, nobody else":                 {situation{verdict: unsure, tries: 3, retryUnknown: true, left: long}, end, 0},
		"unsure, may be sent again, too late": {situation{verdict: unsure, tries: 1, retryUnknown: true, others: true}, end, 0},
	} {
		if got, pause := decide(test.situation); got != test.want || pause != test.pause {
			t.Errorf("%s: %s after %v, want %s after %v", name, got, pause, test.want, test.pause)
		}
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		outcome        string
		unknown, again bool
		want           verdict
	}{
		{"accepted", false, false, taken},
		{"accepted", true, true, taken},
		{"refused", false, false, refused},
		{"refused", false, true, again},
		{"connect", false, true, again},
		{"timeout", true, false, unsure},
		{"reset", true, true, unsure}, // what may have arrived is not sent again because that could help
		{"", false, false, refused},
	} {
		a := messenger.Attempt{MessageAttempt: wire.MessageAttempt{Outcome: test.outcome}, Unknown: test.unknown, Again: test.again}
		if got := verdictOf(a); got != test.want {
			t.Errorf("%+v: %s, want %s", test, got, test.want)
		}
	}
}

func TestStateOf(t *testing.T) {
	t.Parallel()
	for want, all := range map[wire.MessageState][][]verdict{
		wire.MessageSent:    {{taken}, {again, taken}, {unsure, refused, taken}},
		wire.MessageUnknown: {{unsure}, {unsure, refused}, {again, unsure, again, refused}},
		wire.MessageFailed:  {{}, {refused}, {again, again, again, refused}},
	} {
		for _, verdicts := range all {
			if got := stateOf(verdicts); got != want {
				t.Errorf("%v: %s, want %s", verdicts, got, want)
			}
		}
	}
}
