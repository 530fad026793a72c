package twofactor_test

import (
	"crypto/tls"
	"io"
	"net"
	"regexp"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

// mailServer is a real SMTP server that wants TLS and hands over what it gets.
type mailServer struct {
	port  int
	mails chan string
}

func newMailServer(t *testing.T, certificate tls.Certificate) *mailServer {
	t.Helper()
	m := &mailServer{mails: make(chan string, 10)}
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &mailSession{m, c}, nil }))
	server.Domain, server.TLSConfig = "mail.example.com", &tls.Config{Certificates: []tls.Certificate{certificate}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.port = listener.Addr().(*net.TCPAddr).Port
	ended := make(chan struct{})
	go func() {
		_ = server.Serve(listener)
		close(ended)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-ended
	})
	return m
}

type mailSession struct {
	server *mailServer
	conn   *smtp.Conn
}

func (s *mailSession) Mail(string, *smtp.MailOptions) error {
	if _, encrypted := s.conn.TLSConnectionState(); !encrypted {
		return &smtp.SMTPError{Code: 530, Message: "use STARTTLS"}
	}
	return nil
}
func (s *mailSession) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (s *mailSession) Reset()                               {}
func (s *mailSession) Logout() error                        { return nil }

func (s *mailSession) Data(r io.Reader) error {
	content, err := io.ReadAll(r)
	if err == nil {
		s.server.mails <- string(content)
	}
	return err
}

// next returns what follows the mark in the next mail.
func (m *mailServer) next(t *testing.T, mark string) string {
	t.Helper()
	select {
	case content := <-m.mails:
		found := regexp.MustCompile(regexp.QuoteMeta(mark) + `(?:=\r\n)?([\w-]+)(?:=\r\n)?([\w-]*)`).FindStringSubmatch(content)
		if found == nil {
			t.Fatalf("%q is not in the mail: %s", mark, content)
		}
		return found[1] + found[2] // a long line is broken in two
	case <-time.After(10 * time.Second):
		t.Fatal("no mail has come")
		return ""
	}
}

func TestEmail_FromTheFirstCodeToANewPassword(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		authority := egresstest.NewAuthority(t)
		server := newMailServer(t, authority.ServerCertificate("127.0.0.1"))
		template := func(name, text string) wire.ID {
			var r wire.EmailTemplateResponse
			h.Call("POST", "/api/email/template", object{"emailTemplate": object{
				"name": name, "defaultSubject": name, "defaultTextTemplate": text, "defaultHtmlTemplate": "<p>" + text + "</p>",
			}}).Want(200).Decode(&r)
			return r.EmailTemplate.ID
		}
		h.configure(object{
			"multiFactorConfiguration": object{"email": object{"enabled": true, "templateId": template("Code by mail", "Your code is ${code}")}},
			"emailConfiguration": object{
				"host": "127.0.0.1", "port": server.port, "security": "TLS", "sslCertificate": authority.PEM(), "defaultFromEmail": "herald@example.com",
				"verifyEmail": true, "verifyEmailWhenChanged": true, "forgotPasswordEmailTemplateId": template("Forgot by mail", "Your id is ${changePasswordId}"),
			},
		})
		const address = "countess@example.com"
		h.Call("PATCH", "/api/user/"+ada, object{"user": object{"email": address}}).Want(200)
		wantCodes(t, h.Call("POST", "/api/two-factor/send", object{"userId": ada, "method": "email", "email": "x"}), "[notEmail]email")
		h.Call("POST", "/api/two-factor/send", object{"userId": ada, "method": "email", "email": "Countess@Example.com"}).Want(200)
		code := server.next(t, "Your code is ")
		wantCodes(t, h.Call("POST", "/api/user/two-factor/"+ada, object{"method": "email", "email": mail, "code": code}), "[mismatch]email")
		h.published()
		h.Call("POST", "/api/user/two-factor/"+ada, object{"method": "email", "email": address, "code": code}).Want(200)
		h.wantEvents("enabling", "user.email.verified", "user.identity.verified", "user.two-factor.method.add")
		u := h.user()
		if !u.Verified || u.VerifiedInstant == 0 {
			t.Errorf("the address is not verified: %+v", u)
		}

		started := h.start("trustChallenge", "why")
		h.anonymous("POST", "/api/two-factor/send/"+started.TwoFactorID, object{"methodId": u.TwoFactor.Methods[0].ID}).Want(200)
		second := server.next(t, "Your code is ")
		h.login(started.TwoFactorID, wrong(second)).Want(421)
		var login wire.LoginResponse
		h.login(started.TwoFactorID, second).Want(200).Decode(&login)
		if e := h.last("user.two-factor.success"); e.Method != "email" || e.MessageType != "" {
			t.Errorf("success by %v %q", e.Method, e.MessageType)
		}

		h.published()
		h.anonymous("POST", "/api/user/forgot-password", object{"loginId": address}).Want(200)
		id := server.next(t, "Your id is ")
		h.wantEvents("forgot", "user.password.reset.start", "user.password.reset.send")
		h.anonymous("POST", "/api/user/change-password/"+id, object{
			"password": "battery staple", "trustToken": login.TrustToken, "trustChallenge": "why",
		}).Want(200)
		h.wantEvents("change", "user.password.update", "user.password.reset.success")
		h.nowhere(" "+code, " "+second, id, login.TrustToken)
	})
}
