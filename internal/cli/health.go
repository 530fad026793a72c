package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// healthCommand is for the health checks of containers, which have no other program.
type healthCommand struct {
	Server string `placeholder:"URL" help:"The server. Default: the port of $$HERALD_ADDR, or 9011, on this machine."`
}

func (healthCommand) Help() string {
	return `Examples:

  herald health
  herald health --server http://localhost:9012`
}

func (c healthCommand) Run(ctx context.Context, out *output) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if c.Server == "" {
		_, port, err := net.SplitHostPort(cmp.Or(os.Getenv("HERALD_ADDR"), ":9011"))
		if err != nil {
			return usageError{"HERALD_ADDR is no address with a port"}
		}
		c.Server = "http://127.0.0.1:" + port // no name: an image of nothing but the binary has no list of hosts
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Server+"/api/health", nil)
	if err != nil {
		return fmt.Errorf("%s is no address of a server", c.Server)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("the server does not answer: %w", err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the server is not well: status %d", response.StatusCode)
	}
	_, err = fmt.Fprintln(out, "well")
	return err
}
