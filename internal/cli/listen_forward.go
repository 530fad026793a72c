package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/wire"
)

// forwarder hands requests to a receiver of the developer, as a webhook gets them.
type forwarder struct {
	url  string
	http *http.Client
}

func newForwarder(to string) *forwarder {
	t := &http.Transport{
		DialContext: (&net.Dialer{Timeout: time.Second}).DialContext, DisableCompression: true, MaxIdleConnsPerHost: 16, Proxy: http.ProxyFromEnvironment,
		IdleConnTimeout: time.Minute,
	}
	if u, err := url.Parse(to); err == nil && isHere(u.Hostname()) {
		t.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // a certificate of one's own machine says nothing
	}
	return &forwarder{to, &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// isHere tells whether a host is this machine.
func isHere(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

// mostOfAnswer is how many bytes of an answer are read, and keptOfAnswer how many of them are reported.
const (
	mostOfAnswer = 1 << 20
	keptOfAnswer = egress.DefaultKeepResponse
)

// send makes the request. What goes wrong is in the answer.
func (f *forwarder) send(ctx context.Context, x *wire.ListenerExchange) (a wire.ListenerAnswer) {
	timeout := time.Duration(x.Timeout) * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	began := time.Now()
	defer func() { a.DurationMicros = max(time.Since(began).Microseconds(), 1) }()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, f.url, strings.NewReader(x.Body))
	if err != nil {
		return wire.ListenerAnswer{Outcome: string(egress.Invalid), Exception: "the request cannot be made"}
	}
	for name, value := range x.Headers {
		r.Header[name] = []string{value} // spelled as they are
	}
	response, err := f.http.Do(r)
	if err != nil {
		return notAnswered(ctx, err, timeout)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, mostOfAnswer))
	if err != nil {
		return notAnswered(ctx, err, timeout)
	}
	a = wire.ListenerAnswer{StatusCode: response.StatusCode, Headers: map[string]string{}, BodySize: int64(len(text)), Body: strings.ToValidUTF8(string(text[:min(len(text), keptOfAnswer)]), "\uFFFD")}
	for name, values := range response.Header {
		a.Headers[name] = strings.Join(values, ", ")
	}
	return a
}

// notAnswered says why there was no answer, in the words of attempts.
func notAnswered(ctx context.Context, err error, timeout time.Duration) wire.ListenerAnswer {
	outcome, text := egress.Reset, "the receiver closed the connection before its answer was complete"
	failed, isTLS := egress.ExplainTLS(err)
	dns, isDNS := errors.AsType[*net.DNSError](err)
	var no syscall.Errno
	dial, isDial := errors.AsType[*net.OpError](err)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		outcome, text = egress.Timeout, fmt.Sprintf("no complete answer within %d ms", timeout.Milliseconds())
	case isTLS:
		outcome, text = egress.TLS, failed
	case isDNS:
		outcome, text = egress.DNS, "there is no host "+dns.Name
	case isDial && dial.Op == "dial" && errors.As(err, &no):
		outcome, text = egress.Connect, no.Error()
	case isDial && dial.Op == "dial":
		outcome, text = egress.Connect, "no connection to the receiver"
	}
	return wire.ListenerAnswer{Outcome: string(outcome), Exception: text}
}

// curlOf is the request as a command.
func curlOf(x *wire.ListenerExchange, to string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "curl -X POST %s", shellWord(to))
	for _, name := range sortedNames(x.Headers) {
		fmt.Fprintf(&b, " \\\n  -H %s", shellWord(name+": "+x.Headers[name]))
	}
	fmt.Fprintf(&b, " \\\n  --data-binary %s", shellWord(x.Body))
	return b.String()
}

// shellWord is a text as one word of a shell.
func shellWord(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
