package ui

import "time"

// Route is a row of the table of routes.
type Route struct {
	Pattern string
	// Open tells that nobody needs to have signed in.
	Open bool
	Area string
	// Right is what the area must be open to: "view", "change" or "delete".
	Right string
}

// Routes is the table.
func Routes() (all []Route) {
	for _, r := range (&server{}).routes() {
		all = append(all, Route{r.pattern, r.access == anybody, string(r.area), []string{"view", "change", "delete"}[r.right]})
	}
	return all
}

// SetRequestTime changes what a page may take, for a test that does not run beside others.
func SetRequestTime(d time.Duration) (before time.Duration) {
	before, requestTime = requestTime, d
	return before
}

// Protect is what all handlers run in.
func Protect(fn func() error) error { return (&visit{}).protect(fn) }

// ParsePages parses all pages and returns their names. It panics on one that cannot be parsed.
func ParsePages() (names []string) {
	for name, parse := range allPages() {
		parse()
		names = append(names, name)
	}
	return names
}
