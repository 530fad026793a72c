package messenger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net"
	netmail "net/mail"
	"net/textproto"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/wneessen/go-mail"
	maillog "github.com/wneessen/go-mail/log"
	"github.com/wneessen/go-mail/smtp"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// Email is one e-mail.
type Email struct {
	wire.Email
	// Headers are added, after those of the mail server.
	Headers map[string]string
	// Code is the secret in the texts, if there is one: it is in no record.
	Code string
	// Key is equal in all attempts to send this e-mail. The Message-ID is made of it, by which mail programs recognize what they have already.
	Key string
}

// EmailTrial is the e-mail that a test of a mail server sends. What is wrong with its recipient, which is in the member "to", is added to v.
func EmailTrial(v *problem.Validation, to string) Email {
	to = strings.TrimSpace(to)
	v.Check(to != "", "to", "blank", "Give the address that the test e-mail goes to.")
	if parsed, err := netmail.ParseAddress(to); err == nil {
		to = parsed.Address
	}
	v.Check(to == "" || IsEmailAddress(to), "to", "notEmail", "This is not an e-mail address.")
	return Email{
		Email: wire.Email{
			To: []wire.EmailAddress{{Address: to}}, Subject: "Test e-mail from Herald",
			Text: "This is a test e-mail from Herald. The mail server of the tenant works.",
		},
		Key: db.NewID(),
	}
}

// IsEmailAddress tells whether the text is one address, without a name.
func IsEmailAddress(s string) bool {
	a, err := netmail.ParseAddress(s)
	return err == nil && a.Name == "" && a.Address == s && len(s) <= 254 && !strings.ContainsFunc(s, isControl)
}

// MailTarget is a mail server made ready for sending. It is immutable and safe for concurrent use.
type MailTarget struct {
	// Debug says that each e-mail is to be written into the event log.
	Debug bool

	server MailServer
	egress *egress.Egress
	trust  *egress.Trust
	host   string // in ASCII
	url    string // host and port, to be shown
	fault  *fault
	clock  func() time.Time
}

// Mail makes a mail server ready for sending. One that cannot be used yields a target whose every attempt fails with the reason.
func (s *Service) Mail(server MailServer) *MailTarget {
	t := &MailTarget{Debug: server.Debug, server: server, egress: s.Egress, clock: s.Clock}
	var err error
	t.host, err = egress.CheckHost(server.Host)
	t.url = net.JoinHostPort(t.host, strconv.Itoa(server.Port))
	if err != nil {
		t.fault = &fault{egress.Invalid, "the host of the mail server is not valid"}
	}
	if server.Certificate != "" {
		if t.trust, err = egress.ParsePEM(server.Certificate); err != nil {
			t.fault = &fault{egress.TLS, fmt.Sprintf("the certificate of the mail server cannot be used: the text %v", err)}
		}
	}
	return t
}

// Patience is the longest time that one attempt can take.
func (t *MailTarget) Patience() time.Duration { return t.server.ConnectTimeout + t.server.ReadTimeout }

// Send makes one attempt to hand m to the mail server. It never fails: what went wrong is in the attempt. An e-mail to several people is taken for
// all of them or for none.
func (t *MailTarget) Send(ctx context.Context, m Email) Attempt {
	x := t.exchange(m)
	begin := t.clock()
	x.begin = begin
	if t.fault != nil {
		return x.result(t.fault.outcome, 0, t.fault.text)
	}
	if err := x.compose(); err != nil {
		return x.result(egress.Invalid, 0, err.Error())
	}
	return x.send(ctx)
}

// mailExchange is one call of MailTarget.Send.
type mailExchange struct {
	*MailTarget
	mail  Email
	begin time.Time

	from    string // as in MAIL FROM
	to      []string
	content []byte

	conn   *mailConn
	secure bool // TLS has begun
	step   string
	asked  bool // the e-mail was handed over, and its answer is what is missing
	answer string
	log    transcript
}

func (t *MailTarget) exchange(m Email) *mailExchange { return &mailExchange{MailTarget: t, mail: m} }

