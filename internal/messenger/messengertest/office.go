// Package messengertest has the other ends of messages for tests: mail servers, one of them below SMTP, and Twilio. All of them are real servers on the loopback
// interface that end with the test. For the receiver of a Generic messenger see package egresstest.
package messengertest

import (
	"crypto/tls"
	"errors"
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

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// The login of a post office that was not given another one.
const (
	MailUser     = "herald"
	MailPassword = "mail-password-0123"
)

// PostOffice is a real SMTP server that can be told to refuse. What it is told may change between two mails.
type PostOffice struct {
	Host string
	Port int

	// Username and Password are the login that it takes; it asks for none. Default to MailUser and MailPassword.
	Username, Password string
	// Mechanisms are the ways to log in that it offers. Default to PLAIN.
	Mechanisms []string
	// Sender, Recipient and Content are asked about each mail as far as it has come. Nil takes all.
	Sender, Recipient, Content func(Mail) error

	mu    sync.Mutex
	mails []Mail
}

// Mail is one e-mail as it arrived.
type Mail struct {
	From string   // of the envelope
	To   []string // of the envelope
	User string   // who has logged in, empty for nobody
	TLS  bool
	// Content is the whole of it, header and body.
	Content string
}

// NewPostOffice starts a mail server that knows nothing of TLS.
func NewPostOffice(tb testing.TB) *PostOffice {
	tb.Helper()
	return newPostOffice(tb, nil, false)
}

// NewTLSPostOffice starts a mail server that offers STARTTLS.
func NewTLSPostOffice(tb testing.TB, certificate tls.Certificate) *PostOffice {
	tb.Helper()
	return newPostOffice(tb, &tls.Config{Certificates: []tls.Certificate{certificate}}, false)
}

// NewImplicitTLSPostOffice starts a mail server that speaks TLS from the start.
func NewImplicitTLSPostOffice(tb testing.TB, certificate tls.Certificate) *PostOffice {
	tb.Helper()
	return newPostOffice(tb, &tls.Config{Certificates: []tls.Certificate{certificate}}, true)
}

func newPostOffice(tb testing.TB, config *tls.Config, implicit bool) *PostOffice {
	tb.Helper()
	o := &PostOffice{Host: "127.0.0.1", Username: MailUser, Password: MailPassword, Mechanisms: []string{sasl.Plain}}
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &session{office: o, conn: c}, nil }))
	server.Domain, server.AllowInsecureAuth, server.TLSConfig = "mail.example.com", true, config
	server.ErrorLog = silent{}
	listener, err := net.Listen("tcp", o.Host+":0")
	if err != nil {
		tb.Fatal(err)
	}
	o.Port = listener.Addr().(*net.TCPAddr).Port
	if implicit {
		listener = tls.NewListener(listener, config)
	}
	ended := make(chan struct{})
	go func() {
		_ = server.Serve(listener)
		close(ended)
	}()
	tb.Cleanup(func() {
		_ = server.Close()
		<-ended
	})
	return o
}

// Mails are those that were taken, in order. A mail is among them before its sender is told that it was taken.
func (o *PostOffice) Mails() []Mail {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.mails)
}

// Last is the latest mail that was taken.
func (o *PostOffice) Last(tb testing.TB) Mail {
	tb.Helper()
	all := o.Mails()
	if len(all) == 0 {
		tb.Fatal("the post office has taken no mail")
	}
	return all[len(all)-1]
}

// Refuse answers with a code and a text of the server.
func Refuse(code int, text string) func(Mail) error {
	return func(Mail) error {
		return &smtp.SMTPError{Code: code, EnhancedCode: smtp.NoEnhancedCode, Message: text}
	}
}

// WantTLS refuses what comes in clear. To be set as Sender.
func WantTLS(m Mail) error {
	if !m.TLS {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "use STARTTLS"}
	}
	return nil
}

type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

// session is one connection to a PostOffice.
type session struct {
	office *PostOffice
	conn   *smtp.Conn
	mail   Mail
	user   string
}

func (s *session) AuthMechanisms() []string { return s.office.Mechanisms }

// Auth refuses in a way in which no server should: with the password.
func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != s.office.Username || password != s.office.Password {
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "no, not " + password}
		}
		s.user = user
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	_, encrypted := s.conn.TLSConnectionState()
	s.mail = Mail{From: from, User: s.user, TLS: encrypted}
	return s.ask(s.office.Sender)
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mail.To = append(s.mail.To, to)
	return s.ask(s.office.Recipient)
}

func (s *session) Data(r io.Reader) error {
	content, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.mail.Content = string(content)
	if err := s.ask(s.office.Content); err != nil {
		return err
	}
	s.office.mu.Lock()
	defer s.office.mu.Unlock()
	s.office.mails = append(s.office.mails, s.mail)
	return nil
}

func (s *session) ask(judge func(Mail) error) error {
	if judge == nil {
		return nil
	}
	return judge(s.mail)
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }

// Opened is a mail as a mail program shows it. Lines end with LF.
type Opened struct {
	Header     netmail.Header
	Subject    string
	Text, HTML string
}

// Open decodes a mail.
func (m Mail) Open(tb testing.TB) Opened {
	tb.Helper()
	o, err := m.open()
	if err != nil {
		tb.Fatalf("%v in\n%s", err, m.Content)
	}
	return o
}

func (m Mail) open() (o Opened, err error) {
	read, err := netmail.ReadMessage(strings.NewReader(m.Content))
	if err != nil {
		return o, err
	}
	o.Header = read.Header
	if o.Subject, err = new(mime.WordDecoder).DecodeHeader(read.Header.Get("Subject")); err != nil {
		return o, err
	}
	kind, params, err := mime.ParseMediaType(read.Header.Get("Content-Type"))
	if err != nil {
		return o, err
	}
	if !strings.HasPrefix(kind, "multipart/") {
		o.Text, err = body(quotedprintable.NewReader(read.Body))
		return o, err
	}
	parts := multipart.NewReader(read.Body, params["boundary"]) // which decodes quoted-printable itself
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return o, nil
		}
		if err != nil {
			return o, err
		}
		text, err := body(part)
		if err != nil {
			return o, err
		}
		if strings.HasPrefix(part.Header.Get("Content-Type"), "text/html") {
			o.HTML = text
		} else if o.Text == "" { // what follows is an attachment
			o.Text = text
		}
	}
}

func body(r io.Reader) (string, error) {
	content, err := io.ReadAll(r)
	return strings.TrimSpace(strings.ReplaceAll(string(content), "\r\n", "\n")), err
}
