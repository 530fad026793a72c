package messenger_test

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	gosmtp "github.com/wneessen/go-mail/smtp"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/messenger"
	"github.com/herald-events/herald/wire"
)

const mailPassword = "mail-password-0123"

// postOffice is a real SMTP server that can be told to refuse.
type postOffice struct {
	host string
	port int

	refuseSender, refuseRecipient, refuseMail error
	mechanisms                                []string

	mu    sync.Mutex
	mails []received
}

type received struct {
	from    string
	to      []string
	user    string
	tls     bool
	content string
}

func newPostOffice(t *testing.T, config *tls.Config, implicit bool) *postOffice {
	t.Helper()
	p := &postOffice{host: "127.0.0.1", mechanisms: []string{sasl.Plain}}
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &session{office: p, conn: c}, nil }))
	server.Domain, server.AllowInsecureAuth, server.TLSConfig = "mail.example.com", true, config
	server.ErrorLog = silent{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.port = listener.Addr().(*net.TCPAddr).Port
	if implicit {
		listener = tls.NewListener(listener, config)
	}
	ended := make(chan struct{})
	go func() {
		_ = server.Serve(listener)
		close(ended)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-ended
	})
	return p
}

type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

// received are the mails so far.
func (p *postOffice) received() []received {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.mails)
}

type session struct {
	office *postOffice
	conn   *smtp.Conn
	mail   received
	user   string
}

func (s *session) AuthMechanisms() []string { return s.office.mechanisms }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "herald" || password != mailPassword {
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "no, not " + password}
		}
		s.user = user
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.mail = received{from: from}
	return s.office.refuseSender
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mail.to = append(s.mail.to, to)
	return s.office.refuseRecipient
}

func (s *session) Data(r io.Reader) error {
	content, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if s.office.refuseMail != nil {
		return s.office.refuseMail
	}
	s.mail.content, s.mail.user = string(content), s.user
	_, s.mail.tls = s.conn.TLSConnectionState()
	s.office.mu.Lock()
	defer s.office.mu.Unlock()
	s.office.mails = append(s.office.mails, s.mail)
	return nil
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }

func tlsConfig(c tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{c}} }

// server is where p is, as a tenant's configuration says it.
func server(t *testing.T, p *postOffice, members map[string]any) messenger.MailServer {
	t.Helper()
	all := map[string]any{"host": p.host, "port": p.port, "defaultFromEmail": "herald@example.com", "defaultFromName": "Herald"}
	for name, value := range members {
		all[name] = value
	}
	return parse(t, all)
}

