// Command message-receiver is a receiver for Herald's Generic messenger: it checks the security header, reads the message, and hands it to whoever really
// sends it. Run it with
//
//	API_KEY=some-secret go run ./examples/message-receiver
//
// and create a messenger with the URL http://localhost:9021/message and the header Authorization: some-secret. docs/message-receiver.md has the whole contract.
package main

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"sync"
	"time"
)

func main() {
	key := os.Getenv("API_KEY")
	if key == "" {
		log.Fatal("Set API_KEY to the value of the Authorization header that the messenger sends.")
	}
	addr := os.Getenv("ADDR")
	if addr == "" {
		addr = "localhost:9021"
	}
	server := &http.Server{Addr: addr, Handler: newReceiver(key, show), ReadTimeout: 5 * time.Second}
	log.Printf("waiting for messages on http://%s/message", addr)
	log.Fatal(server.ListenAndServe())
}

// show stands for a provider of text messages.
func show(m message) error {
	fmt.Printf("to %s: %s\n", m.PhoneNumber, m.TextMessage)
	return nil
}

// message is what the messenger sends.
type message struct {
	PhoneNumber string `json:"phoneNumber"`
	TextMessage string `json:"textMessage"`
	Type        string `json:"type"` // SMS
}

// newReceiver returns the handler. It hands each message to send, once.
func newReceiver(key string, send func(message) error) http.Handler {
	var sent sync.Map // of those that went out; a real receiver forgets them after a while
	mux := http.NewServeMux()
	mux.HandleFunc("POST /message", func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte(key)) != 1 {
			answer(w, http.StatusUnauthorized, `{"errors": [{"code": "[notAuthorized]"}]}`)
			return
		}
		var m message
		if err := json.NewDecoder(io.LimitReader(r.Body, 64<<10)).Decode(&m); err != nil || m.PhoneNumber == "" || m.TextMessage == "" {
			answer(w, http.StatusBadRequest, `{"errors": [{"code": "[invalidMessage]"}]}`)
			return
		}
		// All attempts for one message have the same key, so that nobody gets it twice because an answer was lost.
		once := r.Header.Get("Idempotency-Key")
		if _, again := sent.Load(once); again && once != "" {
			w.WriteHeader(http.StatusOK)
			return
		}
		if err := send(m); err != nil {
			// 5xx: try again soon, or use the next messenger. A 4xx would say that trying again is no use.
			answer(w, http.StatusBadGateway, `{"errors": [{"code": "[providerFailed]"}]}`)
			return
		}
		sent.Store(once, true)
		w.WriteHeader(http.StatusOK) // anything from 200 to 299: it is on its way
	})
	return mux
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}
