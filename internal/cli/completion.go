package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

func (completionCommand) Help() string {
	return `Examples:

  herald completion bash > /etc/bash_completion.d/herald
  herald completion zsh > ~/.zsh/completions/_herald
  herald completion fish > ~/.config/fish/completions/herald.fish`
}

// The scripts ask the program itself, so that they stay right when it is replaced. Where it has nothing to say, the shell completes names of files.
var completions = map[string]string{
	// bash takes --output=js apart at the =.
	"bash": `# bash completion of herald
_herald() {
	local word
	COMPREPLY=()
	while IFS= read -r word; do
		COMPREPLY+=("$word")
	done < <("${COMP_WORDS[0]/#\~/$HOME}" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _herald herald
`,
	// The last line is for a file in fpath, which zsh executes in the place of the function when that is first asked for.
	"zsh": `#compdef herald
_herald() {
	local -a found
	found=(${(f)"$(${~words[1]} __complete "${(@)words[2,CURRENT]}" 2>/dev/null)"})
	if (( $#found )); then compadd -a found; else _files; fi
}
if [[ $funcstack[1] == _herald ]]; then _herald "$@"; else compdef _herald herald; fi
`,
	"fish": `# fish completion of herald
function __herald_complete
	set -l words (commandline -opc)
	set -l last (commandline -ct)
	set -l found ($words[1] __complete $words[2..] "$last" 2>/dev/null)
	if set -q found[1]
		printf '%s\n' $found
	else
		__fish_complete_path "$last"
	end
end
complete -c herald -f -a '(__herald_complete)'
`,
}

func (c completionCommand) Run(out *output) error {
	_, err := fmt.Fprint(out, completions[c.Shell])
	return err
}

// completeCommand prints what the last word can become.
type completeCommand struct {
	Words []string `arg:"" optional:"" passthrough:"all"`
}

func (c completeCommand) Run(k *kong.Context, out *output) error {
	for _, word := range complete(k.Model.Node, c.Words) {
		fmt.Fprintln(out, word)
	}
	return nil
}

// complete follows the words through the tree of commands. The last word is the one to be completed; there is always one, which may be empty.
func complete(node *kong.Node, words []string) (found []string) {
	if len(words) == 0 {
		words = []string{""}
	}
	before, last := words[:len(words)-1], words[len(words)-1]
	if last == "=" { // as bash takes --output= apart
		last = ""
	}
	var waiting *kong.Flag // for its value
	for i, word := range before {
		switch {
		case word == "=" && i > 0 && strings.HasPrefix(before[i-1], "-"):
		case waiting != nil:
			waiting = nil
		case strings.HasPrefix(word, "-"):
			if f := flagOf(node, word); f != nil && !f.IsBool() && !strings.Contains(word, "=") {
				waiting = f
			}
		default:
			if i := slices.IndexFunc(node.Children, func(n *kong.Node) bool { return n.Name == word }); i >= 0 {
				node = node.Children[i]
			}
		}
	}
	name, _, hasValue := strings.Cut(last, "=")
	switch {
	case waiting != nil:
		found = values(waiting.Value)
	case strings.HasPrefix(last, "--") && hasValue:
		if f := flagOf(node, last); f != nil {
			for _, value := range values(f.Value) {
				found = append(found, name+"="+value)
			}
		}
	case strings.HasPrefix(last, "-"):
		for _, group := range node.AllFlags(true) {
			for _, f := range group {
				found = append(found, "--"+f.Name)
			}
		}
	default:
		for _, child := range node.Children {
			if !child.Hidden {
				found = append(found, child.Name)
			}
		}
		if len(node.Children) == 0 && len(node.Positional) > 0 {
			found = values(node.Positional[0])
		}
	}
	found = slices.DeleteFunc(found, func(word string) bool { return !strings.HasPrefix(word, last) })
	slices.Sort(found)
	return found
}

// values are those that a flag or an argument can have, where they are few.
func values(v *kong.Value) []string {
	if _, ok := v.Target.Interface().(format); ok {
		return slices.Clone(formats)
	}
	return slices.DeleteFunc(v.EnumSlice(), func(value string) bool { return value == "" })
}

func flagOf(node *kong.Node, word string) *kong.Flag {
	name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
	for _, group := range node.AllFlags(false) {
		for _, f := range group {
			if f.Name == name || len(name) == 1 && f.Short == rune(name[0]) {
				return f
			}
		}
	}
	return nil
}
