package messenger

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// checkGeneric adds what is wrong with a messenger that posts JSON to a URL.
func checkGeneric(v *problem.Validation, m *wire.Messenger) {
	egress.CheckURLMember(v, "messenger.url", "A messenger", &m.URL)
	egress.CheckTimeout(v, "messenger.connectTimeout", m.ConnectTimeout)
	egress.CheckTimeout(v, "messenger.readTimeout", m.ReadTimeout)
	m.Headers = egress.CheckHeaders(v, "messenger.headers", m.Headers)
	for name := range m.Headers {
		v.Check(!strings.EqualFold(name, "Idempotency-Key"), "messenger.headers", "invalid",
			"This header cannot be sent: %s is how a receiver recognizes a message that it has already.", name)
	}
	egress.CheckLogin(v, "messenger", &m.HTTPAuthenticationUsername, &m.HTTPAuthenticationPassword)
	egress.CheckPEM(v, "messenger.sslCertificate", &m.SSLCertificate)
	m.AccountSID, m.AuthToken, m.FromPhoneNumber, m.MessagingServiceSID = "", "", "", ""
}

// generic is a receiver of one's own.
type generic struct {
	at                   *egress.Endpoint
	url                  string
	withCode, withUserID bool
}

// generic makes t the way to the receiver of m.
func (s *Service) generic(t *Target, m wire.Messenger) {
	t.connect, t.read = time.Duration(m.ConnectTimeout)*time.Millisecond, time.Duration(m.ReadTimeout)*time.Millisecond
	header := http.Header{"Accept": {"*/*"}, "Content-Type": {"application/json"}}
	t.headers = []string{"Content-Type: application/json"}
	for _, name := range slices.Sorted(maps.Keys(m.Headers)) {
		header.Set(name, m.Headers[name])
		t.headers = append(t.headers, http.CanonicalHeaderKey(name)+": "+egress.Hidden)
	}
	t.secrets = egress.Secrets(m.URL, m.Headers)
	if m.HTTPAuthenticationUsername != "" || m.HTTPAuthenticationPassword != "" {
		t.login(header, m.HTTPAuthenticationUsername, m.HTTPAuthenticationPassword)
	}
	var trust *egress.Trust
	if m.SSLCertificate != "" {
		var err error
		if trust, err = egress.ParsePEM(m.SSLCertificate); err != nil {
			t.fault = &fault{egress.TLS, fmt.Sprintf("the certificate of the messenger cannot be used: the text %v", err)}
			return
		}
	}
	t.way = &generic{s.Egress.Client(trust).Endpoint(m.URL, header), t.url, m.IncludeCode, m.IncludeUserID}
}

// login adds HTTP Basic authentication to the headers of every request, and to what must not be shown.
func (t *Target) login(header http.Header, username, password string) {
	basic := base64.StdEncoding.EncodeToString([]byte(username + ":" + password))
	header.Set("Authorization", "Basic "+basic)
	t.headers = append(t.headers, "Authorization: Basic "+egress.Hidden)
	t.secrets = append(t.secrets, password, basic)
}

// payload is what a receiver gets. FusionAuth's documentation of the Generic messenger shows exactly phoneNumber, textMessage and type for a text
// message; one that is spoken has message and locale in place of textMessage.
type payload struct {
	PhoneNumber string           `json:"phoneNumber"`
	TextMessage *string          `json:"textMessage,omitempty"`
	Message     *string          `json:"message,omitempty"`
	Locale      string           `json:"locale,omitempty"`
	Type        wire.MessageType `json:"type"`
	Code        string           `json:"code,omitempty"`
	UserID      wire.ID          `json:"userId,omitempty"`
}

func (g *generic) request(m Message) (*egress.Endpoint, string, []byte) {
	p := payload{PhoneNumber: m.PhoneNumber, Type: wire.MessageType(m.Kind)}
	if m.Kind == wire.KindVoice {
		p.Message, p.Locale = &m.Text, m.Locale
	} else {
		p.TextMessage = &m.Text
	}
	if g.withCode {
		p.Code = m.Code
	}
	if g.withUserID {
		p.UserID = m.UserID
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(p) // texts can always be encoded
	return g.at, g.url, bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func (g *generic) readable(body []byte) string { return string(body) }

// judge has nothing to add: the status says it all.
func (g *generic) judge(egress.Result) (bool, string) { return false, "" }
