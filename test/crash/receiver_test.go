package crash

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/herald-events/herald/event"
)

// hook is a webhook and what its receiver is like.
type hook struct {
	name  string
	id    string
	types []event.Type
	// answer is the status that an event is answered with. Zero is no answer at all until the sender gives up.
	answer func(received) int
	// timeout is how long Herald waits for an answer.
	timeout time.Duration
	// ordered says that the webhook wants the events of each object in sequence.
	ordered bool
}

func newHook(name string, answer func(received) int, types ...event.Type) *hook {
	return &hook{name: name, id: uuid.NewString(), types: types, answer: answer, timeout: time.Second}
}

// inOrder makes the webhook want the events of each object in sequence. It cannot have a say in them: a vote does not wait for its turn.
func (h *hook) inOrder() *hook {
	h.ordered = true
	return h
}

func (h *hook) wants(t event.Type) bool { return slices.Contains(h.types, t) }

// received is what a receiver reads in an event.
type received struct {
	ID   string     `json:"id"`
	Type event.Type `json:"type"`
	User struct {
		ID    string `json:"id"`
		Email string `json:"email"`
	} `json:"user"`
}

// refusable is the beginning of addresses that one receiver does not want to see among the users.
const refusable = "no-"

func accept(received) int { return http.StatusOK }

// judge says no to some users, always to the same, and now and then to an update, about which its word does not decide.
func judge(e received) int {
	switch {
	case strings.HasPrefix(e.User.Email, refusable), e.Type == event.UserUpdate && rand.N(5) == 0:
		return http.StatusForbidden
	default:
		return http.StatusOK
	}
}

// fail has a bad moment once in a while.
func fail(received) int {
	if rand.N(25) == 0 {
		return http.StatusServiceUnavailable
	}
	return http.StatusOK
}

// hang has worse ones.
func hang(received) int {
	if rand.N(40) == 0 {
		return 0
	}
	return http.StatusOK
}

// arrival is one request that a receiver has read to its end.
type arrival struct {
	at     time.Time
	status int // that it was answered with; zero while it was not
}

// pair is an event on its way to a webhook.
type pair struct{ event, hook string }

// receiver is the other end of all webhooks of a world. It writes everything into its ledger before it does anything else.
type receiver struct {
	t     *testing.T
	url   string
	hooks []*hook

	mu       sync.Mutex
	arrivals map[pair][]*arrival
	bodies   map[string][]byte     // by event
	types    map[string]event.Type // by event
	last     time.Time             // when something arrived
}

func newReceiver(t *testing.T, hooks ...*hook) *receiver {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &receiver{
		t: t, url: "http://" + listener.Addr().String(), hooks: hooks,
		arrivals: map[pair][]*arrival{}, bodies: map[string][]byte{}, types: map[string]event.Type{},
	}
	server := &http.Server{Handler: r}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return r
}

func (r *receiver) ServeHTTP(response http.ResponseWriter, request *http.Request) {
	at := time.Now()
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return // the sender died while sending: nothing has arrived
	}
	i := slices.IndexFunc(r.hooks, func(h *hook) bool { return request.URL.Path == "/"+h.name })
	var e struct{ Event received }
	if err := json.Unmarshal(body, &e); err != nil || i < 0 {
		r.t.Errorf("%s got no event: %s", request.URL.Path, body)
		return
	}
	a := r.enter(pair{e.Event.ID, r.hooks[i].name}, e.Event.Type, body, at)
	status := r.hooks[i].answer(e.Event)
	if status == 0 {
		<-request.Context().Done()
		return
	}
	r.mu.Lock()
	a.status = status
	r.mu.Unlock()
	response.WriteHeader(status)
}

// enter writes an arrival into the ledger. An event that came before must have the same bytes again.
func (r *receiver) enter(p pair, t event.Type, body []byte, at time.Time) *arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	if before, ok := r.bodies[p.event]; ok && !bytes.Equal(before, body) {
		r.t.Errorf("event %s came with different bytes:\n%s\n%s", p.event, before, body)
	}
	a := &arrival{at: at}
	r.arrivals[p] = append(r.arrivals[p], a)
	r.bodies[p.event], r.types[p.event], r.last = body, t, at
	return a
}

// count is how many events of a type have arrived, at all webhooks together and each as often as it came, that were answered with the
// status; zero counts those that were not answered yet.
func (r *receiver) count(t event.Type, status int) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p, arrivals := range r.arrivals {
		for _, a := range arrivals {
			if r.types[p.event] == t && a.status == status {
				n++
			}
		}
	}
	return n
}

// quietFor is how long ago the last event arrived.
func (r *receiver) quietFor() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Since(r.last)
}

// kickstart are the requests that create the webhooks.
func (r *receiver) kickstart() []string {
	var requests []string
	for _, h := range r.hooks {
		enabled := map[event.Type]bool{}
		for _, t := range h.types {
			enabled[t] = true
		}
		types, err := json.Marshal(enabled)
		if err != nil {
			r.t.Fatal(err)
		}
		more := quickRetries
		if h.ordered {
			more += `, "ordering": "linkedObject"`
		}
		requests = append(requests, fmt.Sprintf(`{"method": "POST", "url": "/api/webhook/%s", "body": {"webhook": {"url": "%s/%s", "global": true,
			"connectTimeout": 1000, "readTimeout": %d, "eventsEnabled": %s%s}}}`, h.id, r.url, h.name, h.timeout.Milliseconds(), types, more))
	}
	return requests
}
