package message_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/egress/egresstest"
)

func TestLately(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		good, bad := egresstest.NewReceiver(t), egresstest.NewReceiver(t).Script(egresstest.Status(http.StatusForbidden))
		first, second := r.messenger("First", bad), r.messenger("Second", good)
		if _, err := r.Send(t.Context(), request(second)); err != nil { // too long ago in a moment
			t.Fatal(err)
		}
		r.pass(25 * time.Hour)
		for range 2 {
			if _, err := r.Send(t.Context(), request(first, second)); err != nil {
				t.Fatal(err)
			}
			r.pass(time.Hour)
		}
		by, since, err := r.Lately(t.Context())
		if err != nil || by[first].Failed != 2 || by[first].Sent != 0 || by[second].Sent != 2 || by[second].Failed != 0 || len(by) != 2 {
			t.Fatalf("%+v, %v", by, err)
		}
		if by[second].Error != "" || !strings.Contains(by[first].Error, "refused, status 403") || by[first].Instant == 0 || since == 0 {
			t.Errorf("%+v since %d", by, since)
		}
	})
}