func parse(t *testing.T, members map[string]any) messenger.MailServer {
	t.Helper()
	raw, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	s, err := messenger.ParseMailServer(raw, "")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func email() messenger.Email {
	return messenger.Email{
		Email: wire.Email{
			To: []wire.EmailAddress{{Address: "Ada.Lovelace@example.org", Display: `Ada "the first" Lövelace`}}, Subject: "Ihr Code für heute: 918273",
			Text: "Grüße, der Code ist 918273.\n.\nEin Punkt allein.\n", HTML: "<p>Grüße, der Code ist <b>918273</b>.</p>",
		},
		Code: code, Key: "key-of-the-message",
	}
}

// opened is a mail as a mail program shows it.
type opened struct {
	header     netmail.Header
	subject    string
	text, html string
}

func open(t *testing.T, content string) (o opened) {
	t.Helper()
	m, err := netmail.ReadMessage(strings.NewReader(content))
	if err != nil {
		t.Fatalf("%v in\n%s", err, content)
	}
	o.header = m.Header
	if o.subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(kind, "multipart/") {
		body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
		if err != nil {
			t.Fatal(err)
		}
		o.text = string(body)
		return o
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for {
		part, err := parts.NextPart()
		if err != nil {
			return o
		}
		body, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(part.Header.Get("Content-Type"), "text/html") {
			o.html = string(body)
		} else {
			o.text = string(body)
		}
	}
}

func TestEmail_Arrives(t *testing.T) {
	t.Parallel()
	s := once(t)
	authority := egresstest.NewAuthority(t)
	config := tlsConfig(authority.ServerCertificate("127.0.0.1"))
	for name, c := range map[string]struct {
		office  *postOffice
		members map[string]any
		tls     bool
	}{
		"STARTTLS with login":   {newPostOffice(t, config, false), map[string]any{"security": "TLS", "username": "herald", "password": mailPassword, "sslCertificate": authority.PEM()}, true},
		"TLS from the start":    {newPostOffice(t, config, true), map[string]any{"security": "SSL", "username": "herald", "password": mailPassword, "sslCertificate": authority.PEM()}, true},
		"in clear on loopback":  {newPostOffice(t, nil, false), map[string]any{"security": "NONE", "username": "herald", "password": mailPassword}, false},
		"STARTTLS is not asked": {newPostOffice(t, config, false), map[string]any{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			c.members["additionalHeaders"] = []map[string]string{{"name": "X-Tenant", "value": "Zürich"}}
			to := s.Mail(server(t, c.office, c.members))
			m := email()
			m.Headers = map[string]string{"X-Purpose": "two-factor"}
			for range 2 {
				a := to.Send(t.Context(), m)
				if !a.Accepted() || a.StatusCode != 250 || a.Unknown || a.Again || a.Exception != "" || a.URL != fmt.Sprintf("127.0.0.1:%d", c.office.port) ||
					!strings.Contains(a.ResponseBody, "OK") || a.Debug != "" || a.DurationMicros <= 0 || a.MessengerID != "" {
					t.Fatalf("attempt %+v", a)
				}
			}
			got := c.office.received()
			if len(got) != 2 || got[0].from != "herald@example.com" || !slices.Equal(got[0].to, []string{"Ada.Lovelace@example.org"}) || got[0].tls != c.tls ||
				(got[0].user == "herald") != (c.members["username"] != nil) {
				t.Fatalf("received %+v", got)
			}
			o := open(t, got[0].content)
			lf := func(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }
			if o.subject != m.Subject || strings.TrimSpace(lf(o.text)) != strings.TrimSpace(m.Text) || strings.TrimSpace(o.html) != m.HTML {
				t.Errorf("subject %q, text %q, html %q", o.subject, o.text, o.html)
			}
			from, err1 := netmail.ParseAddress(o.header.Get("From"))
			addressee, err2 := netmail.ParseAddress(o.header.Get("To"))
			if err1 != nil || err2 != nil || from.Name != "Herald" || addressee.Name != m.To[0].Display || addressee.Address != m.To[0].Address {
				t.Errorf("from %v %v, to %v %v", from, err1, addressee, err2)
			}
			if tenant, _ := new(mime.WordDecoder).DecodeHeader(o.header.Get("X-Tenant")); tenant != "Zürich" || o.header.Get("X-Purpose") != "two-factor" {
				t.Errorf("headers %v", o.header)
			}
			// Both attempts have the id by which mail programs drop the second one.
			if id := o.header.Get("Message-Id"); !strings.HasSuffix(id, "@example.com>") || strings.Contains(id, m.Key) || id != open(t, got[1].content).header.Get("Message-Id") {
				t.Errorf("message id %q", id)
			}
		})
	}
}

// What somebody puts into a name, a subject or a header does not become a header or another recipient.
func TestEmail_NothingIsSmuggled(t *testing.T) {
	t.Parallel()
	s := once(t)
	office := newPostOffice(t, nil, false)
	to := s.Mail(server(t, office, nil))
	m := email()
	m.Subject = "Hello\r\nBcc: eve@example.com\r\n\r\nand more"
	m.From = wire.EmailAddress{Address: "from@example.com", Display: "A\r\nX-Evil: 1"}
	m.To[0].Display = "B\nX-Evil: 2"
	m.HTML = ""
	m.CC = []wire.EmailAddress{{Address: "cc@example.com"}}
	m.BCC = []wire.EmailAddress{{Address: "bcc@example.com"}}
	m.ReplyTo = wire.EmailAddress{Address: "reply@example.com"}
	m.Attachments = []wire.EmailAttachment{{Name: "a\r\nX-Evil: 3.txt", MIME: "text/plain", Attachment: []byte("attached")}}
	if a := to.Send(t.Context(), m); !a.Accepted() {
		t.Fatalf("attempt %+v", a)
	}
	got := office.received()[0]
	o := open(t, got.content)
	if got.from != "from@example.com" || !slices.Equal(got.to, []string{"Ada.Lovelace@example.org", "cc@example.com", "bcc@example.com"}) {
		t.Errorf("envelope %+v", got)
	}
	for _, name := range []string{"X-Evil", "Bcc"} {
		if o.header.Get(name) != "" || strings.Contains(got.content, "\n"+name+":") {
			t.Errorf("there is a header %s in\n%s", name, got.content)
		}
	}
	if o.subject != "Hello  Bcc: eve@example.com    and more" || o.header.Get("Reply-To") != "<reply@example.com>" {
		t.Errorf("subject %q, headers %v", o.subject, o.header)
	}

	for name, change := range map[string]func(m *messenger.Email){
		"no recipient":           func(m *messenger.Email) { m.To, m.CC, m.BCC = nil, nil, nil },
		"no address":             func(m *messenger.Email) { m.To[0].Address = "ada" },
		"two addresses":          func(m *messenger.Email) { m.To[0].Address = "ada@example.com, eve@example.com" },
		"an address with a name": func(m *messenger.Email) { m.To[0].Address = "Ada <ada@example.com>" },
		"a line break":           func(m *messenger.Email) { m.To[0].Address = "ada@example.com>\r\nRCPT TO:<eve@example.com" },
		"no sender":              func(m *messenger.Email) { m.From.Address = "from" },
		"a bad reply address":    func(m *messenger.Email) { m.ReplyTo.Address = "reply" },
		"a header of ours":       func(m *messenger.Email) { m.Headers = map[string]string{"bcc": "eve@example.com"} },
		"a header with a break":  func(m *messenger.Email) { m.Headers = map[string]string{"X-A": "b\r\nBcc: eve@example.com"} },
		"a header with a space":  func(m *messenger.Email) { m.Headers = map[string]string{"X A": "b"} },
	} {
		bad := email()
		change(&bad)
		a := to.Send(t.Context(), bad)
		if a.Outcome != string(egress.Invalid) || a.Unknown || a.Again || a.Exception == "" || strings.Contains(a.Exception, "@") {
			t.Errorf("%s: attempt %+v", name, a)
		}
	}
	if n := len(office.received()); n != 1 {
		t.Errorf("%d were received", n)
	}
}

func TestEmail_Refused(t *testing.T) {
	t.Parallel()
	s := once(t)
	refusal := func(code int, text string) error {
		return &smtp.SMTPError{Code: code, EnhancedCode: smtp.NoEnhancedCode, Message: text}
	}
	for name, c := range map[string]struct {
		office  func(p *postOffice)
		members map[string]any
		status  int
		again   bool
		text    string
	}{
		"the sender":             {func(p *postOffice) { p.refuseSender = refusal(550, "not from you") }, nil, 550, false, "the mail server refused the sender: 550 not from you"},
		"the recipient, for now": {func(p *postOffice) { p.refuseRecipient = refusal(451, "ada.lovelace@example.org: later") }, nil, 451, true, "the mail server refused the recipient: 451 (hidden): later"},
		"the recipient":          {func(p *postOffice) { p.refuseRecipient = refusal(550, "<Ada.Lovelace@example.org>: no such user") }, nil, 550, false, "the mail server refused the recipient: 550 <(hidden)>: no such user"},
		"the mail":               {func(p *postOffice) { p.refuseMail = refusal(554, "spam: Der Code ist 918273") }, nil, 554, false, "the mail server refused the e-mail: 554 spam: Der Code ist (hidden)"},
		"the mail, for now":      {func(p *postOffice) { p.refuseMail = refusal(452, "full") }, nil, 452, true, "the mail server refused the e-mail: 452 full"},
		"the login":              {func(p *postOffice) {}, map[string]any{"username": "herald", "password": "wrong-password"}, 535, false, "the mail server refused the login: 535 "},
		"no login known here":    {func(p *postOffice) { p.mechanisms = []string{"GSSAPI"} }, map[string]any{"username": "herald", "password": mailPassword}, 0, false, "offers no way to log in"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			office := newPostOffice(t, nil, false)
			c.office(office)
			config := server(t, office, c.members)
			config.Debug = true
			a := s.Mail(config).Send(t.Context(), email())
			if a.Outcome != string(egress.Refused) || a.StatusCode != c.status || a.Unknown || a.Again != c.again || !strings.Contains(a.Exception, c.text) {
				t.Errorf("attempt %+v", a)
			}
			for _, secret := range []string{code, mailPassword, "wrong-password", "velace@example"} {
				if strings.Contains(fmt.Sprintf("%+v", a), secret) {
					t.Errorf("%q is in %+v", secret, a)
				}
			}
			if len(office.received()) != 0 {
				t.Error("it was received")
			}
		})
	}
}

// scripted is a mail server below SMTP: it says its greeting and then one of the answers to each line, whatever that is. Without an answer
// left it closes the connection.
func scripted(t *testing.T, answers ...string) *egresstest.Wire {
	return egresstest.NewWire(t, func(c *egresstest.WireConn) {
		for i, answer := range answers {
			if i > 0 {
				if _, err := c.In.ReadString('\n'); err != nil {
					return
				}
			}
			if answer == silence {
				<-c.Done
				return
			}
			if answer == wholeMail {
				for line := ""; line != ".\r\n"; {
					var err error
					if line, err = c.In.ReadString('\n'); err != nil {
						return
					}
				}
				continue
			}
			c.Say(answer)
		}
		if len(answers) > 1 && answers[len(answers)-1] != wholeMail {
			_, _ = c.In.ReadString('\n')
		}
	})
}

const (
	silence   = "silence"
	wholeMail = "the whole mail"
	ehlo      = "250-mail.example.com\r\n250 8BITMIME\r\n"
	ok        = "250 OK\r\n"
)

func TestEmail_Broken(t *testing.T) {
	t.Parallel()
	s := once(t)
	authority := egresstest.NewAuthority(t)
	for name, c := range map[string]struct {
		answers        []string
		members        map[string]any
		want           egress.Outcome
		unknown, again bool
		text           string
	}{
		"no word":                    {[]string{silence}, nil, egress.Timeout, false, true, "said nothing about the connection in time (600 ms in all); check port and security"},
		"no greeting":                {[]string{"554 go away\r\n"}, nil, egress.Refused, false, false, "the mail server refused the connection: 554 go away"},
		"busy":                       {[]string{"421 later\r\n"}, nil, egress.Refused, false, true, "refused the connection: 421 later"},
		"no SMTP":                    {[]string{"HTTP/1.1 400 Bad Request\r\n"}, nil, egress.Protocol, false, false, "does not speak SMTP"},
		"closed at once":             {nil, nil, egress.Reset, false, true, "closed the connection instead of an answer about the connection"},
		"no STARTTLS":                {[]string{"220 hi\r\n", ehlo}, map[string]any{"security": "TLS"}, egress.TLS, false, false, "does not offer STARTTLS"},
		"STARTTLS, and then no TLS":  {[]string{"220 hi\r\n", "250-x\r\n250 STARTTLS\r\n", "220 go ahead\r\nno TLS here\r\n", "and no more\r\n"}, map[string]any{"security": "TLS"}, egress.TLS, false, false, "TLS: the receiver does not speak TLS"},
		"no TLS":                     {[]string{"220 hi\r\n", ehlo}, map[string]any{"security": "SSL"}, egress.TLS, false, false, "TLS: the receiver does not speak TLS"},
		"silent about the recipient": {[]string{"220 hi\r\n", ehlo, ok, silence}, nil, egress.Timeout, false, true, "said nothing about the recipient in time"},
		"closed before the mail":     {[]string{"220 hi\r\n", ehlo, ok, ok}, nil, egress.Reset, false, true, "instead of an answer about the e-mail"},
		"silent about the mail":      {[]string{"220 hi\r\n", ehlo, ok, ok, "354 go\r\n", wholeMail, silence}, nil, egress.Timeout, true, false, "said nothing about the e-mail in time"},
		"closed after the mail":      {[]string{"220 hi\r\n", ehlo, ok, ok, "354 go\r\n", wholeMail}, nil, egress.Reset, true, false, "instead of an answer about the e-mail"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wireAddr := strings.TrimPrefix(scripted(t, c.answers...).URL, "http://")
			host, port, _ := net.SplitHostPort(wireAddr)
			members := map[string]any{"host": host, "port": port, "connectTimeout": 300, "readTimeout": "300", "sslCertificate": authority.PEM()}
			for name, value := range c.members {
				members[name] = value
			}
			a := s.Mail(parse(t, members)).Send(t.Context(), email())
			if a.Outcome != string(c.want) || a.Unknown != c.unknown || a.Again != c.again || !strings.Contains(a.Exception, c.text) {
				t.Errorf("attempt %+v", a)
			}
		})
	}
}

