package cli

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/herald-events/herald/receiver"
)

type verifyCommand struct {
	remote
	Token     string `placeholder:"JWT" help:"The header X-FusionAuth-Signature-JWT of the request."`
	ID        string `placeholder:"ID" help:"The header webhook-id, for Standard Webhooks."`
	Timestamp string `placeholder:"SECONDS" help:"The header webhook-timestamp, for Standard Webhooks."`
	Signature string `placeholder:"SIGNATURES" help:"The header webhook-signature, for Standard Webhooks."`
	Key       string `placeholder:"KEY" help:"What to verify with: a file with a public key or certificate in PEM form, or the URL of a JSON Web Key Set. Default: the key set of the server."`
	Secret    string `placeholder:"FILE" help:"Verify with the secret in this file, for HMAC keys."`
	Body      string `placeholder:"FILE" default:"-" help:"The body of the request, byte for byte. Default: stdin."`
}

func (verifyCommand) Help() string {
	return `Says whether a request was signed by whom it should be, and if not, why. Status 0: it was. The body has to be as it came, not formatted anew.

Examples:

  herald verify --token "$TOKEN" < body.json
  herald verify --token "$TOKEN" --key https://herald.example.com/.well-known/jwks.json < body.json
  herald verify --id "$ID" --timestamp "$TIME" --signature "$SIGNATURES" --secret secret.txt < body.json`
}

func (c verifyCommand) Run(ctx context.Context, out *output) error {
	standard := c.ID != "" || c.Timestamp != "" || c.Signature != ""
	switch {
	case standard == (c.Token != ""):
		return usageError{"give either --token, or --id, --timestamp and --signature"}
	case standard && (c.ID == "" || c.Timestamp == "" || c.Signature == ""):
		return usageError{"Standard Webhooks needs all of --id, --timestamp and --signature"}
	case c.Key != "" && c.Secret != "":
		return usageError{"give either --key or --secret"}
	}
	keys, err := c.keys(ctx)
	if err != nil {
		return err
	}
	body, err := out.read(c.Body)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost/", nil)
	if err != nil {
		return err
	}
	check := receiver.Signature(keys)
	if c.Token != "" {
		r.Header.Set("X-FusionAuth-Signature-JWT", c.Token)
	} else {
		r.Header.Set("Webhook-Id", c.ID)
		r.Header.Set("Webhook-Timestamp", c.Timestamp)
		r.Header.Set("Webhook-Signature", c.Signature)
		check = receiver.StandardWebhooks(keys, 100*365*24*time.Hour) // somebody who looks at it later
	}
	if err := check.Verify(r, body); err != nil {
		return fmt.Errorf("the signature is not right: %w", err)
	}
	if s := (printed{c.Output}).session(out); s.chosen {
		return s.answer(map[string]bool{"valid": true}, func() { fmt.Fprintln(s, "The signature is right.") })
	}
	_, err = fmt.Fprintln(out, "The signature is right.")
	return err
}

// keys are those to verify with.
func (c verifyCommand) keys(ctx context.Context) (receiver.Keys, error) {
	switch {
	case c.Secret != "":
		text, err := os.ReadFile(c.Secret)
		if err != nil {
			return nil, err
		}
		keys, err := receiver.ParseSecret(strings.TrimRight(string(text), "\r\n"))
		if err != nil {
			return nil, fmt.Errorf("the file %s: %w", c.Secret, err)
		}
		return keys, nil
	case strings.HasPrefix(c.Key, "http://"), strings.HasPrefix(c.Key, "https://"):
		return load(ctx, &receiver.JWKS{URL: c.Key})
	case c.Key != "":
		text, err := os.ReadFile(c.Key)
		if err != nil {
			return nil, err
		}
		keys, err := receiver.PublicKeys(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Key, err)
		}
		return keys, nil
	}
	t, err := c.target(os.Getenv)
	if err != nil {
		return nil, err
	}
	return load(ctx, &receiver.JWKS{URL: strings.TrimRight(t.url, "/") + "/.well-known/jwks.json", AllowHTTP: true})
}

// load fetches a key set, so that one which cannot be fetched is not taken for a signature that is wrong.
func load(ctx context.Context, set *receiver.JWKS) (receiver.Keys, error) {
	set.Log = slog.New(slog.DiscardHandler)
	if err := set.Load(ctx); err != nil {
		return nil, fmt.Errorf("fetch the keys at %s: %w", set.URL, err)
	}
	return set, nil
}
