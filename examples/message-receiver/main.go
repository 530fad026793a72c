// Command message-receiver is a receiver for Herald's Generic messenger. README.md says how to run it, docs/guide/messages.md has the whole contract.
package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/herald-events/herald/receiver"
)

func main() {
	key := os.Getenv("API_KEY")
	if key == "" {
		log.Fatal("Set API_KEY to the value of the Authorization header that the messenger sends.")
	}
	mux := http.NewServeMux()
	mux.Handle("/message", receiver.Messages(receiver.Options{
		Checks:  []receiver.Check{receiver.Header("Authorization", key)},
		Once:    receiver.Memory(10_000), // all attempts for one message have the same key, so that nobody gets it twice because an answer was lost
		MaxBody: 64 << 10,
	}, send))
	listener, err := net.Listen("tcp", cmp.Or(os.Getenv("ADDR"), "localhost:9021"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("waiting for messages on http://%s/message\n", listener.Addr())
	server := &http.Server{Handler: mux, ReadTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second}
	log.Fatal(server.Serve(listener))
}

// send stands for a provider of text messages. receiver.Refuse means that trying again is no use, any other error that it may be, and receiver.Unsure that the message may
// have gone out.
func send(_ context.Context, m *receiver.Message) error {
	if strings.HasPrefix(m.PhoneNumber, "+1900") {
		return receiver.Refuse("nothing is sent to premium numbers")
	}
	fmt.Printf("%s to %s: %s\n", m.Type, m.PhoneNumber, m.Text)
	return nil
}
