package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/herald-events/herald/event"
)

// demoReceiver is a webhook as somebody would write one, with answers that the demo can choose, and a receiver of messages to phones.
type demoReceiver struct {
	url    string // of the webhook
	phones string // of the receiver of messages
	demo   *demo
	server *http.Server

	mu      sync.Mutex
	answers map[event.Type]int // the next answer to a type; 200 when there is none
	seen    map[event.Type]int
	changed chan struct{} // closed and replaced when something was seen
}

func newDemoReceiver(d *demo) (*demoReceiver, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &demoReceiver{
		url: "http://" + listener.Addr().String() + "/hook", phones: "http://" + listener.Addr().String() + "/message", demo: d,
		answers: map[event.Type]int{}, seen: map[event.Type]int{}, changed: make(chan struct{}),
	}
	routes := http.NewServeMux()
	routes.HandleFunc("POST /hook", r.event)
	routes.HandleFunc("POST /message", r.message)
	r.server = &http.Server{Handler: routes, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = r.server.Serve(listener) }()
	return r, nil
}

func (r *demoReceiver) close() { _ = r.server.Close() }

// answer sets the status of the next answer to an event of type t.
func (r *demoReceiver) answer(t event.Type, status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers[t] = status
}

func (r *demoReceiver) event(w http.ResponseWriter, request *http.Request) {
	var body struct {
		Event struct {
			ID   string     `json:"id"`
			Type event.Type `json:"type"`
			User struct {
				Email string `json:"email"`
			} `json:"user"`
		} `json:"event"`
	}
	if err := json.NewDecoder(io.LimitReader(request.Body, 1<<20)).Decode(&body); err != nil {
		http.Error(w, "not an event", http.StatusBadRequest)
		return
	}
	e := body.Event
	r.mu.Lock()
	defer r.mu.Unlock()
	status := http.StatusOK
	if next, ok := r.answers[e.Type]; ok {
		status = next
		delete(r.answers, e.Type)
	}
	phase := "after the commit"
	if d, _ := event.Lookup(e.Type); d.Transactional {
		phase = "before the commit"
	}
	r.demo.say("   ▸ %s  %-22s %-20s %-17s id …%s  answer %d", time.Now().Format("15:04:05.000"), e.Type, e.User.Email, phase, tail(e.ID), status)
	w.WriteHeader(status)
	r.seen[e.Type]++
	close(r.changed)
	r.changed = make(chan struct{})
}

// message takes a message to a phone, and shows what the phone would.
func (r *demoReceiver) message(w http.ResponseWriter, request *http.Request) {
	var m struct {
		PhoneNumber string `json:"phoneNumber"`
		TextMessage string `json:"textMessage"`
	}
	if err := json.NewDecoder(io.LimitReader(request.Body, 1<<20)).Decode(&m); err != nil {
		http.Error(w, "not a message", http.StatusBadRequest)
		return
	}
	r.demo.say("   ▸ %s  to the phone %s: %s", time.Now().Format("15:04:05.000"), m.PhoneNumber, m.TextMessage)
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
