package message_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/herald-events/herald/wire"
)

// postOffice is a mail server that takes everything, and says what it took when a session has ended. Package messenger has tests with real ones.
func postOffice(t *testing.T, answerToData string) (port int, taken <-chan string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	sessions := make(chan string, 10)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serveMail(conn, answerToData, sessions)
		}
	}()
	return listener.Addr().(*net.TCPAddr).Port, sessions
}

func serveMail(conn net.Conn, answerToData string, sessions chan<- string) {
	defer conn.Close()
	var said strings.Builder
	fmt.Fprint(conn, "220 ready\r\n")
	lines, inData := bufio.NewScanner(conn), false
	for lines.Scan() {
		line := lines.Text()
		said.WriteString(line + "\n")
		switch {
		case inData && line != ".":
		case inData:
			inData = false
			sessions <- said.String()
			fmt.Fprint(conn, answerToData+"\r\n")
		case line == "DATA":
			inData = true
			fmt.Fprint(conn, "354 go on\r\n")
		default:
			fmt.Fprint(conn, "250 fine\r\n")
		}
	}
}

func TestSend_ThroughAMailServer(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		configure := func(port int) {
			t.Helper()
			_, err := r.tenants.Update(t.Context(), home, func(tenant wire.Tenant) (wire.Tenant, []wire.ID, error) {
				tenant.Extra["emailConfiguration"] = fmt.Appendf(nil, `{"host":"127.0.0.1","port":%d,"security":"NONE","defaultFromName":"Herald","debug":true}`, port)
				return tenant, nil, nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		q := request()
		q.Kind, q.To, q.Messengers = wire.KindEmail, "ada@example.com", nil

		port, taken := postOffice(t, "250 done")
		configure(port)
		m := r.send(q, wire.MessageSent, "")
		session := <-taken
		for _, want := range []string{"RCPT TO:<ada@example.com>", "Subject: A code", "Ihr Code ist " + code, `From: "Herald" <herald@example.com>`} {
			if !strings.Contains(session, want) {
				t.Errorf("the mail server was not told %q:\n%s", want, session)
			}
		}
		if m.Recipient != "a…@example.com" || m.Attempts[0].StatusCode != 250 || m.Attempts[0].URL != fmt.Sprint("127.0.0.1:", port) {
			t.Errorf("recorded %+v", m)
		}
		r.wantEntry(wire.EventLogDebug, "the mail server of the tenant", "Subject: A code", "a…@example.com", "sent after 1 attempt(s)")

		port, _ = postOffice(t, "451 later, not now for ada@example.com with "+code)
		configure(port)
		if m := r.send(q, wire.MessageFailed, "[MessengerError]"); len(m.Attempts) != 3 {
			t.Errorf("%d attempts of what was to be tried later", len(m.Attempts))
		}
		r.wantEntry(wire.EventLogError, "status 451", "The mail server asks to try later")
		if kept := r.everything(); strings.Contains(kept, code) || strings.Contains(kept, "ada@example.com") {
			t.Error("code or recipient are kept")
		}
	})
}