// compose builds the e-mail. Its errors are for people and name nobody.
func (x *mailExchange) compose() error {
	m := mail.NewMsg(mail.WithNoDefaultUserAgent())
	for _, h := range x.server.Headers {
		m.SetGenHeader(mail.Header(h.Name), h.Value)
	}
	for _, name := range slices.Sorted(maps.Keys(x.mail.Headers)) {
		h := MailHeader{name, x.mail.Headers[name]}
		if err := checkMailHeader(h); err != nil {
			return err
		}
		m.SetGenHeader(mail.Header(h.Name), h.Value)
	}
	from := x.mail.From
	if from.Address == "" {
		from.Address = x.server.FromEmail
	}
	if from.Display == "" {
		from.Display = x.server.FromName
	}
	sender, err := address(from, "the sender")
	if err != nil {
		return err
	}
	m.FromMailAddress(sender)
	if x.mail.ReplyTo.Address != "" {
		reply, err := address(x.mail.ReplyTo, "the address for replies")
		if err != nil {
			return err
		}
		m.ReplyToMailAddress(reply)
	}
	for _, list := range []struct {
		addresses []wire.EmailAddress
		add       func(*netmail.Address)
	}{{x.mail.To, m.AddToMailAddress}, {x.mail.CC, m.AddCcMailAddress}, {x.mail.BCC, m.AddBccMailAddress}} {
		for _, given := range list.addresses {
			recipient, err := address(given, "the recipient")
			if err != nil {
				return err
			}
			list.add(recipient)
		}
	}
	m.Subject(oneLine(x.mail.Subject))
	m.SetDateWithValue(x.begin)
	if x.mail.Key != "" {
		_, domain, _ := cutLast(sender.Address, "@")
		sum := sha256.Sum256([]byte(x.mail.Key))
		m.SetMessageIDWithValue(strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:20])) + "@" + domain)
	}
	switch {
	case x.mail.HTML == "":
		m.SetBodyString(mail.TypeTextPlain, x.mail.Text)
	case x.mail.Text == "":
		m.SetBodyString(mail.TypeTextHTML, x.mail.HTML)
	default:
		m.SetBodyString(mail.TypeTextPlain, x.mail.Text)
		m.AddAlternativeString(mail.TypeTextHTML, x.mail.HTML)
	}
	for _, a := range x.mail.Attachments {
		kind := mail.ContentType("application/octet-stream")
		if a.MIME != "" {
			kind = mail.ContentType(oneLine(a.MIME))
		}
		m.AttachReadSeeker(oneLine(a.Name), bytes.NewReader(a.Attachment), mail.WithFileContentType(kind))
	}
	if x.from, err = m.GetSender(false); err != nil {
		return errors.New("the e-mail has no sender")
	}
	if x.to, err = m.GetRecipients(); err != nil {
		return errors.New("the e-mail has no recipient")
	}
	var content bytes.Buffer
	if _, err := m.WriteTo(&content); err != nil {
		return errors.New("the e-mail cannot be built")
	}
	x.content = content.Bytes()
	return nil
}

func address(a wire.EmailAddress, who string) (*netmail.Address, error) {
	plain := strings.TrimSpace(a.Address)
	if !IsEmailAddress(plain) {
		return nil, fmt.Errorf("%s is not an e-mail address", who)
	}
	return &netmail.Address{Name: oneLine(a.Display), Address: plain}, nil
}

// unfolded is what a server said without the line breaks of quoted-printable. A server that repeats an e-mail repeats them as well, and what must be in no
// record could otherwise stand there in two pieces.
func unfolded(s string) string { return strings.NewReplacer("=\r\n", "", "=\n", "").Replace(s) }

// oneLine is the text without what would end a line, or anything else.
func oneLine(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if isControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s))
}

// send talks to the server.
func (x *mailExchange) send(caller context.Context) Attempt {
	ctx, cancel := context.WithTimeout(caller, x.Patience())
	defer cancel()
	conn, outcome, text := x.egress.Dial(ctx, x.host, x.server.Port, x.server.ConnectTimeout)
	if conn == nil {
		return x.result(outcome, 0, text)
	}
	x.conn = &mailConn{Conn: conn}
	x.conn.last, _ = ctx.Deadline()
	_ = x.conn.SetDeadline(x.conn.last)
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()

	err := x.talk()
	if err == nil {
		return x.result(egress.Accepted, 250, "")
	}
	return x.failed(caller, ctx, err)
}

