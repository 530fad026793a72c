package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type versionCommand struct{ printed }

func (versionCommand) Help() string {
	return `That of this program. The version of a server is a part of herald status.

Examples:

  herald version`
}

func (c versionCommand) Run(out *output) error {
	if s := c.session(out); s.chosen && s.format != table {
		return s.object(map[string]string{"version": out.version})
	}
	_, err := fmt.Fprintln(out, out.version)
	return err
}

type helpCommand struct {
	Topic []string `arg:"" optional:"" help:"A command (herald help webhooks explain), or profiles, output, status-codes."`
}

func (helpCommand) Help() string {
	return `Examples:

  herald help deliveries recover
  herald help profiles`
}

func (c helpCommand) Run(k *kong.Context, out *output) error {
	if text, ok := topics[strings.Join(c.Topic, " ")]; ok {
		_, err := fmt.Fprint(out, text)
		return err
	}
	if len(c.Topic) > 0 {
		known := slices.Sorted(maps.Keys(topics))
		for _, node := range k.Model.Children {
			known = append(known, node.Name)
		}
		if !slices.Contains(known, c.Topic[0]) {
			return usageError{fmt.Sprintf("there is no command and no topic %q%s", c.Topic[0], didYouMean(c.Topic[0], known))}
		}
	}
	_, err := k.Parse(append(c.Topic, "--help")) // prints it, or says what it does not know
	return err
}

// topics are what no single command explains.
var topics = map[string]string{
	"profiles": `Which server a command talks to, the first of these that there is:

  1. --url and --api-key, or the environment variables HERALD_URL and HERALD_API_KEY (HERALD_API_KEY_FILE names a file with the key)
  2. the profile that --profile or HERALD_PROFILE names
  3. the default profile
  4. the server that runs on this machine for the same user: herald serve lets itself be found, with an API key that no other server accepts and that ends with it.
     It does not with --no-local-cli or --hardened.

Profiles stand in ~/.config/herald/config.json, which only you may be able to read (chmod 600):

  {
    "default": "prod",
    "profiles": {
      "prod":    {"url": "https://herald.example.com", "apiKey": "…"},
      "staging": {"url": "https://herald.staging.example.com", "apiKey": "…"}
    }
  }
`,
	"output": `Results go to stdout, everything else to stderr.

  -o table    for people; the default on a terminal
  -o json     the API's JSON; the default for pipes and files
  -o jsonl    one object per line
  -o yaml     the same as YAML

Lists show the newest, as many as --limit says; --limit 0 shows all. --since and --until take an age (90m, 2h, 7d), a day (2026-11-20) or an
instant (2026-11-20T09:00Z). Colours are off in pipes and with NO_COLOR.

Ids may be shortened as long as one thing is meant: by their beginning, or as tables show them (019ac3f2…7d1e, also typed with two dots: 019ac3f2..7d1e). Webhooks,
tenants, messengers, templates and keys can be named by their names, URLs or a part of them.
`,
	"status-codes": `What commands end with:

    0  done
    1  failed; one sentence on stderr says why
    2  the command line makes no sense
    3  there is no such object
    4  the API key may not do this
    5  the server cannot be reached
    6  webhooks have refused the change
    7  what was waited for has not happened in time
  130  interrupted
`,
}
