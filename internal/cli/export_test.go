package cli

import (
	"context"
	"io"
	"iter"

	"github.com/alecthomas/kong"
)

// Page is what the help of a command consists of.
type Page struct {
	Help, Detail string
	Leaf         bool
	Silent       []string // flags and arguments without a help text
}

// Pages are those of all commands that are not hidden, by command as it is typed.
func Pages() iter.Seq2[string, Page] {
	parser, err := kong.New(&commands{}, options(context.Background(), newOutput("", nil, io.Discard, io.Discard), func(int) {})...)
	if err != nil {
		panic(err)
	}
	return func(yield func(string, Page) bool) {
		for _, node := range parser.Model.Leaves(true) {
			page := Page{Help: node.Help, Detail: node.Detail, Leaf: len(node.Children) == 0}
			for _, flag := range node.Flags {
				if flag.Help == "" {
					page.Silent = append(page.Silent, "--"+flag.Name)
				}
			}
			for _, arg := range node.Positional {
				if arg.Help == "" {
					page.Silent = append(page.Silent, arg.Name)
				}
			}
			if !yield(node.FullPath(), page) {
				return
			}
		}
	}
}