// talk is the session, from the greeting to the answer to the e-mail. x.step says how far it came.
func (x *mailExchange) talk() error {
	x.step = greeting
	var stream net.Conn = x.conn
	if x.server.Security == ImplicitTLS {
		stream = tls.Client(x.conn, x.trust.TLSConfig(x.host))
		x.secure = true
	}
	client, err := smtp.NewClient(stream, x.host)
	if err != nil {
		return err
	}
	if x.Debug {
		client.SetLogger(&x.log)
		client.SetDebugLog(true)
	}
	if err := client.Hello(hello()); err != nil {
		return err
	}
	if x.server.Security == StartTLS {
		if offered, _ := client.Extension("STARTTLS"); !offered {
			return &mailFault{egress.TLS, "the mail server does not offer STARTTLS, and without TLS nothing is sent: use its port for it (mostly 587), or set the security to SSL or NONE"}
		}
		x.secure = true
		if err := client.StartTLS(x.trust.TLSConfig(x.host)); err != nil {
			return err
		}
	}
	if x.server.Username != "" {
		x.step = "the login"
		if err := client.Auth(&login{user: x.server.Username, password: string(x.server.Password), host: x.host, private: x.secure || x.conn.loopback()}); err != nil {
			return err
		}
	}
	x.step = "the sender"
	if err := client.Mail(x.from); err != nil {
		return err
	}
	x.step = "the recipient"
	for _, to := range x.to {
		if err := client.Rcpt(to); err != nil {
			return err
		}
	}
	x.step = "the e-mail"
	w, err := client.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(x.content); err != nil {
		return err
	}
	x.asked = true
	if err := w.Close(); err != nil {
		return err
	}
	if said, ok := w.(*smtp.DataCloser); ok {
		x.answer = unfolded(said.ServerResponse())
	}
	// Good manners, but nothing that anybody should wait for.
	_, _ = client.Text.Cmd("QUIT")
	return nil
}

// greeting is the first of the steps.
const greeting = "the connection"

// hello is how this machine calls itself.
func hello() string {
	name, err := os.Hostname()
	if _, bad := egress.CheckHost(name); err != nil || bad != nil {
		return "localhost"
	}
	return name
}

// mailFault is why a session cannot go on that the server has not broken off.
type mailFault struct {
	outcome egress.Outcome
	text    string
}

func (f *mailFault) Error() string { return f.text }

// failed is the attempt whose session ended with err.
func (x *mailExchange) failed(caller, ctx context.Context, err error) Attempt {
	if f, ok := errors.AsType[*mailFault](err); ok {
		return x.result(f.outcome, 0, f.text)
	}
	if said, ok := errors.AsType[*textproto.Error](err); ok {
		x.answer = unfolded(said.Msg)
		return x.result(egress.Refused, said.Code, fmt.Sprintf("the mail server refused %s: %d %s", x.step, said.Code, oneLine(x.answer)))
	}
	switch {
	case caller.Err() != nil:
		return x.result(egress.Cancelled, 0, "ended by the caller while the mail server was asked about "+x.step)
	case ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded):
		return x.result(egress.Timeout, 0, fmt.Sprintf("the mail server said nothing about %s in time (%d ms in all)%s", x.step, x.Patience().Milliseconds(), x.advice()))
	}
	if text, ok := egress.ExplainTLS(err); ok {
		return x.result(egress.TLS, 0, text)
	}
	if _, ok := errors.AsType[textproto.ProtocolError](err); ok {
		return x.result(egress.Protocol, 0, "what answers there does not speak SMTP; check port and security")
	}
	return x.result(egress.Reset, 0, "the mail server closed the connection instead of an answer about "+x.step+x.advice())
}

// advice is for sessions that did not get anywhere.
func (x *mailExchange) advice() string {
	if x.step != greeting {
		return ""
	}
	return "; check port and security"
}

// result is the attempt as it may be shown.
func (x *mailExchange) result(outcome egress.Outcome, code int, why string) Attempt {
	mask := egress.NewMasker(x.secrets(), codeForms(x.mail.Code)...)
	took := x.clock().Sub(x.begin)
	a := Attempt{MessageAttempt: wire.MessageAttempt{
		Outcome: string(outcome), StatusCode: code, URL: x.url, Exception: mask.Text(why), ResponseBody: beginning(mask.Text(x.answer)),
		StartInstant: wire.Instant(x.begin.UnixMilli()), DurationMicros: took.Microseconds(),
	}}
	if x.conn == nil {
		a.Again = outcome == egress.Connect || outcome == egress.DNS || outcome == egress.Timeout
	} else {
		// An answer with a code is certain. Without one the e-mail may be on its way if all of it has left.
		a.Unknown = outcome != egress.Accepted && code == 0 && x.asked && !x.conn.cutShort.Load()
		a.Again = !a.Unknown && (code >= 400 && code <= 499 || outcome == egress.Reset || outcome == egress.Timeout)
	}
	if x.Debug {
		a.Debug = x.debug(mask, a, took)
	}
	return a
}

// secrets are what must be in no record. Servers name the recipient in their refusals.
func (x *mailExchange) secrets() []string {
	user, password := x.server.Username, string(x.server.Password)
	secrets := []string{password, x.mail.Text, x.mail.HTML}
	if password != "" {
		for _, form := range []string{password, user + "\x00" + password, "\x00" + user + "\x00" + password} {
			secrets = append(secrets, base64.StdEncoding.EncodeToString([]byte(form)))
		}
	}
	for _, list := range [][]wire.EmailAddress{x.mail.To, x.mail.CC, x.mail.BCC} {
		for _, a := range list {
			secrets = append(secrets, a.Address, strings.ToLower(a.Address), url.QueryEscape(a.Address))
		}
	}
	return secrets
}

