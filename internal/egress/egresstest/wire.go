package egresstest

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Wire is a receiver below HTTP: a function has each connection to itself. It is for what no server would do: to answer before it has
// read, to answer twice, to speak unasked.
type Wire struct {
	URL string // http://127.0.0.1:port, without a slash at the end

	listener net.Listener
	conns    atomic.Int64
}

// WireConn is the receiver's end of a connection.
type WireConn struct {
	net.Conn
	Number int // of the connection, from 0
	In     *bufio.Reader
	Done   <-chan struct{} // closed when the test ends
}

// NewWire starts a receiver that calls serve with every connection, each on a goroutine of its own, and closes the connection when serve
// returns.
func NewWire(tb testing.TB, serve func(*WireConn)) *Wire {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	w := &Wire{URL: "http://" + listener.Addr().String(), listener: listener}
	var (
		serving sync.WaitGroup
		mu      sync.Mutex
		open    []net.Conn
		ended   bool
		done    = make(chan struct{})
	)
	serving.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			if ended {
				_ = c.Close()
			}
			mu.Unlock()
			conn := &WireConn{Conn: c, Number: int(w.conns.Add(1)) - 1, In: bufio.NewReader(c), Done: done}
			serving.Go(func() {
				defer c.Close()
				serve(conn)
			})
		}
	})
	tb.Cleanup(func() {
		close(done)
		_ = listener.Close()
		mu.Lock()
		ended = true
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		serving.Wait()
	})
	return w
}

// Connections returns how many connections were ever made.
func (w *Wire) Connections() int { return int(w.conns.Load()) }

// StopListening lets no more connections in.
func (w *Wire) StopListening() { _ = w.listener.Close() }

// StartTLS goes on under TLS. What fails in the handshake shows when the connection is read.
func (c *WireConn) StartTLS(config *tls.Config) {
	c.Conn = tls.Server(c.Conn, config)
	c.In = bufio.NewReader(c.Conn)
}

// ReadHead reads a request up to its body and returns it as it came, up to the empty line; false when the sender has gone.
func (c *WireConn) ReadHead() (string, bool) {
	var head strings.Builder
	for !strings.HasSuffix(head.String(), "\r\n\r\n") {
		line, err := c.In.ReadString('\n')
		if err != nil {
			return "", false
		}
		head.WriteString(line)
	}
	return head.String(), true
}

// ReadRequest reads a whole request; false when the sender has gone.
func (c *WireConn) ReadRequest() bool {
	q, err := http.ReadRequest(c.In)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, q.Body)
	return err == nil
}

// Say sends text.
func (c *WireConn) Say(text string) { _, _ = io.WriteString(c, text) }

// Linger says that nothing more will come and reads until the sender has closed as well, as careful servers do.
func (c *WireConn) Linger() {
	if t, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		_ = t.CloseWrite()
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
	_, _ = io.Copy(io.Discard, c.In)
}
