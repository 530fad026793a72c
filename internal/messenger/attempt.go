package messenger

import (
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/wire"
)

// Attempt is one try to hand a message over and what became of it. Nothing in it is secret: not the code, no credential, not the whole number or
// address of the recipient.
type Attempt struct {
	wire.MessageAttempt
	// Unknown says that nobody can tell whether the message arrived: it was handed over and no answer came.
	Unknown bool
	// Again says that the same try may well succeed in a moment: nobody listened, the receiver was busy or in trouble. Never together with Unknown.
	Again bool
	// Debug is request and answer for a person, if the messenger is to be debugged, else empty.
	Debug string
}

// Accepted tells whether the message was taken.
func (a Attempt) Accepted() bool { return egress.Outcome(a.Outcome).Success() }

// classify tells what the result of a request means for its message. FusionAuth's documentation: a status from 200 to 299 says that the message
// was processed, any other that it was not.
func classify(r egress.Result) (outcome egress.Outcome, unknown, again bool) {
	switch r.Outcome {
	case egress.Blocked, egress.Invalid, egress.TLS: // TLS after sending: our certificate was not taken, the request was not looked at
		return r.Outcome, false, false
	case egress.DNS, egress.Connect:
		return r.Outcome, false, r.StatusCode == 0 // with a status it is the proxy's refusal of our login
	}
	switch code := r.StatusCode; {
	case code >= 200 && code <= 299: // has been said, whatever became of the rest of the answer
		return egress.Accepted, false, false
	case code >= 300 && code <= 399:
		return egress.Redirect, false, false
	case code == http.StatusGatewayTimeout: // what stands before the receiver has handed the message over and heard no more of it
		return egress.Refused, true, false
	case code >= 400:
		return egress.Refused, false, mayPass(code) && egress.RetryAfter(r.Header, r.End) <= patience
	case r.RequestSent:
		return r.Outcome, true, false
	}
	return r.Outcome, false, r.Outcome == egress.Timeout
}

// mayPass tells whether a status is about the moment and not about the request.
func mayPass(code int) bool {
	switch code {
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return code >= 500 && code <= 599
}

// patience is the longest pause that a receiver can ask a waiting user for.
const patience = 5 * time.Second

// longestAnswer is how much of an answer a record keeps, in bytes.
const longestAnswer = 4 << 10

// beginning cuts a text that was masked already.
func beginning(s string) string {
	if len(s) <= longestAnswer {
		return s
	}
	s = s[:longestAnswer]
	for !utf8.ValidString(s) { // at most the last character is cut
		s = s[:len(s)-1]
	}
	return s + "…"
}

// IsPhoneNumber tells whether the text could be a phone number, in whatever notation. Whether there is such a phone only the network knows.
func IsPhoneNumber(s string) bool {
	digits := digitsOf(s)
	return len(digits) >= 3 && len(s) <= 40 && strings.Trim(s, "+0123456789 ()-./") == "" && strings.LastIndex(s, "+") <= strings.IndexAny(s, "+0123456789")
}

func digitsOf(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}

// Mask is a phone number or an e-mail address as it may be recorded: enough to recognize it, not enough to use it.
func Mask(recipient string) string {
	if local, domain, isAddress := cutLast(recipient, "@"); isAddress {
		first, _ := utf8.DecodeRuneInString(local)
		if len(local) <= 1 || first == utf8.RuneError {
			return "…@" + domain
		}
		return string(first) + "…@" + domain
	}
	if len(recipient) < 8 || !IsPhoneNumber(recipient) {
		return "…"
	}
	return recipient[:3] + "…" + recipient[len(recipient)-2:]
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// masked is the message as it may be shown.
func masked(m Message) Message {
	m.PhoneNumber = Mask(m.PhoneNumber)
	if m.Code != "" {
		m.Text = egress.NewMasker(nil, codeForms(m.Code)...).Text(m.Text)
		m.Code = egress.Hidden
	}
	return m
}

// masker takes out of an answer what is secret about the message and about the messenger. A receiver may well repeat what it was sent: Twilio
// does, and its errors name the number.
func masker(m Message, secrets []string) *egress.Masker {
	hide := append([]string{m.Text, url.QueryEscape(m.Text)}, secrets...)
	return egress.NewMasker(append(hide, numberForms(m.PhoneNumber)...), codeForms(m.Code)...)
}

// numberForms are the spellings in which a phone number comes back, down to its last digits: others write it with another prefix.
func numberForms(number string) []string {
	digits := digitsOf(number)
	forms := []string{number, url.QueryEscape(number), digits, "+" + digits}
	for _, n := range []int{10, 9, 8, 7} {
		if len(digits) > n {
			forms = append(forms, digits[len(digits)-n:])
		}
	}
	return forms
}

// codeForms are the spellings of a code, which texts like to write in two groups.
func codeForms(code string) []string {
	if code == "" {
		return nil
	}
	forms := []string{code, url.QueryEscape(code), url.PathEscape(code)}
	if half := len(code) / 2; len(code) >= 4 && len(code) <= 12 && len(code)%2 == 0 {
		for _, between := range []string{" ", "-", "+", "%20", "\u00a0"} {
			forms = append(forms, code[:half]+between+code[half:])
		}
	}
	return forms
}
