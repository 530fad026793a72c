// The command build makes a release of the commit that is checked out: make release.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"github.com/herald-events/herald/internal/release"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: build VERSION FOLDER")
		os.Exit(2)
	}
	if err := run(ctx, os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, version, to string) error {
	if changed, err := exec.CommandContext(ctx, "git", "status", "--porcelain").Output(); err != nil || len(changed) > 0 {
		return fmt.Errorf("a release is made of a commit, and files have changed since: %w\n%s", err, changed)
	}
	text, err := exec.CommandContext(ctx, "git", "log", "-1", "--format=%ct").Output()
	if err != nil {
		return fmt.Errorf("when was this committed? %w", err)
	}
	seconds, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return err
	}
	if err := release.Build(ctx, release.Options{Source: ".", To: to, Version: version, Commit: time.Unix(seconds, 0), Platforms: release.Platforms}); err != nil {
		return err
	}
	sums, err := os.ReadFile(to + "/SHA256SUMS")
	fmt.Print(string(sums))
	return err
}
