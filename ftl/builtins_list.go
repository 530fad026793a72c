package ftl

import (
	"slices"
	"strings"
)

// listBuiltins are those of lists, of objects and of the variables of loops.
var listBuiltins = map[string]*builtin{
	"first": ofList(0, 0, func(_ evaluation, s sequence) value {
		if s.length() == 0 {
			return nil
		}
		return s.at(0)
	}),
	"last": ofList(0, 0, func(_ evaluation, s sequence) value {
		if s.length() == 0 {
			return nil
		}
		return s.at(s.length() - 1)
	}),
	"reverse": ofList(0, 0, func(c evaluation, s sequence) value {
		l := c.elements(s)
		slices.Reverse(l)
		return l
	}),
	"sequence": ofList(0, 0, func(_ evaluation, s sequence) value { return s }),
	"join":     ofList(1, 3, join),
	"chunk":    ofList(1, 2, chunk),
	"min":      ofList(0, 0, func(c evaluation, s sequence) value { return c.extreme(s, -1) }),
	"max":      ofList(0, 0, func(c evaluation, s sequence) value { return c.extreme(s, 1) }),
	"sort":     ofList(0, 0, func(c evaluation, s sequence) value { return c.sort(s, nil) }),
	"sort_by": ofList(1, 1, func(c evaluation, s sequence) value {
		if path, is := c.arg(0).(sequence); is {
			names := make([]string, path.length())
			for i := range names {
				names[i], _ = path.at(i).(string)
			}
			return c.sort(s, names)
		}
		return c.sort(s, []string{c.textArg(0)})
	}),
	"seq_contains": ofList(1, 1, func(c evaluation, s sequence) value {
		return c.indexOf(s, 0, s.length(), 1) >= 0
	}),
	"seq_index_of": ofList(1, 2, func(c evaluation, s sequence) value {
		from := 0
		if c.has(1) {
			from = max(0, c.intArg(1))
		}
		return whole(c.indexOf(s, from, s.length(), 1))
	}),
	"seq_last_index_of": ofList(1, 2, func(c evaluation, s sequence) value {
		from := s.length() - 1
		if c.has(1) {
			from = min(from, c.intArg(1))
		}
		return whole(c.indexOf(s, from, -1, -1))
	}),
	"map": ofList(1, 1, func(c evaluation, s sequence) value {
		f := c.function(0)
		l := c.elements(s)
		for i, v := range l {
			if l[i] = f(v); l[i] == nil {
				c.missing(c.x.arguments[0])
			}
		}
		return l
	}),
	"filter": ofList(1, 1, func(c evaluation, s sequence) value {
		keep, kept := c.predicate(0), list{}
		for _, v := range c.elements(s) {
			if keep(v) {
				kept = append(kept, v)
			}
		}
		return kept
	}),
	"take_while": ofList(1, 1, func(c evaluation, s sequence) value {
		keep, taken := c.predicate(0), list{}
		for i := 0; i < s.length() && keep(s.at(i)); i++ {
			taken = append(taken, s.at(i))
		}
		return taken
	}),
	"drop_while": ofList(1, 1, func(c evaluation, s sequence) value {
		drop, left := c.predicate(0), c.elements(s)
		for len(left) > 0 && drop(left[0]) {
			left = left[1:]
		}
		return left
	}),

	"keys": ofHash(func(c evaluation, h hash) value { return c.texts(h.names()) }),
	"values": ofHash(func(c evaluation, h hash) value {
		names := h.names()
		c.spend(len(names))
		l := make(list, len(names))
		for i, name := range names {
			l[i] = h.get(name)
		}
		return l
	}),

	"index":        ofLoop(0, 0, func(_ evaluation, l *loop) value { return whole(l.index) }),
	"counter":      ofLoop(0, 0, func(_ evaluation, l *loop) value { return whole(l.index + 1) }),
	"has_next":     ofLoop(0, 0, func(_ evaluation, l *loop) value { return !l.last }),
	"is_first":     ofLoop(0, 0, func(_ evaluation, l *loop) value { return l.index == 0 }),
	"is_last":      ofLoop(0, 0, func(_ evaluation, l *loop) value { return l.last }),
	"is_odd_item":  ofLoop(0, 0, func(_ evaluation, l *loop) value { return l.index%2 == 0 }),
	"is_even_item": ofLoop(0, 0, func(_ evaluation, l *loop) value { return l.index%2 == 1 }),
	"item_parity":  ofLoop(0, 0, func(_ evaluation, l *loop) value { return []string{"odd", "even"}[l.index%2] }),

	"item_parity_cap": ofLoop(0, 0, func(_ evaluation, l *loop) value { return []string{"Odd", "Even"}[l.index%2] }),
	"item_cycle": ofLoop(1, 100, func(c evaluation, l *loop) value {
		return c.arg(l.index % len(c.x.arguments))
	}),
}

