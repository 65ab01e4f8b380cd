package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"phasl/internal/pipeline"
)

// progress shows how far the work is: one line that rewrites itself on a
// terminal, one plain line per step elsewhere. Its methods may be called from
// several goroutines.
type progress struct {
	w     io.Writer
	tty   bool
	width int

	mu    sync.Mutex
	start time.Time
	drawn bool // a line without its newline stands on the terminal
	last  [2]int

	said   string // last line, where lines are not rewritten
	saidAt float64
}

func newProgress(w io.Writer) *progress {
	p := &progress{w: w, start: time.Now()}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.tty = true
		p.width, _, _ = term.GetSize(int(f.Fd()))
	}
	return p
}

// show draws one event.
func (p *progress) show(e pipeline.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	elapsed := time.Since(p.start).Seconds()
	if !p.tty {
		line := fmt.Sprintf("%d/%d %s: %s", e.Done+1, e.Total, e.Unit, e.Step)
		if line == p.said && elapsed < p.saidAt+15 { // a step that tells of its parts
			return
		}
		if line == p.said {
			fmt.Fprintf(p.w, "[%6.1f s] %s, %.0f %% of all\n", elapsed, line, 100*e.Fraction())
		} else {
			fmt.Fprintf(p.w, "[%6.1f s] %s\n", elapsed, line)
		}
		p.said, p.saidAt = line, elapsed
		return
	}
	const cells = 24
	done := e.Fraction()
	full := int(done * cells)
	line := fmt.Sprintf("%s%s %3.0f%%  %s: %s  %.0f s%s", strings.Repeat("█", full), strings.Repeat("░", cells-full), 100*done, e.Unit, e.Step, elapsed, left(elapsed, done))
	if r := []rune(line); p.width > 1 && len(r) >= p.width {
		line = string(r[:p.width-1])
	}
	fmt.Fprint(p.w, "\r\x1b[K", line)
	p.drawn = true
}

// brief is show for long work: where lines are not rewritten, it draws one
// line for each unit finished, with the time left.
func (p *progress) brief(e pipeline.Event) {
	if p.tty {
		p.show(e)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	key := [2]int{e.Done, e.Total}
	if p.last == key && e.Done > 0 {
		return
	}
	p.last = key
	elapsed := time.Since(p.start).Seconds()
	fmt.Fprintf(p.w, "[%6.1f s] %3.0f %%  %d/%d %s: %s%s\n", elapsed, 100*e.Fraction(), e.Done, e.Total, e.Unit, e.Step, left(elapsed, e.Fraction()))
}

// left says how long the rest will take at the speed so far, once that tells
// something.
func left(elapsed, done float64) string {
	if elapsed < 10 || done < 0.02 || done >= 1 {
		return ""
	}
	rest := elapsed * (1 - done) / done
	if rest >= 90 {
		return fmt.Sprintf(", about %.0f min left", rest/60)
	}
	return fmt.Sprintf(", about %.0f s left", rest)
}

// end leaves the terminal on a fresh line.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.drawn = false
	}
}
