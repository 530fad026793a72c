package firstminutes

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// receiver is a program of the newcomer's that is stopped and started again at one address. Its owner is told of each event.
type receiver struct {
	t       *testing.T
	address string
	server  *http.Server
	got     chan got
}

// got is a request, as far as the newcomer looks at it.
type got struct{ ID, Type, About string }

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{t: t, address: "127.0.0.1:0", got: make(chan got, 100)}
	r.start()
	t.Cleanup(r.stop)
	return r
}

func (r *receiver) start() {
	r.t.Helper()
	l, err := net.Listen("tcp", r.address)
	for try := 0; err != nil && try < 100; try++ { // somebody's connection may have been given the port meanwhile
		time.Sleep(100 * time.Millisecond)
		l, err = net.Listen("tcp", r.address)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	r.address = l.Addr().String()
	r.server = &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		var body struct {
			Event struct {
				ID, Type string
				User     struct{ Email string }
			}
		}
		if err := json.NewDecoder(q.Body).Decode(&body); err != nil {
			r.t.Error(err)
		}
		r.got <- got{body.Event.ID, body.Event.Type, body.Event.User.Email}
	})}
	go func() { _ = r.server.Serve(l) }()
}

func (r *receiver) stop() { _ = r.server.Close() }

// next is the next event that arrives; it has to be of the type.
func (r *receiver) next(typ, about string) got {
	r.t.Helper()
	select {
	case g := <-r.got:
		if g.Type != typ || about != "" && g.About != about {
			r.t.Fatalf("%+v has arrived, want %s about %s", g, typ, about)
		}
		return g
	case <-time.After(time.Minute):
		r.t.Fatalf("no %s has arrived", typ)
	}
	return got{}
}

// The table of the first five minutes from its second half minute on: a webhook, an outage, a say, an event that is sent again, and the same set-up elsewhere. What it does
// in a browser is looked at by the tests of the admin UI; here the commands do it.
func TestFirstMinutes_Receiver(t *testing.T) {
	t.Parallel()
	n := newNewcomer(t)
	has := func(said string, parts ...string) {
		t.Helper()
		said = regexp.MustCompile(" +").ReplaceAllString(said, " ")
		for _, part := range parts {
			if !strings.Contains(said, part) {
				t.Errorf("it does not say %q but\n%s", part, said)
			}
		}
	}
	_, served := n.start("serve", "--addr", "127.0.0.1:0")

	// The log has the link that makes the first administrator; what is kept is for its owner alone; nothing is sent to anybody yet.
	_, link, found := strings.Cut(served("First-time setup (valid 30 min)"), ": ")
	response, err := http.Get(strings.TrimSpace(link))
	if err != nil || !found {
		t.Fatal(link, err)
	}
	page, _ := io.ReadAll(response.Body)
	response.Body.Close()
	has(string(page), `type="password"`)
	served("CLI ")
	n.mine("herald-data")
	if events := n.run(0, "tenants", "show", "Default", "-o", "json"); strings.Contains(events, `"enabled": true`) {
		t.Errorf("events are on from the start: %s", events)
	}
	n.run(0, "trigger", "user.create", "--user", "email=ana@example.com")
	has(n.run(0, "events", "list", "-o", "table"), "user.create.complete", "no subscriber", "ana@example.com")

	// A webhook: what it answers to a try, and the one line that is missing.
	r := newReceiver(t)
	url := "http://" + r.address + "/hook"
	has(n.run(0, "webhooks", "create", url, "--events", "user.create,user.create.complete", "-o", "table"), "healthy")
	has(n.run(0, "webhooks", "test", "127.0.0.1", "--type", "user.create", "-o", "table"), "200")
	r.next("user.create", "")
	has(n.run(1, "webhooks", "explain", "127.0.0.1", "--event", "user.create", "-o", "table"), "would NOT receive", "✗", "herald tenants set-event Default user.create --enabled")
	n.run(0, "tenants", "set-event", "Default", "user.create*", "--enabled")
	has(n.run(0, "webhooks", "explain", "127.0.0.1", "--event", "user.create", "-o", "table"), "would receive")

	// A user again: it arrives, and the page of the event has both receivers.
	_, heard := n.start("listen", "--events", "user.create")
	heard("Ready.")
	n.run(0, "users", "create", "ben@example.com")
	first := r.next("user.create", "ben@example.com")
	r.next("user.create.complete", "ben@example.com")
	has(heard("user.create "), "ben@example.com")
	n.run(0, "deliveries", "wait")
	has(n.run(0, "events", "show", first.ID, "-o", "table"), r.address+" delivered 1", "herald listen delivery 200")

	// An outage of the receiver: what happened meanwhile arrives when it is there again, without anybody touching anything.
	n.run(0, "tenants", "set-event", "Default", "user.create", "--disabled")
	r.stop()
	n.run(0, "users", "create", "cid@example.com")
	waiting := n.run(0, "deliveries", "list", "--status", "waiting", "-o", "table")
	has(waiting, "user.create.complete", "in ", " s")
	r.start()
	late := r.next("user.create.complete", "cid@example.com")
	n.run(0, "deliveries", "wait")
	has(n.run(0, "deliveries", "show", late.ID, "-o", "json"), `"state": "delivered"`, `"attempts": 2`)

	// A say: what nobody agrees to does not happen.
	n.run(0, "tenants", "set-event", "Default", "user.create", "--enabled", "--transaction", "any")
	r.stop()
	n.run(6, "users", "create", "dan@example.com")
	has(n.run(0, "events", "list", "-o", "table"), "rolled back", "dan@example.com")
	if users := n.run(0, "users", "list", "-o", "table"); strings.Contains(users, "dan@example.com") || !strings.Contains(users, "cid@example.com") {
		t.Errorf("the users are\n%s", users)
	}

	// What was given up is sent again: the same event, as another attempt, which says so.
	n.run(0, "tenants", "set-event", "Default", "user.create", "--disabled")
	n.write("once.json", `{"retryConfiguration": {"delays": []}}`)
	n.run(0, "webhooks", "edit", "127.0.0.1", "--from", "once.json", "-y")
	n.run(0, "users", "create", "eve@example.com")
	n.run(1, "deliveries", "wait")
	var dead struct {
		Deliveries []struct{ EventID string }
	}
	if err := json.Unmarshal([]byte(n.run(0, "deliveries", "list", "--status", "dead", "-o", "json")), &dead); err != nil || len(dead.Deliveries) != 1 {
		t.Fatalf("given up: %+v, %v", dead, err)
	}
	r.start()
	n.run(0, "deliveries", "replay", dead.Deliveries[0].EventID, "-y")
	if again := r.next("user.create.complete", "eve@example.com"); again.ID != dead.Deliveries[0].EventID {
		t.Errorf("%s was sent again as %s", dead.Deliveries[0].EventID, again.ID)
	}
	has(n.run(0, "deliveries", "show", dead.Deliveries[0].EventID, "-o", "json"), `"state": "delivered"`, `"kind": "replay"`)

	// The same elsewhere: the set-up is a file.
	n.write("kickstart.json", n.run(0, "kickstart", "export"))
	elsewhere := &newcomer{t: t, binary: n.binary, folder: t.TempDir(), env: []string{"HERALD_API_KEY=a-key-that-is-long-enough-0123456789"}}
	elsewhere.write("kickstart.json", n.read("kickstart.json"))
	elsewhere.run(0, "kickstart", "check", "kickstart.json")
	_, served = elsewhere.start("serve", "--addr", "127.0.0.1:0", "--kickstart", "kickstart.json")
	served("CLI ")
	has(elsewhere.run(0, "webhooks", "list", "-o", "table"), url)
	has(elsewhere.run(0, "tenants", "show", "Default", "-o", "json"), `"user.create.complete"`)
}

