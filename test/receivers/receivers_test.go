// Package receivers holds the example receivers, in whatever language they are written, to one behaviour: each is started as a process and gets the same requests, and
// then events of a real Herald.
package receivers

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/herald-events/herald/client"
	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/heraldtest"
	"github.com/herald-events/herald/receiver/receivertest"
	"github.com/herald-events/herald/wire"
)

const (
	key    = "some-secret"
	secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

func TestGo(t *testing.T) {
	t.Parallel()
	suite(t, build(t, "../../examples/webhook-go"))
}

// build makes a program of a folder.
func build(t *testing.T, folder string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "receiver")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, folder).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

func TestNode(t *testing.T) {
	t.Parallel()
	suite(t, express(t), filepath.Join(expressFolder, "receiver.js"))
}

const expressFolder = "../../examples/webhook-node"

// express is where Node is, with Express in the folder of the example.
func express(t *testing.T) (node string) {
	t.Helper()
	node, npm := program(t, "node"), program(t, "npm")
	out, err := exec.CommandContext(t.Context(), node, "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	major, _, _ := strings.Cut(strings.TrimPrefix(string(out), "v"), ".")
	if n, err := strconv.Atoi(major); err != nil || n < 18 {
		missing(t, "Node "+strings.TrimSpace(string(out))+" is too old, Express needs 18")
	}
	install(t, npm, expressFolder)
	return node
}

// TestDocumented holds Herald to receivers as FusionAuth's documentation writes them: they get what they expect, and what they answer means what they mean by it.
func TestDocumented(t *testing.T) {
	t.Parallel()
	node := express(t)
	modules, err := filepath.Abs(filepath.Join(expressFolder, "node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, "", "env", "NODE_PATH="+modules, node, "testdata/documented.cjs")
	h := heraldtest.Start(t)
	h.Enable(wire.AbsoluteMajority, event.UserDelete)
	webhook := h.Subscribe(wire.Webhook{URL: p.url + "/fusionauth-webhook", Headers: map[string]string{"Authorization": "another"}}, event.UserDelete)
	user, err := h.CreateUser("ada@example.com")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what    string
		key     string
		refused bool
		does    string
	}{
		{"another key", "another", true, ""},
		{"a database that is down", "API-KEY", true, "not deleted: the database is down"},
		{"all in order", "API-KEY", false, "deleted the todos of " + string(user.ID)},
	} {
		if _, err := h.Client.Webhooks.Patch(t.Context(), webhook.ID, map[string]any{"headers": map[string]string{"Authorization": c.key}}); err != nil {
			t.Fatal(err)
		}
		if err := h.Client.Users.Delete(t.Context(), user.ID, true); errors.Is(err, client.ErrRefused) != c.refused || err != nil && !c.refused {
			t.Errorf("%s: %v", c.what, err)
		}
		if c.does != "" {
			p.wait(c.does)
		}
	}

	messenger, err := h.Client.Messengers.Create(t.Context(), wire.Messenger{
		Type: "Generic", Name: "Texts", URL: p.url + "/fusionauth-generic-messenger", ConnectTimeout: 1000, ReadTimeout: 5000, Headers: map[string]string{"Authorization": "API-KEY"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Client.Messengers.Test(t.Context(), messenger.ID, wire.MessengerTestRequest{PhoneNumber: "3035551212"}); err != nil {
		t.Fatal(err)
	}
	p.wait("SMS to 3035551212")
}

func TestPython(t *testing.T) {
	t.Parallel()
	python := program(t, "python3")
	if exec.CommandContext(t.Context(), python, "-c", "import sys; sys.exit(sys.version_info < (3, 9))").Run() != nil {
		missing(t, "Python is older than 3.9")
	}
	suite(t, python, "-I", "../../examples/webhook-python/receiver.py") // -I: nothing but its standard library
}

// program is where a program is. Without it the receiver in its language is not tested, which nobody should overlook.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, name+" was not found")
	}
	return path
}

func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s: install it", what)
	}
	t.Skipf("%s: the receiver written for it is not tested", what)
}

// installing is held by whoever fetches packages: two at once would take the folder away from each other.
var installing sync.Mutex

// install fetches the packages of a Node program in their exact versions, unless they are there: node_modules then has a copy of the lock file it was made from.
func install(t *testing.T, npm, folder string) {
	t.Helper()
	installing.Lock()
	defer installing.Unlock()
	lock, err := os.ReadFile(filepath.Join(folder, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	stamp := filepath.Join(folder, "node_modules", ".made-from")
	if made, err := os.ReadFile(stamp); err == nil && bytes.Equal(made, lock) {
		return
	}
	cmd := exec.CommandContext(t.Context(), npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	cmd.Dir = folder
	out, err := cmd.CombinedOutput()
	if err == nil {
		err = os.WriteFile(stamp, lock, 0o600)
	}
	if err != nil {
		t.Fatalf("Express could not be fetched; the first run needs the npm registry: %s: %v\n%s", cmd, err, out)
	}
}

// process is a receiver that runs. What it prints is what it has done.
type process struct {
	t   *testing.T
	url string

	mu    sync.Mutex
	lines []string
	more  chan struct{} // closed, and replaced, when there is another line
}

// wantTooLarge sends a body that is too large: it is refused, or the receiver hangs up while it is still being sent.
func (p *process) wantTooLarge(request *http.Request) {
	p.t.Helper()
	if response, err := http.DefaultClient.Do(request); err == nil {
		response.Body.Close()
		if response.StatusCode != 413 {
			p.t.Errorf("a large body: %d", response.StatusCode)
		}
	}
}

// start runs a receiver on a free port until the end of the test.
func start(t *testing.T, signature string, command ...string) *process {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "ADDR=127.0.0.1:0", "API_KEY="+key, "WEBHOOK_KEY="+key, "SIGNING_SECRET="+secret, "SIGNATURE="+signature)
	if testing.Verbose() {
		cmd.Stderr = t.Output()
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, more: make(chan struct{})}
	lines := bufio.NewScanner(out)
	var read sync.WaitGroup
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		read.Wait()
		_ = cmd.Wait()
	})
	lines.Scan()
	_, url, found := strings.Cut(lines.Text(), " on ")
	if !found {
		t.Fatalf("%s says %q", cmd, lines.Text())
	}
	p.url = url
	read.Go(func() {
		for lines.Scan() {
			p.mu.Lock()
			p.lines = append(p.lines, lines.Text())
			close(p.more)
			p.more = make(chan struct{})
			p.mu.Unlock()
		}
	})
	return p
}

// done takes the lines that were printed about what is named.
func (p *process) done(about string) (lines []string, more <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, line := range p.lines {
		if strings.Contains(line, about) {
			lines = append(lines, line)
		}
	}
	return lines, p.more
}

// wait waits until the receiver has done something, and fails unless it has done it once.
func (p *process) wait(what string) {
	p.t.Helper()
	if lines := p.await(what); !slices.Equal(lines, []string{what}) {
		p.t.Errorf("it has done %q, want %q once", lines, what)
	}
}

// await waits until the receiver has printed something about what is named.
func (p *process) await(about string) []string {
	p.t.Helper()
	over := time.After(10 * time.Second)
	for {
		lines, more := p.done(about)
		if len(lines) > 0 {
			return lines
		}
		select {
		case <-more:
		case <-over:
			p.t.Errorf("after 10 s it has not %q", about)
			return nil
		}
	}
}

// want sends q and looks at the answer. An empty body stands for any that is no errors document, the beginning of one for any that begins like it.
func (p *process) want(what string, q *http.Request, status int, body string) {
	p.t.Helper()
	response, err := http.DefaultClient.Do(q)
	if err != nil {
		p.t.Errorf("%s: %v", what, err)
		return
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	right := string(got) == body
	if body == "" {
		right = !bytes.Contains(got, []byte("errors"))
	} else if !strings.HasSuffix(body, "}") {
		right = bytes.HasPrefix(got, []byte(body))
	}
	if err != nil || response.StatusCode != status || !right {
		p.t.Errorf("%s: %d %s (%v), want %d %s", what, response.StatusCode, got, err, status, body)
	}
}

const notAuthorized = `{"errors":[{"code":"[notAuthorized]"}]}`

// suite is what a receiver has to do. The command starts it.
func suite(t *testing.T, command ...string) {
	for _, signature := range []string{"standard", "jwt"} {
		t.Run(signature, func(t *testing.T) {
			t.Parallel()
			p := start(t, signature, command...)
			requests(t, p, signature)
			events(t, p, signature)
		})
	}
}

// requests are those of a Herald, and of others.
func requests(t *testing.T, p *process, signature string) {
	herald := receivertest.Sender{URL: p.url, Header: map[string]string{"Authorization": key}}
	signs := receivertest.NewSecret(secret)
	if signature == "jwt" {
		herald.JWT = signs
	} else {
		herald.StandardWebhooks = signs
	}
	sample := func(s receivertest.Sender, t event.Type, id wire.ID, email string) *http.Request {
		e := receivertest.Example(t).(*event.UserEvent)
		if e.User.ID, e.User.Email = id, email; !s.At.IsZero() {
			e.CreateInstant = wire.Instant(s.At.UnixMilli())
		}
		return s.Payload(e)
	}
	deleted := func(s receivertest.Sender, id wire.ID) *http.Request {
		return sample(s, event.UserDelete, id, "ada@example.com")
	}

	first := deleted(herald, "user-1")
	p.want("a right one", first, 200, "")
	p.want("the same again", receivertest.Again(first), 200, `{"duplicate":true}`)
	p.wait("deleted the todos of user-1")
	p.want("one to agree to", sample(herald, event.UserCreate, "user-2", "ada@example.com"), 200, "")
	p.wait("agreed to ada@example.com")
	refused := sample(herald, event.UserCreate, "user-3", "eve@blocked.example")
	for range 2 { // a no is not remembered
		p.want("one to refuse", receivertest.Again(refused), 422, `{"errors":[{"code":"[refused]","message":"nobody from blocked.example is let in"}]}`)
	}
	for _, typ := range receivertest.Types() {
		if typ != event.UserCreate && typ != event.UserDelete {
			p.want(string(typ)+", of which it knows nothing", herald.Event(typ), 200, "")
		}
	}
	p.want("a type of tomorrow", herald.Body("1", []byte(`{"event":{"id":"1","type":"user.teleported","createInstant":`+strconv.FormatInt(time.Now().UnixMilli(), 10)+`}}`)), 200, "")

	wrong, none := herald, herald
	wrong.Header, none.Header = map[string]string{"Authorization": "guessed"}, nil
	p.want("a wrong secret", deleted(wrong, "user-x"), 401, notAuthorized)
	p.want("no secret", deleted(none, "user-x"), 401, notAuthorized)
	p.want("a forged signature", deleted(herald.Forged(), "user-x"), 401, notAuthorized)
	p.want("a changed body", receivertest.Tampered(deleted(herald, "user-x")), 401, notAuthorized)
	p.want("no signature", deleted(receivertest.Sender{URL: p.url, Header: herald.Header}, "user-x"), 401, notAuthorized)
	for _, text := range []string{"", ".", "..", "a.b.c", "v1,AAAA", "eyJhbGciOiJub25lIn0.e30.", strings.Repeat("A", 5000)} {
		q := deleted(herald, "user-x")
		for _, name := range []string{"X-FusionAuth-Signature-JWT", "webhook-signature", "webhook-timestamp"} {
			if q.Header.Get(name) != "" {
				q.Header.Set(name, text)
			}
		}
		p.want("the signature "+text, q, 401, notAuthorized)
	}
	old := map[string]time.Duration{"standard": 10 * time.Minute, "jwt": 72 * time.Hour}[signature]
	p.want("a replayed request", deleted(herald.Expired(old), "user-x"), 401, notAuthorized)

	for _, body := range []string{"not JSON", "[]", "null", `{"event":7}`, `{"event":{"id":"1"}}`, `{"event":{"id":{},"type":[]}}`} {
		p.want(body, herald.Body("1", []byte(body)), 400, `{"errors":[{"code":"[invalidBody]","message":"`)
	}
	large := herald.Body("1", []byte(`{"event":{"id":"1","type":"user.delete","user":{"id":"user-x"}}}`+strings.Repeat(" ", 1<<20)))
	p.wantTooLarge(large)
	text := deleted(herald, "user-x")
	text.Header.Set("Content-Type", "text/plain")
	p.want("another type of content", text, 415, `{"errors":[{"code":"[unsupportedMediaType]"`)
	get := deleted(herald, "user-x")
	get.Method, get.Body, get.GetBody, get.ContentLength = http.MethodGet, nil, nil, 0
	p.want("GET", get, 405, `{"errors":[{"code":"[methodNotAllowed]"`)

	p.want("a right one after all this", deleted(herald, "user-4"), 200, "")
	p.wait("deleted the todos of user-4")
	if lines, _ := p.done("user-x"); len(lines) > 0 {
		t.Errorf("it has done what nobody should have made it do: %q", lines)
	}
}

// events are those of a real Herald, with a rule that makes the receiver's no count.
func events(t *testing.T, p *process, signature string) {
	h := heraldtest.Start(t)
	h.Enable(wire.AbsoluteMajority, event.UserCreate)
	h.Enable(wire.None, event.UserDelete)
	id := h.Secret(secret)
	signs := wire.SignatureConfiguration{Enabled: true, SigningKeyID: id}
	if signature == "standard" {
		signs = wire.SignatureConfiguration{StandardWebhooks: wire.StandardWebhooks{Enabled: true, SigningKeyID: id}}
	}
	h.Subscribe(wire.Webhook{URL: p.url, Headers: map[string]string{"Authorization": key}, SignatureConfiguration: signs}, event.UserCreate, event.UserDelete)
	if _, err := h.CreateUser("eve@blocked.example"); !errors.Is(err, client.ErrRefused) {
		t.Errorf("what the receiver refuses: %v", err)
	} else if e, ok := errors.AsType[*client.Error](err); !ok || e.Status != http.StatusGatewayTimeout {
		t.Errorf("the caller gets %v", err)
	}
	user, err := h.CreateUser("bob@example.com")
	if err != nil {
		t.Fatal(err)
	}
	p.wait("agreed to bob@example.com")
	if err := h.Client.Users.Delete(t.Context(), user.ID, true); err != nil {
		t.Fatal(err)
	}
	h.Settle()
	p.wait("deleted the todos of " + string(user.ID))
}
