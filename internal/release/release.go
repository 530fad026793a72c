package release

import (
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Platform is what a binary is for, as Go names it: linux/arm64.
type Platform struct{ OS, Arch string }

// Platforms are those that a release is for.
var Platforms = []Platform{{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}}

// Options say what to build. All are required.
type Options struct {
	Source  string // the folder of the repository
	To      string // where the files go; it is created
	Version string
	// Commit is when the source was committed. It is the time of every file in the archives.
	Commit    time.Time
	Platforms []Platform
}

// Build writes herald_VERSION_OS_ARCH.tar.gz and ….cdx.json for each platform, and SHA256SUMS of them all. Files that are there already are replaced.
func Build(ctx context.Context, o Options) error {
	if err := os.MkdirAll(o.To, 0o755); err != nil {
		return err
	}
	var names []string
	for _, p := range o.Platforms {
		name := fmt.Sprintf("herald_%s_%s_%s", strings.TrimPrefix(o.Version, "v"), p.OS, p.Arch)
		if err := build(ctx, o, p, name); err != nil {
			return fmt.Errorf("%s/%s: %w", p.OS, p.Arch, err)
		}
		names = append(names, name+".cdx.json", name+".tar.gz")
	}
	return writeSums(o.To, names)
}

// build makes the files for one platform.
func build(ctx context.Context, o Options, p Platform, name string) error {
	folder, err := os.MkdirTemp("", "herald-release")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	binary := filepath.Join(folder, "herald")
	compile := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid= -X main.version="+o.Version, "-o", binary, "./cmd/herald")
	compile.Dir = o.Source
	compile.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.OS, "GOARCH="+p.Arch, "GOFLAGS=", "GOWORK=off")
	if said, err := compile.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, said)
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	bill, err := billOf(info, o.Version, o.Commit)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(o.To, name+".cdx.json"), bill, 0o644); err != nil {
		return err
	}
	licenses, err := licensesOf(ctx, o.Source, info)
	if err != nil {
		return err
	}
	a, err := createArchive(filepath.Join(o.To, name+".tar.gz"), name, o.Commit)
	if err != nil {
		return err
	}
	a.addFile("herald", binary, 0o755)
	for _, file := range []string{"LICENSE", "NOTICE", "README.md", "CHANGELOG.md", "deploy/systemd/herald.service"} {
		a.addFile(filepath.Base(file), filepath.Join(o.Source, file), 0o644)
	}
	a.add("THIRD-PARTY-LICENSES", licenses, 0o644)
	a.add("sbom.cdx.json", bill, 0o644)
	return a.close()
}

// writeSums writes what sha256sum -c checks.
func writeSums(folder string, names []string) error {
	var b strings.Builder
	for _, name := range names {
		f, err := os.Open(filepath.Join(folder, name))
		if err != nil {
			return err
		}
		sum := sha256.New()
		_, err = io.Copy(sum, f)
		_ = f.Close()
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%x  %s\n", sum.Sum(nil), name)
	}
	return os.WriteFile(filepath.Join(folder, "SHA256SUMS"), []byte(b.String()), 0o644)
}
