package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/herald-events/herald/internal/access"
	"github.com/herald-events/herald/internal/listen"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

const listenerPermission = "/api/listener"

// listenerRoutes are ours: how a program becomes a temporary webhook.
func listenerRoutes(service *listen.Service) []route {
	h := listenerHandlers{service}
	return []route{
		{"GET", "/api/listener", listenerPermission, tenantKey, h.list},
		{"POST", "/api/listener", listenerPermission, tenantKey, h.listen},
		{"POST", "/api/listener/{listenerId}/alive", listenerPermission, tenantKey, h.alive},
		{"POST", "/api/listener/{listenerId}/answer/{exchangeId}", listenerPermission, tenantKey, h.answer},
	}
}

type listenerHandlers struct{ *listen.Service }

// list shows who listens now; to a key of a tenant, who listens to its events alone.
func (h listenerHandlers) list(c *call) (any, error) {
	all, err := h.Current(c.ctx())
	response := wire.ListenersResponse{Listeners: wire.List[wire.Listener]{}}
	for _, l := range all {
		if c.scope == "" || c.scope == l.TenantID {
			response.Listeners = append(response.Listeners, l)
		}
	}
	return response, err
}

// listen answers with a stream that does not end by itself.
func (h listenerHandlers) listen(c *call) (any, error) {
	var request wire.ListenerRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	if request.Listener == nil {
		return nil, invalidField("listener", "missing", "Say what to listen to: the member listener is an object, which may be empty.")
	}
	by := listen.By{Key: c.key.ID(), MayVote: c.key.May(http.MethodPost, "/api/webhook"), Info: c.eventInfo(nil)}
	if c.scope != "" { // else it hears of all tenants
		var err error
		if by.Tenant, err = c.tenant(); err != nil {
			return nil, err
		}
	}
	return listenStream{h.Service, c, by, *request.Listener}, nil
}

func (h listenerHandlers) alive(c *call) (any, error) {
	id, err := c.pathID("listenerId")
	if err != nil {
		return nil, err
	}
	return status(http.StatusNoContent), h.Alive(c.ctx(), c.key.ID(), id)
}

func (h listenerHandlers) answer(c *call) (any, error) {
	var v problem.Validation
	listener, err := c.pathID("listenerId")
	if v.Merge(err) != nil {
		return nil, err
	}
	exchange, err := c.pathID("exchangeId")
	if v.Merge(err) != nil {
		return nil, err
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	var request wire.ListenerAnswerRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	return status(http.StatusNoContent), h.Answer(c.ctx(), c.key.ID(), listener, exchange, request.Answer)
}

// listenStream is the long answer.
type listenStream struct {
	service *listen.Service
	c       *call
	by      listen.By
	wanted  wire.Listener
}

// typeLines is JSON, one value on each line.
const typeLines = "application/x-ndjson"

// send writes messages, one on each line, until the listener is gone. What is wrong with the request is answered like any other.
func (s listenStream) send(w http.ResponseWriter) error {
	ctx, cancel := context.WithCancel(s.c.ctx())
	defer cancel()
	l, err := s.service.Begin(ctx, s.by, s.wanted)
	if err != nil {
		return respondError(w, err)
	}
	defer l.End()
	ready, err := l.Ready(ctx)
	if err != nil {
		return respondError(w, err)
	}
	control := http.NewResponseController(w)
	if err := control.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) { // that of the request would end the stream
		return err
	}
	if a, ok := w.(*answer); ok {
		a.endless = true
	}
	w.Header().Set("Content-Type", typeLines)
	w.Header().Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	lines := json.NewEncoder(w)
	lines.SetEscapeHTML(false)
	for m := ready; ; {
		_ = control.SetWriteDeadline(time.Now().Add(s.service.ReadWithin()))
		if lines.Encode(m) != nil || control.Flush() != nil {
			return nil //nolint:nilerr // the listener is gone
		}
		if m.End != nil {
			return nil
		}
		if m.Ping && !s.allowed(ctx) {
			l.Deny()
		}
		if m, err = l.Next(ctx); err != nil {
			return nil //nolint:nilerr // the listener is gone
		}
	}
}

// allowed tells whether the key may still do what it does: it may have been deleted, changed, or have expired.
func (s listenStream) allowed(ctx context.Context) bool {
	key, err := s.c.s.Keys.Authenticate(ctx, s.c.r.Header.Get("Authorization"))
	switch {
	case errors.Is(err, problem.ErrUnauthenticated):
		return false
	case err != nil: // the store does not answer; that will show elsewhere
		return true
	}
	return mayListen(key) && (!s.wanted.Transactional || key.May(http.MethodPost, "/api/webhook"))
}

func mayListen(key *access.Key) bool { return key.May(http.MethodPost, listenerPermission) }
