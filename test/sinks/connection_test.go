package sinks

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/wire"
)

// wireTap stands between Herald and a broker.
type wireTap struct {
	t  testing.TB
	l  net.Listener
	to string

	mu    sync.Mutex
	conns []*tapped
	lost  chan struct{} // closed when something is sent on a deaf connection; nil when that has happened
}

// tapped is a connection through it. Once it is deaf, nothing that is sent on it arrives, and nobody is told.
type tapped struct {
	here, there net.Conn
	deaf        chan struct{}
}

func tap(t testing.TB, to string) *wireTap {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wireTap{t: t, l: l, to: to}
	t.Cleanup(func() {
		_ = l.Close()
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, c := range w.conns {
			_, _ = c.here.Close(), c.there.Close()
		}
	})
	go w.run()
	return w
}

func (w *wireTap) run() {
	for {
		here, err := w.l.Accept()
		if err != nil {
			return
		}
		there, err := net.Dial("tcp", w.to)
		if err != nil {
			_ = here.Close()
			continue
		}
		c := &tapped{here: here, there: there, deaf: make(chan struct{})}
		w.mu.Lock()
		w.conns = append(w.conns, c)
		w.mu.Unlock()
		go c.carry(here, there, w.swallow)
		go c.carry(there, here, func() {})
	}
}

// carry hands on what comes; what is swallowed is told of.
func (c *tapped) carry(from, to net.Conn, swallow func()) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		select {
		case <-c.deaf:
			if err != nil {
				return // of which the other side is not told either
			}
			swallow()
			continue
		default:
		}
		if err != nil {
			_ = to.Close()
			return
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// lose makes all connections deaf; new ones work. What it returns is closed when something is sent on a deaf one, also on one that was lost before.
func (w *wireTap) lose() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	lost := make(chan struct{})
	w.lost = lost
	for _, c := range w.conns {
		select {
		case <-c.deaf:
		default:
			close(c.deaf)
		}
	}
	return lost
}

func (w *wireTap) swallow() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lost != nil {
		close(w.lost)
		w.lost = nil
	}
}

// losesConnections: a connection that the network has lost without a word is replaced by another one, and does not hold up the end of a server.
func losesConnections(t *testing.T, b broker, address string) {
	s := &suite{t: t, b: b}
	s.Server = apptest.Start(t, dbtest.Engines()[0])
	s.Enable(wire.None, kind)
	w := tap(t, address)
	sink := b.at(w.l.Addr().String())
	sink.Name = "Tapped"
	id := s.create(sink)
	s.wait(s.publish(5, 10))
	w.lose()
	s.wait(s.publish(5, 10))
	s.Settled(patience)

	sink.SendTimeout, sink.Global, sink.EventsEnabled = 120_000, true, wire.Map[bool]{kind: true}
	s.Call("PUT", "/api/sink/"+string(id), wire.SinkRequest{Sink: sink}).Want(200)
	s.wait(s.publish(5, 10))
	var ids []string
	for waits := false; !waits; {
		lost := w.lose()
		more := s.publish(5, 10)
		ids = append(ids, more...)
		s.Eventually(patience, "events are sent on a connection that is lost, or arrive over one that was made meanwhile", func() bool {
			select {
			case <-lost:
				waits = true
			default:
			}
			return waits || includes(s.b.received(), more)
		})
	}
	begin := time.Now()
	s.Cut()
	if took := time.Since(begin); took > 15*time.Second {
		t.Errorf("a server that waits for a broker took %v to stop", took)
	}
	s.Restart()
	s.wait(ids)
}

func TestNATS_LosesConnections(t *testing.T) {
	t.Parallel()
	b := startNATS(t)
	losesConnections(t, b, b.address())
}

func TestRedis_LosesConnections(t *testing.T) {
	t.Parallel()
	b := startRedis(t)
	losesConnections(t, b, b.address())
}

// connections are the ids of those that somebody has to the broker.
func (b *redisBroker) connections(password string) (ids []string) {
	client := redis.NewClient(&redis.Options{Addr: b.address(), Password: password, PoolSize: 1})
	defer client.Close()
	own, err := client.ClientID(b.t.Context()).Result()
	if err != nil {
		b.t.Fatal(err)
	}
	list, err := client.ClientList(b.t.Context()).Result()
	if err != nil {
		b.t.Fatal(err)
	}
	for line := range strings.Lines(list) {
		id, _, _ := strings.Cut(strings.TrimPrefix(line, "id="), " ")
		if id != strconv.FormatInt(own, 10) {
			ids = append(ids, id)
		}
	}
	return ids
}

