// Command herald is the whole of Herald: server, demonstration and tools in one binary.
package main

import (
	"os"

	"github.com/herald-events/herald/internal/cli"
)

// version is set by the linker.
var version = "dev"

func main() {
	os.Exit(cli.Main(version, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
