package pipeline

import (
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"phasl/asl"
	"phasl/bids"
	"phasl/diag"
	"phasl/internal/atomicfile"
)

// Run processes the participants that c asks for and writes their derivatives,
// reports and the tables over participants below c.OutDir. Participants that
// an earlier run finished with the same input and settings are kept.
//
// Faults of the input are looked for in all scans asked for before anything is
// written, and returned as a [diag.List]; with c.SkipFaulty the other scans
// are processed and the faults are in the result. When ctx is cancelled Run
// stops after the present step and returns ctx.Err().
func Run(ctx context.Context, c Config) (*RunResult, error) {
	started := time.Now()
	if err := c.placeRecords(); err != nil {
		return nil, err
	}
	ds, l := bids.Open(c.BIDSDir)
	if ds == nil {
		return nil, l
	}
	if err := apart(c.BIDSDir, c.OutDir); err != nil {
		return nil, err
	}
	var asked diag.List // what the user asked for and cannot have
	c.prepare(&asked)
	people, selection := selectScans(ds, &c)
	asked.Add(selection...)
	asked.Add(c.checkGiven(people, len(c.Participants) == 0 && len(c.Sessions) == 0, c.spaceName())...)
	l.Add(asked...)
	found := map[string]diag.List{} // warnings about single scans, for their reports
	res := &RunResult{Output: c.OutDir, Kept: []string{}, Failed: []FailedScan{}}
	sizes := newShapes()
	for i, lists := range checkAll(ds, people, &c, sizes) {
		n := -1
		people[i].scans = slices.DeleteFunc(people[i].scans, func(sc *bids.Scan) bool {
			n++
			pl := lists[n]
			for _, p := range pl {
				if !slices.ContainsFunc(l, func(q *diag.Problem) bool {
					return q.File == p.File && q.Field == p.Field && q.Found == p.Found
				}) {
					l.Add(p) // one sidecar, and every --set, may serve many scans
				}
			}
			if pl.Err() == nil {
				found[sc.Path] = pl
				return false
			}
			res.Failed = append(res.Failed, FailedScan{Unit: sc.Path, Problems: pl})
			return true
		})
	}
	if l.Err() != nil && (!c.SkipFaulty || asked.Err() != nil) {
		return nil, l
	}
	res.Problems = l
	var sl diag.List
	sp, err := loadSpace(&c, &sl)
	if err != nil {
		return nil, err
	}
	res.Problems.Add(sl...)
	if err := c.writable(); err != nil {
		return nil, err
	}
	how, err := c.how()
	if err != nil {
		return nil, err
	}
	c.warn(res.Problems)
	if sp != nil {
		res.Space = sp.name
	}

	valid := map[string]bool{} // records that this run wrote or found to hold
	for i, got := range processAll(ctx, &c, people, worker{ds: ds, space: sp, found: found, how: how}, sizes, started) {
		switch list, faulty := errors.AsType[diag.List](got.err); {
		case len(people[i].scans) == 0:
			continue
		case got.err == nil && got.kept:
			res.Kept = append(res.Kept, people[i].label)
		case faulty && c.SkipFaulty:
			res.Failed = append(res.Failed, FailedScan{Unit: "sub-" + people[i].label, Problems: list})
		case got.err != nil:
			return nil, got.err
		}
		if got.err == nil {
			valid[got.record] = true
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	records, err := allRecords(c.WorkDir)
	if err != nil {
		return nil, err
	}
	var all []ParticipantResult
	for _, r := range records {
		asked := slices.ContainsFunc(people, func(q person) bool { return q.label == r.Result.Participant })
		switch {
		case valid[r.name]:
			res.Participants = append(res.Participants, r.Result)
		case r.How != how:
			res.Problems.Warnf("sub-"+r.Result.Participant, "", "run it again with the present settings to have it in the tables",
				"an earlier run processed it with other settings; it is left out of the tables")
			continue
		case asked && len(c.Sessions) == 0: // it has faults now, so what stands there is of old data
			continue
		}
		all = append(all, r.Result)
	}
	if err := writeTables(&c, all); err != nil {
		return nil, err
	}
	if err := writeIndex(&c, ds, all); err != nil {
		return nil, err
	}
	if err := linkReport(c.OutDir); err != nil {
		return nil, err
	}
	return res, sweepTop(c.OutDir, started)
}

// A person is a participant and the scans to process.
type person struct {
	label string
	scans []*bids.Scan
}

// selectScans returns the people and scans that c asks for, by label. What
// was asked for by name and is not there is an error.
func selectScans(ds *bids.Dataset, c *Config) ([]person, diag.List) {
	var l diag.List
	subjects := ds.Subjects()
	for _, want := range c.Participants {
		if !slices.Contains(subjects, want) {
			l.Errorf(ds.Root, "--participant-label", "use one of "+strings.Join(subjects, ", "), "there is no sub-%s", want)
		}
	}
	sessions := map[string]bool{}
	found := 0
	var people []person
	all := ds.ASLScans()
	for _, s := range subjects {
		if len(c.Participants) > 0 && !slices.Contains(c.Participants, s) {
			continue
		}
		p := person{label: s}
		for i := range all {
			sc := &all[i]
			if sc.Subject != s {
				continue
			}
			sessions[sc.Session] = true
			if len(c.Sessions) == 0 || slices.Contains(c.Sessions, sc.Session) {
				p.scans = append(p.scans, sc.With(c.overrides))
				found++
			}
		}
		if len(p.scans) == 0 {
			l.Warnf("sub-"+s, "", "check that perf/ holds an _asl image, or leave the participant out", "has no ASL scan to process")
		}
		people = append(people, p)
	}
	for _, want := range c.Sessions {
		if !sessions[want] {
			l.Errorf(ds.Root, "--session-label", "check the name of the ses- folders", "no participant asked for has a ses-%s with ASL", want)
		}
	}
	if found == 0 && l.Err() == nil {
		l.Errorf(ds.Root, "", "put ASL series at sub-<label>/[ses-<label>/]perf/sub-<label>_…_asl.nii.gz", "no ASL scan was found")
	}
	return people, l
}

// prepare takes the user's settings apart, checks their names, and finds the
// files that belong to those given.
func (c *Config) prepare(l *diag.List) {
	c.openGiven(l)
	overrides, ol := parseOverrides(c.Overrides)
	l.Add(ol...)
	c.overrides = overrides
	// What lies beside the files counts as given, for the digest as well.
	if c.Template != "" && c.TemplateMask == "" {
		c.TemplateMask = maskBeside(c.Template)
	}
	if c.Template != "" && c.TemplateGM == "" && c.TemplateWM == "" && c.TemplateCSF == "" {
		c.TemplateGM, c.TemplateWM, c.TemplateCSF = priorsBeside(c.Template)
	}
	if c.Atlas != "" && c.Labels == "" {
		c.Labels = labelsBeside(c.Atlas)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Constants)) {
		if slices.Contains(asl.ConstantNames, name) {
			continue
		}
		fix := "use one of " + strings.Join(asl.ConstantNames, ", ")
		if near, ok := diag.Nearest(name, asl.ConstantNames); ok {
			fix = "use " + near
		}
		l.Errorf("--constant", name, fix, "is not a constant of any model")
	}
}

// warn passes warnings on.
func (c *Config) warn(l diag.List) {
	if w := l.Warnings(); c.Warn != nil && len(w) > 0 {
		c.Warn(w)
	}
}

// writable tries the output folder, so that one that cannot be written to
// fails before the work and not after it.
func (c *Config) writable() error {
	probe := filepath.Join(c.OutDir, ".phasl", "writable")
	if err := atomicfile.Write(probe, func(io.Writer) error { return nil }); err != nil {
		return diag.List{{File: c.OutDir, Found: "the output folder cannot be written to: " + err.Error(), Fix: "choose a folder you may write to, or mend its permissions", Err: err}}
	}
	return os.Remove(probe)
}

// parseOverrides splits "FIELD=VALUE".
func parseOverrides(list []string) (map[string]string, diag.List) {
	var l diag.List
	out := map[string]string{}
	for _, s := range list {
		name, value, ok := strings.Cut(s, "=")
		if !ok || name == "" {
			l.Errorf("--set", s, "write FIELD=VALUE, for example --set LabelingDuration=1.8", "is not of the form FIELD=VALUE")
			continue
		}
		out[name] = value
	}
	return out, l
}

// apart refuses an output folder that is the dataset itself or lies among its
// raw data; below derivatives/ is where BIDS wants it.
func apart(in, out string) error {
	a, errA := filepath.Abs(in)
	b, errB := filepath.Abs(out)
	if errA != nil || errB != nil {
		return nil
	}
	rel, err := filepath.Rel(a, b)
	if err != nil {
		return nil
	}
	top, _, _ := strings.Cut(filepath.ToSlash(rel), "/")
	found := ""
	switch {
	case rel == ".":
		found = "the output folder is the dataset itself"
	case top != ".." && top != "derivatives":
		found = "the output folder lies among the raw data of the dataset"
	default:
		return nil
	}
	return diag.List{{File: out, Found: found, Fix: "choose another folder, for example " + filepath.Join(in, "derivatives", "phasl")}}
}

// Validate looks for every fault in a dataset and changes nothing.
func Validate(dir string, overrides []string) (*ValidateResult, error) {
	set, l := parseOverrides(overrides)
	if err := l.Err(); err != nil {
		return nil, err
	}
	ds, l := bids.Open(dir)
	if ds == nil {
		return nil, l
	}
	return &ValidateResult{Dataset: dir, Participants: len(ds.Subjects()), Scans: len(ds.ASLScans()),
		Problems: bids.Validate(ds, bids.ValidateOptions{Shape: shape, Overrides: set})}, nil
}

// sweepTop removes what killed writers of an earlier run left at the top of
// the output folder.
func sweepTop(out string, since time.Time) error {
	entries, err := os.ReadDir(out)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() {
			if err := sweep(filepath.Join(out, e.Name()), since); err != nil {
				return err
			}
		}
	}
	return nil
}