// debug is e-mail and session for a person who looks for a mistake.
func (x *mailExchange) debug(mask *egress.Masker, a Attempt, took time.Duration) string {
	shown := egress.NewMasker([]string{string(x.server.Password)}, codeForms(x.mail.Code)...)
	var b strings.Builder
	fmt.Fprintf(&b, "Mail server: %s, security %s\n\n", x.url, x.server.Security)
	var to []string
	for _, list := range [][]wire.EmailAddress{x.mail.To, x.mail.CC, x.mail.BCC} {
		for _, one := range list {
			to = append(to, Mask(one.Address))
		}
	}
	fmt.Fprintf(&b, "From: %s\nTo: %s\nSubject: %s\n\n%s\n\n", strings.Trim(x.from, "<>"), strings.Join(to, ", "), shown.Text(oneLine(x.mail.Subject)),
		beginning(shown.Text(x.mail.Text)))
	for _, line := range x.log.lines {
		b.WriteString(mask.Text(line) + "\n")
	}
	fmt.Fprintf(&b, "\nOutcome after %v: %s", took.Round(time.Microsecond), a.Outcome)
	if a.Exception != "" {
		b.WriteString(", " + a.Exception)
	}
	if a.ResponseBody != "" && a.StatusCode < 400 {
		fmt.Fprintf(&b, ", %d %s", a.StatusCode, a.ResponseBody)
	}
	b.WriteString("\n")
	return b.String()
}

// transcript collects what is said in a session, but for the login and the e-mail itself.
type transcript struct{ lines []string }

func (t *transcript) Debugf(l maillog.Log) {
	who := "server: "
	if l.Direction == maillog.DirClientToServer {
		who = "Herald: "
	}
	const enough = 200
	if len(t.lines) < enough {
		t.lines = append(t.lines, who+strings.ReplaceAll(unfolded(strings.TrimSpace(fmt.Sprintf(l.Format, l.Messages...))), "\n", "\n        "))
	}
}

func (t *transcript) Infof(l maillog.Log)  { t.Debugf(l) }
func (t *transcript) Warnf(l maillog.Log)  { t.Debugf(l) }
func (t *transcript) Errorf(l maillog.Log) { t.Debugf(l) }

// mailConn is the connection to a mail server. Whoever uses it can shorten its deadline, but not move it further away; and it remembers when not
// all could be sent.
type mailConn struct {
	net.Conn
	last     time.Time
	cutShort atomic.Bool
}

func (c *mailConn) SetDeadline(t time.Time) error {
	if t.IsZero() || t.After(c.last) {
		t = c.last
	}
	return c.Conn.SetDeadline(t)
}

func (c *mailConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err != nil {
		c.cutShort.Store(true)
	}
	return n, err
}

// loopback tells whether the server is this machine.
func (c *mailConn) loopback() bool {
	a, ok := c.RemoteAddr().(*net.TCPAddr)
	return ok && a.IP.IsLoopback()
}

// login chooses the best way to log in that the server offers. Ways that show the password to whoever listens are taken in private only: with
// TLS, or on this machine.
type login struct {
	user, password, host string
	private              bool
	chosen               smtp.Auth
}

func (l *login) Start(server *smtp.ServerInfo) (string, []byte, error) {
	offers := func(name string) bool {
		return slices.ContainsFunc(server.Auth, func(offered string) bool { return strings.EqualFold(offered, name) })
	}
	switch {
	case offers("SCRAM-SHA-256"):
		l.chosen = smtp.ScramSHA256Auth(l.user, l.password)
	case offers("SCRAM-SHA-1"):
		l.chosen = smtp.ScramSHA1Auth(l.user, l.password)
	case offers("PLAIN") && l.private:
		l.chosen = smtp.PlainAuth("", l.user, l.password, l.host, true)
	case offers("LOGIN") && l.private:
		l.chosen = smtp.LoginAuth(l.user, l.password, l.host, true)
	case offers("CRAM-MD5"):
		l.chosen = smtp.CRAMMD5Auth(l.user, l.password)
	case offers("PLAIN"), offers("LOGIN"):
		return "", nil, &mailFault{egress.Invalid, "the password is not sent without TLS: set the security to TLS or SSL"}
	default:
		return "", nil, &mailFault{egress.Refused, "the mail server offers no way to log in that is known here; leave the user name empty if it wants no login"}
	}
	return l.chosen.Start(server)
}

func (l *login) Next(fromServer []byte, more bool) ([]byte, error) {
	return l.chosen.Next(fromServer, more)
}
