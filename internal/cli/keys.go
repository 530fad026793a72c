package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/herald-events/herald/wire"
)

type keysCommands struct {
	List   keysList   `cmd:"" help:"Keys that sign, and certificates."`
	Create keysCreate `cmd:"" help:"Make a key."`
	Rotate keysRotate `cmd:"" help:"Let webhooks sign with another key, without a gap."`
	Export keysExport `cmd:"" help:"Print a public key, or all of them as a key set."`
}

var keyKind = kind[wire.Key]{
	what: "key", id: func(k wire.Key) wire.ID { return k.ID }, names: func(k wire.Key) []string { return []string{k.Name, k.KID} },
}

type keysList struct {
	remote
	limited
}

func (keysList) Help() string { return "Examples:\n\n  herald keys list" }

func (c keysList) Run(ctx context.Context, s *session) error {
	users, err := s.signers(ctx)
	if err != nil {
		return err
	}
	return list(s, results[wire.Key]{name: "keys", all: s.Keys.List(ctx, wire.KeySearch{}), total: func() (int, error) {
		page, err := s.Keys.Page(ctx, wire.KeySearch{Page: justCount})
		return page.Total, err
	}}, c.Limit,
		col("NAME", func(k wire.Key) string { return k.Name }),
		col("ALGORITHM", func(k wire.Key) string { return string(k.Algorithm) }),
		col("SIGNS FOR", func(k wire.Key) string { return strings.Join(users[k.ID], ", ") }),
		col("EXPIRES", func(k wire.Key) string { return exactly(k.ExpirationInstant) }),
		col("KID", func(k wire.Key) string { return k.KID }),
		col("ID", func(k wire.Key) string { return short(k.ID) }),
	)
}

// signers are the webhooks that sign with each key.
func (s *session) signers(ctx context.Context) (map[wire.ID][]string, error) {
	users := map[wire.ID][]string{}
	for w, err := range s.Webhooks.List(ctx, wire.WebhookSearch{}) {
		if err != nil {
			return nil, err
		}
		var mine []wire.ID
		for _, pair := range keyPairs(&w) {
			for _, id := range []wire.ID{*pair.first, *pair.second} {
				if id != "" && !slices.Contains(mine, id) {
					mine = append(mine, id)
					users[id] = append(users[id], host(w.URL))
				}
			}
		}
	}
	return users, nil
}

// keyPair are the keys that one kind of signature is made with: the first, and the one that signs as well while keys are changed.
type keyPair struct{ first, second *wire.ID }

func keyPairs(w *wire.Webhook) []keyPair {
	c := &w.SignatureConfiguration
	return []keyPair{{&c.SigningKeyID, &c.SecondarySigningKeyID}, {&c.StandardWebhooks.SigningKeyID, &c.StandardWebhooks.SecondarySigningKeyID}}
}

type keysCreate struct {
	remote
	writes
	Name      string `arg:"" help:"A name for people; unique."`
	Algorithm string `enum:"ES256,ES384,ES512,Ed25519,HS256,HS384,HS512,RS256,RS384,RS512" default:"ES256" placeholder:"ALGORITHM" help:"ES256, ES384, ES512, Ed25519, HS256, HS384, HS512, RS256, RS384 or RS512 (default: ${default})."`
	Length    int    `placeholder:"BITS" help:"The length of an RSA key: 2048, 3072 or 4096. Default: 2048."`
}

func (keysCreate) Help() string {
	return `The private key never leaves the server.

Examples:

  herald keys create webhooks-2027
  herald keys create webhooks-2027 --algorithm RS256 --length 3072`
}

func (c keysCreate) Run(ctx context.Context, s *session) error {
	k, err := s.newKey(ctx, c.Name, wire.KeyAlgorithm(c.Algorithm), c.Length)
	if err != nil {
		return err
	}
	s.say("Created %s.", k.Name)
	return s.one("key", k, func() { s.showKey(k) })
}

func (s *session) newKey(ctx context.Context, name string, algorithm wire.KeyAlgorithm, length int) (*wire.Key, error) {
	if strings.HasPrefix(string(algorithm), "RS") && length == 0 {
		length = 2048
	}
	return s.Keys.Generate(ctx, "", wire.KeyInput{Name: name, Algorithm: algorithm, Length: length})
}

func (s *session) showKey(k *wire.Key) {
	s.fields("Key", k.Name, "Id", string(k.ID), "Kid", k.KID, "Algorithm", string(k.Algorithm), "Expires", exactly(k.ExpirationInstant), "Created", exactly(k.InsertInstant))
}

