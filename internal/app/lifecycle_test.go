package app_test

import (
	"bytes"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

// A stop in the middle of a vote: nobody else is let in, the vote ends, its caller is answered, and what is owed is there after the start.
func TestStop_FinishesTheVoteAndKeepsTheOutbox(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.AbsoluteMajority, "user.create", "user.create.complete")
		release := make(chan struct{})
		r := egresstest.NewReceiver(t).
			On("user.create", egresstest.Hold(release, egresstest.Accept())).
			On("user.create.complete", egresstest.Status(http.StatusServiceUnavailable))
		s.Subscribe(r.URL, []string{"user.create", "user.create.complete"})

		var answer apptest.Answer
		var calls sync.WaitGroup
		calls.Go(func() { answer = s.Call("POST", "/api/user", user("last@example.com")) })
		r.WaitFor(1)
		calls.Go(s.Stop)
		s.Eventually(patience, "nobody is let in any more", func() bool {
			conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
			if err == nil {
				_ = conn.Close()
			}
			return err != nil
		})
		close(release)
		calls.Wait()
		answer.Want(200)

		s.Restart()
		s.Call("GET", "/api/user?email=last@example.com", nil).Want(200)
		owed := s.Strings(`SELECT e.type FROM delivery d JOIN event e ON e.sequence = d.event_sequence WHERE d.state IN ('pending', 'retrying')`)
		if !slices.Equal(owed, []string{"user.create.complete"}) {
			t.Errorf("the outbox has %v, want what was committed and not delivered", owed)
		}
	}, func(o *app.Options) { o.Outbox.Schedule = []time.Duration{time.Hour} })
}

// The first start makes the data folder, also where only the encryption key goes there.
func TestStart_MakesTheFolder(t *testing.T) {
	t.Parallel()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			s := apptest.Start(t, engine, func(o *app.Options) { o.Settings.Data = filepath.Join(t.TempDir(), "a", "b") })
			s.Call("GET", "/api/health", nil).Want(200)
		})
	}
}

// lines is a log that a test can search.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Every request has one line in the log, whatever becomes of it, and no line of the log or the event log repeats a secret.
func TestLog_OneLineEachAndNoSecret(t *testing.T) {
	t.Parallel()
	const planted = "pl4nted"
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			var log lines
			s := apptest.Start(t, engine, quickRetries, func(o *app.Options) {
				o.Logger = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			})
			// A receiver that says no and sends back all it was sent, and one that nobody can reach.
			r := egresstest.NewReceiver(t).On("user.create.complete", egresstest.Handle(func(w http.ResponseWriter, q *http.Request) {
				w.WriteHeader(http.StatusInternalServerError)
				_ = q.Header.Write(w)
				_, _ = w.Write([]byte(q.URL.RequestURI()))
			}))
			closed, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			_ = closed.Close()
			s.Enable(wire.AbsoluteMajority, "user.create", "user.create.complete")
			for _, url := range []string{r.URL, "http://" + closed.Addr().String()} {
				s.Subscribe(url+"/hook?token=pl4nted-token", []string{"user.create.complete"}, func(w *wire.Webhook) {
					w.Headers = map[string]string{"X-Token": "pl4nted-header"}
					w.HTTPAuthenticationUsername, w.HTTPAuthenticationPassword = "me", "pl4nted-basic"
				})
			}
			calls := []struct {
				method, path string
				body         any
				header       []string
				want         int
			}{
				{"POST", "/api/user", map[string]any{"user": map[string]any{"email": "a@example.com", "password": "pl4nted-password"}}, nil, 200},
				{"POST", "/api/user", map[string]any{"user": map[string]any{"email": "a@example.com", "password": "pl4nted-password"}}, nil, 400},
				{"POST", "/api/user", `{"user": {"password": "pl4nted-password", "email": pl4nted}}`, nil, 400},
				{"POST", "/api/user", `{"user": {"email": ["pl4nted"], "password": "pl4nted-password"}}`, nil, 400},
				{"GET", "/api/user?email=pl4nted@example.com", nil, nil, 404},
				{"GET", "/api/user/pl4nted", nil, nil, 400},
				{"GET", "/api/tenant", nil, []string{"Authorization", "pl4nted-key-that-is-none"}, 401},
				{"GET", "/pl4nted", nil, nil, 404},
				{"POST", "/api/api-key", map[string]any{"apiKey": map[string]any{"key": "pl4nted-new-key"}}, nil, 200},
				{"GET", "/api/tenant", nil, []string{"Authorization", "pl4nted-new-key"}, 200},
				{"POST", "/api/webhook", map[string]any{"webhook": map[string]any{"url": "pl4nted://x", "headers": map[string]string{"Host": "pl4nted"}}}, nil, 400},
			}
			before := strings.Count(log.String(), `"msg":"request"`)
			for _, c := range calls {
				s.Call(c.method, c.path, c.body, c.header...).Want(c.want)
			}
			s.Eventually(patience, "both webhooks have given up", func() bool {
				return len(s.Strings(`SELECT webhook_id FROM delivery WHERE state = 'dead'`)) == 2
			})
			var entries wire.EventLogSearchResponse
			s.Call("GET", "/api/system/event-log/search", nil).Want(200).Decode(&entries)
			s.Stop() // after which the log is complete

			if got, want := strings.Count(log.String(), `"msg":"request"`)-before, len(calls)+1; got != want {
				t.Errorf("%d lines for %d requests:\n%s", got, want, log.String())
			}
			secrets := []string{planted, apptest.Key, "bWU6cGw0bnRlZC1iYXNpYw"} // the last one is me:pl4nted-basic
			for line := range strings.Lines(log.String()) {
				if slices.ContainsFunc(secrets, func(secret string) bool { return strings.Contains(line, secret) }) {
					t.Errorf("a secret is in the log: %s", line)
				}
			}
			if len(entries.EventLogs) != 2 {
				t.Errorf("%d entries in the event log, want one for each webhook", len(entries.EventLogs))
			}
			for _, entry := range entries.EventLogs {
				if slices.ContainsFunc(secrets, func(secret string) bool { return strings.Contains(entry.Message, secret) }) {
					t.Errorf("a secret is in the event log: %s", entry.Message)
				}
			}
		})
	}
}

// Without its database a server says so, whatever key is sent, and a path that is no id is not taken for one.
func TestStatus_WithoutDatabase(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Call("GET", "/api/status", nil).Want(200)
		for _, call := range []string{"POST /api/user/bulk", "PUT /api/user/bulk", "PATCH /api/webhook/search", "DELETE /api/tenant/search"} {
			method, path, _ := strings.Cut(call, " ")
			if answer := s.Call(method, path, "{}"); answer.Status != 405 || len(answer.Body) != 0 {
				t.Errorf("%s: %d %s, want an empty 405", call, answer.Status, answer.Body)
			}
		}
		if err := s.App.Store().Close(); err != nil {
			t.Fatal(err)
		}
		s.Call("GET", "/api/health", nil).Want(500)
		s.Call("GET", "/api/status", nil).Want(452)
		s.Call("GET", "/api/status", nil, "Authorization", "wrong").Want(452)
	})
}
