package messenger

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// Timeouts of a Twilio messenger that names none.
const (
	twilioConnectTimeout = 2 * time.Second
	twilioReadTimeout    = 5 * time.Second
)

// checkTwilio adds what is wrong with a messenger that uses Twilio's REST API.
func checkTwilio(v *problem.Validation, m *wire.Messenger) {
	const place = "https://api.twilio.com"
	egress.CheckURLMember(v, "messenger.url", "A messenger", &m.URL)
	v.Check(v.Has("messenger.url") || !strings.Contains(m.URL, "?"), "messenger.url", "invalid", "The URL is that of the API, %s as a rule, without a query.", place)
	checkOptionalTimeout(v, "messenger.connectTimeout", m.ConnectTimeout)
	checkOptionalTimeout(v, "messenger.readTimeout", m.ReadTimeout)
	m.AccountSID, m.AuthToken = strings.TrimSpace(m.AccountSID), strings.TrimSpace(m.AuthToken)
	m.FromPhoneNumber, m.MessagingServiceSID = strings.TrimSpace(m.FromPhoneNumber), strings.TrimSpace(m.MessagingServiceSID)
	v.Check(m.AccountSID != "", "messenger.accountSID", "blank", "Twilio needs the SID of your account.")
	v.Check(isName(m.AccountSID), "messenger.accountSID", "invalid", "The SID of an account has letters and digits only.")
	// Optional, as FusionAuth's documentation of the API says: what stands between us and Twilio may add it.
	v.Check(!strings.ContainsFunc(m.AuthToken, isControl), "messenger.authToken", "invalid", "The token cannot contain control characters.")
	switch {
	case m.FromPhoneNumber != "":
		// Twilio also takes names and short codes.
		v.Check(!strings.ContainsFunc(m.FromPhoneNumber, isControl) && len(m.FromPhoneNumber) <= 64, "messenger.fromPhoneNumber", "invalid",
			"Twilio sends from a phone number, or from a name that it has registered for you.")
	case m.MessagingServiceSID == "":
		v.Field("messenger.fromPhoneNumber", "blank", "Twilio needs either a phone number to send from or the SID of a messaging service.")
	case slices.Contains(m.MessageTypes, wire.Voice):
		v.Field("messenger.fromPhoneNumber", "blank", "Calls need a phone number to call from; a messaging service makes none.")
	}
	v.Check(isName(m.MessagingServiceSID), "messenger.messagingServiceSid", "invalid", "The SID of a messaging service has letters and digits only.")
	m.Headers, m.HTTPAuthenticationUsername, m.HTTPAuthenticationPassword, m.SSLCertificate = nil, "", "", ""
	m.IncludeCode, m.IncludeUserID = false, false
}

func isName(s string) bool {
	return len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9')
	})
}

// twilio is an account at Twilio.
type twilio struct {
	messages, calls       *egress.Endpoint
	messagesURL, callsURL string
	from, service         string
}

// twilio makes t the way to the account of m.
func (s *Service) twilio(t *Target, m wire.Messenger) {
	t.connect, t.read = twilioConnectTimeout, twilioReadTimeout
	if m.ConnectTimeout > 0 {
		t.connect = time.Duration(m.ConnectTimeout) * time.Millisecond
	}
	if m.ReadTimeout > 0 {
		t.read = time.Duration(m.ReadTimeout) * time.Millisecond
	}
	header := http.Header{"Accept": {"application/json"}, "Content-Type": {"application/x-www-form-urlencoded"}}
	t.headers = []string{"Content-Type: application/x-www-form-urlencoded"}
	t.login(header, m.AccountSID, m.AuthToken)
	account := strings.TrimRight(m.URL, "/") + "/2010-04-01/Accounts/" + url.PathEscape(m.AccountSID)
	client := s.Egress.Client(nil)
	w := &twilio{messagesURL: account + "/Messages.json", callsURL: account + "/Calls.json", from: international(m.FromPhoneNumber), service: m.MessagingServiceSID}
	w.messages, w.calls = client.Endpoint(w.messagesURL, header), client.Endpoint(w.callsURL, header)
	t.url, t.way = w.messagesURL, w
}

func (w *twilio) request(m Message) (*egress.Endpoint, string, []byte) {
	form := url.Values{"To": {international(m.PhoneNumber)}}
	if m.Kind == wire.KindVoice {
		form.Set("From", w.from)
		form.Set("Twiml", say(m.Text, m.Locale))
		return w.calls, w.callsURL, []byte(form.Encode())
	}
	form.Set("Body", m.Text)
	if w.service != "" {
		form.Set("MessagingServiceSid", w.service)
	} else {
		form.Set("From", w.from)
	}
	return w.messages, w.messagesURL, []byte(form.Encode())
}

// international is the number without what people put between its digits. Twilio wants E.164. A name to send from stays as it is.
func international(number string) string {
	if !IsPhoneNumber(number) { // a masked one
		return number
	}
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" ()-./", r) {
			return -1
		}
		return r
	}, number)
}

// say is the call in Twilio's markup. Its voices are named by language and region, so a language alone gets the region where most speak it.
func say(text, locale string) string {
	var escaped strings.Builder
	_ = xml.EscapeText(&escaped, []byte(text)) // a builder takes everything
	if tag, err := language.Parse(strings.ReplaceAll(locale, "_", "-")); locale != "" && err == nil {
		base, _ := tag.Base()
		region, _ := tag.Region()
		return fmt.Sprintf(`<Response><Say language="%s-%s">%s</Say></Response>`, base, region, escaped.String())
	}
	return "<Response><Say>" + escaped.String() + "</Say></Response>"
}

// readable is the form with a line for each of its members.
func (w *twilio) readable(body []byte) string {
	var lines []string
	for pair := range strings.SplitSeq(string(body), "&") {
		if plain, err := url.QueryUnescape(pair); err == nil {
			lines = append(lines, plain)
		}
	}
	return strings.Join(lines, "\n")
}

// judge reads what Twilio says about a message: the number and text of an error, or that it was taken and has failed at once.
func (w *twilio) judge(r egress.Result) (refused bool, why string) {
	var said struct {
		// Of an error.
		Code    json.Number `json:"code"`
		Message string      `json:"message"`
		// Of a message.
		Status       any         `json:"status"` // text; the HTTP status in an error
		ErrorCode    json.Number `json:"error_code"`
		ErrorMessage string      `json:"error_message"`
	}
	if json.Unmarshal(r.Body, &said) != nil {
		return false, ""
	}
	switch {
	case r.StatusCode >= 400 && said.Code != "":
		return true, fmt.Sprintf("Twilio error %s: %s", said.Code, said.Message)
	case said.Status == "failed" || said.Status == "undelivered":
		return true, strings.TrimSuffix(fmt.Sprintf("Twilio error %s: %s", said.ErrorCode, said.ErrorMessage), ": ")
	}
	return false, ""
}