// mine fails when others can read what is in a folder.
func (n *newcomer) mine(folder string) {
	n.t.Helper()
	files := 0
	err := filepath.WalkDir(filepath.Join(n.folder, folder), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			err = fmt.Errorf("%s is %v", path, info.Mode())
		}
		files++
		return err
	})
	if err != nil || files < 3 {
		n.t.Errorf("of %d files: %v", files, err)
	}
}

func (n *newcomer) write(name, text string) {
	n.t.Helper()
	if err := os.WriteFile(filepath.Join(n.folder, name), []byte(text), 0o600); err != nil {
		n.t.Fatal(err)
	}
}

func (n *newcomer) read(name string) string {
	n.t.Helper()
	text, err := os.ReadFile(filepath.Join(n.folder, name))
	if err != nil {
		n.t.Fatal(err)
	}
	return string(text)
}

// What is in the way is named, and so is the way around it.
func TestInTheWay(t *testing.T) {
	t.Parallel()
	n := newNewcomer(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	said := n.run(1, "serve", "--addr", taken.Addr().String())
	if !strings.Contains(said, "the address "+taken.Addr().String()+" is in use by ") || !strings.Contains(said, "such as --addr 127.0.0.1:") {
		t.Errorf("of a port that is taken it says %s", said)
	}
	if _, err := os.Stat("/proc/net/tcp"); err == nil && !strings.Contains(said, fmt.Sprintf("(process %d)", os.Getpid())) {
		t.Errorf("it does not name this process: %s", said)
	}

	n.write("file", "")
	said = n.run(1, "serve", "--addr", "127.0.0.1:0", "--data", "file")
	if !strings.Contains(said, "file cannot be written: not a directory. Choose another one with --data") {
		t.Errorf("of a data folder that is a file it says %s", said)
	}
	// A folder of somebody else's. The superuser may write into it, so it becomes nobody.
	closed := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(closed, 0o500); err != nil {
		t.Fatal(err)
	}
	c := n.command("serve", "--addr", "127.0.0.1:0", "--data", closed)
	if os.Getuid() == 0 {
		c.Dir = "/"
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := c.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "cannot be written: permission denied. Choose another one with --data") {
		t.Errorf("of a data folder of somebody else's it says %s (%v)", out, err)
	}
}
