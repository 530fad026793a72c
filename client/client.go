package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/herald-events/herald/wire"
)

// Options are what a Client is made with. URL is required.
type Options struct {
	// URL is where the server is: http://localhost:9011, https://id.example.com/herald. Without credentials and query.
	URL string
	// APIKey is sent with each request. Empty means none, with which little can be done.
	APIKey string
	// Tenant confines requests to a tenant. A key that belongs to one needs none. Empty means as the key.
	Tenant wire.ID
	// HTTP makes the requests. Its redirect policy is not used: Herald redirects nobody, so whoever does is not Herald. Defaults to a client of
	// its own, which waits 10 s for a connection and 2 minutes for an answer to begin.
	HTTP *http.Client
	// Retries is how often a request is repeated at most; see the package's documentation. Zero means 3, a negative number never.
	Retries int
	// Patience is the longest pause that the server may ask for before it is an error. Defaults to 30 seconds.
	Patience time.Duration
	// UserAgent defaults to "herald-go".
	UserAgent string
}

// Client talks to one server. It is safe for concurrent use.
type Client struct {
	o    Options
	base string
	http *http.Client

	Webhooks   Webhooks
	Events     Events
	Deliveries Deliveries
	Listeners  Listeners
	Messengers Messengers
	Sinks      Sinks
	Messages   Messages
	Templates  Templates
	Tenants    Tenants
	Users      Users
	Keys       Keys
	APIKeys    APIKeys
	System     System
}

// New returns a client. It makes no request.
func New(o Options) (*Client, error) {
	base, err := parseURL(o.URL)
	if err != nil {
		return nil, err
	}
	switch {
	case o.Retries == 0:
		o.Retries = 3
	case o.Retries < 0:
		o.Retries = 0
	}
	if o.Patience == 0 {
		o.Patience = 30 * time.Second
	}
	if o.UserAgent == "" {
		o.UserAgent = "herald-go"
	}
	h := http.Client{Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 2 * time.Minute,
		IdleConnTimeout:       90 * time.Second,
		MaxIdleConnsPerHost:   16,
		ForceAttemptHTTP2:     true,
	}}
	if o.HTTP != nil {
		h = *o.HTTP
	}
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return newClient(o, base, &h), nil
}

func newClient(o Options, base string, h *http.Client) *Client {
	c := &Client{o: o, base: base, http: h}
	c.Webhooks, c.Events, c.Deliveries, c.Messengers, c.Messages = Webhooks{c}, Events{c}, Deliveries{c}, Messengers{c}, Messages{c}
	c.Listeners, c.Sinks = Listeners{c}, Sinks{c}
	c.Templates, c.Tenants, c.Users, c.Keys, c.APIKeys, c.System = Templates{c}, Tenants{c}, Users{c}, Keys{c}, APIKeys{c}, System{c}
	return c
}

// In is the same client, confined to a tenant; with an empty one it is as the key. It shares connections with c.
func (c *Client) In(tenant wire.ID) *Client {
	o := c.o
	o.Tenant = tenant
	return newClient(o, c.base, c.http)
}

// parseURL never quotes a URL that has credentials in it.
func parseURL(text string) (string, error) {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return "", errors.New("client: there is no URL")
	case err != nil:
		return "", errors.New("client: the URL cannot be read")
	case u.User != nil:
		return "", errors.New("client: the URL must have no credentials; give the API key as APIKey")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return "", fmt.Errorf("client: %q must be a URL such as http://localhost:9011", text)
	case u.RawQuery != "" || u.Fragment != "":
		return "", errors.New("client: the URL must have no query")
	}
	return strings.TrimRight(u.String(), "/"), nil
}

// URL is where the server is, without a slash at its end.
func (c *Client) URL() string { return c.base }

// Call makes a request that has no method of its own and decodes the answer into out. path begins with /api and may have a query. in is sent as JSON, nil
// sends no body, and a [json.RawMessage] is sent as it is. out may be nil, or a *[json.RawMessage] for an answer as it came. The error is an [*Error], an
// [*UnreachableError] or that of ctx.
//
// A GET is repeated, anything else only as far as the package's documentation says.
func (c *Client) Call(ctx context.Context, method, path string, in, out any) error {
	return c.call(ctx, method, path, in, out, method == http.MethodGet)
}

// Open makes a GET whose answer is read by the caller, who closes it: a stream, or something that is no JSON. It is not repeated.
func (c *Client) Open(ctx context.Context, path string, header http.Header) (*http.Response, error) {
	r, err := c.request(ctx, http.MethodGet, path, nil, "")
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		r.Header[name] = values
	}
	response, err := c.http.Do(r)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		defer func() { _ = response.Body.Close() }()
		body, _ := io.ReadAll(io.LimitReader(response.Body, 1<<20))
		return nil, newError(r, response, body)
	}
	return response, nil
}

// longest is the size in bytes above which an answer is not read.
const longest = 256 << 20

// call makes a request, and again as long as that may help. safe says that it changes nothing.
func (c *Client) call(ctx context.Context, method, path string, in, out any, safe bool) error {
	body, kind, err := encode(in)
	if err != nil {
		return err
	}
	pause := 100 * time.Millisecond
	for repeats := c.o.Retries; ; repeats-- {
		answer, err := c.once(ctx, method, path, body, kind)
		if err == nil {
			return decode(answer, out)
		}
		wait, may := c.mayRepeat(err, safe)
		if !may || repeats <= 0 {
			return err
		}
		timer := time.NewTimer(max(wait, pause))
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		pause *= 4
	}
}

