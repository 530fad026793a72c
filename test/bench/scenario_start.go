package main

import "context"

// measureStart starts the binary on an empty store, again and again, and lets the last one idle.
func measureStart(ctx context.Context, t *turn) error {
	s, err := newStore(ctx, t.engine)
	if err != nil {
		return err
	}
	defer s.close()
	h, err := t.start(ctx, s, false)
	if err != nil {
		return err
	}
	defer h.stop()
	v := values{startMillis: float64(h.took.Microseconds()) / 1000}
	watch := watchMemory(h.pid)
	err = sleep(ctx, min(t.each, idle))
	watch.end(v)
	t.add("started → healthy; idle", v)
	return err
}