// knows waits until a server has heard of what another one has set up.
func (s *suite) knows(id wire.ID) {
	s.t.Helper()
	s.Eventually(patience, "the server knows the sink and the event", func() bool {
		var r wire.WebhookExplainResponse
		a := s.Call("GET", "/api/sink/"+string(id)+"/explain?eventType="+kind+"&tenantId="+string(s.Tenant), nil)
		if a.Status != 200 {
			return false
		}
		a.Decode(&r)
		return r.Explanation.Receives
	})
}

// A sink has one connection for each process, which stays as long as it is right: it is replaced when settings or secrets that it depends on have changed, at every process, and closed with the sink.
func TestRedis_Connections(t *testing.T) {
	t.Parallel()
	b := startRedis(t)
	all := apptest.StartCluster(t, 2)
	s := &suite{t: t, b: b, Server: all[0]}
	other := &suite{t: t, b: b, Server: all[1], n: 1_000_000}
	s.Enable(wire.None, kind)
	id := s.create(b.sink())
	other.knows(id)
	for _, server := range all {
		server.Call("POST", "/api/sink/"+string(id)+"/test", `{"type":"user.create"}`).Want(200)
	}
	first := b.connections(password)
	if len(first) != 2 {
		t.Fatalf("connections of two servers: %q", first)
	}
	send := func() {
		t.Helper()
		for range 5 {
			ids, others := s.publish(20, 10), other.publish(20, 10)
			s.wait(ids)
			other.wait(others)
		}
		s.Settled(patience)
	}
	send()
	if attempts := s.Strings(`SELECT outcome FROM attempt WHERE webhook_id = $1 AND kind <> 'test'`, id); len(attempts) != 200 {
		t.Errorf("%d attempts of 200 events", len(attempts))
	}
	s.Call("PATCH", "/api/sink/"+string(id), `{"sink":{"concurrency":8}}`).Want(200)
	send()
	if now := b.connections(password); !slices.Equal(now, first) {
		t.Errorf("connections were %q and are %q, after a change that is not about them", first, now)
	}

	const changed = password + "-changed"
	client := redis.NewClient(&redis.Options{Addr: b.address(), Password: password})
	if err := client.ConfigSet(t.Context(), "requirepass", changed).Err(); err != nil {
		t.Fatal(err)
	}
	_ = client.Close()
	replaced := func(change, password string) {
		t.Helper()
		before := b.connections(password)
		s.Call("PATCH", "/api/sink/"+string(id), change).Want(200)
		s.Eventually(patience, "both servers have another connection", func() bool {
			for _, server := range all {
				server.Call("POST", "/api/sink/"+string(id)+"/test", `{"type":"user.create"}`).Want(200)
			}
			now := b.connections(password)
			return slices.Equal(now, slices.Compact(now)) && len(slices.DeleteFunc(now, func(id string) bool { return slices.Contains(before, id) })) == 2
		})
	}
	replaced(`{"sink":{"redis":{"password":"`+changed+`"}}}`, changed)
	replaced(`{"sink":{"sendTimeout":4000}}`, changed)
	s.Call("DELETE", "/api/sink/"+string(id), nil).Want(200)
}

// Two servers that have one folder write into one file: no line into another one, no more into a file than it may hold, and nothing is moved away twice.
func TestFile_TwoProcesses(t *testing.T) {
	t.Parallel()
	all := apptest.StartCluster(t, 1)
	all = append(all, all[0].Join(func(o *app.Options) { o.Settings.Data = all[0].Data() }))
	a, b := &suite{t: t, Server: all[0]}, &suite{t: t, Server: all[1], n: 1_000_000}
	a.Enable(wire.None, kind)
	id := a.create(wire.Sink{Name: "File", Type: wire.SinkFile, Ordering: wire.SinkUnordered, File: &wire.FileSink{Path: "events.jsonl", MaxSize: 20_000, Keep: 1000}})
	b.knows(id)
	var sending sync.WaitGroup
	for _, s := range []*suite{a, b} {
		sending.Go(func() {
			for range 30 {
				s.publish(20, 500)
			}
		})
	}
	sending.Wait()
	a.Settled(patience)
	paths, sizes := filesOf(t, a.Data(), "events.jsonl")
	for i, size := range sizes {
		if size > 20_000 {
			t.Errorf("%s has %d bytes", paths[i], size)
		}
	}
	ids := map[string]bool{}
	for _, r := range readLines(t, paths...) {
		ids[r.id()] = true
	}
	delete(ids, "") // what was sent to try the sink
	if len(ids) < 1200 {
		t.Errorf("%d events in %d files, want 1200", len(ids), len(paths))
	}
}
