package pipeline

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"phasl/bids"
	"phasl/diag"
)

// A worker processes one participant.
type worker struct {
	ctx   context.Context
	c     *Config
	ds    *bids.Dataset
	space *space
	label string
	scans []*bids.Scan
	found map[string]diag.List // what was found in each scan before the work, by path
	how   string               // see [Config.how]
	tick  *ticker

	outputs  []string // relative to the output folder
	finished int      // scans counted as such
}

// participant processes the scans of one person, unless a valid record says
// that an earlier run did.
func (w *worker) participant(started time.Time) (kept bool, err error) {
	unit := "sub-" + w.label
	w.tick.step(unit, "check what is finished")
	key, err := w.key()
	if err != nil {
		return false, err
	}
	if _, ok := readRecord(w.c.WorkDir, w.c.OutDir, w.record(), key); ok {
		return true, nil
	}
	// A record that no longer holds must not vouch for files about to change.
	stale := oldOutputs(w.c.WorkDir, w.record())
	if err := os.Remove(recordPath(w.c.WorkDir, w.record())); err != nil && !os.IsNotExist(err) {
		return false, err
	}
	if err := sweep(filepath.Join(w.c.WorkDir, "participants"), started); err != nil {
		return false, err
	}
	res, err := w.work(started)
	if err != nil {
		return false, err
	}
	// What an earlier run wrote and this one did not would stand there as if
	// it belonged.
	for _, name := range stale {
		if !slices.Contains(w.outputs, name) {
			if err := os.Remove(filepath.Join(w.c.OutDir, filepath.FromSlash(name))); err != nil && !os.IsNotExist(err) {
				return false, err
			}
		}
	}
	return false, writeRecord(w.c.WorkDir, w.c.OutDir, record{Key: key, How: w.how, Result: *res, name: w.record()}, w.outputs)
}

// record names the participant's record and page: sub-01, or, if only some
// sessions were asked for, sub-01_ses-pre, so that runs over one session each
// do not replace one another.
func (w *worker) record() string {
	name := "sub-" + w.label
	if len(w.c.Sessions) > 0 {
		name += "_ses-" + strings.Join(slices.Sorted(slices.Values(w.c.Sessions)), "+")
	}
	return name
}

// work processes the scans and writes derivatives and report.
func (w *worker) work(started time.Time) (*ParticipantResult, error) {
	unit := "sub-" + w.label
	if err := sweep(filepath.Join(w.c.OutDir, unit), started); err != nil {
		return nil, err
	}
	res := ParticipantResult{Participant: w.label, Report: w.record() + ".html"}
	anatomies := map[string]*anatomy{}
	var done []pageScan
	for _, in := range w.scans {
		name := scanLabel(in)
		step := func(what string) { w.tick.step(name, what) }
		if err := w.ctx.Err(); err != nil {
			return nil, err
		}
		a, err := w.anatomyOf(in, anatomies, step)
		if err != nil {
			return nil, err
		}
		var l diag.List // was looked at before the work began
		s := &scan{in: in, given: w.c.givenScan(in.Entities, w.c.spaceName(), &l), set: w.c.Settings, space: w.space, anatomy: a, step: step, ctx: w.ctx}
		if err := s.process(); err != nil {
			return nil, err
		}
		step("write the derivatives")
		if err := w.writeScan(s); err != nil {
			return nil, err
		}
		res.Scans = append(res.Scans, s.outcome)
		done = append(done, s.forReport())
		w.tick.finish(1)
		w.finished++
	}
	for _, in := range w.scans { // in the order of the scans
		if len(in.T1w) == 0 {
			continue
		}
		if a := anatomies[in.T1w[0]]; a != nil && !a.written {
			if err := w.writeAnatomy(a, in); err != nil {
				return nil, err
			}
			a.written = true
			res.Anatomy = append(res.Anatomy, a.steps...)
			res.AnatomyFiles = append(res.AnatomyFiles, a.files)
		}
	}
	w.tick.step(unit, "write the report")
	if err := w.writeReport(&res, done, anatomies); err != nil {
		return nil, err
	}
	if err := w.ctx.Err(); err != nil {
		return nil, err
	}
	return &res, nil
}

// anatomyOf returns the anatomy of the T1w image that belongs to a scan, nil
// if there is none. Each image is read once.
func (w *worker) anatomyOf(in *bids.Scan, seen map[string]*anatomy, step func(string)) (*anatomy, error) {
	if len(in.T1w) == 0 {
		return nil, nil
	}
	file := in.T1w[0]
	if a, ok := seen[file]; ok {
		return a, nil
	}
	var l diag.List // was looked at before the work began
	a, err := readAnatomy(w.ds.Abs(file), file, w.space, w.c.givenAnatomy(file, w.c.spaceName(), &l), w.c.Settings, step)
	if err != nil {
		return nil, err
	}
	seen[file] = a
	return a, nil
}

// scanLabel names a scan as a person would: its file without the ending.
func scanLabel(in *bids.Scan) string {
	return bids.Name(in.Entities, "asl", "")
}
