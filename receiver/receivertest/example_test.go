package receivertest_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/receiver"
	"github.com/herald-events/herald/receiver/receivertest"
	"github.com/herald-events/herald/wire"
)

// silent keeps these examples short.
var silent = slog.New(slog.NewTextHandler(io.Discard, nil))

// Requests that are signed as Herald would sign them, and those that nobody should fall for.
func ExampleSender() {
	key := receivertest.NewKey("ES256")
	r := receiver.New(receiver.Options{Checks: []receiver.Check{receiver.Signature(key.Keys())}, MaxAge: 48 * time.Hour, Once: receiver.Memory(0), Log: silent})

	herald := receivertest.Sender{JWT: key}
	first := herald.Event(event.UserCreate)
	fmt.Println("right:   ", receivertest.Do(r, first).Code)
	fmt.Println("again:   ", receivertest.Do(r, receivertest.Again(first)).Body)
	fmt.Println("tampered:", receivertest.Do(r, receivertest.Tampered(herald.Event(event.UserCreate))).Code)
	fmt.Println("forged:  ", receivertest.Do(r, herald.Forged().Event(event.UserCreate)).Code)
	fmt.Println("old:     ", receivertest.Do(r, herald.Expired(72*time.Hour).Event(event.UserCreate)).Code)
	// Output:
	// right:    200
	// again:    {"duplicate":true}
	// tampered: 401
	// forged:   401
	// old:      401
}

// An event with the values that a test is about.
func ExampleExample() {
	r := receiver.New(receiver.Options{Checks: []receiver.Check{receiver.Anyone()}})
	receiver.On(r, event.GroupMemberAdd, func(_ context.Context, e *event.GroupMemberEvent) error {
		fmt.Println(e.Group.Name, len(e.Members))
		return nil
	})
	added := receivertest.Example(event.GroupMemberAdd).(*event.GroupMemberEvent)
	added.Group.Name, added.Members = "Crew", make(wire.List[wire.GroupMember], 3)
	receivertest.Do(r, receivertest.Sender{}.Payload(added))
	// Output: Crew 3
}

// A receiver in whatever language gets through all types.
func ExampleTypes() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {})) // stands for yours
	defer server.Close()
	herald := receivertest.Sender{URL: server.URL, Header: map[string]string{"Authorization": "some-secret"}}
	failed := 0
	for _, t := range receivertest.Types() {
		response, err := http.DefaultClient.Do(herald.Event(t))
		if err != nil {
			panic(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			failed++
		}
	}
	fmt.Println(failed, "of", len(receivertest.Types()), "types failed")
	// Output: 0 of 64 types failed
}

// The key set that a receiver looks its keys up in.
func ExampleKeySet() {
	key := receivertest.NewKey("EdDSA")
	server := httptest.NewServer(receivertest.KeySet(key))
	defer server.Close()
	r := receiver.New(receiver.Options{Checks: []receiver.Check{receiver.Signature(&receiver.JWKS{URL: server.URL})}, Log: silent})
	fmt.Println(receivertest.Do(r, receivertest.Sender{JWT: key}.Event(event.UserCreate)).Code)
	// Output: 200
}
