package bids

import (
	"errors"
	"maps"
	"path"
	"slices"
	"strings"

	"phasl/diag"
)

// ValidateOptions say how to validate. The zero value checks metadata only.
type ValidateOptions struct {
	// Shape returns the size of an image: columns, rows, slices and volumes
	// (1 if it has three dimensions). An error that is a [*diag.Problem] or a
	// [diag.List] is passed on. Nil leaves images unread.
	Shape func(abspath string) (shape [4]int, err error)

	// Overrides are values the user gives in place of the sidecars', by field;
	// see [Scan.With].
	Overrides map[string]string
}

// Validate reports every fault of the dataset at once, sorted by file: those
// that [Open] found and those that [CheckScan] finds in each scan.
func Validate(ds *Dataset, opt ValidateOptions) diag.List {
	l := slices.Clone(ds.open)
	if len(ds.asl) == 0 {
		l.Errorf(".", "", "put ASL series at sub-<label>/[ses-<label>/]perf/sub-<label>_…_asl.nii.gz", "the dataset has no ASL series")
	}
	l.Add(checkOverrides(opt.Overrides)...)
	images := imageReader{shape: opt.Shape, seen: map[string]imageShape{}}
	for i := range ds.asl {
		l.Add(checkScan(ds, &ds.asl[i], opt, &images)...)
	}
	for _, f := range ds.Files {
		if f.Datatype == "anat" && f.Ext == ".json" {
			// No number depends on these, but they are broken all the same.
			_, problems := ReadJSON(ds.Abs(f.Path), f.Path)
			for _, p := range problems {
				p.Severity = diag.Warning
			}
			l.Add(problems...)
		}
	}
	l.Sort()
	return unique(l)
}

// CheckScan reports every fault of one scan, sorted by file.
func CheckScan(ds *Dataset, s *Scan, opt ValidateOptions) diag.List {
	l := checkOverrides(opt.Overrides)
	images := imageReader{shape: opt.Shape, seen: map[string]imageShape{}}
	l.Add(checkScan(ds, s, opt, &images)...)
	l.Sort()
	return unique(l)
}

// unique removes repetitions from a sorted list: a metadata file that applies
// to many scans has its faults said once.
func unique(l diag.List) diag.List {
	return slices.CompactFunc(l, func(a, b *diag.Problem) bool {
		return a.Severity == b.Severity && a.File == b.File && a.Field == b.Field && a.Found == b.Found
	})
}

// checkOverrides names fields the user set that no part of phasl reads: a
// misspelt one would be passed over in silence.
func checkOverrides(overrides map[string]string) diag.List {
	var l diag.List
	for _, name := range slices.Sorted(maps.Keys(overrides)) {
		field := strings.TrimPrefix(name, "m0scan.")
		if knownField(field) {
			continue
		}
		if near, ok := diag.Nearest(field, aslFields); ok {
			l.Errorf(SetByUser, name, "write --set "+strings.TrimSuffix(name, field)+near+"="+overrides[name], "BIDS has no such field")
		} else {
			l.Errorf(SetByUser, name, "check the spelling, or leave it out", "BIDS has no such field for MRI, so it would change nothing")
		}
	}
	return l
}

// An imageShape is what reading an image's header gave.
type imageShape struct {
	n  [4]int
	ok bool
}

// An imageReader asks for the shape of each image once.
type imageReader struct {
	shape func(string) ([4]int, error)
	seen  map[string]imageShape
}

// read returns the shape of an image; a fault is added the first time.
func (r *imageReader) read(rel, abs string, l *diag.List) ([4]int, bool) {
	if r.shape == nil {
		return [4]int{}, false
	}
	if s, ok := r.seen[rel]; ok {
		return s.n, s.ok
	}
	n, err := r.shape(abs)
	s := imageShape{n, err == nil}
	if err != nil {
		l.Add(imageProblems(err, rel)...)
	} else if slices.Min(n[:]) < 1 {
		s.ok = false
		l.Errorf(rel, "", "export the image anew", "the image is empty: its size is %s", shapeText(n))
	}
	r.seen[rel] = s
	return n, s.ok
}

