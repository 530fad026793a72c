package journal

// SortAtMost lets the journal export so many entries in an order that no index has.
func (j *Journal) SortAtMost(n int) { j.maxSorted = n }
