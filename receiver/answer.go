package receiver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Refusal is a no. See [Refuse].
type Refusal struct {
	// Reason is sent in the answer. Herald keeps it with the attempt and shows it to whoever looks at the event.
	Reason string
}

// Error is the reason.
func (e *Refusal) Error() string { return "refused: " + e.Reason }

// Refuse returns the error by which a handler says no: the answer is 422 with the reason in its body. An event that webhooks vote on then counts a no, and if
// too few agree the change does not happen. To an event that is sent after its commit a no is a failure like any other, which is tried again; there, return nil for what
// you have no use for.
//
// A no to a message means that it cannot be sent this way: Herald turns to the next messenger at once.
func Refuse(reason string) error { return &Refusal{reason} }

// RetryAfter returns the error by which a handler asks for the event again, not before pause has passed: the answer is 503 with Retry-After. A pause below a second counts
// as one. In a vote it is a no.
func RetryAfter(pause time.Duration, reason string) error { return &postponed{pause, reason} }

type postponed struct {
	pause  time.Duration
	reason string
}

func (e *postponed) Error() string { return "later: " + e.reason }

// Unsure marks an error after which a message may have gone out all the same: the provider was asked, and did not answer. The answer is 504, which makes Herald
// send it nowhere else unless the messenger says retryUnknown. It returns nil for nil.
func Unsure(err error) error {
	if err == nil {
		return nil
	}
	return &unsure{err}
}

type unsure struct{ err error }

func (e *unsure) Error() string { return e.err.Error() }
func (e *unsure) Unwrap() error { return e.err }

// malformed is an event that has the type of a handler, but not the members.
type malformed struct{ err error }

func (e *malformed) Error() string { return e.err.Error() }

type panicked struct {
	value any
	stack []byte
}

func (e *panicked) Error() string { return fmt.Sprintf("the handler panicked: %v", e.value) }

// answer writes the errors document of FusionAuth's example receivers, with a message unless it is empty.
func answer(w http.ResponseWriter, status int, code, message string) {
	type one struct {
		Code    string `json:"code"`
		Message string `json:"message,omitempty"`
	}
	body, _ := json.Marshal(map[string][]one{"errors": {{"[" + code + "]", message}}}) // strings can always be encoded
	answerJSON(w, status, body)
}

func answerJSON(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func later(w http.ResponseWriter, pause time.Duration, code, message string) {
	seconds := max(1, int64((pause+time.Second-1)/time.Second))
	w.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
	answer(w, http.StatusServiceUnavailable, code, message)
}
