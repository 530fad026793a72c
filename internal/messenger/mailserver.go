package messenger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/problem"
)

// MailSecurity says when TLS begins.
type MailSecurity string

// The securities, in FusionAuth's words.
const (
	NoTLS       MailSecurity = "NONE" // never
	ImplicitTLS MailSecurity = "SSL"  // with the connection
	StartTLS    MailSecurity = "TLS"  // after STARTTLS, without which nothing is sent
)

// MailServer is where the e-mails of a tenant go.
type MailServer struct {
	Host     string
	Port     int
	Security MailSecurity
	// Username is empty where there is no login.
	Username string
	Password egress.Secret
	// FromEmail and FromName are for e-mails that have no sender of their own.
	FromEmail, FromName string
	// Headers are added to each e-mail.
	Headers []MailHeader
	// Certificate is a certificate in PEM form. When set it is all that is trusted.
	Certificate string
	// ConnectTimeout bounds the way to a connection, ReadTimeout all that is said over it.
	ConnectTimeout, ReadTimeout time.Duration
	// Debug writes each e-mail into the event log.
	Debug bool
}

// MailHeader is one header of an e-mail.
type MailHeader struct{ Name, Value string }

// Defaults of an e-mail configuration. Host, port, security and sender are FusionAuth's.
const (
	defaultMailHost       = "localhost"
	defaultMailPort       = 25
	defaultFromEmail      = "change-me@example.com"
	defaultMailConnect    = 3 * time.Second
	defaultMailRead       = 10 * time.Second
	emailPath             = "emailConfiguration"
	mostAdditionalHeaders = 100
)

// ParseMailServer reads the e-mail configuration of a tenant, which is kept as clients sent it: numbers and booleans may be texts. password is the
// stored one, for a configuration that has none. A configuration that is absent has all the defaults. The error is a problem that names all
// members that cannot be used.
func ParseMailServer(raw json.RawMessage, password string) (MailServer, error) {
	var v problem.Validation
	p := members{v: &v}
	if raw = bytes.TrimSpace(raw); len(raw) > 0 && !bytes.Equal(raw, []byte("null")) {
		v.Check(json.Unmarshal(raw, &p.all) == nil, emailPath, "couldNotConvert", "The e-mail configuration must be an object.")
	}
	s := MailServer{
		Host: p.text("host", defaultMailHost), Port: p.number("port", defaultMailPort), Security: MailSecurity(p.text("security", string(NoTLS))),
		Username: p.text("username", ""), Password: egress.Secret(p.text("password", password)),
		FromEmail: p.text("defaultFromEmail", defaultFromEmail), FromName: p.text("defaultFromName", ""),
		Headers: p.headers(), Certificate: p.text("sslCertificate", ""),
		ConnectTimeout: p.timeout("connectTimeout", defaultMailConnect), ReadTimeout: p.timeout("readTimeout", defaultMailRead), Debug: p.flag("debug"),
	}
	s.check(&v)
	return s, v.Err()
}

// check adds what cannot be used.
func (s *MailServer) check(v *problem.Validation) {
	if _, err := egress.CheckHost(s.Host); err != nil && !v.Has(emailPath+".host") {
		v.Field(emailPath+".host", "invalid", "The host of the mail server is a name or an address, without a port.")
	}
	v.Check(s.Port >= 1 && s.Port <= 65535 || v.Has(emailPath+".port"), emailPath+".port", "invalid", "The port is from 1 to 65535.")
	v.Check(slices.Contains([]MailSecurity{NoTLS, ImplicitTLS, StartTLS}, s.Security) || v.Has(emailPath+".security"), emailPath+".security", "invalid",
		"The security is NONE, SSL (TLS from the beginning, mostly port 465) or TLS (STARTTLS, mostly port 587).")
	v.Check(!strings.ContainsFunc(s.Username, isControl), emailPath+".username", "invalid", "The user name cannot contain control characters.")
	v.Check(!strings.ContainsFunc(string(s.Password), isControl), emailPath+".password", "invalid", "The password cannot contain control characters.")
	v.Check(IsEmailAddress(s.FromEmail) || v.Has(emailPath+".defaultFromEmail"), emailPath+".defaultFromEmail", "notEmail", "The default sender must be an e-mail address.")
	egress.CheckPEM(v, emailPath+".sslCertificate", &s.Certificate)
	const path = emailPath + ".additionalHeaders"
	v.Check(len(s.Headers) <= mostAdditionalHeaders, path, "tooMany", "At most %d headers can be added.", mostAdditionalHeaders)
	for _, h := range s.Headers {
		if err := checkMailHeader(h); err != nil {
			v.Field(path, "invalid", "This header cannot be added: %v.", err)
		}
	}
}

