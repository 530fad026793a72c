package release

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

var commit = time.Unix(1_796_000_000, 0)

// A release is the same whenever and wherever it is made, has the licenses and the list of what is in it, and runs.
func TestBuild(t *testing.T) {
	t.Parallel()
	var first map[string][]byte
	for range 2 {
		to := t.TempDir()
		here := Platform{runtime.GOOS, runtime.GOARCH}
		if err := Build(t.Context(), Options{Source: "../..", To: to, Version: "v1.2.3", Commit: commit, Platforms: []Platform{here}}); err != nil {
			t.Fatal(err)
		}
		made := filesIn(t, to)
		if first == nil {
			first = made
			continue
		}
		for name, content := range made {
			if !bytes.Equal(content, first[name]) {
				t.Errorf("%s is another one the second time", name)
			}
		}
	}
	name := fmt.Sprintf("herald_1.2.3_%s_%s", runtime.GOOS, runtime.GOARCH)
	sums := fmt.Sprintf("%x  %s.cdx.json\n%x  %s.tar.gz\n", sha256.Sum256(first[name+".cdx.json"]), name, sha256.Sum256(first[name+".tar.gz"]), name)
	if got := string(first["SHA256SUMS"]); got != sums {
		t.Errorf("sums:\n%s\nwant:\n%s", got, sums)
	}

	files := unpack(t, first[name+".tar.gz"], name)
	for _, wanted := range []string{"herald", "LICENSE", "NOTICE", "README.md", "CHANGELOG.md", "herald.service", "THIRD-PARTY-LICENSES", "sbom.cdx.json"} {
		if len(files[wanted]) == 0 {
			t.Errorf("the archive has no %s", wanted)
		}
	}
	binary := filepath.Join(t.TempDir(), "herald")
	if err := os.WriteFile(binary, files["herald"], 0o755); err != nil {
		t.Fatal(err)
	}
	if said, err := exec.Command(binary, "version").Output(); err != nil || strings.TrimSpace(string(said)) != "v1.2.3" {
		t.Errorf("herald version says %q, %v", said, err)
	}

	var list bill
	if err := json.Unmarshal(first[name+".cdx.json"], &list); err != nil {
		t.Fatal(err)
	}
	for _, module := range []string{"modernc.org/sqlite", "github.com/jackc/pgx/v5", "std"} {
		if !slices.ContainsFunc(list.Components, func(c component) bool { return c.Name == module && c.Version != "" }) {
			t.Errorf("the list of parts has no %s", module)
		}
	}
	for _, c := range list.Components {
		if c.Name != "std" && !bytes.Contains(files["THIRD-PARTY-LICENSES"], []byte(c.Name+" "+c.Version+", ")) {
			t.Errorf("the license of %s is missing", c.Name)
		}
		for _, test := range []string{"chromedp", "rapid", "kin-openapi", "testscript", "kfake"} {
			if strings.Contains(c.Name, test) {
				t.Errorf("%s is for tests and in the binary", c.Name)
			}
		}
	}
}

func TestWriteLicenses_None(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := writeLicenses(&b, "example.com/nothing v1", t.TempDir()); err == nil || !strings.Contains(err.Error(), "example.com/nothing v1") {
		t.Errorf("a part without a license: %v", err)
	}
}

func filesIn(t *testing.T, folder string) map[string][]byte {
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for _, e := range entries {
		if all[e.Name()], err = os.ReadFile(filepath.Join(folder, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// unpack returns the files of an archive by their names in its folder, and checks that nothing in it is of this machine.
func unpack(t *testing.T, content []byte, folder string) map[string][]byte {
	zip, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for r := tar.NewReader(zip); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if !h.ModTime.Equal(commit) || h.Uid != 0 || h.Uname != "" {
			t.Errorf("%s: %v, of %d %s", h.Name, h.ModTime, h.Uid, h.Uname)
		}
		name, ok := strings.CutPrefix(h.Name, folder+"/")
		if !ok {
			t.Errorf("%s is not in the folder", h.Name)
		}
		if files[name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}
