// Command herald is the whole of Herald: server, demonstration and tools in one binary.
package main

import (
	"os"
	"runtime/debug"

	"github.com/herald-events/herald/internal/cli"
)

// version is set by the linker in releases and by make. What go install builds has the version of the module.
var version string

func main() {
	if info, ok := debug.ReadBuildInfo(); ok && version == "" {
		version = info.Main.Version
	}
	if version == "" || version == "(devel)" {
		version = "dev"
	}
	os.Exit(cli.Main(version, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
