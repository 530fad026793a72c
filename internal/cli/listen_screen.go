package cli

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/term"

	"github.com/rivo/uniseg"
)

// screen shows events on a terminal with keys. Events scroll by like lines until a key asks for one of them: then there is a list to move in, which stands still while more
// comes, and the way back.
type screen struct {
	e        *ear
	in       *os.File
	quit     func()
	browser  browser
	browsing bool
	shown    int // entries that were printed
	bodies   int // bodies that were printed
	said     string
}

// canReadKeys tells whether single keys can be read.
func canReadKeys(in io.Reader) bool { return isTerminal(in) }

// newScreen takes the terminal over until restore.
func newScreen(e *ear, quit func()) (s *screen, restore func(), err error) {
	in := e.in.(*os.File)
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, nil, err
	}
	s = &screen{e: e, in: in, quit: quit}
	s.browser.forwards = e.forward != nil
	return s, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		s.live()
		_ = term.Restore(int(in.Fd()), before)
	}, nil
}

const (
	enterScreen = "\x1b[?1049h\x1b[?25l"
	leaveScreen = "\x1b[?25h\x1b[?1049l"
)

// print writes text on a terminal that is raw: the way back to the beginning of a line has to be said.
func (s *screen) print(text string) { fmt.Fprint(s.e, strings.ReplaceAll(text, "\n", "\r\n")) }

func (s *screen) say(text string) {
	if s.browsing {
		s.said = text
		s.draw()
		return
	}
	s.print(text + "\n")
}

func (s *screen) event(h *heard) {
	s.browser.add(h)
	if s.browsing {
		s.draw()
		return
	}
	s.flush()
}

// flush prints what was not printed yet. Below the first event is its body, unless it was asked otherwise.
func (s *screen) flush() {
	for ; s.shown < len(s.browser.all); s.shown++ {
		h := s.browser.all[s.shown]
		body := s.e.c.Print == "body" || s.e.c.Print == "auto" && s.e.forward == nil && s.bodies == 0
		if body {
			s.bodies++
		}
		s.print(s.e.text(h, body))
	}
}

// live goes back to lines that scroll by.
func (s *screen) live() {
	if s.browsing {
		s.browsing = false
		fmt.Fprint(s.e, leaveScreen)
	}
	s.flush()
}

// draw paints the list.
func (s *screen) draw() {
	width, height, err := term.GetSize(int(s.in.Fd()))
	if err != nil || width < 20 || height < 5 {
		width, height = 80, 24
	}
	view := s.browser.view(s.e, width, height, s.said)
	fmt.Fprint(s.e, "\x1b[H"+strings.Join(view, "\x1b[K\r\n")+"\x1b[J")
}

// keys reads keys until the terminal is gone.
func (s *screen) keys() {
	r := bufio.NewReader(s.in)
	for {
		k, err := readKey(r)
		if err != nil {
			return
		}
		s.e.mu.Lock()
		s.said = ""
		do := s.browser.key(k, s.browsing)
		s.e.mu.Unlock()
		s.do(do)
	}
}

// do does what a key has asked for.
func (s *screen) do(what action) {
	s.e.mu.Lock()
	h := s.browser.selected()
	switch what {
	case quit:
		s.e.mu.Unlock()
		s.quit()
		return
	case goLive:
		s.live()
	case browse:
		if !s.browsing && len(s.browser.all) > 0 {
			s.browsing = true
			fmt.Fprint(s.e, enterScreen)
		}
	case sendAgain:
		if h != nil && s.e.forward != nil {
			s.e.mu.Unlock()
			answer := s.e.forward.send(context.Background(), &h.exchange)
			s.e.mu.Lock()
			h.answer, h.note = answer, ""
			h.again++
			s.tell(fmt.Sprintf("Sent again: %s", s.e.line(h)))
		} else if h != nil {
			s.tell("There is nobody to send it to: start with --forward-to.")
		}
	case open:
		if h != nil {
			address := s.e.URL() + "/admin/log/" + string(h.exchange.EventID)
			openBrowser(address)
			s.tell(address)
		}
	case copyCurl:
		if h != nil {
			to := s.e.c.ForwardTo
			if to == "" {
				to = "http://localhost:3000/hooks"
			}
			fmt.Fprintf(s.e, "\x1b]52;c;%s\x07", base64.StdEncoding.EncodeToString([]byte(curlOf(&h.exchange, to))))
			s.tell("Copied as a curl command.")
		}
	}
	if s.browsing {
		s.draw()
	}
	s.e.mu.Unlock()
}

