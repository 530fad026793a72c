package cli_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// asked are lines of a shell with the cursor at their end, and what the last word can become. An empty want stands for the names of files: there is one, notes.txt.
var asked = []struct{ line, want string }{
	{"herald webhooks e", "edit enable explain"},
	{"herald webhooks ena", "enable"},
	{"herald completion ", "bash fish zsh"},
	{"herald webhooks list -o j", "json jsonl"},
	{"herald webhooks list --output ", "json jsonl table yaml"},
	{"herald webhooks list --watc", "--watch"},
	{"herald db restore no", ""},
}

// inShell writes the script of a shell beside a file, and runs a program of that shell there. The shell asks the real command.
func inShell(t *testing.T, shell, program string, args ...string) []string {
	t.Helper()
	path, err := exec.LookPath(shell)
	if err != nil && shell != "bash" && os.Getenv("CI") != "true" { // bash is everywhere
		t.Skipf("there is no %s", shell)
	}
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	script, err := exec.Command("herald", "completion", shell).Output()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"script": string(script), "notes.txt": "", "program": program} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, path, args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "HOME="+dir, "TERM=xterm")
	said, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", shell, err, said)
	}
	return strings.Split(strings.TrimSpace(string(said)), "\n")
}

func TestCompletion_Bash(t *testing.T) {
	t.Parallel()
	program := `source ./script
try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _herald; echo "${COMPREPLY[*]}"; }
complete -p herald
try herald webhooks list --output = j
`
	for _, a := range asked {
		words := strings.Split(a.line, " ")
		for i := range words {
			words[i] = "'" + words[i] + "'"
		}
		program += "try " + strings.Join(words, " ") + "\n"
	}
	said := inShell(t, "bash", program, "--norc", "program")
	if said[0] != "complete -o default -F _herald herald" { // -o default: names of files where there is nothing else
		t.Errorf("bash is told %q", said[0])
	}
	if said[1] != "json jsonl" {
		t.Errorf("--output=j, which bash takes apart, becomes %q", said[1])
	}
	compare(t, append(said[2:], ""))
}

func TestCompletion_Fish(t *testing.T) {
	t.Parallel()
	program := "source script\n"
	for _, a := range append(asked, struct{ line, want string }{"herald webhooks list --output=js", ""}) {
		program += "string join -- ' ' (complete -C '" + a.line + "' | string replace -r '\\t.*' '')\n"
	}
	said := inShell(t, "fish", program, "--no-config", "program")
	if last := said[len(said)-1]; last != "--output=json --output=jsonl" {
		t.Errorf("--output=js becomes %q", last)
	}
	compare(t, strings.Split(strings.ReplaceAll(strings.Join(said[:len(said)-1], "\n"), "notes.txt", ""), "\n"))
}

func compare(t *testing.T, said []string) {
	t.Helper()
	for i, a := range asked {
		if i >= len(said) || strings.TrimSpace(said[i]) != a.want {
			t.Errorf("%q becomes %q, want %q", a.line, said[min(i, len(said)-1)], a.want)
		}
	}
}

// zsh completes only where somebody types. The script is one in fpath, as people install it.
func TestCompletion_Zsh(t *testing.T) {
	t.Parallel()
	const program = `zmodload zsh/zpty
mkdir functions && cp script functions/_herald
zpty shell zsh -f -i
zpty -w shell 'fpath=($PWD/functions $fpath); autoload -Uz compinit; compinit -u -D; PS1="wa""iting"'
zpty -r -m shell said '*waiting*' # for keys: before that the terminal echoes them
zpty -w -n shell $'herald webhooks ena\t#\n'
zpty -r -m shell said '*#*waiting*'; print -r -- "$said"
zpty -w -n shell $'herald db restore no\t#\n'
zpty -r -m shell said '*#*waiting*'; print -r -- "$said"
`
	said := strings.Join(inShell(t, "zsh", program, "-f", "program"), "\n")
	for _, want := range []string{"herald webhooks enable", "herald db restore notes.txt"} {
		if !strings.Contains(said, want) {
			t.Errorf("zsh does not complete to %q:\n%q", want, said)
		}
	}
}
