package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Outcome is what became of a request. The set is closed; see Outcomes.
type Outcome string

const (
	Accepted  Outcome = "accepted"  // status 200 to 299
	Refused   Outcome = "refused"   // any other status, redirects excepted
	Redirect  Outcome = "redirect"  // status 300 to 399, not followed
	Timeout   Outcome = "timeout"   // the connect or the read timeout passed
	Connect   Outcome = "connect"   // no connection: refused, unreachable, or the proxy would not
	TLS       Outcome = "tls"       // the handshake failed, a certificate was not trusted on either side
	DNS       Outcome = "dns"       // the host's name could not be resolved
	Blocked   Outcome = "blocked"   // the address policy forbids the address
	TooLarge  Outcome = "too large" // the header of the answer exceeds 64 KiB
	Reset     Outcome = "reset"     // the connection ended before the answer was complete
	Protocol  Outcome = "protocol"  // the answer is not HTTP
	Cancelled Outcome = "cancelled" // our side ended it: the context's deadline, its cancellation, or Close
	Invalid   Outcome = "invalid"   // the request itself is not one that can be sent; nothing was tried
)

var outcomes = []Outcome{
	Accepted, Refused, Redirect, Timeout, Connect, TLS, DNS, Blocked, TooLarge, Reset, Protocol, Cancelled, Invalid,
}

// Outcomes returns the closed set.
func Outcomes() []Outcome { return slices.Clone(outcomes) }

// Success tells whether the receiver said yes. FusionAuth's documentation: any status from 200 to 299 is success, all else is failure.
func (o Outcome) Success() bool { return o == Accepted }

// OutcomeOf is the outcome of a request that was answered with that status.
func OutcomeOf(status int) Outcome {
	switch {
	case status >= 200 && status <= 299:
		return Accepted
	case status >= 300 && status <= 399:
		return Redirect
	case status == http.StatusSwitchingProtocols:
		return Protocol
	}
	return Refused
}

// timeoutError is what ends a request when one of its own timeouts has passed.
type timeoutError struct {
	what string // what did not happen, and the name of the timeout
	ms   int64
}

func (e *timeoutError) Error() string { return fmt.Sprintf("%s timeout of %d ms", e.what, e.ms) }

func connectTimeout(d time.Duration) error {
	return &timeoutError{"no connection within the connect", d.Milliseconds()}
}

func readTimeout(d time.Duration) error {
	return &timeoutError{"no complete answer within the read", d.Milliseconds()}
}

// proxyError says that the proxy was reached and did not do its work.
type proxyError struct{ text string }

func (e *proxyError) Error() string { return e.text }

// tlsError is any failure of a handshake.
type tlsError struct{ err error }

func (e *tlsError) Error() string { return "TLS: " + e.err.Error() }
func (e *tlsError) Unwrap() error { return e.err }

// dialError is any failure to connect that is none of the above.
type dialError struct{ err error }

func (e *dialError) Error() string { return e.err.Error() }
func (e *dialError) Unwrap() error { return e.err }

// explain turns the error of a request into its outcome and a short text for people.
//
// The text is never that of an unknown error: those may quote the URL, a header or the receiver's answer. ctx is the context of the
// request, host the name that was looked up.
func explain(ctx context.Context, err error, host string) (Outcome, string) {
	// When the context has ended, every other error is only how that showed.
	if cause := ended(ctx); cause != nil {
		if errors.Is(cause, context.DeadlineExceeded) {
			return Cancelled, "ended by the deadline of the whole call"
		}
		return Cancelled, "ended by the caller"
	}
	if t, ok := errors.AsType[*timeoutError](err); ok {
		return Timeout, t.Error()
	}
	if b, ok := errors.AsType[*BlockedAddressError](err); ok {
		return Blocked, b.Error()
	}
	if d, ok := errors.AsType[*net.DNSError](err); ok {
		if d.IsNotFound {
			return DNS, "host " + clean(host) + " was not found"
		}
		return DNS, "the name of host " + clean(host) + " could not be looked up"
	}
	if p, ok := errors.AsType[*proxyError](err); ok {
		return Connect, p.text
	}
	if t, ok := errors.AsType[*tlsError](err); ok {
		return TLS, "TLS: " + explainTLS(t.err)
	}
	// With TLS 1.3 a receiver refuses a client's certificate only after the handshake.
	if o, ok := errors.AsType[*net.OpError](err); ok && o.Op == "remote error" {
		return TLS, "TLS: " + explainTLS(err)
	}
	if d, ok := errors.AsType[*dialError](err); ok {
		if errors.Is(d, syscall.ETIMEDOUT) {
			return Timeout, "no connection: the attempt timed out"
		}
		if errno, ok := errors.AsType[syscall.Errno](d); ok {
			return Connect, errno.Error() // "connection refused", "no route to host"
		}
		return Connect, "no connection to the receiver"
	}
	return explainAnswer(err)
}

// explainAnswer is about errors after the connection was there. The parser of answers has no types for its own.
func explainAnswer(err error) (Outcome, string) {
	switch {
	case errors.Is(err, errHeaderTooLarge):
		return TooLarge, fmt.Sprintf("the header of the answer exceeds %d bytes", maxResponseHeader)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		errors.Is(err, net.ErrClosed):
		return Reset, "the receiver closed the connection before its answer was complete"
	}
	return Protocol, "the answer of the receiver is not HTTP"
}

// ended returns why ctx has ended, nil if it has not. A socket may notice its deadline a little before ctx does.
func ended(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

// ExplainTLS is the text for an error that came out of a handshake, and false for one that is about something else.
func ExplainTLS(err error) (text string, ok bool) {
	_, unverified := errors.AsType[*tls.CertificateVerificationError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	o, remote := errors.AsType[*net.OpError](err)
	if !unverified && !record && !(remote && o.Op == "remote error") {
		return "", false
	}
	return "TLS: " + explainTLS(err), true
}

func explainTLS(err error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "certificate signed by unknown authority"
	}
	if h, ok := errors.AsType[x509.HostnameError](err); ok {
		return "the certificate is not valid for host " + clean(h.Host)
	}
	if c, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if c.Reason == x509.Expired {
			return "the certificate has expired or is not yet valid"
		}
		return "the certificate is not valid for this use"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "the receiver does not speak TLS"
	}
	if o, ok := errors.AsType[*net.OpError](err); ok && o.Op == "remote error" {
		// One of the alerts of the standard: "tls: bad certificate".
		return "the receiver refused the handshake: " + strings.TrimPrefix(clean(o.Err.Error()), "tls: ")
	}
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return "the receiver closed the connection during the handshake"
	}
	return "the handshake failed"
}

// clean makes a host or a fixed text of the standard library safe to show.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	if len(s) > 253 {
		s = s[:253]
	}
	return s
}