func TestEmail_NotSent(t *testing.T) {
	t.Parallel()
	s := once(t)
	hardened := newService(t, dbtest.Open(t, db.SQLite), egress.Options{})
	authority := egresstest.NewAuthority(t)
	office := newPostOffice(t, tlsConfig(authority.ServerCertificate("mail.example.com")), false)
	trusted := newPostOffice(t, tlsConfig(authority.ServerCertificate("127.0.0.1")), false)
	unused := egresstest.UnusedAddress(t)
	for name, c := range map[string]struct {
		s       *messenger.Service
		members map[string]any
		want    egress.Outcome
		again   bool
		text    string
	}{
		"an address that is not allowed":   {hardened, nil, egress.Blocked, false, "loopback"},
		"nobody listens":                   {s, map[string]any{"port": unused.Port()}, egress.Connect, true, "connection refused"},
		"a certificate for another host":   {s, map[string]any{"security": "TLS", "sslCertificate": authority.PEM()}, egress.TLS, false, "not valid for host 127.0.0.1"},
		"a certificate that nobody trusts": {s, map[string]any{"security": "TLS", "port": trusted.port}, egress.TLS, false, "unknown authority"},
	} {
		a := c.s.Mail(server(t, office, c.members)).Send(t.Context(), email())
		if a.Outcome != string(c.want) || a.Unknown || a.Again != c.again || !strings.Contains(a.Exception, c.text) {
			t.Errorf("%s: attempt %+v", name, a)
		}
	}
	stored := server(t, office, nil)
	stored.Certificate = "no PEM"
	if a := s.Mail(stored).Send(t.Context(), email()); a.Outcome != string(egress.TLS) || !strings.Contains(a.Exception, "certificate of the mail server") {
		t.Errorf("attempt %+v", a)
	}
	if len(office.received()) != 0 {
		t.Error("something was received")
	}
}

