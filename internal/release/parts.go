package release

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// bill is a list of parts as CycloneDX 1.6 wants it: https://cyclonedx.org/docs/1.6/json.
type bill struct {
	Format       string      `json:"bomFormat"`
	Spec         string      `json:"specVersion"`
	SerialNumber string      `json:"serialNumber"`
	Version      int         `json:"version"`
	Metadata     metadata    `json:"metadata"`
	Components   []component `json:"components"`
}

type metadata struct {
	Timestamp string    `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	PURL       string     `json:"purl"`
	Properties []property `json:"properties,omitempty"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// billOf lists what is linked into a binary: Go itself and each module with the sum that go.sum has of it. The same binary has the same list.
func billOf(info *debug.BuildInfo, version string, at time.Time) ([]byte, error) {
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	b := bill{
		Format: "CycloneDX", Spec: "1.6", Version: 1,
		Metadata: metadata{
			Timestamp: at.UTC().Format(time.RFC3339),
			Component: part("application", info.Main.Path, version, property{"herald:platform", settings["GOOS"] + "/" + settings["GOARCH"]}),
		},
		Components: []component{part("library", "std", strings.TrimPrefix(info.GoVersion, "go"))},
	}
	for _, m := range linked(info) {
		b.Components = append(b.Components, part("library", m.Path, m.Version, property{"go:sum", m.Sum}))
	}
	content, err := json.Marshal(b.Components)
	if err != nil {
		return nil, err
	}
	b.SerialNumber = "urn:uuid:" + uuid.NewHash(sha256.New(), uuid.NameSpaceURL, append([]byte(b.Metadata.Component.Ref+settings["GOOS"]+settings["GOARCH"]), content...), 8).String()
	text, err := json.MarshalIndent(b, "", "  ")
	return append(text, '\n'), err
}

func part(kind, path, version string, properties ...property) component {
	purl := "pkg:golang/" + path + "@" + version
	return component{Type: kind, Ref: purl, Name: path, Version: version, PURL: purl, Properties: properties}
}

// linked are the modules in a binary, by path.
func linked(info *debug.BuildInfo) []*debug.Module {
	all := slices.Clone(info.Deps)
	for i, m := range all {
		if m.Replace != nil {
			all[i] = m.Replace
		}
	}
	slices.SortFunc(all, func(a, b *debug.Module) int { return cmp.Compare(a.Path, b.Path) })
	return all
}

// licenseFile is what files with licenses, and with what has to be said beside them, are called.
var licenseFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([.-].*)?$`)

// licensesOf is the text of all licenses of what is linked into a binary. A module without one is an error: what nobody may pass on must not be in a release.
func licensesOf(ctx context.Context, source string, info *debug.BuildInfo) ([]byte, error) {
	var b bytes.Buffer
	root, err := output(ctx, source, "go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	if err := writeLicenses(&b, "Go "+info.GoVersion, root); err != nil {
		return nil, err
	}
	for _, m := range linked(info) {
		folder, err := output(ctx, source, "go", "list", "-m", "-f", "{{.Dir}}", m.Path)
		if err != nil {
			return nil, err
		}
		if err := writeLicenses(&b, m.Path+" "+m.Version, folder); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

func writeLicenses(b *bytes.Buffer, name, folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	found := false
	for _, e := range entries {
		if e.IsDir() || !licenseFile.MatchString(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			return err
		}
		found = true
		fmt.Fprintf(b, "%s\n%s, %s\n%s\n\n%s\n\n", strings.Repeat("=", 80), name, e.Name(), strings.Repeat("=", 80), bytes.TrimSpace(text))
	}
	if !found {
		return fmt.Errorf("%s has no file with a license", name)
	}
	return nil
}

func output(ctx context.Context, folder, name string, args ...string) (string, error) {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = folder
	text, err := c.Output()
	return strings.TrimSpace(string(text)), err
}
