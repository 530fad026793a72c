package traffic

import (
	"math"
	"time"
)

// slots is how many buckets a histogram has. The bounds of all but the last are in bounds.
const slots = 36

// histogram is how many things took how long.
type histogram [slots]int64

// bounds are the longest durations of the buckets, from 0.5 ms to 65.5 s, each √2 times the one before: about as many buckets for a receiver next door as for
// one that is slow, and a percentile that is never further from the truth than that factor.
var bounds = func() (all [slots - 1]time.Duration) {
	for i := range all {
		all[i] = time.Duration(float64(500*time.Microsecond) * math.Pow(2, float64(i)/2))
	}
	return all
}()

// slotOf is the bucket of a duration. Negative ones, which a clock that jumps can make, count as zero.
func slotOf(d time.Duration) int {
	low, high := 0, len(bounds)
	for low < high {
		if mid := (low + high) / 2; bounds[mid] < d {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

func (h *histogram) add(other *histogram) {
	for i, n := range other {
		h[i] += n
	}
}

func (h *histogram) total() (n int64) {
	for _, one := range h {
		n += one
	}
	return n
}

// percentile is the duration that the share p of all (0 to 1) did not exceed, interpolated within its bucket; 0 of an empty histogram. Of what took longer than the
// last bound only that is known.
func (h *histogram) percentile(p float64) time.Duration {
	rank := p * float64(h.total())
	below := 0.0
	for i, n := range h {
		if n == 0 {
			continue
		}
		if below+float64(n) < rank {
			below += float64(n)
			continue
		}
		if i == len(bounds) {
			return bounds[i-1]
		}
		part := max(rank-below, 0) / float64(n)
		if i == 0 {
			return time.Duration(float64(bounds[0]) * part)
		}
		return time.Duration(float64(bounds[i-1]) * math.Pow(2, part/2))
	}
	return 0
}
