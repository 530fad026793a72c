package traffic

// SlotBounds are the bounds of the histogram.
var SlotBounds = bounds

const MostKept = mostKept

// Waiting is how many sums are in memory.
func (t *Traffic) Waiting() int {
	t.turn <- struct{}{}
	defer t.end()
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.open) + len(t.kept)
}
