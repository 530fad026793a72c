package ui

// pager leads from one part of a list to the others. Its links are queries of the same page, "" for none.
type pager struct{ Newest, Newer, Older string }
