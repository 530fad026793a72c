package guide

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// shell runs one block after the other and keeps what they set.
type shell struct {
	t      *testing.T
	folder string
	cmd    *exec.Cmd
	in     io.Writer
	out    *bufio.Reader
}

// done begins the line that the shell prints behind a block, with its status.
const done = "\x01done "

func startShell(t *testing.T, folder string, env []string) *shell {
	s := &shell{t: t, folder: folder, cmd: exec.Command("bash", "-u")}
	s.cmd.Dir, s.cmd.Env = folder, env
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := s.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	reading, writing, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s.cmd.Stdout, s.cmd.Stderr = writing, writing
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = writing.Close()
	s.in, s.out = in, bufio.NewReader(reading)
	t.Cleanup(func() {
		_ = in.Close()
		_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
		_ = s.cmd.Wait()
		_ = reading.Close()
	})
	return s
}

// run runs the commands up to the first that fails, as readers do, and returns what they printed and the status of the last.
func (s *shell) run(commands string) (printed string, status int) {
	file := filepath.Join(s.folder, ".block")
	// return leaves the block and not the shell: what was set stays.
	block := "block() {\ntrap 'status=$?; trap - ERR; return $status' ERR\n" + commands + "\n}\nblock </dev/null\nstatus=$?; trap - ERR\nexport -p > .environment\nprintf '\\n" +
		`\001` + strings.TrimPrefix(done, "\x01") + "%s\\n' $status\n"
	if err := os.WriteFile(file, []byte(block), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if _, err := io.WriteString(s.in, ". ./.block\n"); err != nil {
		return err.Error(), -1
	}
	var b strings.Builder
	for {
		line, err := s.out.ReadString('\n')
		if _, code, ok := strings.Cut(line, done); ok {
			status, err := strconv.Atoi(strings.TrimSpace(code))
			if err != nil {
				status = -1
			}
			return b.String(), status
		}
		b.WriteString(line)
		if err != nil { // a variable that is not set ends it
			return b.String(), -1
		}
	}
}

// environment is what the blocks exported, for those that run beside them.
func (s *shell) environment(env []string) []string {
	if _, err := os.Stat(filepath.Join(s.folder, ".environment")); err != nil {
		return env
	}
	print := exec.Command("bash", "-c", ". ./.environment && env -0")
	print.Dir, print.Env = s.folder, env
	text, err := print.Output()
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00")
}
