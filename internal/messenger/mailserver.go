package messenger

import (
	"fmt"
	"net/http"
	"slices"
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

// mostMailHeaders is how many headers can be added to each e-mail.
const mostMailHeaders = 100

// Check adds everything that e-mails could not be sent with. path is that of the configuration, in which the members are called host, port,
// defaultFromEmail and so on.
func (s *MailServer) Check(v *problem.Validation, path string) {
	_, err := egress.CheckHost(s.Host)
	v.Check(err == nil, path+".host", "invalid", "The host of the mail server is a name or an address, without a port.")
	v.Check(s.Port >= 1 && s.Port <= 65535, path+".port", "invalid", "The port is from 1 to 65535.")
	v.Check(slices.Contains([]MailSecurity{NoTLS, ImplicitTLS, StartTLS}, s.Security), path+".security", "invalid",
		"The security is NONE, SSL (TLS from the beginning, mostly port 465) or TLS (STARTTLS, mostly port 587).")
	v.Check(!strings.ContainsFunc(s.Username, isControl), path+".username", "invalid", "The user name cannot contain control characters.")
	v.Check(!strings.ContainsFunc(string(s.Password), isControl), path+".password", "invalid", "The password cannot contain control characters.")
	v.Check(IsEmailAddress(s.FromEmail), path+".defaultFromEmail", "notEmail", "The default sender must be an e-mail address.")
	egress.CheckPEM(v, path+".sslCertificate", &s.Certificate)
	egress.CheckTimeout(v, path+".connectTimeout", int(s.ConnectTimeout.Milliseconds()))
	egress.CheckTimeout(v, path+".readTimeout", int(s.ReadTimeout.Milliseconds()))
	checkMailHeaders(v, path+".additionalHeaders", s.Headers)
}

func checkMailHeaders(v *problem.Validation, path string, headers []MailHeader) {
	if len(headers) > mostMailHeaders {
		v.Field(path, "tooMany", "At most %d headers can be added.", mostMailHeaders)
		return
	}
	seen := map[string]bool{}
	for _, h := range headers {
		if err := checkMailHeader(h); err != nil {
			v.Field(path, "invalid", "This header cannot be added: %v.", err)
			continue
		}
		canonical := http.CanonicalHeaderKey(h.Name)
		v.Check(!seen[canonical], path, "duplicate", "The header %q is there twice; case does not count.", h.Name)
		seen[canonical] = true
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
