// Command message-receiver is a receiver for Herald's Generic messenger: it checks the security header, reads the message, and hands it to whoever really
// sends it. Run it with
//
//	API_KEY=some-secret go run ./examples/message-receiver
//
// and create a messenger with the URL http://localhost:9021/message and the header Authorization: some-secret. docs/guide/messages.md has the whole contract.
package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/herald-events/herald/receiver"
)

func main() {
	key := os.Getenv("API_KEY")
	if key == "" {
		log.Fatal("Set API_KEY to the value of the Authorization header that the messenger sends.")
	}
	addr := cmp.Or(os.Getenv("ADDR"), "localhost:9021")
	server := &http.Server{Addr: addr, Handler: newReceiver(key, show), ReadTimeout: 5 * time.Second}
	log.Printf("waiting for messages on http://%s/message", addr)
	log.Fatal(server.ListenAndServe())
}

// show stands for a provider of text messages. Its errors mean: try again soon, or use the next messenger. One from receiver.Refuse would say that trying again is no
// use, one from receiver.Unsure that the message may have gone out.
func show(_ context.Context, m *receiver.Message) error {
	fmt.Printf("to %s: %s\n", m.PhoneNumber, m.Text)
	return nil
}

// newReceiver returns the handler. It hands each message to send, once: all attempts for one have the same key, so that nobody gets it twice because an answer was lost.
func newReceiver(key string, send func(context.Context, *receiver.Message) error) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/message", receiver.Messages(receiver.Options{
		Checks: []receiver.Check{receiver.Header("Authorization", key)},
		Once:   receiver.Memory(10_000),
	}, send))
	return mux
}
