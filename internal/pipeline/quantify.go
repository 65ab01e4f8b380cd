package pipeline

import (
	"context"
	"path/filepath"
	"time"

	"phasl/bids"
	"phasl/diag"
)

// Quantify processes the one scan whose image is at path, with what belongs to
// it by the rules of BIDS, and writes its derivatives and report below
// c.OutDir. The file names in the result begin with c.OutDir. Faults of the input come back as a [diag.List]. c.BIDSDir,
// c.Participants and c.Sessions are not used.
func Quantify(ctx context.Context, path string, c Config) (*ScanResult, error) {
	ds, in, l := bids.OpenScan(path)
	if in == nil {
		return nil, l
	}
	if err := apart(ds.Root, c.OutDir); err != nil && ds.Description != nil {
		return nil, err
	}
	c.prepare(&l)
	l.Add(c.checkGiven([]person{{label: in.Subject, scans: []*bids.Scan{in}}}, false, c.spaceName())...)
	found := check(ds, in, c.overrides, newShapes())
	l.Add(found...)
	if l.Err() != nil {
		return nil, l
	}
	if err := c.writable(); err != nil {
		return nil, err
	}
	var sl diag.List
	sp, err := loadSpace(&c, &sl)
	if err != nil {
		return nil, err
	}
	c.warn(append(append(diag.List{}, l...), sl...))
	w := &worker{ctx: ctx, c: &c, ds: ds, space: sp, label: in.Subject, scans: []*bids.Scan{in.With(c.overrides)},
		found: map[string]diag.List{in.Path: found}, tick: &ticker{fn: c.Progress, total: 1}}
	res, err := w.work(time.Now())
	if err != nil {
		return nil, err
	}
	out := res.Scans[0]
	out.Problems = append(l, append(sl, out.Problems...)...)
	out.locate(c.OutDir)
	return &out, c.describe(ds.Root)
}

// locate puts the output folder before the names of the files, so that they
// can be opened as they stand.
func (r *ScanResult) locate(out string) {
	at := func(name string) string { return filepath.Join(out, filepath.FromSlash(name)) }
	r.CBFFile = at(r.CBFFile)
	if r.ATTFile != nil {
		name := at(*r.ATTFile)
		r.ATTFile = &name
	}
	for what, name := range r.Files {
		r.Files[what] = at(name)
	}
}