// mayRepeat tells whether a request that failed may be made again, and after which pause.
func (c *Client) mayRepeat(err error, safe bool) (wait time.Duration, may bool) {
	if _, ok := errors.AsType[*UnreachableError](err); ok {
		return 0, safe
	}
	e, ok := errors.AsType[*Error](err)
	if !ok || e.RetryAfter > c.o.Patience {
		return 0, false
	}
	switch e.Status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return e.RetryAfter, safe || e.RetryAfter > 0
	case http.StatusBadGateway:
		return e.RetryAfter, safe
	}
	return 0, false
}

func (c *Client) once(ctx context.Context, method, path string, body []byte, kind string) ([]byte, error) {
	r, err := c.request(ctx, method, path, body, kind)
	if err != nil {
		return nil, err
	}
	response, err := c.http.Do(r)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, longest+1))
	switch {
	case err != nil:
		return nil, c.unreachable(ctx, err)
	case len(answer) > longest:
		return nil, errors.New("client: the answer is larger than 256 MiB")
	case response.StatusCode < 200 || response.StatusCode > 299:
		return nil, newError(r, response, answer)
	}
	return answer, nil
}

func (c *Client) request(ctx context.Context, method, path string, body []byte, kind string) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("client: %s %s cannot be requested", method, withoutQuery(path))
	}
	if c.o.APIKey != "" {
		r.Header.Set("Authorization", c.o.APIKey)
	}
	if c.o.Tenant != "" {
		r.Header.Set("X-FusionAuth-TenantId", string(c.o.Tenant))
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", c.o.UserAgent)
	return r, nil
}

// unreachable is the error without an answer. What ends with ctx is the error of ctx.
func (c *Client) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err // its text has the URL with the query
	}
	return &UnreachableError{URL: c.base, Err: err}
}

func decode(answer []byte, out any) error {
	switch to := out.(type) {
	case nil:
		return nil
	case *json.RawMessage:
		*to = answer
		return nil
	}
	if len(bytes.TrimSpace(answer)) == 0 {
		return errors.New("client: the answer is empty: is there a Herald at this address?")
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return errors.New("client: the answer is no JSON of this API: is there a Herald at this address?")
	}
	return nil
}

// patch is a body that says what is to be different: a JSON Merge Patch (RFC 7396).
type patch struct{ changes any }

// encode returns the body of a request and what it is.
func encode(in any) (body []byte, kind string, err error) {
	kind = "application/json"
	switch what := in.(type) {
	case nil:
		return nil, "", nil
	case json.RawMessage:
		return what, kind, nil
	case patch:
		in, kind = what.changes, "application/merge-patch+json"
	}
	if body, err = json.Marshal(in); err != nil {
		return nil, "", fmt.Errorf("client: encode the request: %w", err)
	}
	return body, kind, nil
}

// get, and send with its method, are the two calls that the groups of operations consist of.
func get[T any](ctx context.Context, c *Client, path string) (answer T, err error) {
	err = c.call(ctx, http.MethodGet, path, nil, &answer, true)
	return answer, err
}

func send[T any](ctx context.Context, c *Client, method, path string, in any) (answer T, err error) {
	err = c.call(ctx, method, path, in, &answer, false)
	return answer, err
}

// find is a search: a POST that changes nothing, so that what is searched for is in nobody's access log.
func find[T any](ctx context.Context, c *Client, path string, search any) (answer T, err error) {
	err = c.call(ctx, http.MethodPost, path, map[string]any{"search": search}, &answer, true)
	return answer, err
}

// at is a path with ids in it.
func at(path string, ids ...wire.ID) string {
	for _, id := range ids {
		if id != "" {
			path += "/" + url.PathEscape(string(id))
		}
	}
	return path
}

func withoutQuery(path string) string {
	before, _, _ := strings.Cut(path, "?")
	return before
}

// Answer is an answer as it came.
type Answer struct {
	Status int
	Body   json.RawMessage
	// RequestID is what the server's log calls the request.
	RequestID string
}

// Send makes a request once and returns the answer whatever its status is. The error is an [*UnreachableError] or that of ctx.
func (c *Client) Send(ctx context.Context, method, path string, in any) (Answer, error) {
	body, kind, err := encode(in)
	if err != nil {
		return Answer{}, err
	}
	r, err := c.request(ctx, method, path, body, kind)
	if err != nil {
		return Answer{}, err
	}
	response, err := c.http.Do(r)
	if err != nil {
		return Answer{}, c.unreachable(ctx, err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, longest))
	if err != nil {
		return Answer{}, c.unreachable(ctx, err)
	}
	return Answer{response.StatusCode, text, response.Header.Get("X-Request-Id")}, nil
}

// Err is the error that the answer to such a request is, nil for one of success.
func (a Answer) Err(method, path string) error {
	if a.Status >= 200 && a.Status <= 299 {
		return nil
	}
	e := &Error{Status: a.Status, Method: method, Path: withoutQuery(path), RequestID: a.RequestID}
	if json.Unmarshal(a.Body, &e.Errors) != nil {
		e.Errors = wire.Errors{}
	}
	return e
}
