package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"sync"
	"time"

	"github.com/herald-events/herald/wire"
)

// Listeners are programs that get the requests of webhooks without an address of their own.
type Listeners struct{ c *Client }

const listenerPath = "/api/listener"

// List returns those who listen now, the oldest first.
func (l Listeners) List(ctx context.Context) iter.Seq2[wire.Listener, error] {
	return whole(ctx, func(ctx context.Context) ([]wire.Listener, error) {
		answer, err := get[wire.ListenersResponse](ctx, l.c, listenerPath)
		return answer.Listeners, err
	})
}

// Listen begins to listen. The listening lasts until ctx ends, Close is called or the connection breaks.
func (l Listeners) Listen(ctx context.Context, given wire.Listener) (*Listening, error) {
	body, kind, err := encode(wire.ListenerRequest{Listener: &given})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	r, err := l.c.request(ctx, http.MethodPost, listenerPath, body, kind)
	if err != nil {
		cancel()
		return nil, err
	}
	response, err := l.c.http.Do(r)
	if err != nil {
		defer cancel()
		return nil, l.c.unreachable(ctx, err)
	}
	if response.StatusCode != http.StatusOK {
		defer cancel()
		defer func() { _ = response.Body.Close() }()
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1<<20))
		return nil, newError(r, response, text)
	}
	s := &Listening{c: l.c, ctx: ctx, cancel: cancel, body: response.Body, lines: bufio.NewReader(response.Body)}
	m, err := s.read()
	switch {
	case err != nil:
	case m.Ready == nil:
		err = errors.New("client: the answer is no stream of this API: is there a Herald at this address?")
	default:
		s.ListenerReady = *m.Ready
		return s, nil
	}
	s.Close()
	return nil, err
}

// Listening is a listener at work. Next is for one goroutine; everything else is safe for concurrent use.
type Listening struct {
	wire.ListenerReady

	c      *Client
	ctx    context.Context
	cancel context.CancelFunc
	body   io.Closer
	lines  *bufio.Reader
	closed sync.Once
	signs  sync.WaitGroup
}

// EndError says that the server has ended the listening, and why.
type EndError struct{ wire.ListenerEnd }

func (e *EndError) Error() string { return e.Message }

// Is tells that one whose key may not listen any more is [ErrForbidden], and that one of a server that stops is [ErrUnreachable].
func (e *EndError) Is(target error) bool {
	return target == ErrForbidden && e.Reason == "denied" || target == ErrUnreachable && e.Reason == "stopping"
}

// Next returns the next message: an exchange, or how many events were lost. Signs of life are given by the way. The error is an [*EndError], an [*UnreachableError] when the
// connection is lost, or that of the context.
func (s *Listening) Next() (wire.ListenerMessage, error) {
	for {
		m, err := s.read()
		switch {
		case err != nil:
			return m, err
		case m.End != nil:
			return m, &EndError{*m.End}
		case m.Ping:
			s.signs.Go(func() {
				_ = s.c.call(s.ctx, http.MethodPost, listenerPath+"/"+string(s.Listener.ID)+"/alive", nil, nil, false)
			})
		case m.Exchange != nil || m.Lost > 0:
			return m, nil
		}
	}
}

// read takes a line. A server that is silent for as long as it would not bear itself is gone.
func (s *Listening) read() (m wire.ListenerMessage, err error) {
	silence := time.Duration(s.SilentAfter) * time.Millisecond
	if silence == 0 {
		silence = 30 * time.Second
	}
	defer time.AfterFunc(silence, s.close).Stop()
	line, err := s.lines.ReadBytes('\n')
	if err != nil {
		if s.ctx.Err() != nil {
			return m, s.ctx.Err()
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return m, &UnreachableError{URL: s.c.base, Err: fmt.Errorf("the connection was lost: %w", err)}
	}
	if err := json.Unmarshal(bytes.TrimSpace(line), &m); err != nil {
		return m, errors.New("client: the stream cannot be read")
	}
	return m, nil
}

// close cuts the connection, so that a read ends.
func (s *Listening) close() { _ = s.body.Close() }

// Answer says what came of an exchange. [ErrNotFound] means that nobody waits for it any more.
func (s *Listening) Answer(ctx context.Context, exchange wire.ID, a wire.ListenerAnswer) error {
	return s.c.call(ctx, http.MethodPost, listenerPath+"/"+string(s.Listener.ID)+"/answer/"+string(exchange), wire.ListenerAnswerRequest{Answer: a}, nil, false)
}

// Close ends the listening.
func (s *Listening) Close() {
	s.closed.Do(func() {
		s.cancel()
		s.close()
		s.signs.Wait()
	})
}
