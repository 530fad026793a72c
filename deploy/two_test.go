package deploy_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/herald-events/herald/internal/db/dbtest"
)

// TestCompose_Two starts the servers of compose/postgres.yaml at the same moment on an empty database, each with a folder of its own and with the settings in the file and no others. What one of
// them is told the other one knows.
func TestCompose_Two(t *testing.T) {
	t.Parallel()
	var file struct {
		Services map[string]struct {
			Build       string
			Environment map[string]string
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, "compose/postgres.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	values := map[string]string{
		"HERALD_DATABASE_URL":   dbtest.Bare(t), // in place of postgres:5432
		"HERALD_ENCRYPTION_KEY": base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)),
	}
	binary := filepath.Join(t.TempDir(), "herald")
	if said, err := exec.Command("go", "build", "-o", binary, "../cmd/herald").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	type node struct {
		url  string
		said bytes.Buffer
		*exec.Cmd
		ended chan error
	}
	var nodes []*node
	for name, service := range file.Services {
		if service.Build == "" {
			continue
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		n := &node{url: "http://" + l.Addr().String(), Cmd: exec.CommandContext(ctx, binary, "serve"), ended: make(chan error, 1)}
		n.Env = []string{"HERALD_DATA=" + t.TempDir(), "HERALD_ADDR=" + l.Addr().String()} // those of the image, and an address that is free here
		for setting := range service.Environment {
			value, known := values[setting]
			if !known {
				t.Fatalf("%s: the test has no value for %s", name, setting)
			}
			n.Env = append(n.Env, setting+"="+value)
		}
		n.Stdout, n.Stderr = &n.said, &n.said
		_ = l.Close()
		nodes = append(nodes, n)
	}
	if len(nodes) != 2 {
		t.Fatalf("%d servers", len(nodes))
	}
	for _, n := range nodes {
		if err := n.Start(); err != nil {
			t.Fatal(err)
		}
		go func() { n.ended <- n.Wait() }()
	}
	for _, n := range nodes {
		for well := false; !well; {
			select {
			case err := <-n.ended:
				t.Fatalf("a server ended: %v\n%s", err, n.said.String())
			case <-ctx.Done():
				t.Fatal("a server is not well")
			case <-time.After(50 * time.Millisecond):
				answer, err := http.Get(n.url + "/api/health")
				if well = err == nil && answer.StatusCode == http.StatusOK; err == nil {
					_ = answer.Body.Close()
				}
			}
		}
	}
	create := exec.CommandContext(ctx, binary, "apikey", "create")
	create.Env = nodes[0].Env
	key, err := create.Output()
	if err != nil {
		t.Fatal(err)
	}
	call := func(method, url, body string) {
		t.Helper()
		request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", strings.TrimSpace(string(key)))
		request.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if text, _ := io.ReadAll(answer.Body); answer.StatusCode != http.StatusOK {
			t.Fatalf("%s %s: %d %s", method, url, answer.StatusCode, text)
		}
	}
	const webhook = "/api/webhook/b0000000-0000-4000-8000-00000000000b"
	call("POST", nodes[0].url+webhook, fmt.Sprintf(`{"webhook": {"url": %q, "global": true, "connectTimeout": 1000, "readTimeout": 1000, "headers": {"X-Secret": "sealed by one, read by both"}}}`, nodes[0].url))
	call("GET", nodes[1].url+webhook, "")
	for _, n := range nodes {
		if err := n.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range nodes {
		if err := <-n.ended; err != nil {
			t.Errorf("stopped: %v\n%s", err, n.said.String())
		}
		if _, err := os.Stat(filepath.Join(strings.TrimPrefix(n.Env[0], "HERALD_DATA="), "herald.key")); err == nil {
			t.Error("a server has made a key of its own")
		}
	}
}
