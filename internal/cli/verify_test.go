package cli_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/cli"
	"github.com/herald-events/herald/receiver/receivertest"
)

// Signatures of every kind are verified with what belongs to them, and nothing that was changed passes.
func TestVerify(t *testing.T) {
	t.Parallel()
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key, other, secret := receivertest.NewKey("ES256"), receivertest.NewKey("ES256"), receivertest.NewSecret("pl4nted-secret-of-an-hmac")
	set := httptest.NewServer(receivertest.KeySet(key))
	t.Cleanup(set.Close)
	for name, test := range map[string]struct {
		by     receivertest.Sender
		with   []string
		status int
		says   string
	}{
		"key file":          {receivertest.Sender{JWT: key}, []string{"--key", file(key.PublicPEM())}, 0, "The signature is right."},
		"key set":           {receivertest.Sender{JWT: key}, []string{"--key", set.URL}, 0, "The signature is right."},
		"secret":            {receivertest.Sender{JWT: secret}, []string{"--secret", file(secret.Secret())}, 0, "The signature is right."},
		"another key":       {receivertest.Sender{JWT: key}, []string{"--key", file(other.PublicPEM())}, 1, "the signature is not right: "},
		"another set":       {receivertest.Sender{JWT: other}, []string{"--key", set.URL}, 1, "the signature is not right: "},
		"a private key":     {receivertest.Sender{JWT: key}, []string{"--key", file(key.PrivatePEM())}, 1, "it is a private key"},
		"set out of reach":  {receivertest.Sender{JWT: key}, []string{"--key", "http://keys.example/"}, 1, "fetch the keys at http://keys.example/: JWKS.URL begins with http: it must be https"},
		"a broken secret":   {receivertest.Sender{JWT: secret}, []string{"--secret", file("whsec_***")}, 1, "not base64"},
		"no secret":         {receivertest.Sender{JWT: secret}, []string{"--secret", file("\n")}, 1, "the text is empty"},
		"a key as secret":   {receivertest.Sender{JWT: secret}, []string{"--secret", file(key.PublicPEM())}, 1, "no secret"},
		"no key":            {receivertest.Sender{JWT: key}, []string{"--key", file("nothing")}, 1, "holds no PEM block"},
		"two keys":          {receivertest.Sender{JWT: key}, []string{"--key", "x", "--secret", "y"}, 2, "give either --key or --secret"},
		"Standard Webhooks": {receivertest.Sender{StandardWebhooks: secret}, []string{"--secret", file(secret.Secret())}, 0, "The signature is right."},
		"standard, another": {receivertest.Sender{StandardWebhooks: receivertest.NewSecret("another-secret-of-an-hmac")}, []string{"--secret", file(secret.Secret())}, 1, "the signature is not right: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := test.by.Event(event.UserCreate)
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Fatal(err)
			}
			args := append([]string{"verify"}, test.with...)
			args = append(args, headers(r)...)
			status, said := runCLI(args, body)
			if status != test.status || !strings.Contains(said, test.says) || strings.Contains(said, "pl4nted") {
				t.Errorf("status %d, want %d; it says %s", status, test.status, said)
			}
			if test.status == 0 {
				if status, said := runCLI(args, append(body, ' ')); status != 1 {
					t.Errorf("a body that was changed gives status %d: %s", status, said)
				}
			}
		})
	}
}

// headers are the signatures of a request as flags.
func headers(r *http.Request) (args []string) {
	for header, flag := range map[string]string{"X-FusionAuth-Signature-JWT": "--token", "webhook-id": "--id", "webhook-timestamp": "--timestamp", "webhook-signature": "--signature"} {
		if value := r.Header.Get(header); value != "" {
			args = append(args, flag, value)
		}
	}
	return args
}

// runCLI runs a command in this process and returns its exit status and all it said.
func runCLI(args []string, stdin []byte) (status int, said string) {
	var out bytes.Buffer
	status = cli.Main("v0.0.0", args, bytes.NewReader(stdin), &out, &out)
	return status, out.String()
}
