package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/receiver"
)

// demoReceiver is a webhook as somebody would write one, with answers that the demo can choose, and a receiver of messages to phones.
type demoReceiver struct {
	url    string // of the webhook
	phones string // of the receiver of messages
	demo   *demo
	server *http.Server

	mu      sync.Mutex
	answers map[event.Type]demoAnswer // the next answer to a type; done when there is none
	seen    map[event.Type]int
	changed chan struct{} // closed and replaced when something was seen
}

// demoAnswer is what the receiver says to an event, and the status that becomes of it.
type demoAnswer struct {
	says   error
	status int
}

var (
	demoDone   = demoAnswer{nil, http.StatusOK}
	demoNo     = demoAnswer{receiver.Refuse("the demo wanted to see this"), http.StatusUnprocessableEntity}
	demoNotNow = demoAnswer{receiver.RetryAfter(time.Second, "the demo wanted to see this"), http.StatusServiceUnavailable}
)

func newDemoReceiver(d *demo) (*demoReceiver, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &demoReceiver{
		url: "http://" + listener.Addr().String() + "/hook", phones: "http://" + listener.Addr().String() + "/message", demo: d,
		answers: map[event.Type]demoAnswer{}, seen: map[event.Type]int{}, changed: make(chan struct{}),
	}
	options := receiver.Options{Checks: []receiver.Check{receiver.Anyone()}, Log: slog.New(slog.DiscardHandler)}
	hook := receiver.New(options)
	hook.Default(r.event)
	routes := http.NewServeMux()
	routes.Handle("POST /hook", hook)
	routes.Handle("POST /message", receiver.Messages(options, r.message))
	r.server = &http.Server{Handler: routes, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = r.server.Serve(listener) }()
	return r, nil
}

func (r *demoReceiver) close() { _ = r.server.Close() }

// answer sets the next answer to an event of type t.
func (r *demoReceiver) answer(t event.Type, a demoAnswer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers[t] = a
}

func (r *demoReceiver) event(_ context.Context, e *receiver.Event) error {
	var about struct {
		User struct {
			Email string `json:"email"`
		} `json:"user"`
	}
	if err := json.Unmarshal(e.Raw, &about); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	answer, ok := r.answers[e.Type]
	if !ok {
		answer = demoDone
	}
	delete(r.answers, e.Type)
	phase := "after the commit"
	if d, _ := event.Lookup(e.Type); d.Transactional {
		phase = "before the commit"
	}
	r.demo.say("   ▸ %s  %-22s %-20s %-17s id …%s  answer %d", time.Now().Format("15:04:05.000"), e.Type, about.User.Email, phase, tail(string(e.ID)), answer.status)
	r.seen[e.Type]++
	close(r.changed)
	r.changed = make(chan struct{})
	return answer.says
}

// message takes a message to a phone, and shows what the phone would.
func (r *demoReceiver) message(_ context.Context, m *receiver.Message) error {
	r.demo.say("   ▸ %s  to the phone %s: %s", time.Now().Format("15:04:05.000"), m.PhoneNumber, m.Text)
	return nil
}

func tail(id string) string { return id[max(0, len(id)-8):] }

// wait blocks until n events of type t have arrived since the start.
func (r *demoReceiver) wait(ctx context.Context, t event.Type, n int) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		r.mu.Lock()
		seen, changed := r.seen[t], r.changed
		r.mu.Unlock()
		if seen >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("the demo waited in vain for event %d of type %s: %w", n, t, context.Cause(ctx))
		}
	}
}
