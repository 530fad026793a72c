package client

import (
	"context"
	"iter"

	"github.com/herald-events/herald/wire"
)

// pageSize is how many results List asks for at once.
const pageSize = 100

// each reads page after page. read gets the page to ask for and returns what is on it and how many there are in all; name tells results apart, as a result that moves
// to the next page while this one is read would otherwise come twice.
func each[T any](given wire.Page, name func(*T) string, read func(wire.Page) ([]T, int, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		page := given
		if page.NumberOfResults == 0 {
			page.NumberOfResults = pageSize
		}
		var before map[string]bool
		for {
			results, total, err := read(page)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			seen := make(map[string]bool, len(results))
			for i := range results {
				id := name(&results[i])
				seen[id] = true
				if !before[id] && !yield(results[i], nil) {
					return
				}
			}
			page.StartRow += len(results)
			if len(results) < page.NumberOfResults && page.StartRow >= total || len(results) == 0 {
				return
			}
			before = seen
		}
	}
}

// whole is an iterator over what one call returns.
func whole[T any](ctx context.Context, read func(context.Context) ([]T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		results, err := read(ctx)
		if err != nil {
			var none T
			yield(none, err)
			return
		}
		for _, r := range results {
			if !yield(r, nil) {
				return
			}
		}
	}
}
