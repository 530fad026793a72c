package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/herald-events/herald/receiver"
)

// Both receivers keep the contract: the header is checked, a message is taken once, and what is none is refused.
func TestReceiver_Go(t *testing.T) {
	var got []string
	failing := false
	server := httptest.NewServer(newReceiver("some-secret", func(_ context.Context, m *receiver.Message) error {
		if failing {
			return errors.New("the provider is down")
		}
		got = append(got, fmt.Sprintf("%s to %s: %s", m.Type, m.PhoneNumber, m.Text))
		return nil
	}))
	defer server.Close()
	checkContract(t, server.URL+"/message")
	if len(got) != 1 || got[0] != "SMS to 3035551212: Two Factor Code: 111111" {
		t.Errorf("sent: %v", got)
	}
	failing = true
	if status := post(t, server.URL+"/message", "some-secret", "another", example); status != http.StatusInternalServerError {
		t.Errorf("a provider that fails gives %d", status)
	}
}

func TestReceiver_Node(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("there is no node on this machine")
	}
	child := exec.CommandContext(t.Context(), node, "receiver.mjs")
	child.Env = append(os.Environ(), "API_KEY=some-secret", "ADDR=127.0.0.1:0")
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Scan()
	_, url, found := strings.Cut(lines.Text(), " on ")
	if !found {
		t.Fatalf("it says %q", lines.Text())
	}
	checkContract(t, url)
	if lines.Scan(); lines.Text() != "to 3035551212: Two Factor Code: 111111" {
		t.Errorf("it shows %q", lines.Text())
	}
	_ = child.Process.Kill()
	for lines.Scan() {
		t.Errorf("it shows more: %q", lines.Text())
	}
	_ = child.Wait()
}

const example = `{"phoneNumber":"3035551212","textMessage":"Two Factor Code: 111111","type":"SMS"}`

func checkContract(t *testing.T, url string) {
	t.Helper()
	for _, c := range []struct {
		key, once, body string
		status          int
	}{
		{"", "1", example, 401},
		{"another-secret", "1", example, 401},
		{"some-secret", "1", example, 200},
		{"some-secret", "1", example, 200}, // again, and not sent again
		{"some-secret", "2", `{"type":"SMS"}`, 400},
		{"some-secret", "3", `not JSON`, 400},
	} {
		if status := post(t, url, c.key, c.once, c.body); status != c.status {
			t.Errorf("%s with the key %q: %d, want %d", c.body, c.key, status, c.status)
		}
	}
}

func post(t *testing.T, url, key, once, body string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		request.Header.Set("Authorization", key)
	}
	request.Header.Set("Idempotency-Key", once)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}
