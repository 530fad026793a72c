package crash

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/wire"
)

const (
	key = "crash-test-key-0123456789-0123456789"
	// patience is longer than anything may take that the product promises to do by itself.
	patience = 60 * time.Second
	// lease is how long a process on PostgreSQL is believed to be alive without a sign of it.
	lease = 2 * time.Second
	// quickRetries makes a webhook try again after about a second for a long time, and give nothing up within that of a test.
	quickRetries = `, "retryConfiguration": {"delays": [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,3600]}`
)

// settings say for which events webhooks are asked, and how many must agree.
var settings = map[event.Type]wire.TransactionType{
	event.UserCreate:         wire.AbsoluteMajority,
	event.UserCreateComplete: wire.None,
	event.UserUpdate:         wire.Any,
	event.UserUpdateComplete: wire.None,
	event.UserDelete:         wire.SimpleMajority,
	event.UserDeleteComplete: wire.None,
	event.UserLoginSuccess:   wire.None,
	event.UserLoginNewDevice: wire.AbsoluteMajority,
}

// world is a store, its webhooks, and the processes that work on it.
type world struct {
	*receiver
	t      *testing.T
	engine db.Engine
	store  db.Options
	tenant wire.ID
	args   []string
	env    []string
	client *http.Client

	mu            sync.Mutex
	processes     []*process
	changed       chan struct{} // closed and replaced whenever a process comes or goes
	interruptions []*interruption
	calls         []*call
}

// interruption is something that was done to the world, with slack on both sides.
type interruption struct {
	kind     string // kill, freeze or database
	from, to time.Time
}

// newWorld makes a world on an empty store. An empty URL is SQLite.
func newWorld(t *testing.T, store db.Options, hooks ...*hook) *world {
	w := &world{
		receiver: newReceiver(t, hooks...), t: t, engine: db.SQLite, store: store, changed: make(chan struct{}),
		client: &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
	}
	folder, err := os.MkdirTemp(scratch, "world")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	if w.store.Dir == "" {
		w.store.Dir = filepath.Join(folder, "data")
	}
	w.store.Clock = time.Now

	events := map[event.Type]any{}
	for eventType, rule := range settings {
		events[eventType] = map[string]any{"enabled": true, "transactionType": rule}
	}
	configuration, err := json.Marshal(events)
	if err != nil {
		t.Fatal(err)
	}
	requests := append([]string{fmt.Sprintf(`{"method": "PATCH", "url": "/api/tenant/#{FUSIONAUTH_TENANT_ID}",
		"body": {"tenant": {"eventConfiguration": {"events": %s}}}}`, configuration)}, w.kickstart()...)
	kickstart := filepath.Join(folder, "kickstart.json")
	file := fmt.Sprintf(`{"apiKeys": [{"key": %q}], "requests": [%s]}`, key, strings.Join(requests, ",\n"))
	if err := os.WriteFile(kickstart, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	w.args = []string{"serve", "--addr", "127.0.0.1:0", "--data", w.store.Dir, "--kickstart", kickstart, "--transaction-timeout", "2s", "--no-local-cli"}
	if store.URL != "" {
		w.engine = db.PostgreSQL
		w.args = append(w.args, "--database-url", store.URL)
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	w.env = []string{"HERALD_ENCRYPTION_KEY=" + hex.EncodeToString(secret), "HERALD_NODE_LEASE=" + lease.String()}
	t.Cleanup(func() {
		for _, p := range w.processes {
			p.doom()
			_ = p.cmd.Process.Kill()
			<-p.died
		}
		w.client.CloseIdleConnections()
	})
	return w
}

// eachEngine runs fn on an empty store of each engine.
func eachEngine(t *testing.T, fn func(t *testing.T, store db.Options)) {
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			store := db.Options{}
			if engine == db.PostgreSQL {
				store.URL = dbtest.URL(t)
			}
			fn(t, store)
		})
	}
}

// announce wakes whoever waits for a process.
func (w *world) announce() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.changed)
	w.changed = make(chan struct{})
}

// slack is how much later a receiver may read what was sent before an interruption.
const slack = 500 * time.Millisecond

// interrupted remembers that fn disturbs the world for as long as it runs.
func (w *world) interrupted(kind string, fn func()) {
	i := &interruption{kind, time.Now().Add(-slack), time.Now().Add(time.Hour)} // until it is known better
	w.mu.Lock()
	w.interruptions = append(w.interruptions, i)
	w.mu.Unlock()
	fn()
	w.mu.Lock()
	i.to = time.Now().Add(slack)
	w.mu.Unlock()
}

// serving are the processes that can be expected to answer, and a channel that is closed when that changes.
func (w *world) serving() (all []*process, changed <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.processes {
		if p.serves() {
			all = append(all, p)
		}
	}
	return all, w.changed
}

// request sends one API request to a process. The error means that there was no answer, so nobody knows what has happened.
func (p *process) request(method, path string, body any) (status int, answer []byte, err error) {
	content := ""
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		content = string(encoded)
	}
	request, err := http.NewRequest(method, p.url+path, strings.NewReader(content))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Authorization", key)
	request.Header.Set("Content-Type", "application/json")
	response, err := p.w.client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}

// must is request for what has to be answered with 200.
func (p *process) must(method, path string, body any) []byte {
	p.w.t.Helper()
	status, answer, err := p.request(method, path, body)
	if err != nil || status != http.StatusOK {
		p.w.t.Fatalf("%s %s: status %d, %v; body: %s", method, path, status, err, answer)
	}
	return answer
}

// eventually waits for something that happens in another process.
func (w *world) eventually(what string, holds func() bool) {
	w.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			w.t.Fatalf("after %v it does not hold that %s", patience, what)
		}
	}
}

// settle waits until nothing is open in the store any more, stops all processes, and returns what is in the store then. At least one process
// must be serving.
func (w *world) settle() *snapshot {
	w.t.Helper()
	const quiet = 300 * time.Millisecond
	began := time.Now()
	for ; ; time.Sleep(200 * time.Millisecond) {
		w.eventually("the receiver has heard of everything", func() bool { return w.quietFor() > quiet })
		all, _ := w.serving()
		if w.engine == db.PostgreSQL && w.open() > 0 && time.Since(began) < patience {
			continue
		}
		// The folder of SQLite belongs to one process at a time, so there this is the only way to look.
		for _, p := range all {
			p.stop()
		}
		s := w.look()
		open := s.open()
		if open == "" {
			return s
		}
		if time.Since(began) > patience {
			w.t.Fatalf("after %v there are still %s", patience, open)
		}
		w.start()
		time.Sleep(time.Second) // most likely it waits for a retry, which comes then
	}
}
