package egress

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// script is the receiver's end of a connection: it says what it is told to, in pieces, and then hangs up, hangs, or begins again.
type script struct {
	net.Conn
	text  []byte
	piece int
	end   byte

	at, said int
	closed   bool
}

func (s *script) Read(p []byte) (int, error) {
	if s.at == len(s.text) {
		switch {
		case s.end%3 == 1:
			return 0, os.ErrDeadlineExceeded
		case s.end%3 == 2 && len(s.text) > 0:
			s.at = 0
		default:
			return 0, io.EOF
		}
	}
	n := copy(p[:min(len(p), s.piece)], s.text[s.at:])
	s.at += n
	s.said += n
	return n, nil
}

func (s *script) Write(p []byte) (int, error)      { return len(p), nil }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }
func (s *script) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (s *script) Close() error {
	s.closed = true
	return nil
}

// FuzzAnswer lets a receiver say anything. What it says is cut into pieces, and goes on in one of three ways.
func FuzzAnswer(f *testing.F) {
	for _, text := range []string{
		"", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 204 No\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nhi\r\n0\r\nX: y\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\nall",
		"HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 500 No\r\nContent-Length: 1\r\n\r\nx", "HTTP/1.1 101 S\r\n\r\n",
		"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nContent-Length: 8\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 999 \r\nConnection: close\r\n\r\n",
		"HTTP/1.1 000 \r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n", "220 mail ESMTP\r\n", "X: y\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
		"HTTP/1.1 200 OK\r\n A: b\r\n\r\n", "HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ",
	} {
		for end := range byte(3) {
			f.Add([]byte(text), uint16(1), end, false)
			f.Add([]byte(text), uint16(9999), end, end == 1)
		}
	}
	const most, keep = 10_000, 100
	f.Fuzz(func(t *testing.T, text []byte, piece uint16, end byte, head bool) {
		exchange := func(piece int) (res Result, said int, idle bool) {
			e, err := New(Options{MaxResponse: most, KeepResponse: keep})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			p := e.Client(nil).Endpoint("http://receiver.example/", nil)
			far := &script{text: text, piece: piece, end: end}
			socket := newSocket(far)
			e.idle.put(newConn(p.origin, socket, socket), time.Now())
			r := Request{Body: []byte("{}"), ReadTimeout: time.Minute}
			if head {
				r.Method = "HEAD"
			}
			res = p.Do(context.Background(), r)
			if idle = e.idle.count == 1; idle == far.closed {
				t.Errorf("idle %t, closed %t", idle, far.closed)
			}
			return res, far.said, idle
		}
		res, said, idle := exchange(int(piece) + 1)
		if !slices.Contains(outcomes, res.Outcome) || !res.RequestSent || res.Replayed {
			t.Errorf("%q, sent %t, replayed %t", res.Outcome, res.RequestSent, res.Replayed)
		}
		answered := res.Outcome == Accepted || res.Outcome == Refused || res.Outcome == Redirect
		if answered != (res.Err == "") || answered && (res.StatusCode < 200 || res.Header == nil) || idle && !answered {
			t.Errorf("%s, status %d, %q, connection kept %t", res.Outcome, res.StatusCode, res.Err, idle)
		}
		if strings.ContainsAny(res.Err, "\r\n") || len(res.Err) > 200 {
			t.Errorf("text %q", res.Err)
		}
		if len(res.Body) > keep || cap(res.Body) > 600 || res.BodySize > most || int64(len(res.Body)) < res.BodySize && !res.BodyTruncated {
			t.Errorf("%d bytes kept of %d, truncated %t", len(res.Body), res.BodySize, res.BodyTruncated)
		}
		size := 0
		for name, values := range res.Header {
			size += len(name) + len(strings.Join(values, ""))
		}
		// Chunks of a byte have several bytes of framing each.
		if size > maxResponseHeader || said > maxResponseHeader+20*most {
			t.Errorf("a header of %d bytes, %d bytes read", size, said)
		}
		if end%3 == 2 {
			return // goes on, so that the next answer may be there or not
		}
		// Byte by byte, exactly the answer is read. If all of it comes at once, the rest is there and must cost the connection.
		slowly, exactly, _ := exchange(1)
		if slowly.Outcome != res.Outcome || slowly.StatusCode != res.StatusCode || !bytes.Equal(slowly.Body, res.Body) {
			t.Errorf("%s %d %q, and byte by byte %s %d %q", res.Outcome, res.StatusCode, res.Body, slowly.Outcome, slowly.StatusCode, slowly.Body)
		}
		if idle && said != exactly {
			t.Errorf("a connection is kept of which %d bytes were read for an answer of %d", said, exactly)
		}
	})
}