// ownMailHeaders say who writes to whom and how the e-mail is built; they are written here.
var ownMailHeaders = []string{
	"From", "Sender", "To", "Cc", "Bcc", "Subject", "Date", "Message-Id", "Mime-Version", "Received", "Return-Path", "Dkim-Signature",
}

func checkMailHeader(h MailHeader) error {
	canonical := http.CanonicalHeaderKey(h.Name)
	switch {
	case h.Name == "":
		return fmt.Errorf("a header needs a name")
	case strings.ContainsFunc(h.Name, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == ':' }) || len(h.Name) > 100:
		return fmt.Errorf("a header's name has letters, digits and hyphens")
	case slices.Contains(ownMailHeaders, canonical) || strings.HasPrefix(canonical, "Content-"):
		return fmt.Errorf("the header %s is a part of every e-mail", h.Name)
	case strings.ContainsFunc(h.Value, isControl) || len(h.Value) > 2000:
		return fmt.Errorf("the value of the header %s must not contain line breaks or control characters", h.Name)
	}
	return nil
}

// members reads a JSON object whose values may be written in several ways.
type members struct {
	all map[string]json.RawMessage
	v   *problem.Validation
}

func (p members) absent(name string) bool {
	raw := bytes.TrimSpace(p.all[name])
	return len(raw) == 0 || bytes.Equal(raw, []byte("null"))
}

// text is fallback where there is none. An empty text is none too, but for a password: that is how it is taken away.
func (p members) text(name, fallback string) string {
	if p.absent(name) {
		return fallback
	}
	var text string
	if json.Unmarshal(p.all[name], &text) != nil {
		p.v.Field(emailPath+"."+name, "couldNotConvert", "%s must be a text.", name)
		return fallback
	}
	if name == "password" {
		return text
	}
	if text = strings.TrimSpace(text); text == "" {
		return fallback
	}
	return text
}

func (p members) number(name string, fallback int) int {
	if p.absent(name) {
		return fallback
	}
	text := strings.TrimSpace(strings.Trim(string(bytes.TrimSpace(p.all[name])), `"`))
	if text == "" {
		return fallback
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		p.v.Field(emailPath+"."+name, "couldNotConvert", "%s must be a whole number.", name)
		return fallback
	}
	return n
}

func (p members) timeout(name string, fallback time.Duration) time.Duration {
	ms := p.number(name, int(fallback.Milliseconds()))
	egress.CheckTimeout(p.v, emailPath+"."+name, ms)
	return time.Duration(ms) * time.Millisecond
}

func (p members) flag(name string) bool {
	text := strings.Trim(string(bytes.TrimSpace(p.all[name])), `"`)
	return text == "true"
}

func (p members) headers() (headers []MailHeader) {
	const name = "additionalHeaders"
	if p.absent(name) {
		return nil
	}
	var list []struct{ Name, Value string }
	if json.Unmarshal(p.all[name], &list) != nil {
		p.v.Field(emailPath+"."+name, "couldNotConvert", "%s must be a list of headers, each with name and value.", name)
		return nil
	}
	for _, h := range list {
		headers = append(headers, MailHeader{strings.TrimSpace(h.Name), strings.TrimSpace(h.Value)})
	}
	return headers
}
