package cli_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/cli"
	"github.com/herald-events/herald/internal/config"
)

// TestMain lets this binary be the command herald, too: in the scripts, and wherever a test executes "herald".
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"herald": func() { os.Exit(cli.Main("v0.0.0", os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// TestScript runs testdata/script. Beyond testscript's own commands the scripts have:
//
//	exits STATUS COMMAND…   the command ends with this status
//	sentence COMMAND…       the command ends with status 1 and says why in one line, on stderr
//	serving DIR             a server runs on the SQLite folder until the end of the script; $URL is its address
//	serve NAME ARGUMENT…    herald serve runs as a process of its own until the end of the script, or until crash NAME kills it; $NAME is its address
//	within COMMAND…         the command succeeds within some seconds, tried again and again
//	receiver NAME STATUS    a receiver answers everything with this status until the end of the script; $NAME is its address
//	get STATUS PATH FILE    GET from that server with the API key in FILE
//	sql DIR STATEMENT       changes the SQLite database in the folder
//	lines FILE COUNT        the file has so many lines
//
// $BUSY is an address that somebody listens on, $CLOSED one that nobody listens on.
func TestScript(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			busy, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			e.Defer(func() { _ = busy.Close() })
			closed, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			_ = closed.Close()
			e.Setenv("HOME", filepath.Join(e.WorkDir, "home")) // of a user with nothing in it
			e.Setenv("BUSY", busy.Addr().String())
			e.Setenv("CLOSED", closed.Addr().String())
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": func(ts *testscript.TestScript, _ bool, args []string) { exits(ts, args[0], args[1:]) },
			"sentence": func(ts *testscript.TestScript, _ bool, args []string) {
				exits(ts, "1", args)
				if said := ts.ReadFile("stderr"); !strings.HasPrefix(said, "herald: ") || strings.Count(said, "\n") != 1 {
					ts.Fatalf("this is not one sentence:\n%s", said)
				}
				if out := ts.ReadFile("stdout"); out != "" {
					ts.Fatalf("it wrote to stdout:\n%s", out)
				}
			},
			"serving": serving,
			"receiver": func(ts *testscript.TestScript, _ bool, args []string) {
				status, err := strconv.Atoi(args[1])
				ts.Check(err)
				r := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
				ts.Defer(r.Close)
				ts.Setenv(args[0], r.URL)
			},
			"answers": answers,
			"serve":   serve,
			"crash":   crash,
			"within":  within,
			"get":     get,
			"sql":     execSQL,
			"lines": func(ts *testscript.TestScript, _ bool, args []string) {
				if got := strconv.Itoa(strings.Count(ts.ReadFile(args[0]), "\n")); got != args[1] {
					ts.Fatalf("%s has %s lines, want %s", args[0], got, args[1])
				}
			},
		},
	})
}

func exits(ts *testscript.TestScript, want string, args []string) {
	got := 0
	if err := ts.Exec(args[0], args[1:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if strconv.Itoa(got) != want {
		ts.Fatalf("exit status %d, want %s", got, want)
	}
}

func serving(ts *testscript.TestScript, _ bool, args []string) {
	a, err := app.New(context.Background(), app.Options{Settings: config.Serve{
		Store: config.Store{Data: ts.MkAbs(args[0])}, Addr: "127.0.0.1:0", TransactionTimeout: time.Second,
	}})
	ts.Check(err)
	ts.Check(a.Start(context.Background()))
	ts.Defer(func() { ts.Check(a.Stop(context.Background())) })
	ts.Setenv("URL", "http://"+a.Addr())
}

func get(ts *testscript.TestScript, _ bool, args []string) {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, ts.Getenv("URL")+args[1], nil)
	ts.Check(err)
	r.Header.Set("Authorization", strings.TrimSpace(ts.ReadFile(args[2])))
	r.Close = true
	response, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	ts.Check(err)
	if strconv.Itoa(response.StatusCode) != args[0] {
		ts.Fatalf("GET %s: status %d, want %s: %s", args[1], response.StatusCode, args[0], body)
	}
}

func execSQL(ts *testscript.TestScript, _ bool, args []string) {
	d, err := sql.Open("sqlite", filepath.Join(ts.MkAbs(args[0]), "herald.db"))
	ts.Check(err)
	defer d.Close()
	_, err = d.ExecContext(context.Background(), args[1])
	ts.Check(err)
}

// servers are the processes that the scripts have started, by script and name.
var servers sync.Map

func serve(ts *testscript.TestScript, _ bool, args []string) {
	name := args[0]
	cmd := exec.Command("herald", append([]string{"serve", "--addr", "127.0.0.1:0"}, args[1:]...)...)
	cmd.Dir = ts.MkAbs(".")
	for _, variable := range []string{"HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "TMPDIR"} {
		cmd.Env = append(cmd.Env, variable+"="+ts.Getenv(variable))
	}
	stderr, err := cmd.StderrPipe()
	ts.Check(err)
	path, err := exec.LookPath("herald")
	ts.Check(err)
	cmd.Path = path
	ts.Check(cmd.Start())
	end := sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	ts.Defer(end)
	servers.Store(ts.Getenv("WORK")+name, end)
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if _, after, ok := strings.Cut(lines.Text(), "API       "); ok {
			address, _, _ := strings.Cut(after, "/api")
			ts.Setenv(name, address)
		}
		if strings.Contains(lines.Text(), "CLI       ready") {
			break
		}
	}
	if ts.Getenv(name) == "" {
		ts.Fatalf("the server said nothing")
	}
	go func() { _, _ = io.Copy(io.Discard, stderr) }()
}

func crash(ts *testscript.TestScript, _ bool, args []string) {
	end, ok := servers.Load(ts.Getenv("WORK") + args[0])
	if !ok {
		ts.Fatalf("there is no server %s", args[0])
	}
	end.(func())()
}

func within(ts *testscript.TestScript, _ bool, args []string) {
	deadline := time.Now().Add(patience)
	for ts.Exec(args[0], args[1:]...) != nil {
		if time.Now().After(deadline) {
			ts.Fatalf("it does not: %s", ts.ReadFile("stderr"))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// answers NAME FOLDER KEY is a server of somebody else's: GET /a/b is answered with FOLDER/a/b.json to who has the key, and anything else not at all.
func answers(ts *testscript.TestScript, _ bool, args []string) {
	folder := ts.MkAbs(args[1])
	r := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(r.URL.Path)+".json"))
		switch {
		case r.Header.Get("Authorization") != args[2]:
			w.WriteHeader(http.StatusUnauthorized)
		case err != nil || r.Method != http.MethodGet:
			w.WriteHeader(http.StatusNotFound)
		default:
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(text)
		}
	}))
	ts.Defer(r.Close)
	ts.Setenv(args[0], r.URL)
}
