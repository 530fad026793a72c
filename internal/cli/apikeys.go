package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/herald-events/herald/wire"
)

type apiKeysCommands struct {
	Create apiKeysCreate `cmd:"" help:"Make a key."`
	List   apiKeysList   `cmd:"" help:"All keys, without their texts."`
	Revoke apiKeysRevoke `cmd:"" help:"Remove a key; it is refused from then on."`
}

type apiKeysCreate struct {
	remote
	writes
	Name   string   `required:"" placeholder:"NAME" help:"A name for people."`
	Tenant string   `placeholder:"TENANT" help:"Confine the key to this tenant."`
	Allow  []string `sep:"none" placeholder:"METHODS:PATH" help:"What the key may do, such as GET:/api/webhook or POST,PUT:/api/user; several times. Default: everything."`
	Show   bool     `help:"Let the key be shown again later. Default: only now."`
	Expire expiry   `placeholder:"WHEN" help:"When it ends: 90d, 2027-01-31."`
}

func (apiKeysCreate) Help() string {
	return `The key alone goes to stdout, to be kept by whoever needs it.

Examples:

  herald apikeys create --name CI > key
  herald apikeys create --name monitoring --allow GET:/api/delivery --allow GET:/api/webhook --expire 90d`
}

func (c apiKeysCreate) Run(ctx context.Context, s *session) error {
	given := wire.APIKey{Name: c.Name, Retrievable: &c.Show, ExpirationInstant: c.Expire.instant()}
	if c.Tenant != "" {
		t, err := s.tenant(ctx, c.Tenant)
		if err != nil {
			return err
		}
		given.TenantID = t.ID
	}
	endpoints, err := endpointsOf(c.Allow)
	if err != nil {
		return err
	}
	given.Permissions.Endpoints = endpoints
	key, err := s.APIKeys.Create(ctx, given)
	if err != nil {
		return err
	}
	if c.Output != "" && s.format != table {
		return s.object(wire.APIKeyResponse{APIKey: key})
	}
	s.say("Created %q. Send it as it is in the header Authorization, or set it as HERALD_API_KEY.", key.Name)
	_, err = fmt.Fprintln(s, key.Key)
	return err
}

var methods = []string{"GET", "POST", "PUT", "PATCH", "DELETE"}

func endpointsOf(allowed []string) (map[string][]string, error) {
	endpoints := map[string][]string{}
	for _, text := range allowed {
		list, path, ok := strings.Cut(text, ":")
		if !ok || !strings.HasPrefix(path, "/") {
			return nil, usageError{fmt.Sprintf("--allow %q must be METHODS:PATH, such as GET:/api/webhook", text)}
		}
		for method := range strings.SplitSeq(strings.ToUpper(list), ",") {
			if !slices.Contains(methods, method) {
				return nil, usageError{fmt.Sprintf("--allow: %q is no method%s", method, didYouMean(method, methods))}
			}
			endpoints[path] = append(endpoints[path], method)
		}
	}
	return endpoints, nil
}

type apiKeysList struct {
	remote
	limited
}

func (apiKeysList) Help() string {
	return `Needs a key that may manage keys, as the one on the server's own machine does.

Examples:

  herald apikeys list`
}

func (c apiKeysList) Run(ctx context.Context, s *session) error {
	return list(s, whole("apiKeys", s.APIKeys.List(ctx)), c.Limit,
		col("NAME", func(k wire.APIKey) string { return k.Name }),
		col("MAY", may),
		col("TENANT", func(k wire.APIKey) string { return short(k.TenantID) }),
		col("EXPIRES", func(k wire.APIKey) string { return exactly(k.ExpirationInstant) }),
		col("CREATED", func(k wire.APIKey) string { return exactly(k.InsertInstant) }),
		col("ID", func(k wire.APIKey) string { return short(k.ID) }),
	)
}

func may(k wire.APIKey) string {
	var all []string
	for path, methods := range k.Permissions.Endpoints {
		all = append(all, strings.Join(methods, ",")+":"+path)
	}
	slices.Sort(all)
	text := strings.Join(all, " ")
	if all == nil {
		text = "everything"
	}
	if k.KeyManager {
		text += ", manage keys"
	}
	return text
}

type apiKeysRevoke struct {
	remote
	writes
	Key string `arg:"" help:"The key: its name, its id, or a part of them that no other has. Never its text."`
}

func (apiKeysRevoke) Help() string {
	return `Examples:

  herald apikeys revoke CI`
}

var apiKeyKind = kind[wire.APIKey]{
	what: "API key", id: func(k wire.APIKey) wire.ID { return k.ID }, names: func(k wire.APIKey) []string { return []string{k.Name} },
}

func (c apiKeysRevoke) Run(ctx context.Context, s *session) error {
	k, err := pick(apiKeyKind, c.Key, s.APIKeys.List(ctx))
	if err != nil {
		return err
	}
	if err := s.confirm("Revoke the API key %q? Whoever uses it is refused from then on.", k.Name); err != nil {
		return err
	}
	if err := s.APIKeys.Delete(ctx, k.ID); err != nil {
		return err
	}
	s.say("Revoked %q.", k.Name)
	return nil
}
