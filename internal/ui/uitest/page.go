package uitest

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// answerTime is how long the browser may take for one step.
const answerTime = 30 * time.Second

//go:embed page.js
var inPage string

// Page is a tab of the browser, with cookies of its own. Every method fails the test at once when it cannot do what it says. It is not safe for
// concurrent use.
type Page struct {
	t    testing.TB
	base string
	ctx  context.Context
	// patience is how long to wait for what is expected of a page. It is long for the sake of busy machines; nothing waits when there is nothing to
	// wait for.
	patience time.Duration
	within   string                     // see Within
	words    func(text string) []string // see Speaking; nil for as it is
	*tab
}

// tab is what the browser tells of a tab, on a goroutine of its own.
type tab struct {
	sync.Mutex
	main     cdp.FrameID
	loading  bool
	changed  chan struct{} // closed and replaced whenever loading changes
	requests map[network.RequestID]*network.Request
	expected int // the status that the next document may have besides good ones
	status   int
	problems []string
}

// New opens a tab for the server at base, which is a URL without a slash at its end. What goes wrong in the page is reported to t at its end.
func New(t testing.TB, base string) *Page {
	t.Helper()
	browser := started(t)
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	p := &Page{t: t, base: base, ctx: ctx, patience: 20 * time.Second, tab: &tab{changed: make(chan struct{}), requests: map[network.RequestID]*network.Request{}}}
	t.Cleanup(cancel)
	if err := chromedp.Listen(ctx, p.hear); err != nil {
		t.Fatal(err)
	}
	p.main = cdp.FrameID(chromedp.FromContext(ctx).Target.TargetID) // the outermost frame of a tab has the tab's id
	t.Cleanup(p.report)
	p.look(wide, light)
	return p
}

// In is the same tab for a subtest, which all that goes wrong until its end is reported to.
func (p *Page) In(t testing.TB) *Page {
	in := *p
	in.t = t
	t.Cleanup(in.report)
	return &in
}

// Within is the same tab for steps in a part of the page only: the innermost row of a table, item of a list, section, form, dialog and the like that
// has this text in it, or is called so. A CSS selector begins with #, . or [, or is main, header, nav, footer or dialog. "" is the whole page.
func (p *Page) Within(part string) *Page {
	in := *p
	in.within = part
	return &in
}

// Speaking is the same tab of somebody who prefers another language, until its end. What steps name is looked for as words has it; each of several may
// be meant. What words does not know is looked for as it is, and not waited for by See.
func (p *Page) Speaking(language string, words func(text string) []string) *Page {
	p.t.Helper()
	p.call(func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": language}})
		return err
	})
	in := *p
	in.words = words
	return &in
}

// said is what may stand on the page for a text of a step.
func (p *Page) said(text string) (all []string, known bool) {
	if p.words != nil {
		if all = p.words(text); len(all) > 0 {
			return all, true
		}
	}
	return []string{text}, p.words == nil
}

// calls are the calls of a function of page.js with one of all that may stand for a text, and then the rest.
func (p *Page) calls(function, text, rest string) (all []string) {
	said, _ := p.said(text)
	for _, one := range said {
		all = append(all, function+"("+quote(one)+rest+")")
	}
	return all
}

// hear takes what the browser tells. It must not wait for the browser.
func (p *Page) hear(event any) {
	p.tab.Lock()
	defer p.tab.Unlock()
	switch e := event.(type) {
	case *page.EventFrameStartedLoading:
		if e.FrameID == p.main {
			p.load(true)
		}
	case *page.EventFrameStoppedLoading:
		if e.FrameID == p.main {
			p.load(false)
		}
	case *page.EventJavascriptDialogOpening:
		p.problem("a dialog opened: %s %q", e.Type, e.Message)
		go func() { // the page stands still until it is answered
			_, _ = chromedp.Call(p.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: true})
		}()
	case *runtime.EventConsoleAPICalled:
		var said []string
		for _, a := range e.Args {
			if said = append(said, string(a.Value)); len(a.Value) == 0 {
				said[len(said)-1] = a.Description
			}
		}
		p.problem("console.%s: %s", e.Type, strings.Join(said, " "))
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			text += " " + x.Description
		}
		p.problem("%s (%s:%d)", text, e.ExceptionDetails.URL, e.ExceptionDetails.LineNumber+1)
	case *log.EventEntryAdded:
		if e.Entry.Source != log.EntrySourceNetwork { // what was not loaded is told below
			p.problem("%s %s: %s %s", e.Entry.Source, e.Entry.Level, e.Entry.Text, e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		p.requests[e.RequestID] = e.Request
	case *network.EventResponseReceived:
		p.answered(e)
	case *network.EventLoadingFailed:
		if r := p.requests[e.RequestID]; r != nil && !e.Canceled {
			p.problem("%s %s: %s %s", r.Method, r.URL, e.ErrorText, e.BlockedReason)
		}
	}
}