// Passwords go in clear to nobody but this machine itself.
func TestLogin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		offered string
		private bool
		want    string // the way that is chosen, or a part of the error
	}{
		{"PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256", false, "SCRAM-SHA-256"},
		{"PLAIN SCRAM-SHA-1", true, "SCRAM-SHA-1"},
		{"LOGIN PLAIN CRAM-MD5", true, "PLAIN"},
		{"login", true, "LOGIN"},
		{"LOGIN PLAIN CRAM-MD5", false, "CRAM-MD5"},
		{"PLAIN", false, "the password is not sent without TLS"},
		{"LOGIN", false, "the password is not sent without TLS"},
		{"GSSAPI XOAUTH2", true, "offers no way to log in"},
		{"", true, "offers no way to log in"},
	} {
		name, first, err := messenger.Login(c.private).Start(&gosmtp.ServerInfo{Name: "mail.example.com", Auth: strings.Fields(c.offered)})
		if err != nil {
			name = err.Error()
		}
		if !strings.Contains(name, c.want) || !c.private && strings.Contains(string(first), "planted") {
			t.Errorf("of %q, private %t: %s, %q", c.offered, c.private, name, first)
		}
	}
}

func TestEmail_CallerGoes(t *testing.T) {
	t.Parallel()
	s := once(t)
	reached := make(chan struct{})
	w := egresstest.NewWire(t, func(c *egresstest.WireConn) {
		close(reached)
		<-c.Done
	})
	host, port, _ := net.SplitHostPort(strings.TrimPrefix(w.URL, "http://"))
	ctx, cancel := context.WithCancel(t.Context())
	sent := make(chan messenger.Attempt)
	to := s.Mail(parse(t, map[string]any{"host": host, "port": port}))
	go func() { sent <- to.Send(ctx, email()) }()
	<-reached
	cancel()
	if a := <-sent; a.Outcome != string(egress.Cancelled) || a.Unknown || a.Again {
		t.Errorf("attempt %+v", a)
	}
}

