package deploy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestImage does what the Dockerfile says without an engine: its steps are run in a copy of the repository, and what the last stage starts is started in a root
// folder that has nothing but what that stage copies, as the user it names. So it cannot say something else than the Dockerfile.
func TestImage(t *testing.T) {
	if os.Getuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("a root folder of its own needs root")
		}
		t.Skip("a root folder of its own needs root")
	}
	t.Parallel()
	i := image{t: t, source: t.TempDir(), root: t.TempDir()}
	for _, line := range instructions(read(t, "../Dockerfile")) {
		i.do(line)
	}
	if i.uid == 0 || len(i.entry) == 0 || len(i.health) == 0 {
		t.Fatalf("the image runs %q as %d and asks for its health with %q", i.entry, i.uid, i.health)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	i.env = append(i.env, "HERALD_ADDR="+l.Addr().String())
	_ = l.Close()

	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	var said bytes.Buffer
	server := i.command(ctx, append(i.entry, i.args...))
	server.Stdout, server.Stderr = &said, &said
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	for well := false; !well; {
		select {
		case err := <-ended:
			t.Fatalf("the server ended: %v\n%s", err, said.String())
		case <-ctx.Done():
			t.Fatalf("the server is not well:\n%s", said.String())
		case <-time.After(50 * time.Millisecond):
			well = i.command(ctx, i.health).Run() == nil
		}
	}
	if about, err := os.Stat(filepath.Join(i.root, "data", "herald.db")); err != nil || about.Sys().(*syscall.Stat_t).Uid != i.uid {
		t.Errorf("the store: %v, %v", about, err)
	}
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("stopped: %v\n%s", err, said.String())
	}
}

// instructions are the lines of a Dockerfile without comments, continued ones joined.
func instructions(text string) (all []string) {
	text = strings.ReplaceAll(text, "\\\n", " ")
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			all = append(all, line)
		}
	}
	return all
}

// image is one in the making.
type image struct {
	t *testing.T
	// source is the working folder of the stage that builds, root the folder that the last stage copies from it.
	source, root string

	last                bool // the stage
	env                 []string
	uid, gid            uint32
	entry, args, health []string
}

// do follows one instruction. One that it does not know fails the test, so that nobody adds what is not tested.
func (i *image) do(line string) {
	i.t.Helper()
	name, rest, _ := strings.Cut(line, " ")
	switch name {
	case "FROM":
		i.last = rest == "scratch"
		if base := strings.Fields(rest)[0]; !i.last && !strings.HasPrefix(base, "golang:") {
			i.t.Fatalf("the program is built in %s", base)
		}
	case "ARG", "WORKDIR", "VOLUME", "EXPOSE":
	case "COPY":
		switch {
		case i.last && rest == "--from=build /root-fs/ /":
		case !i.last && strings.HasSuffix(rest, " ./"):
			i.sh("cp " + rest[:len(rest)-2] + i.source)
		case !i.last && rest == ". .":
			i.sh("git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t " + i.source)
			for _, pattern := range instructions(read(i.t, "../.dockerignore")) {
				if name, anywhere := strings.CutPrefix(pattern, "**/"); anywhere {
					i.sh("find " + i.source + " -name '" + name + "' -prune -exec rm -r {} +")
				} else {
					i.sh("rm -rf " + i.source + "/" + pattern)
				}
			}
		default:
			i.t.Fatalf("what does %q copy?", rest)
		}
	case "RUN":
		command := exec.Command("sh", "-ec", strings.NewReplacer("/root-fs", i.root, "${VERSION}", "v0.0.0").Replace(rest))
		command.Dir = i.source
		if text, err := command.CombinedOutput(); err != nil {
			i.t.Fatalf("%s: %v\n%s", rest, err, text)
		}
	case "USER":
		if _, err := fmt.Sscanf(rest, "%d:%d", &i.uid, &i.gid); err != nil {
			i.t.Fatalf("USER %s: %v", rest, err)
		}
	case "ENV":
		i.env = append(i.env, rest)
	case "HEALTHCHECK":
		_, command, _ := strings.Cut(rest, "CMD ")
		i.health = i.list(command)
	case "ENTRYPOINT":
		i.entry = i.list(rest)
	case "CMD":
		i.args = i.list(rest)
	default:
		i.t.Fatalf("the test cannot follow %q", line)
	}
}

// sh runs a command in the repository.
func (i *image) sh(command string) {
	i.t.Helper()
	c := exec.Command("sh", "-ec", command)
	c.Dir = ".."
	if text, err := c.CombinedOutput(); err != nil {
		i.t.Fatalf("%s: %v\n%s", command, err, text)
	}
}

func (i *image) list(text string) (words []string) {
	if err := json.Unmarshal([]byte(text), &words); err != nil {
		i.t.Fatalf("%s is no list: %v", text, err)
	}
	return words
}

// command is one in the image.
func (i *image) command(ctx context.Context, words []string) *exec.Cmd {
	if err := os.Chmod(i.root, 0o755); err != nil { // the folder of a test is its owner's
		i.t.Fatal(err)
	}
	c := exec.CommandContext(ctx, words[0], words[1:]...)
	c.Dir, c.Env = "/", i.env
	c.SysProcAttr = &syscall.SysProcAttr{Chroot: i.root, Credential: &syscall.Credential{Uid: i.uid, Gid: i.gid}}
	return c
}