// answered judges the status of an answer. A form that is shown again with what is wrong in it has one of its own; a link that leads nowhere is
// broken.
func (p *Page) answered(e *network.EventResponseReceived) {
	status, method := int(e.Response.Status), ""
	if r := p.requests[e.RequestID]; r != nil {
		method = r.Method
	}
	document := e.Type == network.ResourceTypeDocument && e.FrameID == p.main
	if document {
		p.status = status
	}
	if status < 400 || document && (status == p.expected || method == http.MethodPost && status < 500) {
		return
	}
	p.problem("%s %s: status %d", method, e.Response.URL, status)
}

func (p *Page) load(begins bool) {
	p.loading = begins
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *Page) problem(format string, args ...any) {
	if said := fmt.Sprintf(format, args...); len(p.problems) < 20 {
		p.problems = append(p.problems, fmt.Sprintf("%.1000s", said))
	}
}

// report tells the test what the page has complained of.
func (p *Page) report() {
	if !p.t.Failed() && p.ctx.Err() == nil {
		_, _ = p.try("settled()") // so that what the last step caused has been said
	}
	p.tab.Lock()
	defer p.tab.Unlock()
	for _, said := range p.problems {
		p.t.Errorf("the page complains: %s", said)
	}
	p.problems = nil
}

// Open goes to a path and waits until the page has been loaded, and well.
func (p *Page) Open(path string) *Page {
	p.t.Helper()
	return p.OpenWith(http.StatusOK, path)
}

// OpenWith is Open for a page with another status.
func (p *Page) OpenWith(status int, path string) *Page {
	p.t.Helper()
	p.tab.Lock()
	p.expected, p.status = status, 0
	p.tab.Unlock()
	ctx, cancel := context.WithTimeout(p.ctx, answerTime)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Navigate(p.base+path)); err != nil {
		p.t.Fatalf("%s: %v", path, err)
	}
	p.tab.Lock()
	got := p.status
	p.expected = 0
	p.tab.Unlock()
	if got != status {
		p.t.Fatalf("%s: status %d, want %d", path, got, status)
	}
	p.settle()
	return p
}

// Click clicks a link, a button, or what else can be clicked, and waits until the page it leads to has been loaded. what is the text people
// see (or hear, of a button that is a picture): all of it, or how it begins when nothing else begins so. Beginning with #, . or [ it is a CSS
// selector.
func (p *Page) Click(what string) *Page {
	p.t.Helper()
	var at struct{ X, Y float64 }
	p.until("click", p.calls("where", what, ""), &at)
	for _, kind := range []input.DispatchMouseEventType{input.DispatchMouseEventTypeMouseMoved, input.DispatchMouseEventTypeMousePressed, input.DispatchMouseEventTypeMouseReleased} {
		m := input.DispatchMouseEventParams{Type: kind, X: at.X, Y: at.Y}
		if kind != input.DispatchMouseEventTypeMouseMoved {
			m.Button, m.ClickCount = input.MouseButtonLeft, 1
		}
		p.call(func(ctx context.Context) error { _, err := chromedp.Call(ctx, input.DispatchMouseEvent, m); return err })
	}
	p.settle()
	return p
}

// Drag presses the button of the mouse on what matches a CSS selector, a share of its width from its left side, moves to another share and lets go.
func (p *Page) Drag(selector string, from, to float64) *Page {
	p.t.Helper()
	var box struct{ X, Y, Width, Height float64 }
	p.until("drag", []string{"box(" + quote(selector) + ")"}, &box)
	for _, step := range []struct {
		kind input.DispatchMouseEventType
		at   float64
	}{{input.DispatchMouseEventTypeMouseMoved, from}, {input.DispatchMouseEventTypeMousePressed, from}, {input.DispatchMouseEventTypeMouseMoved, to}, {input.DispatchMouseEventTypeMouseReleased, to}} {
		m := input.DispatchMouseEventParams{Type: step.kind, X: box.X + box.Width*step.at, Y: box.Y + box.Height/2, Button: input.MouseButtonLeft, ClickCount: 1}
		p.call(func(ctx context.Context) error { _, err := chromedp.Call(ctx, input.DispatchMouseEvent, m); return err })
	}
	p.settle()
	return p
}

// Type replaces what is in a field, which is found by its label.
func (p *Page) Type(label, text string) *Page {
	p.t.Helper()
	var done bool
	p.until("type", p.calls("focus", label, ","+quote(text)), &done)
	if !done {
		p.call(func(ctx context.Context) error {
			_, err := chromedp.Call(ctx, input.InsertText, input.InsertTextParams{Text: text})
			return err
		})
	}
	return p
}

