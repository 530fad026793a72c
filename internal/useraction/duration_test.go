package useraction

import (
	"testing"
	"time"

	"github.com/herald-events/herald/wire"
)

func TestLocalizedDuration(t *testing.T) {
	t.Parallel()
	const day, now = 24 * time.Hour, wire.Instant(1_700_000_000_000)
	for _, c := range []struct {
		d         time.Duration
		languages []string
		want      string
	}{
		{0, nil, ""},
		{-time.Hour, nil, ""},
		{time.Millisecond, nil, "1 second"},
		{1499 * time.Millisecond, nil, "1 second"},
		{45 * time.Second, nil, "45 seconds"},
		{time.Minute, nil, "1 minute"},
		{90 * time.Second, nil, "90 seconds"},
		{3*time.Minute - 40*time.Millisecond, nil, "3 minutes"},
		{90 * time.Minute, nil, "90 minutes"},
		{36 * time.Hour, nil, "36 hours"},
		{2*day - 300*time.Millisecond, nil, "2 days"},
		{7 * day, nil, "1 week"},
		{10 * day, nil, "10 days"},
		{30 * day, nil, "1 month"},
		{45 * day, nil, "45 days"},
		{365 * day, nil, "1 year"},
		{290 * 365 * day, nil, "290 years"},
		{2 * day, []string{"de_CH", "en"}, "2 Tage"},
		{day, []string{"xx", "fr"}, "1 jour"},
		{2 * day, []string{"ja"}, "2 days"},
	} {
		if got := localizedDuration(now, now+wire.Instant(c.d.Milliseconds()), c.languages); got != c.want {
			t.Errorf("%v for %v: %q, want %q", c.d, c.languages, got, c.want)
		}
	}
	if got := localizedDuration(now, wire.LastInstant, nil); got != "7976 years" {
		t.Errorf("until the last instant: %q", got)
	}
	if got := localizedDuration(now, wire.Forever, nil); got != "" {
		t.Errorf("forever: %q", got)
	}
}
