package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress shows how far something is: on a terminal as a bar, once it has taken a second; elsewhere as a line now and then.
type progress struct {
	w        io.Writer
	terminal bool
	shown    time.Time
	what     string // that the bar is about
	bar      *progressbar.ProgressBar
}

// A line every so often where there is no terminal.
const lineEvery = 10 * time.Second

func newProgress(w io.Writer) *progress {
	return &progress{w: w, shown: time.Now(), terminal: isTerminal(w)}
}

func (p *progress) told(what string, done, total int64) {
	if !p.terminal {
		if time.Since(p.shown) >= lineEvery {
			fmt.Fprintf(p.w, "%s: %s of %s\n", what, grouped(int(done)), grouped(int(total)))
			p.shown = time.Now()
		}
		return
	}
	if p.bar == nil && time.Since(p.shown) < time.Second {
		return
	}
	if p.what != what || p.bar == nil {
		p.end()
		p.what = what
		p.bar = progressbar.NewOptions64(max(total, 1), progressbar.OptionSetWriter(p.w), progressbar.OptionSetDescription(what), progressbar.OptionSetWidth(20),
			progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionOnCompletion(func() { fmt.Fprintln(p.w) }))
	}
	_ = p.bar.Set64(done)
}

// end leaves the line of the bar.
func (p *progress) end() {
	if p.bar != nil && !p.bar.IsFinished() {
		_ = p.bar.Exit()
		fmt.Fprintln(p.w)
	}
}
