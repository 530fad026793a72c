package cli

import (
	"context"
	"fmt"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/wire"
)

type createKeyCommand struct {
	offline
	rehearsed

	Key        string `help:"The key itself. Defaults to a random one; a key given here can be read by other users of this machine while the command runs." placeholder:"KEY"`
	Name       string `help:"A name for people." placeholder:"NAME"`
	Tenant     string `help:"Confine the key to this tenant." placeholder:"UUID"`
	KeyManager bool   `help:"Let the key create and change other keys."`
}

func (createKeyCommand) Help() string {
	return `While a server runs, herald apikeys create makes keys through it.

Examples:

  herald apikey create --name CI > key
  herald apikey create --data /var/lib/herald --key-manager`
}

func (c createKeyCommand) Run(ctx context.Context, out *output) error {
	if c.DryRun {
		return c.would(out, done{Did: fmt.Sprintf("create an API key in %s that may do everything%s", c.Database(), within(c.Tenant))})
	}
	key, err := app.CreateKey(ctx, c.Store, app.NewKey{Key: c.Key, Name: c.Name, Tenant: c.Tenant, Manager: c.KeyManager})
	if err != nil {
		return err
	}
	fmt.Fprintf(out.talk, "Created in %s. Send it as it is in the header Authorization. It may do everything%s.\n", c.Database(), within(c.Tenant))
	if s := c.session(out); s.chosen && s.format != table {
		return s.object(wire.APIKeyResponse{APIKey: &wire.APIKey{Name: c.Name, Key: key, TenantID: wire.ID(c.Tenant), KeyManager: c.KeyManager}})
	}
	_, err = fmt.Fprintln(out, key)
	return err
}

func within(tenant string) string {
	if tenant == "" {
		return ""
	}
	return " within its tenant"
}
