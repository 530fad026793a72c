package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/herald-events/herald/event"
)

// The types that are published. Neither is one that webhooks vote on.
const (
	eventType  = event.UserLoginSuccess
	secondType = event.UserLoginFailed
)

// events makes events of one type: the example of the catalogue, without the user's registrations, which is 1.5 KB. Each has an id, as a publisher that may
// have to repeat a call gives it one: a UUID of version 7, whose last twelve digits are the number of the event. Numbers begin with 1.
type events struct {
	head, tail string // before and after id and instant
	salt       uint32
	count      atomic.Int64
}

func newEvents(t event.Type, tenant string) *events {
	var example struct {
		Event map[string]any `json:"event"`
	}
	document, err := event.Example(eventType)
	if err == nil {
		err = json.Unmarshal(document, &example)
	}
	if err != nil {
		panic(err) // the catalogue is compiled in
	}
	for _, ours := range []string{"id", "type", "createInstant", "tenantId"} {
		delete(example.Event, ours)
	}
	if user, ok := example.Event["user"].(map[string]any); ok {
		delete(user, "registrations")
	}
	rest, err := json.Marshal(example.Event)
	if err != nil {
		panic(err)
	}
	return &events{
		head: `{"event":{"id":"`,
		tail: fmt.Sprintf(`,"type":%q,"tenantId":%q,%s}`, t, tenant, rest[1:]), // rest ends with the brace of the event
		salt: rand.Uint32N(1 << 24),
	}
}

// next makes the next event as a request to publish it, which is also what a receiver gets.
func (e *events) next() (number int, body []byte) {
	number = int(e.count.Add(1))
	return number, e.appendTo(make([]byte, 0, 2048), e.head, number)
}

// batch makes the next n events as one request.
func (e *events) batch(n int) []byte {
	body := append(make([]byte, 0, n*1600+64), `{"events":[`...)
	for i := range n {
		if i > 0 {
			body = append(body, ',')
		}
		body = e.appendTo(body, `{"id":"`, int(e.count.Add(1)))
		body = body[:len(body)-1] // without the brace around "event"
	}
	return append(body, "]}"...)
}

func (e *events) appendTo(body []byte, head string, number int) []byte {
	now := time.Now().UnixMilli()
	body = append(body, head...)
	body = fmt.Appendf(body, `%08x-%04x-7%03x-8%03x-%012x","createInstant":%d`, now>>16, now&0xffff, e.salt>>12, e.salt&0xfff, number, now)
	return append(body, e.tail...)
}
