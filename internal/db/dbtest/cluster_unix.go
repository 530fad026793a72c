//go:build unix

package dbtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// reaper waits until the test process says that it has stopped the server itself. When the pipe ends without a word the
// process was killed or has panicked: then it stops the server and removes the folder. The server may be nobody's child by
// then, so how long it waits is bounded.
const reaper = `read -r _ && exit 0
kill -QUIT "$1"
i=0
while kill -0 "$1" && [ $i -lt 50 ]; do sleep 0.1; i=$((i+1)); done
rm -rf "$2"`

// startCluster makes a PostgreSQL cluster in a temporary folder and starts its server, reachable through a socket in that
// folder only. It does as little for durability as possible. PostgreSQL refuses to run as root, so root switches to another
// user.
func startCluster() (_ *server, err error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	credential, err := otherThanRoot()
	if err != nil {
		return nil, err
	}
	parent := memoryDir()
	if durable {
		parent = "" // a disk, where keeping what was committed has its price
	}
	dir, err := os.MkdirTemp(parent, "pg") // short: a socket's path has at most 107 bytes
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(dir)
		}
	}()
	if credential != nil {
		if err := os.Chown(dir, int(credential.Uid), int(credential.Gid)); err != nil {
			return nil, err
		}
	}
	command := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, name), args...)
		cmd.Dir = dir
		// A group of its own, so that an interrupt from the keyboard does not end it before its clients.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: credential}
		return cmd
	}

	data := filepath.Join(dir, "data")
	initdb := command("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}

	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	arguments := []string{"-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "max_connections=200"}
	if !durable {
		arguments = append(arguments, "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "autovacuum=off")
	}
	postgres := command("postgres", arguments...)
	postgres.Stdout, postgres.Stderr = log, log
	if err := postgres.Start(); err != nil {
		return nil, err
	}
	quit := func() {
		_ = postgres.Process.Signal(syscall.SIGQUIT)
		_ = postgres.Wait()
	}
	farewell, err := startReaper(postgres.Process.Pid, dir)
	if err != nil {
		quit()
		return nil, err
	}
	s := &server{address: &url.URL{
		Scheme: "postgres", Path: "/postgres",
		RawQuery: url.Values{"host": {dir}, "user": {"postgres"}, "sslmode": {"disable"}}.Encode(),
	}}
	s.stop = func() {
		quit()
		_ = os.RemoveAll(dir)
		farewell()
	}
	if err := s.wait(); err != nil {
		text, _ := os.ReadFile(log.Name())
		s.stop()
		return nil, fmt.Errorf("start PostgreSQL: %w\n%s", err, text)
	}
	return s, nil
}

// wait returns when the server answers.
func (s *server) wait() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, s.address.String())
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// startReaper starts the process that cleans up when this one cannot. The function it returns sends it away.
func startReaper(pid int, dir string) (farewell func(), err error) {
	cmd := exec.Command("/bin/sh", "-c", reaper, "reaper", strconv.Itoa(pid), dir)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() {
		_, _ = io.WriteString(pipe, "done\n")
		_ = pipe.Close()
		_ = cmd.Wait()
	}, nil
}

// otherThanRoot returns the user to run PostgreSQL as: nil for oneself.
func otherThanRoot() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
		if errUID == nil && errGID == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
}
