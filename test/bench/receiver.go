package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// receiver is what a webhook points at: a server of its own on a port of its own, as different receivers are different machines in life.
type receiver struct {
	url    string
	server *http.Server
	hangs  bool          // accepts requests and never answers
	note   func([]byte)  // looks at each body while it is there; nil: nobody does
	closed chan struct{} // lets those that hang go

	requests atomic.Int64
	distinct atomic.Int64   // events that arrived for the first time, of those the ledger has a place for
	ledger   []atomic.Int64 // when the event with this number arrived, see sinceBegin; 0: not yet
}

// newReceiver listens. Its ledger has a place for the events numbered 1 to events.
func newReceiver(events int) (*receiver, error) {
	return listen(&receiver{ledger: make([]atomic.Int64, events+1)})
}

// newHangingReceiver never answers.
func newHangingReceiver() (*receiver, error) { return listen(&receiver{hangs: true}) }

func listen(r *receiver) (*receiver, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r.url, r.closed = "http://"+listener.Addr().String()+"/", make(chan struct{})
	r.server = &http.Server{Handler: r} //nolint:gosec // its only clients are ours
	go func() { _ = r.server.Serve(listener) }()
	return r, nil
}

func (r *receiver) close() {
	close(r.closed)
	_ = r.server.Close()
}

// buffers keep the receiver's own part small.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func (r *receiver) ServeHTTP(_ http.ResponseWriter, request *http.Request) {
	body := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(body)
	body.Reset()
	if _, err := io.Copy(body, request.Body); err != nil {
		return // the sender was cut off: nothing has arrived
	}
	r.requests.Add(1)
	if r.hangs {
		select {
		case <-r.closed:
		case <-request.Context().Done():
		}
		return
	}
	if r.note != nil {
		r.note(body.Bytes())
	}
	if n := numberIn(body.Bytes()); n > 0 && n < len(r.ledger) && r.ledger[n].CompareAndSwap(0, sinceBegin()) {
		r.distinct.Add(1)
	}
}

// arrived is when the event with this number arrived, 0 if it has not.
func (r *receiver) arrived(n int) int64 { return r.ledger[n].Load() }

// begin is the zero of the instants in ledgers.
var begin = time.Now()

// sinceBegin is now, in nanoseconds of the monotonic clock.
func sinceBegin() int64 { return int64(time.Since(begin)) }

var idMember = []byte(`"id":"`)

// numberIn reads the number of an event out of its id, which is the first one in its body; 0 when it is none of ours.
func numberIn(body []byte) int {
	_, rest, ok := bytes.Cut(body, idMember)
	if !ok || len(rest) < 36 {
		return 0
	}
	n, err := strconv.ParseUint(string(rest[24:36]), 16, 48)
	if err != nil {
		return 0
	}
	return int(n)
}
