// Package herald holds what the binary has to say that is written elsewhere: its rights and those of others, and the guide. The product is in cmd/herald.
package herald

import (
	"embed"
	"io/fs"
)

// License is the license of Herald, and Notice what others want to be said of their work in it.
var (
	//go:embed LICENSE
	License string
	//go:embed NOTICE
	Notice string
)

//go:embed docs/guide/*.md
var docs embed.FS

// Guide is the folder with the pages of the guide, as Markdown.
func Guide() fs.FS {
	guide, err := fs.Sub(docs, "docs/guide")
	if err != nil {
		panic(err) // the name of the folder is none: a mistake of ours that no start survives
	}
	return guide
}
