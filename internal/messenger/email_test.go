package messenger_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"mime"
	"net"
	netmail "net/mail"
	"slices"
	"strings"
	"testing"

	"github.com/wneessen/go-mail/smtp"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/messenger"
	"github.com/herald-events/herald/internal/messenger/messengertest"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

// server is where p is, as a tenant's configuration says it.
func server(t *testing.T, p *messengertest.PostOffice, members map[string]any) messenger.MailServer {
	t.Helper()
	all := map[string]any{"host": p.Host, "port": p.Port, "defaultFromEmail": "herald@example.com", "defaultFromName": "Herald"}
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
	s, err := tenant.ParseMail("emailConfiguration", raw)
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

func TestEmail_Arrives(t *testing.T) {
	t.Parallel()
	s := once(t)
	authority := egresstest.NewAuthority(t)
	certificate := authority.ServerCertificate("127.0.0.1")
	for name, c := range map[string]struct {
		office  *messengertest.PostOffice
		members map[string]any
		tls     bool
	}{
		"STARTTLS with login":   {messengertest.NewTLSPostOffice(t, certificate), map[string]any{"security": "TLS", "username": messengertest.MailUser, "password": messengertest.MailPassword, "sslCertificate": authority.PEM()}, true},
		"TLS from the start":    {messengertest.NewImplicitTLSPostOffice(t, certificate), map[string]any{"security": "SSL", "username": messengertest.MailUser, "password": messengertest.MailPassword, "sslCertificate": authority.PEM()}, true},
		"in clear on loopback":  {messengertest.NewPostOffice(t), map[string]any{"security": "NONE", "username": messengertest.MailUser, "password": messengertest.MailPassword}, false},
		"STARTTLS is not asked": {messengertest.NewTLSPostOffice(t, certificate), map[string]any{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			c.members["additionalHeaders"] = []map[string]string{{"name": "X-Tenant", "value": "Zürich"}}
			to := s.Mail(server(t, c.office, c.members))
			m := email()
			m.Headers = map[string]string{"X-Purpose": "two-factor"}
			for range 2 {
				a := to.Send(t.Context(), m)
				if !a.Accepted() || a.StatusCode != 250 || a.Unknown || a.Again || a.Exception != "" || a.URL != fmt.Sprintf("127.0.0.1:%d", c.office.Port) ||
					!strings.Contains(a.ResponseBody, "OK") || a.Debug != "" || a.DurationMicros <= 0 || a.MessengerID != "" {
					t.Fatalf("attempt %+v", a)
				}
			}
			got := c.office.Mails()
			if len(got) != 2 || got[0].From != "herald@example.com" || !slices.Equal(got[0].To, []string{"Ada.Lovelace@example.org"}) || got[0].TLS != c.tls ||
				(got[0].User == "herald") != (c.members["username"] != nil) {
				t.Fatalf("received %+v", got)
			}
			o := got[0].Open(t)
			if o.Subject != m.Subject || o.Text != strings.TrimSpace(m.Text) || o.HTML != m.HTML {
				t.Errorf("subject %q, text %q, html %q", o.Subject, o.Text, o.HTML)
			}
			from, err1 := netmail.ParseAddress(o.Header.Get("From"))
			addressee, err2 := netmail.ParseAddress(o.Header.Get("To"))
			if err1 != nil || err2 != nil || from.Name != "Herald" || addressee.Name != m.To[0].Display || addressee.Address != m.To[0].Address {
				t.Errorf("from %v %v, to %v %v", from, err1, addressee, err2)
			}
			if tenant, _ := new(mime.WordDecoder).DecodeHeader(o.Header.Get("X-Tenant")); tenant != "Zürich" || o.Header.Get("X-Purpose") != "two-factor" {
				t.Errorf("headers %v", o.Header)
			}
			// Both attempts have the id by which mail programs drop the second one.
			if id := o.Header.Get("Message-Id"); !strings.HasSuffix(id, "@example.com>") || strings.Contains(id, m.Key) || id != got[1].Open(t).Header.Get("Message-Id") {
				t.Errorf("message id %q", id)
			}
		})
	}
}

// What somebody puts into a name, a subject or a header does not become a header or another recipient.
func TestEmail_NothingIsSmuggled(t *testing.T) {
	t.Parallel()
	s := once(t)
	office := messengertest.NewPostOffice(t)
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
	got := office.Mails()[0]
	o := got.Open(t)
	if got.From != "from@example.com" || !slices.Equal(got.To, []string{"Ada.Lovelace@example.org", "cc@example.com", "bcc@example.com"}) {
		t.Errorf("envelope %+v", got)
	}
	for _, name := range []string{"X-Evil", "Bcc"} {
		if o.Header.Get(name) != "" || strings.Contains(got.Content, "\n"+name+":") {
			t.Errorf("there is a header %s in\n%s", name, got.Content)
		}
	}
	if o.Subject != "Hello  Bcc: eve@example.com    and more" || o.Header.Get("Reply-To") != "<reply@example.com>" {
		t.Errorf("subject %q, headers %v", o.Subject, o.Header)
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
	if n := len(office.Mails()); n != 1 {
		t.Errorf("%d were received", n)
	}
}

func TestEmail_Refused(t *testing.T) {
	t.Parallel()
	s := once(t)
	for name, c := range map[string]struct {
		office  func(p *messengertest.PostOffice)
		members map[string]any
		status  int
		again   bool
		text    string
	}{
		"the sender": {func(p *messengertest.PostOffice) { p.Sender = messengertest.Refuse(550, "not from you") }, nil, 550, false, "the mail server refused the sender: 550 not from you"},
		"the recipient, for now": {func(p *messengertest.PostOffice) {
			p.Recipient = messengertest.Refuse(451, "ada.lovelace@example.org: later")
		}, nil, 451, true, "the mail server refused the recipient: 451 (hidden): later"},
		"the recipient": {func(p *messengertest.PostOffice) {
			p.Recipient = messengertest.Refuse(550, "<Ada.Lovelace@example.org>: no such user")
		}, nil, 550, false, "the mail server refused the recipient: 550 <(hidden)>: no such user"},
		"the mail": {func(p *messengertest.PostOffice) { p.Content = messengertest.Refuse(554, "spam: Der Code ist 918273") }, nil, 554, false, "the mail server refused the e-mail: 554 spam: Der Code ist (hidden)"},
		"the mail, as it came": {func(p *messengertest.PostOffice) {
			p.Content = messengertest.Refuse(554, "spam:\nDer Code ist 918=\n273")
		}, nil, 554, false, "the mail server refused the e-mail: 554 spam: Der Code ist (hidden)"},
		"the mail, for now":   {func(p *messengertest.PostOffice) { p.Content = messengertest.Refuse(452, "full") }, nil, 452, true, "the mail server refused the e-mail: 452 full"},
		"the login":           {func(p *messengertest.PostOffice) {}, map[string]any{"username": messengertest.MailUser, "password": "wrong-password"}, 535, false, "the mail server refused the login: 535 "},
		"no login known here": {func(p *messengertest.PostOffice) { p.Mechanisms = []string{"GSSAPI"} }, map[string]any{"username": messengertest.MailUser, "password": messengertest.MailPassword}, 0, false, "offers no way to log in"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			office := messengertest.NewPostOffice(t)
			c.office(office)
			config := server(t, office, c.members)
			config.Debug = true
			a := s.Mail(config).Send(t.Context(), email())
			if a.Outcome != string(egress.Refused) || a.StatusCode != c.status || a.Unknown || a.Again != c.again || !strings.Contains(a.Exception, c.text) {
				t.Errorf("attempt %+v", a)
			}
			for _, secret := range []string{code, messengertest.MailPassword, "wrong-password", "velace@example"} {
				if strings.Contains(fmt.Sprintf("%+v", a), secret) {
					t.Errorf("%q is in %+v", secret, a)
				}
			}
			if len(office.Mails()) != 0 {
				t.Error("it was received")
			}
		})
	}
}

func TestEmail_Broken(t *testing.T) {
	t.Parallel()
	const (
		hi, ehlo, ok, data = messengertest.Ready, messengertest.EHLO, messengertest.OK, messengertest.Data
		silence, wholeMail = messengertest.Silence, messengertest.WholeMail
	)
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
		"no STARTTLS":                {[]string{hi, ehlo}, map[string]any{"security": "TLS"}, egress.TLS, false, false, "does not offer STARTTLS"},
		"STARTTLS, and then no TLS":  {[]string{hi, "250-x\r\n250 STARTTLS\r\n", "220 go ahead\r\nno TLS here\r\n", "and no more\r\n"}, map[string]any{"security": "TLS"}, egress.TLS, false, false, "TLS: the receiver does not speak TLS"},
		"no TLS":                     {[]string{hi, ehlo}, map[string]any{"security": "SSL"}, egress.TLS, false, false, "TLS: the receiver does not speak TLS"},
		"silent about the recipient": {[]string{hi, ehlo, ok, silence}, nil, egress.Timeout, false, true, "said nothing about the recipient in time"},
		"closed before the mail":     {[]string{hi, ehlo, ok, ok}, nil, egress.Reset, false, true, "instead of an answer about the e-mail"},
		"silent about the mail":      {[]string{hi, ehlo, ok, ok, data, wholeMail, silence}, nil, egress.Timeout, true, false, "said nothing about the e-mail in time"},
		"closed after the mail":      {[]string{hi, ehlo, ok, ok, data, wholeMail}, nil, egress.Reset, true, false, "instead of an answer about the e-mail"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host, port := messengertest.NewScript(t, c.answers...)
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
	office := messengertest.NewTLSPostOffice(t, authority.ServerCertificate("mail.example.com"))
	trusted := messengertest.NewTLSPostOffice(t, authority.ServerCertificate("127.0.0.1"))
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
		"a certificate that nobody trusts": {s, map[string]any{"security": "TLS", "port": trusted.Port}, egress.TLS, false, "unknown authority"},
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
	if len(office.Mails()) != 0 {
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
		name, first, err := messenger.Login(c.private).Start(&smtp.ServerInfo{Name: "mail.example.com", Auth: strings.Fields(c.offered)})
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
	office := messengertest.NewPostOffice(t)
	a := s.Mail(server(t, office, map[string]any{"debug": "true", "username": messengertest.MailUser, "password": messengertest.MailPassword})).Send(t.Context(), email())
	for _, text := range []string{
		fmt.Sprintf("Mail server: 127.0.0.1:%d, security NONE\n", office.Port), "To: A…@example.org\nSubject: Ihr Code für heute: (hidden)\n\nGrüße, der Code ist (hidden).\n",
		"Herald: MAIL FROM:<herald@example.com>", "Herald: RCPT TO:<(hidden)>", "server: 354", "redacted", "accepted", "250 ",
	} {
		if !strings.Contains(a.Debug, text) {
			t.Errorf("debug has no %q:\n%s", text, a.Debug)
		}
	}
	for _, secret := range []string{code, messengertest.MailPassword, base64.StdEncoding.EncodeToString([]byte("\x00herald\x00" + messengertest.MailPassword)), "Lovelace@"} {
		if strings.Contains(a.Debug, secret) {
			t.Errorf("%q is in\n%s", secret, a.Debug)
		}
	}
}

func TestMailServer_PrintsNoPassword(t *testing.T) {
	t.Parallel()
	if text := fmt.Sprintf("%v %+v", messenger.MailServer{Password: "planted"}, messenger.MailServer{Password: "planted"}); strings.Contains(text, "planted") {
		t.Errorf("a printed server shows its password: %s", text)
	}
}
