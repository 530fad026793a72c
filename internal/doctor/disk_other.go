//go:build !linux && !darwin

package doctor

// diskOf is not known here.
func diskOf(string) (free, total int64, ok bool) { return 0, 0, false }
