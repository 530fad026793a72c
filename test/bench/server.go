package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/config"
)

// herald is a server under test, with its default settings and its log at the default level. It may share its store with others.
type herald struct {
	url    string
	pid    int // 0 when it runs in this process
	client *http.Client
	took   time.Duration // from the start of the process to the first healthy answer

	app   *app.App
	child *exec.Cmd
	died  chan struct{} // closed when the child has ended
}

// encryptionKey is the same for all servers, as those that share a database need it.
const encryptionKey = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// start starts a server on the store and waits until it is healthy. Only a server with a key takes calls.
func (t *turn) start(ctx context.Context, s *store, withKey bool) (h *herald, err error) {
	h = &herald{client: newClient(256)}
	if t.profile != "" {
		err = h.startHere(ctx, s)
	} else {
		err = h.startChild(ctx, t.binary, s, withKey)
	}
	if err != nil {
		h.stop()
		return nil, err
	}
	return h, nil
}

// startChild starts the binary.
func (h *herald) startChild(ctx context.Context, binary string, s *store, withKey bool) error {
	addr, err := freeAddress()
	if err != nil {
		return err
	}
	h.url = "http://" + addr
	args := []string{"serve", "--addr", addr, "--data", s.folder}
	if withKey {
		file := filepath.Join(s.folder, "kickstart.json")
		if err := os.WriteFile(file, fmt.Appendf(nil, `{"apiKeys": [{"key": %q}]}`, key), 0o600); err != nil {
			return err
		}
		args = append(args, "--kickstart", file) // which is for an untouched store: a second start passes it over
	}
	began := time.Now()
	h.child, h.died = command(binary, s, args), make(chan struct{})
	if err := h.child.Start(); err != nil { // its output goes to /dev/null
		h.child = nil
		return err
	}
	h.pid = h.child.Process.Pid
	go func() {
		_ = h.child.Wait()
		close(h.died)
	}()
	err = wait(ctx, "the server is healthy", func() (bool, error) {
		select {
		case <-h.died:
			return false, fmt.Errorf("the server ended by itself: %s", explain(ctx, binary, s, args))
		default:
			return h.healthy(ctx), nil
		}
	})
	h.took = time.Since(began)
	return err
}

// command is the server's. Settings in our own environment are not for it.
func command(binary string, s *store, args []string) *exec.Cmd {
	cmd := exec.Command(binary, args...)
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(strings.ToUpper(strings.ReplaceAll(variable, ".", "_")), "=")
		if !strings.HasPrefix(name, "HERALD_") && !strings.HasPrefix(name, "FUSIONAUTH_") && !strings.HasPrefix(name, "PROXY_") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Env = append(cmd.Env, "HERALD_ENCRYPTION_KEY="+encryptionKey, "HERALD_NO_LOCAL_CLI=true")
	if s.url != "" {
		cmd.Env = append(cmd.Env, "HERALD_DATABASE_URL="+s.url)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt from the keyboard is for us; we stop it
	return cmd
}

// explain lets a server that did not start say why.
func explain(ctx context.Context, binary string, s *store, args []string) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	again := command(binary, s, args)
	var said strings.Builder
	again.Stdout, again.Stderr = &said, &said
	if err := again.Start(); err != nil {
		return err.Error()
	}
	stop := context.AfterFunc(ctx, func() { _ = again.Process.Kill() })
	defer stop()
	_ = again.Wait()
	return said.String()
}

// freeAddress is one that nobody listened on a moment ago.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// startHere starts the same server in this process.
func (h *herald) startHere(ctx context.Context, s *store) (err error) {
	h.app, err = app.New(ctx, app.Options{
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Settings: config.Serve{
			Store: config.Store{Data: s.folder, DatabaseURL: config.NewSecret(s.url), EncryptionKey: config.NewSecret(encryptionKey)},
			Addr:  "127.0.0.1:0", TransactionTimeout: 10 * time.Second,
		},
	})
	if err != nil {
		return err
	}
	if err := h.app.Start(ctx); err != nil {
		return err
	}
	h.url = "http://" + h.app.Addr()
	_, err = h.app.CreateKey(ctx, app.NewKey{Key: key})
	return err
}

func (h *herald) healthy(ctx context.Context) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url+"/api/health", nil)
	if err != nil {
		return false
	}
	response, err := h.client.Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// stop ends the server in good order, or else at once.
func (h *herald) stop() {
	h.client.CloseIdleConnections()
	switch {
	case h.app != nil:
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = h.app.Stop(ctx)
	case h.child != nil:
		if err := h.child.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			_ = h.child.Process.Kill()
		}
		select {
		case <-h.died:
		case <-time.After(5 * time.Second):
			_ = h.child.Process.Kill()
			<-h.died
		}
	}
}
