//go:build !unix

package backup

// ours knows no owners here: what is left by who was killed stays.
func ours(string) bool { return false }