// tell says what a key has done.
func (s *screen) tell(text string) {
	if s.browsing {
		s.said = text
		return
	}
	s.print(text + "\n")
}

// openBrowser tries to open an address; where that is not possible it is at least printed.
func openBrowser(address string) {
	program := map[string]string{"darwin": "open", "windows": "explorer"}[runtime.GOOS]
	if program == "" {
		program = "xdg-open"
	}
	if path, err := exec.LookPath(program); err == nil {
		c := exec.Command(path, address)
		if c.Start() == nil {
			go func() { _ = c.Wait() }()
		}
	}
}

// readKey reads one key: a character, or one of up, down, enter, escape, back.
func readKey(r *bufio.Reader) (string, error) {
	c, _, err := r.ReadRune()
	if err != nil {
		return "", err
	}
	switch c {
	case '\r', '\n':
		return "enter", nil
	case 0x7f, '\b':
		return "back", nil
	case 3:
		return "interrupt", nil
	case 0x1b:
		if r.Buffered() < 2 {
			return "escape", nil
		}
		if next, _ := r.ReadByte(); next != '[' && next != 'O' {
			return "escape", nil
		}
		for {
			b, err := r.ReadByte()
			if err != nil {
				return "", err
			}
			if b >= 0x40 {
				return map[byte]string{'A': "up", 'B': "down"}[b], nil
			}
		}
	}
	return string(c), nil
}

// action is what a key asks for.
type action int

const (
	nothing action = iota
	browse
	goLive
	quit
	sendAgain
	open
	copyCurl
)

// mostKept is how many events can be moved in: the newest.
const mostKept = 1000

// browser is the list that one can move in; no input or output.
type browser struct {
	all      []*heard
	at       int // of those that the filter lets through; below zero means the newest
	details  bool
	line     int // of the details, the first that is shown
	filter   string
	typing   bool
	forwards bool
	held     int // events that have come since it stands still
}

func (b *browser) add(h *heard) {
	b.all = append(b.all, h)
	b.held++
	if len(b.all) > mostKept {
		if b.lets(b.all[0]) && b.at > 0 {
			b.at-- // what is selected stays so
		}
		b.all[0] = nil
		b.all = b.all[1:]
	}
}

// lets tells whether the filter lets an event through.
func (b *browser) lets(h *heard) bool {
	text := h.exchange.EventType + " " + aboutOf(&h.exchange) + " " + string(h.exchange.EventID)
	return strings.Contains(strings.ToLower(text), strings.ToLower(b.filter))
}

// visible are the events that the filter lets through.
func (b *browser) visible() []*heard {
	if b.filter == "" {
		return b.all
	}
	var some []*heard
	for _, h := range b.all {
		if b.lets(h) {
			some = append(some, h)
		}
	}
	return some
}

// selected is the event that keys are about: the newest one until somebody has moved.
func (b *browser) selected() *heard {
	some := b.visible()
	if len(some) == 0 {
		return nil
	}
	return some[min(max(b.at, 0), len(some)-1)]
}

