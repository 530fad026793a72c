package guide

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	span    = regexp.MustCompile("`(?:bin/)?herald ([^`]+)`")
	command = regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	option  = regexp.MustCompile(`^--[a-z-]+`)
)

// TestInline: the commands that pages name within a sentence are not run, but there are such commands, and they have the flags that are named.
func TestInline(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob(root + "/docs/guide/*.md")
	if err != nil {
		t.Fatal(err)
	}
	pages = append(pages, root+"/README.md", root+"/docs/compatibility.md", root+"/docs/upgrading.md", root+"/examples/README.md")
	helps := map[string]string{}
	help := func(words string) string {
		text, known := helps[words]
		if !known {
			c := exec.CommandContext(context.WithoutCancel(t.Context()), filepath.Join(binaries, "herald"), append(strings.Fields(words), "--help")...)
			out, err := c.Output()
			if text = string(out); err != nil {
				text = ""
			}
			helps[words] = text
		}
		return text
	}
	checked := 0
	for _, path := range pages {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range span.FindAllStringSubmatch(string(text), -1) {
			name, rest := "", ""
			for _, word := range strings.Fields(found[1]) {
				if flag := option.FindString(word); flag != "" {
					if !strings.Contains(help(name), flag) {
						t.Errorf("%s: herald%s has no %s: %s", filepath.Base(path), name, flag, found[0])
					}
					continue
				}
				// Of "users create ada@example.com" the first two are a command; of "completion bash" the first, as bash is an argument.
				if rest += word; !command.MatchString(word) {
					continue
				}
				if longer := name + " " + word; strings.Count(name, " ") < 2 && help(longer) != help(name) && help(longer) != "" {
					name, rest = longer, ""
				}
			}
			usage, _, _ := strings.Cut(help(name), "\n")
			if name == "" || help(name) == "" || rest != "" && strings.HasSuffix(usage, "<command>") {
				t.Errorf("%s: there is no command %s", filepath.Base(path), found[0])
			}
			checked++
		}
	}
	if checked < 60 {
		t.Errorf("only %d commands were found", checked)
	}
}