// imageProblems passes on why an image cannot be read, under its name in the
// dataset.
func imageProblems(err error, rel string) diag.List {
	var all diag.List
	var one *diag.Problem
	switch {
	case errors.As(err, &all) && len(all) > 0:
	case errors.As(err, &one):
		all = diag.List{one}
	default:
		return diag.List{{Severity: diag.Error, File: rel, Found: "the image cannot be read: " + err.Error(), Fix: "export the image anew", Err: err}}
	}
	out := make(diag.List, len(all))
	for i, p := range all {
		q := *p
		q.File = rel
		out[i] = &q
	}
	return out
}

// A checker gathers the faults of one scan.
type checker struct {
	s *Scan      // with the user's values
	m *Sidecar   // of the series
	l *diag.List // where faults go

	shape   [4]int // of the series
	read    bool   // the image could be read
	volumes int    // of the series, or else rows of aslcontext.tsv; 0 if neither is known

	model   bool // CBF is computed from label, control or deltam volumes
	kind    string
	delays  []float64 // PostLabelingDelay, one element or one for each volume; nil if unusable
	labels  []float64 // LabelingDuration, likewise
	slice2D bool
}

// checkScan reports the faults of one scan.
func checkScan(ds *Dataset, scan *Scan, opt ValidateOptions, images *imageReader) diag.List {
	l := slices.Clone(scan.problems)
	c := checker{s: scan.With(opt.Overrides), l: &l}
	c.m = c.s.Sidecar
	c.shape, c.read = images.read(scan.Path, scan.AbsPath, &l)
	c.volumes = len(scan.Context)
	if c.read {
		c.volumes = c.shape[3]
	}
	c.context()
	if len(c.m.Fields) == 0 {
		// A sidecar that is there but broken has been named already.
		if !slices.ContainsFunc(l, namedError(c.m.Path)) {
			l.Errorf(c.m.Path, "", "write the sidecar with ArterialSpinLabelingType, PostLabelingDelay and the other fields that BIDS requires for ASL", "no JSON sidecar with metadata applies to %s", scan.Path)
		}
	} else {
		c.labelling()
		c.acquisition()
		c.sliceTiming()
		c.suppression()
		c.descriptive()
		c.misspelt(c.m)
		c.m0(ds)
	}
	if c.s.M0 != nil {
		c.m0scan(images)
	}
	for _, name := range slices.Sorted(maps.Keys(opt.Overrides)) {
		if strings.HasPrefix(name, "m0scan.") && scan.M0 == nil {
			l.Warnf(scan.Path, name, "leave the --set out if no other scan needs it", "the value given by --set is not used: the scan has no separate M0 scan")
		}
	}
	for _, t := range scan.T1w {
		images.read(t, ds.Abs(t), &l)
	}
	return l
}

// namedError matches errors in a file.
func namedError(file string) func(*diag.Problem) bool {
	return func(p *diag.Problem) bool { return p.File == file && p.Severity == diag.Error }
}

// context checks the volume types against the image and each other.
func (c *checker) context() {
	const field = "volume_type"
	types := c.s.Context
	n := map[VolumeType]int{}
	for _, v := range types {
		n[v]++
	}
	pairs := n[Control] > 0 || n[Label] > 0
	c.model = pairs || n[DeltaM] > 0 || len(types) == 0
	file := c.s.ContextPath
	if types == nil {
		return
	}
	if c.read && len(types) != c.shape[3] {
		c.l.Errorf(file, field, "write one line for each volume, in their order", "%d volumes are listed where %s has %d", len(types), c.s.Path, c.shape[3])
	}
	for _, v := range types {
		if !slices.Contains(volumeTypes, v) {
			return // named already; what is missing cannot be told
		}
	}
	switch {
	case len(types) == 0:
	case n[Control] > 0 && n[Label] == 0:
		c.l.Errorf(file, field, "check the order and names of the volumes", "%d control volumes but no label volume: there is nothing to subtract", n[Control])
	case n[Label] > 0 && n[Control] == 0:
		c.l.Errorf(file, field, "check the order and names of the volumes", "%d label volumes but no control volume: there is nothing to subtract from", n[Label])
	case !pairs && n[DeltaM] == 0 && n[CBF] == 0:
		c.l.Errorf(file, field, "check the names of the volumes", "no control and label, deltam or cbf volume: the series shows no perfusion")
	case pairs && n[DeltaM] > 0:
		c.l.Warnf(file, field, "say deltam only of volumes that were subtracted by the scanner", "control and label volumes stand beside deltam volumes; check which are used")
	}
	if n[CBF] > 0 && c.model {
		c.l.Warnf(file, field, "check which are used", "cbf volumes stand beside volumes from which CBF is computed")
	}
}

