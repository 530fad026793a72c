package wire

// Page is the part of a search request that all searches share.
type Page struct {
	// NumberOfResults is the size of a page. Zero means the default, 25.
	NumberOfResults int `json:"numberOfResults,omitzero"`
	// StartRow is how many results are skipped before the page begins. Defaults to 0.
	StartRow int `json:"startRow,omitzero"`
	// OrderBy lists columns, each with an optional ASC or DESC, separated by commas ("insertInstant DESC, id"). Which columns there are
	// and the default depend on the search. Text that is not such a list is ignored.
	OrderBy string `json:"orderBy,omitzero"`
}

// Period limits a search to objects of a stretch of time. Zero bounds are open.
type Period struct {
	// Start is the first instant that counts.
	Start Instant `json:"start,omitzero"`
	// End is the first instant that does not count any more.
	End Instant `json:"end,omitzero"`
}
