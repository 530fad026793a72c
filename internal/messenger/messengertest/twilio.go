package messengertest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"sync"
	"testing"

	"github.com/herald-events/herald/internal/egress/egresstest"
)

// The account that Twilio knows.
const (
	TwilioSID   = "AC0123456789"
	TwilioToken = "twilio-token-0123456789"
)

// Twilio stands in for its REST API (https://www.twilio.com/docs/messaging/api/message-resource): it takes what the real one would take, refuses the rest with the
// errors of the real one, and repeats what it was sent as that does. Script makes it do something else.
type Twilio struct {
	*egresstest.Receiver

	mu    sync.Mutex
	forms []url.Values
}

// NewTwilio starts a Twilio that has no messages yet.
func NewTwilio(tb testing.TB) *Twilio {
	tb.Helper()
	w := &Twilio{Receiver: egresstest.NewReceiver(tb)}
	w.Script(egresstest.Handle(w.serve))
	return w
}

// Forms are the posts that were taken, in order.
func (w *Twilio) Forms() []url.Values {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.forms)
}

var (
	number = regexp.MustCompile(`^\+[1-9]\d{6,14}$`)
	sender = regexp.MustCompile(`^(\+[1-9]\d{6,14}|\d{3,8}|[A-Za-z][A-Za-z0-9 ]{0,10}|MG[A-Za-z0-9]+)$`) // a number, a short code, a name, a messaging service
)

func (w *Twilio) serve(rw http.ResponseWriter, q *http.Request) {
	rw.Header().Set("Content-Type", "application/json")
	refuse := func(status, code int, format string, args ...any) {
		rw.WriteHeader(status)
		_ = json.NewEncoder(rw).Encode(map[string]any{
			"code": code, "message": fmt.Sprintf(format, args...), "more_info": fmt.Sprintf("https://www.twilio.com/docs/errors/%d", code), "status": status,
		})
	}
	const account = "/2010-04-01/Accounts/" + TwilioSID
	var need []string // besides To
	switch q.URL.Path {
	case account + "/Messages.json":
		need = []string{"Body"}
	case account + "/Calls.json":
		need = []string{"Twiml"}
	default:
		refuse(404, 20404, "The requested resource %s was not found", q.URL.Path)
		return
	}
	sid, token, _ := q.BasicAuth()
	err := q.ParseForm() // reads only what says that it is a form
	form := q.PostForm
	from := "From"
	if form.Has("MessagingServiceSid") {
		from = "MessagingServiceSid"
	}
	need = append(need, from, "To")
	switch {
	case q.Method != http.MethodPost:
		refuse(405, 20004, "Method not allowed")
	case sid != TwilioSID || token != TwilioToken:
		refuse(401, 20003, "Authenticate")
	case err != nil:
		refuse(400, 20001, "Bad request")
	case !number.MatchString(form.Get("To")):
		refuse(400, 21211, "The 'To' number %s is not a valid phone number.", form.Get("To"))
	case form.Get(from) == "":
		refuse(400, 21603, "A 'From' phone number is required.")
	case !sender.MatchString(form.Get(from)):
		refuse(400, 21212, "The 'From' number %s is not a valid phone number, shortcode, or alphanumeric sender ID.", form.Get(from))
	case form.Get(need[0]) == "":
		refuse(400, 21602, "Message body is required.")
	case !slices.Equal(slices.Sorted(maps.Keys(form)), slices.Sorted(slices.Values(need))): // the real one would overlook what it does not know
		refuse(400, 20001, "The form has %v, not %v", slices.Sorted(maps.Keys(form)), need)
	default:
		w.mu.Lock()
		w.forms = append(w.forms, form)
		w.mu.Unlock()
		rw.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(rw).Encode(map[string]any{
			"sid": "SM0123456789", "status": "queued", "to": form.Get("To"), "from": form.Get("From"), "body": form.Get("Body"), "error_code": nil,
		})
	}
}
