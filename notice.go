// Package herald holds what the binary has to say about its rights and those of others. The product is in cmd/herald.
package herald

import _ "embed"

// License is the license of Herald, and Notice what others want to be said of their work in it.
var (
	//go:embed LICENSE
	License string
	//go:embed NOTICE
	Notice string
)