func TestEmail_Debug(t *testing.T) {
	t.Parallel()
	s := once(t)
	office := newPostOffice(t, nil, false)
	a := s.Mail(server(t, office, map[string]any{"debug": "true", "username": "herald", "password": mailPassword})).Send(t.Context(), email())
	for _, text := range []string{
		fmt.Sprintf("Mail server: 127.0.0.1:%d, security NONE\n", office.port), "To: A…@example.org\nSubject: Ihr Code für heute: (hidden)\n\nGrüße, der Code ist (hidden).\n",
		"Herald: MAIL FROM:<herald@example.com>", "Herald: RCPT TO:<(hidden)>", "server: 354", "redacted", "accepted", "250 ",
	} {
		if !strings.Contains(a.Debug, text) {
			t.Errorf("debug has no %q:\n%s", text, a.Debug)
		}
	}
	for _, secret := range []string{code, mailPassword, base64.StdEncoding.EncodeToString([]byte("\x00herald\x00" + mailPassword)), "Lovelace@"} {
		if strings.Contains(a.Debug, secret) {
			t.Errorf("%q is in\n%s", secret, a.Debug)
		}
	}
}

func TestParseMailServer(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{"", "null", "{}", `{"host":"","port":"","security":null,"additionalHeaders":null,"debug":false,"unknown":[1]}`} {
		s, err := messenger.ParseMailServer(json.RawMessage(raw), "stored")
		if err != nil || s.Host != "localhost" || s.Port != 25 || s.Security != messenger.NoTLS || s.FromEmail != "change-me@example.com" || s.Password != "stored" ||
			s.ConnectTimeout != 3*time.Second || s.ReadTimeout != 10*time.Second || s.Debug || s.Headers != nil {
			t.Errorf("%s: %+v, %v", raw, s, err)
		}
	}
	if s, err := messenger.ParseMailServer(json.RawMessage(`{"password":""}`), "stored"); err != nil || s.Password != "" {
		t.Errorf("a password that was taken away: %v, %v", s.Password == "", err)
	}
	if text := fmt.Sprintf("%v %+v", messenger.MailServer{Password: "planted"}, messenger.MailServer{Password: "planted"}); strings.Contains(text, "planted") {
		t.Errorf("a printed server shows its password: %s", text)
	}
	raw := `{"host":"mail.example.com:25","port":"x","security":"STARTTLS","username":"a\nb","password":7,"defaultFromEmail":"me","connectTimeout":-1,"readTimeout":600001,
		"sslCertificate":"none","additionalHeaders":[{"name":"To","value":"x"},{"name":"X-A","value":"b\r\nc"}]}`
	_, err := messenger.ParseMailServer(json.RawMessage(raw), "")
	want := []string{
		"[couldNotConvert]emailConfiguration.password", "[couldNotConvert]emailConfiguration.port", "[invalid]emailConfiguration.additionalHeaders",
		"[invalid]emailConfiguration.additionalHeaders", "[invalid]emailConfiguration.connectTimeout", "[invalid]emailConfiguration.host",
		"[invalid]emailConfiguration.readTimeout", "[invalid]emailConfiguration.security", "[invalid]emailConfiguration.sslCertificate",
		"[invalid]emailConfiguration.username", "[notEmail]emailConfiguration.defaultFromEmail",
	}
	if got := codes(t, err); !slices.Equal(slices.Sorted(slices.Values(got)), want) {
		t.Errorf("%q, want %q", slices.Sorted(slices.Values(got)), want)
	}
	for _, raw := range []string{"[]", `"x"`, "{"} {
		if _, err := messenger.ParseMailServer(json.RawMessage(raw), ""); !slices.Equal(codes(t, err), []string{"[couldNotConvert]emailConfiguration"}) {
			t.Errorf("%s: %v", raw, err)
		}
	}
}