// key takes a key and says what is to be done beyond the list itself.
func (b *browser) key(k string, browsing bool) action {
	if !browsing {
		b.at, b.details, b.held = len(b.visible())-1, false, 0
	}
	if b.typing {
		switch k {
		case "enter":
			b.typing = false
		case "escape":
			b.typing, b.filter = false, ""
		case "back":
			runes := []rune(b.filter)
			b.filter = string(runes[:max(len(runes)-1, 0)])
		case "interrupt":
			return quit
		default:
			if len([]rune(k)) == 1 {
				b.filter += k
			}
		}
		b.at = len(b.visible()) - 1
		return browse
	}
	switch k {
	case "q", "interrupt":
		return quit
	case "up", "k":
		if b.details {
			b.line = max(b.line-1, 0)
		} else {
			b.at = max(b.at-1, 0)
		}
		return browse
	case "down", "j":
		if b.details {
			b.line++ // as far as there are lines, which view knows
		} else {
			b.at = min(b.at+1, len(b.visible())-1)
		}
		return browse
	case "d", "enter":
		b.details, b.line = !b.details, 0
		return browse
	case " ":
		if browsing {
			return goLive
		}
		return browse
	case "escape":
		switch {
		case b.details:
			b.details = false
			return browse
		case b.filter != "":
			b.filter = ""
			return browse
		}
		return goLive
	case "/":
		b.typing = true
		return browse
	case "r":
		return sendAgain
	case "o":
		return open
	case "c":
		return copyCurl
	}
	return nothing
}

// screenKeys is the last line of the screen. It fits on 80 columns.
const screenKeys = "↑↓ · d details · r send again · o open · c curl · / filter · space live · q quit"

// view is the screen, line by line.
func (b *browser) view(e *ear, width, height int, said string) []string {
	some := b.visible()
	head := fmt.Sprintf("%s, standing still", counts(len(some), "event"))
	if b.filter != "" || b.typing {
		head += " · filter: " + b.filter
		if b.typing {
			head += "_"
		}
	}
	if b.held > 0 {
		head += fmt.Sprintf(" · %d new", b.held)
	}
	lines := []string{clip(e.paint(bold, head), width)}
	room := height - 2
	if said != "" {
		room--
	}
	if h := b.selected(); b.details && h != nil {
		text := strings.Split(strings.TrimRight(e.text(h, false)+detailsOf(h)+"\n"+indented(h.exchange.Body), "\n"), "\n")
		b.line = max(0, min(b.line, len(text)-room))
		for _, line := range text[b.line:min(len(text), b.line+room)] {
			lines = append(lines, clip(line, width))
		}
	} else {
		from := max(0, min(b.at-room/2, len(some)-room))
		for i := from; i < min(len(some), from+room); i++ {
			mark := "  "
			if i == b.at {
				mark = "> "
			}
			lines = append(lines, clip(mark+e.line(some[i]), width))
		}
	}
	for len(lines) < room+1 {
		lines = append(lines, "")
	}
	if said != "" {
		lines = append(lines, clip(said, width))
	}
	return append(lines, clip(e.paint(faint, screenKeys), width))
}

// detailsOf is what the line of an event does not say.
func detailsOf(h *heard) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nEvent %s · %s · transaction setting %s\n", h.exchange.EventID, strings.ToLower(string(h.exchange.EventResult)), h.exchange.TransactionType)
	for _, name := range sortedNames(h.exchange.Headers) {
		fmt.Fprintf(&b, "%s: %s\n", printable(name), printable(h.exchange.Headers[name]))
	}
	if h.answer.Body != "" {
		fmt.Fprintf(&b, "\nAnswer:\n%s\n", printableLines(h.answer.Body))
	}
	return b.String()
}

// clip cuts a line to a width, colours not counted.
func clip(line string, width int) string {
	var b strings.Builder
	used := 0
	for rest := line; rest != ""; {
		if strings.HasPrefix(rest, "\x1b[") {
			end := strings.IndexByte(rest, 'm') + 1
			b.WriteString(rest[:max(end, 1)])
			rest = rest[max(end, 1):]
			continue
		}
		cluster, after, w, _ := uniseg.FirstGraphemeClusterInString(rest, -1)
		if used+w > width {
			b.WriteString("\x1b[0m")
			break
		}
		b.WriteString(cluster)
		used += w
		rest = after
	}
	return b.String()
}
