package egress

import (
	"errors"
	"net"
	"syscall"
	"time"
)

// conn is a connection to a receiver or to the proxy. One call uses it at a time; in between it lies in the pool.
type conn struct {
	origin origin
	stream net.Conn // what is spoken: TCP, or TLS over it
	socket *socket  // the TCP connection below
	remote string
	used   bool // a request was answered over it

	// headerLeft is how much of an answer's header may still be read; negative when it is not the header that is read.
	headerLeft int
	failure    error // of the last Read

	one [1]byte // for quiet
	cut func()  // ends every read and write, now and later

	// Of the pool.
	since        time.Time // idle since
	older, newer *conn
}

func newConn(o origin, stream net.Conn, s *socket) *conn {
	c := &conn{origin: o, stream: stream, socket: s, remote: s.RemoteAddr().String(), headerLeft: -1}
	c.cut = func() { _ = s.SetDeadline(past) }
	return c
}

var past = time.Unix(1, 0)

// errHeaderTooLarge ends the reading of a header without end: one line, many lines, or one interim answer after the other.
var errHeaderTooLarge = errors.New("egress: the header of the answer is too large")

// Read reads an answer. The parser has no limit for headers of its own, and where a line was cut off it reports that and not why.
func (c *conn) Read(p []byte) (n int, err error) {
	switch {
	case c.headerLeft < 0:
		n, err = c.stream.Read(p)
	case c.headerLeft == 0:
		err = errHeaderTooLarge
	default:
		n, err = c.stream.Read(p[:min(len(p), c.headerLeft)])
		c.headerLeft -= n
	}
	c.failure = err
	return n, err
}

// send sends a short request, without TLS together with the first Read. Not over a new connection: to some receivers the mere connection is a reason
// to answer (that they have no place left), and what came before the Read began would not wake it.
func (c *conn) send(request []byte) error {
	if c.used && c.stream == c.socket && c.socket.raw != nil {
		c.socket.sendAndRead(request)
		return nil
	}
	_, err := c.stream.Write(request)
	return err
}

// sendLong sends a long request without copying it.
func (c *conn) sendLong(head, body []byte) error {
	if c.stream == c.socket {
		_, err := (&net.Buffers{head, body}).WriteTo(c.socket.Conn) // one system call, as it is a TCP connection
		return err
	}
	n := min(len(body), max(0, 16<<10-len(head))) // TLS: the head shall not have a record of its own
	if _, err := c.stream.Write(append(head, body[:n]...)); err != nil {
		return err
	}
	_, err := c.stream.Write(body[n:])
	return err
}

// quiet tells whether nothing has come over an idle connection, not even its end. What came unasked must not be taken for the next
// answer. It does not wait. TLS is asked too, as it may have read ahead.
func (c *conn) quiet() bool {
	c.socket.peeking, c.socket.heard = true, false
	_, err := c.stream.Read(c.one[:])
	c.socket.peeking = false
	return err == errNothingYet && !c.socket.heard
}

// hangUp closes the connection without a word, whatever is under way on it.
func (c *conn) hangUp() { _ = c.socket.Close() }

// close closes an idle connection; with TLS it says so.
func (c *conn) close() { _ = c.stream.Close() }

// socket is a TCP connection with two abilities that net.Conn lacks: to read without waiting, and to wait for an answer without first
// asking whether it is there, which it never is.
type socket struct {
	net.Conn
	raw      syscall.RawConn // nil: has neither
	peeking  bool            // Read does not wait
	heard    bool            // something was read while peeking
	unsent   []byte          // to be sent by the next Read
	cutShort bool            // not all of it could be sent

	// Arguments and results of peek and turn. These are made once: a function literal for every call would be garbage.
	peek func(fd uintptr)
	turn func(fd uintptr) bool
	into []byte
	n    int
	err  error
}

func newSocket(c net.Conn) *socket {
	s := &socket{Conn: c}
	if r, ok := c.(syscall.Conn); ok && canReadNow {
		s.raw, _ = r.SyscallConn()
	}
	s.peek = func(fd uintptr) { s.n, s.err = readNow(fd, s.into) }
	s.turn = func(fd uintptr) bool {
		if len(s.unsent) > 0 {
			s.unsent = s.unsent[writeNow(fd, s.unsent):]
			// Whoever returns false is called again when something arrives. An answer cannot be missed, since waiting began before
			// we wrote, and nothing had arrived until then: the pool has just looked.
			return len(s.unsent) > 0
		}
		s.n, s.err = readNow(fd, s.into)
		return s.err != errNothingYet
	}
	return s
}

// sendAndRead lets the next Read send b first.
func (s *socket) sendAndRead(b []byte) { s.unsent, s.cutShort = b, false }

func (s *socket) Read(p []byte) (int, error) {
	switch {
	case s.peeking && s.raw == nil:
		return 0, errNothingYet
	case s.peeking:
		s.into = p
		err := s.raw.Control(s.peek)
		s.into = nil
		if err != nil {
			return 0, err
		}
		s.heard = s.heard || s.n > 0
		return s.n, s.err
	case len(s.unsent) == 0:
		return s.Conn.Read(p)
	}
	s.into = p
	err := s.raw.Read(s.turn)
	rest := s.unsent
	s.into, s.unsent = nil, nil
	if err != nil {
		s.cutShort = len(rest) > 0
		return 0, err
	}
	if len(rest) == 0 {
		return s.n, s.err
	}
	// The kernel did not take all at once, so in the usual way. The receiver may have closed, but have answered before.
	_, err = s.Conn.Write(rest)
	s.cutShort = err != nil
	return s.Conn.Read(p)
}

// nothingYet is a timeout to crypto/tls, which does not give up a connection because of one.
type nothingYet struct{}

func (nothingYet) Error() string   { return "egress: nothing to read yet" }
func (nothingYet) Timeout() bool   { return true }
func (nothingYet) Temporary() bool { return true }

var errNothingYet error = nothingYet{}