type keysRotate struct {
	remote
	writes
	Key    string `arg:"" help:"The key to be replaced: its name, kid, id or a part of them."`
	To     string `placeholder:"KEY" help:"The key that takes its place. Default: a new one of the same kind."`
	Finish bool   `help:"The second step: sign with the new key alone."`
}

func (keysRotate) Help() string {
	return `Two steps, with as much time between them as receivers need to learn the new key:

  1. Webhooks that sign with the old key sign with both.
  2. With --finish, webhooks that sign with both sign with the new one alone.

Examples:

  herald keys rotate webhooks-2026
  herald keys rotate webhooks-2026 --to webhooks-2027 --finish`
}

func (c keysRotate) Run(ctx context.Context, s *session) error {
	from, err := pick(keyKind, c.Key, s.Keys.List(ctx, wire.KeySearch{}))
	if err != nil {
		return err
	}
	var to *wire.Key
	if c.To != "" {
		k, err := pick(keyKind, c.To, s.Keys.List(ctx, wire.KeySearch{}))
		if err != nil {
			return err
		}
		to = &k
	}
	switch {
	case c.Finish && to == nil:
		return usageError{"--finish needs --to KEY: the key that the first step has added"}
	case to != nil && to.ID == from.ID:
		return usageError{"the two keys are the same"}
	}
	var changed []wire.Webhook
	for w, err := range s.Webhooks.List(ctx, wire.WebhookSearch{}) {
		if err != nil {
			return err
		}
		if rotates(&w, from.ID, to, c.Finish) {
			changed = append(changed, w)
		}
	}
	if len(changed) == 0 {
		s.say("No webhook has anything to change.")
		return nil
	}
	if s.dryRun {
		if to == nil {
			fmt.Fprintf(s, "would create a key like %s\n", from.Name)
		}
		for _, w := range changed {
			fmt.Fprintf(s, "would change the signature of %s\n", w.URL)
		}
		return nil
	}
	if err := s.confirm("Change the signatures of %s?", counts(len(changed), "webhook")); err != nil {
		return err
	}
	if to == nil {
		if to, err = s.newKey(ctx, from.Name+" (new)", from.Algorithm, from.Length); err != nil {
			return err
		}
		s.say("Created %s, kid %s.", to.Name, to.KID)
	}
	for i, w := range changed {
		for _, pair := range keyPairs(&w) {
			switch {
			case *pair.first != from.ID:
			case c.Finish:
				*pair.first, *pair.second = to.ID, ""
			default:
				*pair.second = to.ID
			}
		}
		if _, err := s.Webhooks.Replace(ctx, w); err != nil {
			again := fmt.Sprintf("herald keys rotate %s --to %s", from.ID, to.ID)
			if c.Finish {
				again += " --finish"
			}
			return s.goesOn(fmt.Errorf("%s: %w", host(w.URL), err), i, len(changed), "webhook", again)
		}
		s.say("Changed %s.", w.URL)
	}
	if !c.Finish {
		s.say("When all receivers know the new key:  herald keys rotate %s --to %s --finish", from.ID, to.ID)
	}
	return nil
}

// rotates tells whether the step has something to do with the webhook.
func rotates(w *wire.Webhook, from wire.ID, to *wire.Key, finish bool) bool {
	return slices.ContainsFunc(keyPairs(w), func(p keyPair) bool {
		both := to != nil && *p.second == to.ID
		return *p.first == from && both == finish
	})
}

type keysExport struct {
	remote
	Key string `arg:"" optional:"" help:"The key: its name, kid, id or a part of them. Default: all public keys, as a JSON Web Key Set."`
}

func (keysExport) Help() string {
	return "Examples:\n\n  herald keys export > jwks.json\n  herald keys export webhooks-2027 > public.pem"
}

func (c keysExport) Run(ctx context.Context, s *session) error {
	if c.Key == "" {
		set, err := s.Keys.JWKS(ctx)
		if err == nil {
			_, err = fmt.Fprintf(s, "%s\n", set)
		}
		return err
	}
	k, err := pick(keyKind, c.Key, s.Keys.List(ctx, wire.KeySearch{}))
	if err != nil {
		return err
	}
	text := cmp.Or(k.PublicKey, k.Certificate)
	if c.Output != "" && s.format != table {
		return s.object(map[string]any{"key": k})
	}
	if text == "" {
		return fmt.Errorf("%s has nothing public", k.Name)
	}
	_, err = fmt.Fprintln(s, strings.TrimRight(text, "\n"))
	return err
}