func ofHash(run func(c evaluation, h hash) value) *builtin {
	return ofAny(0, 0, func(c evaluation, v value) value {
		h, is := v.(hash)
		if !is {
			c.mistaken(c.x.of, v, "an object", "")
		}
		return run(c, h)
	})
}

// elements are all elements of a sequence.
func (c evaluation) elements(s sequence) list {
	if r, is := s.(*rangeValue); is && r.endless() {
		c.fail("", "%s has no end", describe(c.x.of))
	}
	c.spend(s.length())
	l := make(list, s.length())
	for i := range l {
		l[i] = s.at(i)
	}
	return l
}

// predicate is an argument that is called for each element and answers yes or no.
func (c evaluation) predicate(i int) func(value) bool {
	f := c.function(i)
	return func(v value) bool {
		answer, is := f(v).(bool)
		if !is {
			c.fail("", "the function of ?%s must answer with a boolean", c.x.name)
		}
		return answer
	}
}

func join(c evaluation, s sequence) value {
	separator := c.textArg(0)
	var b strings.Builder
	some := false
	for i, v := range c.elements(s) {
		if v == nil {
			continue
		}
		if some {
			c.grow(b.Len(), separator)
			b.WriteString(separator)
		}
		some = true
		text := c.textOf(v, &item{c.x.base, c.x.of, &literal{c.x.base, whole(i)}})
		c.grow(b.Len(), text)
		b.WriteString(text)
	}
	switch {
	case some && c.has(2):
		b.WriteString(c.textArg(2))
	case !some && c.has(1):
		return c.textArg(1)
	}
	return c.made(b.String())
}

func chunk(c evaluation, s sequence) value {
	size := c.intArg(0)
	if size < 1 {
		c.fail("", "the size of a chunk must be at least 1, not %d", size)
	}
	elements := c.elements(s)
	rows := list{}
	for row := range slices.Chunk(elements, size) {
		rows = append(rows, row)
	}
	if n := len(elements) % size; n > 0 && c.has(1) {
		c.spend(size)
		last := slices.Clone(rows[len(rows)-1].(list))
		for range size - n {
			last = append(last, c.arg(1))
		}
		rows[len(rows)-1] = last
	}
	return rows
}

// extreme is the least or the greatest of numbers or dates.
func (c evaluation) extreme(s sequence, sign int) value {
	var best value
	for _, v := range c.elements(s) {
		if v == nil {
			continue
		}
		if isString(v) || isBool(v) {
			c.fail("", "?%s is for numbers and dates", c.x.name)
		}
		if best == nil {
			best = v
			continue
		}
		order, problem := c.order(v, best)
		if problem != "" {
			c.fail("", "%s", problem)
		}
		if order*sign > 0 {
			best = v
		}
	}
	return best
}

// indexOf is where an element is that equals the first argument. Values of different types differ.
func (c evaluation) indexOf(s sequence, from, end, step int) int {
	wanted := c.eval(c.x.arguments[0])
	for i := from; (end-i)*step > 0; i += step {
		c.spend(1)
		if v := s.at(i); v != nil {
			if order, problem := c.order(v, wanted); problem == "" && order == 0 {
				return i
			}
		}
	}
	return -1
}

// sort orders elements by themselves or by what is at a path in them.
func (c evaluation) sort(s sequence, path []string) value {
	l := c.elements(s)
	keys := make(map[int]value, len(l))
	order := make([]int, len(l))
	for i, v := range l {
		order[i] = i
		for _, name := range path {
			h, is := v.(hash)
			if !is {
				c.fail("", "element %d of %s is %s, where an object is needed", i+1, describe(c.x.of), typeName(v))
			}
			v = h.get(name)
		}
		if keys[i] = v; v == nil {
			c.fail("", "element %d of %s has nothing to sort it by", i+1, describe(c.x.of))
		}
	}
	slices.SortStableFunc(order, func(i, j int) int {
		c.spend(1)
		left, isText := keys[i].(string)
		right, bothAre := keys[j].(string)
		if isText && bothAre {
			return c.sorted(left, right)
		}
		compared, problem := c.order(keys[i], keys[j])
		if problem != "" {
			c.fail("", "%s", problem)
		}
		if b, is := keys[i].(bool); is && compared != 0 {
			return map[bool]int{false: -1, true: 1}[b]
		}
		return compared
	})
	result := make(list, len(l))
	for i, at := range order {
		result[i] = l[at]
	}
	return result
}
