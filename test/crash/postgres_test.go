package crash

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
)

// server is a PostgreSQL server of the test's own, which can be taken away from those who work on it.
type server struct {
	t       *testing.T
	bin     string
	folder  string
	account *syscall.Credential // it runs as; nil for oneself
	running *exec.Cmd
}

// newServer makes and starts a server with the programs of the one that the other tests share, as the same user. The test is skipped when
// that one is not on this machine.
func newServer(t *testing.T) *server {
	t.Helper()
	d, err := db.Open(t.Context(), db.Options{URL: dbtest.URL(t)})
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t}
	var data string
	err = d.View(t.Context(), func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT setting, current_setting('data_directory') FROM pg_config WHERE name = 'BINDIR'`).Scan(&s.bin, &data)
	})
	if err := errors.Join(err, d.Close()); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(data)
	if err != nil {
		t.Skip("needs a PostgreSQL on this machine: ", err)
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 {
		s.account = &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}
	}
	if s.folder, err = os.MkdirTemp(scratch, "pg"); err != nil { // short: a socket's path has at most 107 bytes
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.stop(syscall.SIGQUIT)
		if err := os.RemoveAll(s.folder); err != nil {
			t.Error(err)
		}
	})
	if s.account != nil {
		if err := os.Chown(s.folder, int(s.account.Uid), int(s.account.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	initdb := s.command("initdb", "-D", s.data(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	s.start()
	return s
}

func (s *server) data() string { return filepath.Join(s.folder, "data") }

func (s *server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.folder
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: group, Credential: s.account}
	return cmd
}

// url is the address of the server's only database.
func (s *server) url() string {
	address := url.URL{Scheme: "postgres", Path: "/postgres", RawQuery: url.Values{
		"host": {s.folder}, "user": {"postgres"}, "sslmode": {"disable"}, "pool_max_conns": {"8"},
	}.Encode()}
	return address.String()
}

// start starts the server and waits until it answers.
func (s *server) start() {
	s.t.Helper()
	log, err := os.OpenFile(filepath.Join(s.folder, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	// Without fsync only a crash of the machine loses something, not one of the server.
	s.running = s.command("postgres", "-D", s.data(), "-k", s.folder, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "autovacuum=off")
	s.running.Stdout, s.running.Stderr = log, log
	if err := s.running.Start(); err != nil {
		s.t.Fatal(err)
	}
	deadline := time.Now().Add(patience)
	for s.command("pg_isready", "-q", "-h", s.folder).Run() != nil {
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(log.Name())
			s.t.Fatalf("PostgreSQL does not start:\n%s", text)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// stop ends the server: by SIGQUIT at once, as a crash does, or by SIGINT, which cuts everybody's connection but ends in good order.
func (s *server) stop(signal os.Signal) {
	s.t.Helper()
	if s.running == nil {
		return
	}
	_ = s.running.Process.Signal(signal)
	if err := s.running.Wait(); err != nil && signal == syscall.SIGINT {
		s.t.Error(fmt.Errorf("stop PostgreSQL: %w", err))
	}
	s.running = nil
}