// missing adds an error for a required field that is absent. why says what
// depends on it. example is a value for the user to copy.
func (c *checker) missing(m *Sidecar, field, why, example string) {
	// The example shows how a value is written. It is kept apart from --set,
	// so that nobody pastes it as if it were theirs.
	fix := "look it up in the protocol and add \"" + field + "\" (written like " + example + "), or give it by --set " + c.setName(m, field) + "=VALUE"
	if near, ok := m.Misspelt(field); ok {
		v := show(m.Fields[near].Value)
		fix = "if " + near + " (" + v + ") is meant, write it as " + field + " in the units of BIDS"
		if near == "RepetitionTime" && field == "RepetitionTimePreparation" {
			fix = "if RepetitionTime (" + v + ") is the time from one labelling to the next, write it as RepetitionTimePreparation"
		}
		fix += ", or give it by --set " + c.setName(m, field) + "=" + strings.Trim(v, "\"")
	}
	c.l.Errorf(m.Path, field, fix, "the field is absent: %s", why)
}

// setName is what the user writes after --set for a field of that sidecar.
func (c *checker) setName(m *Sidecar, field string) string {
	if c.s.M0 != nil && m == c.s.M0.Sidecar {
		return "m0scan." + field
	}
	return field
}

// errorf adds an error about a field that is present.
func (c *checker) errorf(m *Sidecar, field, fix, found string, args ...any) {
	c.l.Errorf(m.Source(field), field, fix, found, args...)
}

// warnf adds a warning about a field that is present.
func (c *checker) warnf(m *Sidecar, field, fix, found string, args ...any) {
	c.l.Warnf(m.Source(field), field, fix, found, args...)
}

// misspelt names fields that seem to be meant for a field phasl reads which is
// absent. Absent required fields name the likeness themselves.
func (c *checker) misspelt(m *Sidecar) {
	for _, k := range slices.Sorted(maps.Keys(m.Fields)) {
		if knownField(k) {
			continue
		}
		for _, want := range aslFields {
			if m.Has(want) || required(c, m, want) {
				continue
			}
			if _, ok := nearest(want, []string{k}); ok {
				c.warnf(m, k, "rename it to "+want+" if that is meant", "BIDS has no such field; it is not used")
				break
			}
		}
	}
}

// required reports whether the absence of a field is an error of its own.
func required(c *checker, m *Sidecar, field string) bool {
	return slices.ContainsFunc(*c.l, func(p *diag.Problem) bool {
		return p.File == m.Path && p.Field == field
	})
}

// perVolume checks that an array has one element for each volume. It reports
// whether values can be used volume by volume.
func (c *checker) perVolume(field string, x []float64) bool {
	if len(x) == 1 || c.volumes == 0 || len(x) == c.volumes {
		return true
	}
	what := "the image has"
	if !c.read {
		what = path.Base(c.s.ContextPath) + " lists"
	}
	c.errorf(c.m, field, "write one number, or one for each volume", "%d values where %s %d volumes", len(x), what, c.volumes)
	return false
}

// at returns the value for a volume of an array that may have one element.
func at(x []float64, volume int) float64 {
	if len(x) == 1 {
		return x[0]
	}
	return x[volume]
}
