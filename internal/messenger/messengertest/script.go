package messengertest

import (
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/egress/egresstest"
)

// Answers of a scripted mail server that are none.
const (
	Silence   = "silence"        // says nothing more
	WholeMail = "the whole mail" // reads the e-mail to its end
)

// Usual answers of a mail server.
const (
	Ready = "220 mail.example.com\r\n"
	EHLO  = "250-mail.example.com\r\n250 8BITMIME\r\n"
	OK    = "250 OK\r\n"
	Data  = "354 go on\r\n"
)

// NewScript starts a mail server below SMTP: it says the first answer as its greeting, and then one of the others to each line, whatever that is. Without an
// answer left it closes the connection.
func NewScript(tb testing.TB, answers ...string) (host string, port int) {
	tb.Helper()
	server := egresstest.NewWire(tb, func(c *egresstest.WireConn) {
		for i, answer := range answers {
			if i > 0 {
				if _, err := c.In.ReadString('\n'); err != nil {
					return
				}
			}
			switch answer {
			case Silence:
				<-c.Done
				return
			case WholeMail:
				for line := ""; line != ".\r\n"; {
					var err error
					if line, err = c.In.ReadString('\n'); err != nil {
						return
					}
				}
			default:
				c.Say(answer)
			}
		}
		if len(answers) > 1 && answers[len(answers)-1] != WholeMail {
			_, _ = c.In.ReadString('\n')
		}
	})
	host, text, err := net.SplitHostPort(strings.TrimPrefix(server.URL, "http://"))
	if err == nil {
		port, err = strconv.Atoi(text)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return host, port
}
