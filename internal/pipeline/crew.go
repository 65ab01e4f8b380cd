package pipeline

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"phasl/internal/par"
)

// An outcome is how one participant went.
type outcome struct {
	kept   bool   // an earlier run had finished it
	record string // its name; see [worker.record]
	err    error
}

// processAll processes the people, several at a time where CPUs and memory
// allow: the steps of one person leave a CPU idle now and then. like gives
// what all workers share. After an error that ends the run no further person
// is begun.
func processAll(ctx context.Context, c *Config, people []person, like worker, sizes *shapes, started time.Time) []outcome {
	total := 0
	for _, p := range people {
		total += len(p.scans)
	}
	tick := &ticker{fn: c.Progress, total: total}
	atOnce := c.atOnce(people, like, sizes)
	own := *c
	own.Workers = (par.Workers(c.Workers) + atOnce - 1) / atOnce
	out := make([]outcome, len(people))
	var stop atomic.Bool
	par.Do(atOnce, len(people), func(i int) {
		p := people[i]
		if len(p.scans) == 0 || stop.Load() {
			return
		}
		w := like
		w.ctx, w.c, w.label, w.scans, w.tick = ctx, &own, p.label, p.scans, tick
		kept, err := w.participant(started)
		out[i] = outcome{kept, w.record(), err}
		if err != nil && !c.SkipFaulty || ctx.Err() != nil {
			stop.Store(true)
		}
		tick.finish(len(p.scans) - w.finished)
	})
	return out
}

// memory is what participants processed at the same time may take together
// [bytes].
const memory = 1500 << 20

// What a participant takes at most [bytes]: so much for each voxel of the T1w
// image, for each voxel of a template that it is deformed to, for each value of
// the largest series, and so much whatever its size. The garbage collector's
// slack is in it.
const (
	memoryT1w    = 72
	memorySpace  = 70
	memorySeries = 40
	memoryLeast  = 60 << 20
)

// atOnce returns how many people may be processed at the same time.
func (c *Config) atOnce(people []person, like worker, sizes *shapes) int {
	values := func(path string) int {
		d, err := sizes.of(path)
		if err != nil {
			return 0
		}
		return d[0] * d[1] * d[2] * max(d[3], 1)
	}
	most, busy := 1, 0
	for _, p := range people {
		t1w, series := 0, 0
		for _, sc := range p.scans {
			series = max(series, values(sc.AbsPath))
			for _, t := range sc.T1w[:min(1, len(sc.T1w))] {
				t1w = max(t1w, values(like.ds.Abs(t)))
			}
		}
		if series > 0 {
			busy++
		}
		space := 0
		if t1w > 0 && like.space != nil && like.space.deform {
			space = like.space.t1.Len()
		}
		most = max(most, memoryT1w*t1w+memorySpace*space+memorySeries*series+memoryLeast)
	}
	return max(1, min(par.Workers(c.Workers), busy, memory/most))
}

// A ticker passes progress on. It is safe for concurrent use; the calls it
// makes do not overlap.
type ticker struct {
	fn    func(Event)
	total int // scans

	mu   sync.Mutex
	done int // scans finished
}

func (t *ticker) step(unit, step string) {
	if t.fn == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	e := Event{Unit: unit, Step: step, Done: t.done, Total: t.total}
	if e.Done == e.Total { // all scans, but not yet the last report
		e.Done, e.StepsDone = e.Total-1, 1
	}
	t.fn(e)
}

// finish counts n scans as finished.
func (t *ticker) finish(n int) {
	t.mu.Lock()
	t.done += n
	t.mu.Unlock()
}
