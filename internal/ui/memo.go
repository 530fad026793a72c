package ui

import (
	"sync"
	"time"
)

// memo is an answer that is given again for a while, to what many pages ask. It is safe for concurrent use, and empty at first.
type memo[T any] struct {
	mu    sync.Mutex
	at    time.Time
	value T
}

// known is the answer, when it is not older than fresh.
func (m *memo[T]) known(fresh time.Duration) (value T, at time.Time, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.value, m.at, !m.at.IsZero() && time.Since(m.at) < fresh
}

// get is the answer, asked for by load unless it is fresh. Those who come at the same time may each ask: nobody waits for another.
func (m *memo[T]) get(fresh time.Duration, load func() (T, error)) (value T, at time.Time, err error) {
	if value, at, ok := m.known(fresh); ok {
		return value, at, nil
	}
	at = time.Now() // of before the question
	if value, err = load(); err != nil {
		return value, at, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if at.After(m.at) {
		m.value, m.at = value, at
	}
	return value, at, nil
}

// forget makes the next who asks ask anew.
func (m *memo[T]) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at = time.Time{}
}
