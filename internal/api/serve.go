package api

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/herald-events/herald/internal/body"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/trace"
	"github.com/herald-events/herald/wire"
)

// answer is the ResponseWriter of one request. It remembers what the log line says, and keeps the texts and redirects away
// with which ServeMux answers what matches no route: such answers are a status and nothing else.
type answer struct {
	http.ResponseWriter

	id     string
	status int
	route  string // the pattern of the matched route
	key    string // the id of the key
	failed error  // what the caller is not told
	span   trace.Span

	endless bool // it lasts as long as the caller wants: how long says nothing
}

func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answer) WriteHeader(code int) {
	if a.status != 0 {
		return
	}
	if a.route == "" {
		a.Header().Del("Content-Type")
		a.Header().Del("Location")
		if code >= 300 && code < 400 { // "did you mean /api/user?", which would turn a POST into a GET
			code = http.StatusNotFound
		}
	}
	a.status = code
	a.ResponseWriter.WriteHeader(code)
}

func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	if a.route == "" {
		return len(b), nil
	}
	return a.ResponseWriter.Write(b)
}

// record is the outermost layer: it gives the request its id, survives panics and writes the log line.
func (s *server) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := s.Clock()
		a := &answer{ResponseWriter: w, id: db.NewID()}
		if span := s.Trace.Start(trace.Incoming(r.Header), trace.Server, r.Method); span.On() {
			a.span = span
			r = r.WithContext(trace.With(r.Context(), span.Parent()))
		}
		a.Header().Set("X-Request-Id", a.id)
		a.Header().Set("Cache-Control", "no-store") // answers hold keys, tokens and personal data
		defer func() { s.finish(a, r, began, recover()) }()
		next.ServeHTTP(a, r)
	})
}

// routine are the routes that programs call by themselves every few seconds. That all is well is not worth a line each time.
var routine = map[string]bool{
	"/api/health": true, "/api/prometheus/metrics": true, "/api/listener/{listenerId}/alive": true, "/api/listener/{listenerId}/answer/{exchangeId}": true,
}

// finish writes the one line of a request. It names the route, not the URL, because query strings hold e-mail addresses and
// one-time codes.
func (s *server) finish(a *answer, r *http.Request, began time.Time, caught any) {
	if caught == http.ErrAbortHandler {
		panic(caught)
	}
	level := slog.LevelInfo
	attrs := []slog.Attr{slog.String("request", a.id), slog.String("method", r.Method), slog.String("route", a.route)}
	if a.key != "" {
		attrs = append(attrs, slog.String("key", a.key))
	}
	if caught != nil {
		a.WriteHeader(http.StatusInternalServerError) // without effect when the answer had begun
		attrs = append(attrs, slog.String("panic", fmt.Sprint(caught)), slog.String("stack", string(debug.Stack())))
		level = slog.LevelError
	}
	if a.failed != nil {
		attrs = append(attrs, slog.String("error", a.failed.Error()))
		if r.Context().Err() == nil { // else the caller hung up, which is no fault of ours
			level = slog.LevelError
		}
	}
	if level == slog.LevelInfo && routine[a.route] && a.status < http.StatusBadRequest {
		level = slog.LevelDebug
	}
	took := s.Clock().Sub(began)
	a.traced(r.Method)
	if !a.endless {
		s.Metrics.Request(a.route, r.Method, a.status, took)
	}
	attrs = append(attrs, slog.Int("status", a.status), slog.Duration("took", took))
	s.Log.LogAttrs(r.Context(), level, "request", attrs...)
}

// traced ends the span of a request. It is named by the route, as the log line is.
func (a *answer) traced(method string) {
	if !a.span.On() {
		return
	}
	a.span.Text(trace.Method, method)
	a.span.Text(trace.Request, a.id)
	if a.route != "" {
		a.span.Name(method + " " + a.route)
		a.span.Text(trace.Route, a.route)
	}
	a.span.Number(trace.Status, a.status)
	failure := ""
	if a.status >= http.StatusInternalServerError {
		failure = strconv.Itoa(a.status)
	}
	a.span.End(failure)
}

// serve is the handler of one row of the table.
func (s *server) serve(row route) http.Handler {
	limiter := s.limiterOf(row)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := w.(*answer)
		a.route = row.pattern
		c := &call{s: s, r: r, route: row}
		result, err := func() (any, error) {
			if row.pattern == statusPattern && s.healthy(c) != nil {
				return status(statusNoDatabase), nil // before the key is looked at: without a database none can be found
			}
			if err := c.admit(a); err != nil {
				return nil, err
			}
			if err := c.limit(limiter, a.Header()); err != nil {
				return nil, err
			}
			if err := c.parseQuery(); err != nil {
				return nil, err
			}
			if err := c.read(); err != nil {
				return nil, err
			}
			return row.handle(c)
		}()
		if err != nil {
			a.failed = respondError(w, err)
		} else {
			a.failed = respond(w, result)
		}
	})
}

// admit lets the request in: its key, whether the key may do this, and the tenant it is confined to.
func (c *call) admit(a *answer) error {
	text := c.r.Header.Get("Authorization")
	if c.route.access == open {
		return nil
	}
	if c.route.access == userOrKey || c.route.access == userOrOpen || c.route.access == userOnly {
		if bearer, ok := c.bearer(); ok {
			return c.admitUser(bearer)
		}
	}
	switch {
	case c.route.access == userOnly:
		return problem.ErrUnauthenticated
	case (c.route.access == optionalKey || c.route.access == userOrOpen) && text == "":
		return c.confine("")
	}
	if c.route.access == metricsKey {
		if c.s.LocalMetrics && withoutKey(c.r) {
			return nil
		}
		text = metricsKeyText(c.r)
	}
	key, err := c.s.Keys.Authenticate(c.ctx(), text)
	if err != nil {
		return err
	}
	c.key, a.key = key, string(key.ID())

	method := c.r.Method
	if method == http.MethodHead { // ServeMux answers it with the GET route
		method = http.MethodGet
	}
	header := c.r.Header.Get(tenantHeader)
	var allowed bool
	switch c.route.access {
	case keyManager:
		allowed = key.MayManage(method)
	case globalKey, metricsKey:
		allowed = key.May(method, c.route.permission) && key.Tenant() == ""
	case instanceKey:
		allowed = key.May(method, c.route.permission) && key.Tenant() == "" && header == ""
	case tenantKey, optionalKey, userOrKey, userOrOpen:
		allowed = key.May(method, c.route.permission)
	}
	if !allowed {
		return problem.ErrUnauthenticated
	}
	switch c.route.access {
	case tenantKey, optionalKey, userOrKey, userOrOpen:
		return c.confine(key.Tenant())
	}
	return nil
}

// confine sets the tenant that the request stays in: that of its key, else the one its header names.
func (c *call) confine(tenant wire.ID) error {
	c.scope = tenant
	header := c.r.Header.Get(tenantHeader)
	if header == "" {
		return nil
	}
	id, ok := body.ParseID(header)
	if !ok {
		return couldNotConvert("tenantId", "The header %s must be a UUID.", tenantHeader)
	}
	if c.scope != "" && id != c.scope {
		// Not a 400: whether a tenant exists is nothing that another tenant's key may find out.
		return problem.ErrUnauthenticated
	}
	c.scope = id
	return nil
}
