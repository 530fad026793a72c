package chart

import (
	"math"
	"time"
)

// valueTicks are at zero and above, at most most+1 of them, the last at or above highest.
func valueTicks(highest float64, most int, whole bool) []float64 {
	if highest <= 0 {
		highest = 1
	}
	step := math.Pow(10, math.Floor(math.Log10(highest/float64(most))))
	for _, factor := range []float64{1, 2, 5, 10} {
		if step*factor*float64(most) >= highest {
			step *= factor
			break
		}
	}
	if whole {
		step = max(math.Ceil(step), 1)
	}
	ticks := []float64{0}
	for i := 1; ; i++ {
		tick := step * float64(i)
		if step < 1 { // 0.1 times 3 is 0.3, and no more
			scale := math.Round(1 / step)
			tick = float64(i) / scale
		}
		ticks = append(ticks, tick)
		if tick >= highest || i > most {
			return ticks
		}
	}
}

// strides are the distances that ticks of time may have.
var strides = []time.Duration{
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	24 * time.Hour, 2 * 24 * time.Hour, 7 * 24 * time.Hour, 14 * 24 * time.Hour, 28 * 24 * time.Hour,
}

// timeTicks are the buckets whose beginning has a tick: at round times of the chart's zone, at least apart from each other by so many buckets.
func timeTicks(c *Chart, n int, apart float64) (all []int) {
	if n == 0 {
		return nil
	}
	stride := strides[len(strides)-1]
	for _, s := range strides {
		if s >= c.Step && float64(s) >= apart*float64(c.Step) {
			stride = s
			break
		}
	}
	round := func(i int) int64 {
		at := c.start(i)
		_, offset := at.Zone()
		return floorDiv(at.Unix()+int64(offset), int64(stride/time.Second))
	}
	last := math.Inf(-1)
	for i := range n {
		if (i == 0 || round(i) != round(i-1)) && float64(i)-last >= apart {
			begins := c.start(i)
			_, offset := begins.Zone()
			if i == 0 && floorDiv(begins.Unix()+int64(offset), int64(stride/time.Second))*int64(stride/time.Second) != begins.Unix()+int64(offset) {
				continue // in the middle of a stride
			}
			all, last = append(all, i), float64(i)
		}
	}
	if len(all) == 0 {
		return []int{0}
	}
	return all
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
