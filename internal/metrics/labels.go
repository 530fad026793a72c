package metrics

import (
	"maps"
	"sync"
	"sync/atomic"
)

// set is a closed set of values of a label. The last one stands for everything that is not in it.
type set struct {
	values []string
	places map[string]int
}

func newSet(rest string, values ...string) set {
	s := set{places: make(map[string]int, len(values))}
	for i, value := range values {
		s.places[value] = i
	}
	s.values = append(append(s.values, values...), rest)
	return s
}

func (s set) place(value string) int {
	if i, ok := s.places[value]; ok {
		return i
	}
	return len(s.values) - 1
}

// family is a metric with labels from closed sets. The metric of a combination of values is made when it first occurs, and found without a lock or
// an allocation from then on.
type family[M any] struct {
	with func(values ...string) M
	sets []set

	adding sync.Mutex
	known  atomic.Pointer[map[int]M] // by cell; replaced as a whole, never changed
}

// vec is what prometheus has for metrics with labels.
type vec[M any] interface {
	WithLabelValues(values ...string) M
}

// newFamily takes the sets in the order of v's labels. Two families may share one v.
func newFamily[M any](v vec[M], sets ...set) *family[M] {
	f := &family[M]{with: v.WithLabelValues, sets: sets}
	f.known.Store(&map[int]M{})
	return f
}

// at returns the metric whose labels have the values at these places of the sets.
func (f *family[M]) at(places ...int) M {
	cell := 0
	for i, place := range places {
		cell = cell*len(f.sets[i].values) + place
	}
	if metric, ok := (*f.known.Load())[cell]; ok {
		return metric
	}
	return f.add(cell, places)
}

func (f *family[M]) add(cell int, places []int) M {
	values := make([]string, len(places))
	for i, place := range places {
		values[i] = f.sets[i].values[place]
	}
	metric := f.with(values...) // the same one for the same values, however often it is asked
	f.adding.Lock()
	defer f.adding.Unlock()
	known := maps.Clone(*f.known.Load())
	known[cell] = metric
	f.known.Store(&known)
	return metric
}

// fill makes the metrics of all combinations, except those with a value that stands for the rest of its set.
func (f *family[M]) fill(places ...int) {
	if len(places) == len(f.sets) {
		f.at(places...)
		return
	}
	for place := range len(f.sets[len(places)].values) - 1 {
		f.fill(append(places, place)...)
	}
}