// Press presses a key, by its name ("Enter", "Escape", "/"), on what has the focus.
func (p *Page) Press(key string) *Page {
	p.t.Helper()
	named := map[string]string{"Enter": "\r", "Escape": "\u001b", "Tab": "\t", "Backspace": "\b"}
	if k, ok := named[key]; ok {
		key = k
	}
	p.call(func(ctx context.Context) error { return chromedp.Do(ctx, chromedp.KeyEvent(key)) })
	p.settle()
	return p
}

// Choose chooses an option of a list, or of a group of radio buttons. For a check box, Click its label.
func (p *Page) Choose(label, option string) *Page {
	p.t.Helper()
	var calls []string
	options, _ := p.said(option)
	for _, one := range options {
		calls = append(calls, p.calls("choose", label, ","+quote(one))...)
	}
	p.until("choose", calls, nil)
	p.settle()
	return p
}

// Value is what a field holds: its text, the option that is chosen, "true" or "false" of a check box.
func (p *Page) Value(label string) (value string) {
	p.t.Helper()
	p.until("value", p.calls("value", label, ""), &value)
	return value
}

// See waits until the text can be seen on the page. What fields hold is no text of the page.
func (p *Page) See(text string) *Page {
	p.t.Helper()
	if _, known := p.said(text); !known {
		return p
	}
	p.until("see", p.calls("see", text, ""), nil)
	return p
}

// NotSee waits until the text cannot be seen on the page.
func (p *Page) NotSee(text string) *Page {
	p.t.Helper()
	p.until("not see", p.calls("notSee", text, ""), nil)
	return p
}

// At waits until the page has this path and query.
func (p *Page) At(path string) *Page {
	p.t.Helper()
	p.until("at", []string{"at(" + quote(path) + ")"}, nil)
	return p
}

// Eval evaluates an expression in the page and decodes what comes out into result, if that is not nil. A promise is waited for.
func (p *Page) Eval(expression string, result any) *Page {
	p.t.Helper()
	out, err := p.evaluate(expression)
	if err == nil && result != nil {
		err = json.Unmarshal(out, result)
	}
	if err != nil {
		p.t.Fatalf("%.200s: %v", expression, err)
	}
	return p
}

// URL is where the page is.
func (p *Page) URL() *url.URL {
	p.t.Helper()
	var at string
	p.Eval("location.href", &at)
	u, err := url.Parse(at)
	if err != nil {
		p.t.Fatal(err)
	}
	return u
}

// settle waits until what a step has begun is over, also when it leads to another page.
func (p *Page) settle() {
	p.t.Helper()
	if _, err := p.try("settled()"); err == nil && !p.busy() {
		return
	}
	p.loaded()
	_, _ = p.try("settled()") // what a page does when it is first drawn, such as giving a field the focus, is over as well
}

func (p *Page) busy() bool {
	p.tab.Lock()
	defer p.tab.Unlock()
	return p.loading
}

// loaded waits until the page is no longer loading.
func (p *Page) loaded() {
	p.t.Helper()
	deadline := time.NewTimer(p.patience)
	defer deadline.Stop()
	for {
		p.tab.Lock()
		loading, changed := p.loading, p.changed
		p.tab.Unlock()
		if !loading {
			return
		}
		select {
		case <-changed:
		case <-deadline.C:
			p.t.Fatalf("the page is still loading after %v", p.patience)
		}
	}
}

// until makes calls of a function of page.js again and again until one of them does not throw.
func (p *Page) until(what string, calls []string, result any) {
	p.t.Helper()
	deadline := time.NewTimer(p.patience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var err error
		for _, call := range calls {
			var out []byte
			if out, err = p.try(call); err == nil && result != nil {
				err = json.Unmarshal(out, result)
			}
			if err == nil {
				return
			}
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			p.t.Fatalf("%s at %s: %v", what, p.where(), err)
		}
	}
}

func (p *Page) where() string {
	out, err := p.evaluate("location.pathname + location.search")
	if err != nil {
		return err.Error()
	}
	return string(out)
}

func (p *Page) try(call string) ([]byte, error) {
	within, _ := p.said(p.within)
	return p.evaluate(strings.TrimSpace(inPage) + "(" + quote(within[0]) + ")." + call)
}

func (p *Page) evaluate(expression string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(p.ctx, answerTime)
	defer cancel()
	out, err := chromedp.Run(ctx, chromedp.Evaluate[[]byte](expression, chromedp.EvalAwaitPromise))
	var thrown *chromedp.ExceptionError
	if errors.As(err, &thrown) && thrown.Exception != nil && len(thrown.Exception.Value) > 0 {
		var said string
		if json.Unmarshal(thrown.Exception.Value, &said) == nil {
			return nil, errors.New(said)
		}
	}
	return out, err
}

func (p *Page) call(fn func(ctx context.Context) error) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, answerTime)
	defer cancel()
	if err := fn(ctx); err != nil {
		p.t.Fatal(err)
	}
}

// quote writes a text as JavaScript does.
func quote(text string) string {
	out, _ := json.Marshal(text) // a string can always be written
	return string(out)
}
