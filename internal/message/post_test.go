package message_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/egress/egresstest"
)

// What is posted is sent although nobody waits for it, and a stop waits for what is under way, as long as it has patience. Afterwards nothing is sent.
func TestPost(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		release := make(chan struct{})
		to := egresstest.NewReceiver(t).Script(egresstest.Hold(release, egresstest.Accept()))
		q := request(r.messenger("Main", to))
		r.Post(q)
		to.WaitFor(1)
		impatient, cancel := context.WithCancel(t.Context())
		cancel()
		r.Drain(impatient)
		if states := r.strings(`SELECT state FROM message`); fmt.Sprint(states) != "[sending]" {
			t.Errorf("the record says %s", states)
		}
		r.Post(q)
		close(release)
		patient, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		r.Drain(patient)
		if states := r.strings(`SELECT state FROM message`); fmt.Sprint(states) != "[sent]" || len(to.Requests()) != 1 {
			t.Errorf("the record says %s, %d arrived", states, len(to.Requests()))
		}
	})
}
