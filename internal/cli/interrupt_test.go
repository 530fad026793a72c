package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/wire"
)

// Whoever interrupts a command that waits for a task is told how to come back to it, and the status is that of an interrupt.
func TestInterrupt_Task(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, db.SQLite)
	dead(t, s, 3)
	to, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	looked := make(chan string, 100) // at tasks, by their ids
	between := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		httputil.NewSingleHostReverseProxy(to).ServeHTTP(w, r)
		if task, ok := strings.CutPrefix(r.URL.Path, "/api/delivery/task/"); ok {
			looked <- task
		}
	}))
	t.Cleanup(between.Close)
	c := exec.Command("herald", "deliveries", "replay", "--failed", "--rate", "0.01", "-y", "--url", between.URL)
	c.Env = append(os.Environ(), "HERALD_API_KEY="+apptest.Key)
	var talk bytes.Buffer
	c.Stderr = &talk
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var task string
	select {
	case task = <-looked:
	case <-time.After(patience):
		t.Fatalf("nobody looks at a task: %s", talk.String())
	}
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	exit, ok := errors.AsType[*exec.ExitError](c.Wait())
	if !ok || exit.ExitCode() != 130 {
		t.Errorf("it ended with %v, want status 130", exit)
	}
	if want := fmt.Sprintf("The server goes on by itself. Follow it: herald deliveries wait --task %s\n", task); !strings.HasSuffix(talk.String(), want) {
		t.Errorf("it says %q, want %q", talk.String(), want)
	}
	if status, _, _ := herald(s, "deliveries", "wait", "--task", task, "--timeout", "1ms"); status != 7 {
		t.Errorf("waiting for the task ended with status %d, want 7", status)
	}
}

// dead leaves so many deliveries that were given up.
func dead(t *testing.T, s *apptest.Server, n int) {
	t.Helper()
	no := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	t.Cleanup(no.Close)
	s.Enable(wire.None, "user.create.complete")
	s.Call("POST", "/api/webhook", map[string]any{"webhook": map[string]any{
		"url": no.URL, "global": true, "connectTimeout": 1000, "readTimeout": 1000, "eventsEnabled": map[string]bool{"user.create.complete": true},
		"retryConfiguration": map[string]any{"delays": []int{}},
	}}).Want(200)
	for i := range n {
		s.Call("POST", "/api/user", map[string]any{"user": map[string]any{"email": fmt.Sprintf("%d@example.com", i), "password": "correct horse"}}).Want(200)
	}
	if status, _, stderr := herald(s, "deliveries", "wait"); status != 1 || !strings.Contains(stderr, fmt.Sprintf("%d given up", n)) {
		t.Fatalf("status %d: %s", status, stderr)
	}
}
