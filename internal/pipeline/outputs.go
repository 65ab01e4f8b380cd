package pipeline

import (
	"io"
	"math"
	"path"
	"path/filepath"
	"slices"

	"phasl/asl"
	"phasl/bids"
	"phasl/internal/atomicfile"
	"phasl/internal/xfm"
	"phasl/nifti"
	"phasl/tissue"
	"phasl/voxel"
)

// summarise fills the part of the outcome that does not name files.
func (s *scan) summarise() {
	r := s.result
	o := &s.outcome
	o.Scan, o.Entities, o.Phase = s.in.Path, map[string]string{}, s.in.ScansRow["phase"]
	for k, v := range s.in.Entities {
		o.Entities[k] = v
	}
	o.Units = r.Units
	o.Model, o.Equation, o.Notes = r.Model.String(), r.Equation, r.Notes
	o.M0 = M0Result{Type: r.Calibration.Type, Source: r.Calibration.Source}
	o.Volumes = VolumesResult{Used: r.Volumes.Used, Excluded: r.Volumes.Excluded}
	q := s.quality
	o.Quality = QualityResult{GMCBF: Number(q.GreyCBF), WMCBF: Number(q.WhiteCBF), GMWMRatio: Number(q.Ratio), SCoV: Number(q.SpatialCoV),
		TSNR: Number(q.TSNR), NegativeGMFraction: Number(q.NegativeFraction), QEI: Number(q.QEI), FDMean: Number(q.FDMean), FDMax: Number(q.FDMax)}
	o.TissueSource = s.tissuesFrom
	o.Constants = map[string]float64{}
	for _, c := range r.Constants {
		o.Constants[c.Name] = c.Value
	}
	o.ConstantDetails = r.Constants
	o.Flags = append(append([]asl.Flag{}, s.flags...), s.unusual()...)
	steps := s.steps
	if s.anatomy != nil {
		steps = append(append([]StepResult{}, s.anatomy.steps...), steps...)
	}
	for _, st := range steps {
		if !st.OK {
			o.Flags = append(o.Flags, asl.Flag{Code: "step", Found: st.Step + ": " + st.Detail, Look: "look at the picture of this step in the report; values that depend on it may be missing or wrong"})
		}
	}
	o.Steps = s.steps
	o.Pure = s.pureResult()
	o.Regions, o.SESource, o.SEKind = s.regions, s.seSource, s.seKind
	o.Problems = s.problems
	for name, f := range s.in.Sidecar.Fields {
		if f.File == "--set" {
			o.Overrides = append(o.Overrides, name)
		}
	}
	slices.Sort(o.Overrides)
	o.Files = map[string]string{}
}

// A sink writes files of one scan below the output folder and remembers them.
type sink struct {
	w        *worker
	dir      string // relative to the output folder, with slashes
	entities bids.Entities
	err      error
}

func (w *worker) sink(e bids.Entities, datatype string) *sink {
	dir := "sub-" + e["sub"]
	if e["ses"] != "" {
		dir = path.Join(dir, "ses-"+e["ses"])
	}
	return &sink{w: w, dir: path.Join(dir, datatype), entities: e}
}

// file writes one file with put and returns its name relative to the output
// folder. After a failure it does nothing; see sink.err.
func (k *sink) file(suffix, ext string, put func(path string) error, pairs ...string) string {
	name := path.Join(k.dir, bids.Name(k.entities.With(pairs...), suffix, ext))
	if k.err == nil {
		k.err = put(filepath.Join(k.w.c.OutDir, filepath.FromSlash(name)))
		k.w.outputs = append(k.w.outputs, name)
	}
	return name
}

// image writes an image and its sidecar.
func (k *sink) image(m *voxel.Image, suffix string, meta map[string]any, pairs ...string) string {
	name := k.file(suffix, ".nii.gz", func(p string) error { return nifti.WriteImage(p, m, nifti.Options{}) }, pairs...)
	k.file(suffix, ".json", func(p string) error { return bids.WriteJSON(p, meta) }, pairs...)
	return name
}

// fractions writes the tissue maps with the sidecar that meta gives for each
// label, and returns their names by label.
func (k *sink) fractions(t *tissue.Tissues, meta func(label string) map[string]any) map[string]string {
	names := map[string]string{}
	for _, f := range []struct {
		label string
		m     *voxel.Image
	}{{"GM", t.GM}, {"WM", t.WM}, {"CSF", t.CSF}} {
		names[f.label] = k.image(f.m, "probseg", meta(f.label), "label", f.label)
	}
	return names
}

func (k *sink) transform(t voxel.Affine, from, to string) string {
	return k.file("xfm", ".txt", func(p string) error {
		return atomicfile.Write(p, func(w io.Writer) error { return xfm.WriteText(w, t) })
	}, "from", from, "to", to, "mode", "image")
}

// warp writes a displacement field and its sidecar. from-A_to-B carries images
// of A to B: it maps points of B to points of A, and lies on B's grid.
func (k *sink) warp(t *voxel.Warp, from, to string, meta map[string]any) string {
	pairs := []string{"from", from, "to", to, "mode", "image"}
	name := k.file("xfm", ".nii.gz", func(p string) error { return nifti.WriteWarp(p, t, nifti.Options{Workers: k.w.c.Workers}) }, pairs...)
	k.file("xfm", ".json", func(p string) error { return bids.WriteJSON(p, meta) }, pairs...)
	return name
}

// registration says in a word how the scan came to the template.
func (s *scan) registration() string {
	if s.given.toTemplate != "" || s.onAnatomy && s.anatomy.placed != nil && s.anatomy.placed.given {
		return "given"
	}
	if s.onAnatomy && s.anatomy.placed.bent() {
		return registerSyN
	}
	if s.bent {
		return registerPerfusion
	}
	return registerAffine
}

// givenWay lists the files from which the way to the template was taken.
func (s *scan) givenWay() (out []Source) {
	steps := s.steps
	if s.anatomy != nil && s.onAnatomy {
		steps = append(slices.Clone(s.anatomy.steps), steps...)
	}
	for _, st := range steps {
		switch st.Step {
		case givenTransformStep, affineStep, givenToT1wStep, givenToSpaceStep:
			out = append(out, st.Sources...)
		}
	}
	return out
}

// writeScan writes the derivatives of one scan.
func (w *worker) writeScan(s *scan) error {
	r, o := s.result, &s.outcome
	k := w.sink(s.in.Entities, "perf")
	meta := func(units, what string) map[string]any {
		return map[string]any{"Description": what, "Units": units, "Sources": []string{"bids:raw:" + s.in.Path}}
	}
	cbf := meta(r.Units, "Cerebral blood flow")
	if r.Units == asl.UnitsRelative {
		cbf["Description"] = "Relative perfusion: there was no M0 to calibrate by; scaled to a median of 1 in the brain"
	}
	cbf["Model"], cbf["Equation"], cbf["Constants"] = o.Model, o.Equation, o.ConstantDetails
	cbf["M0"], cbf["Volumes"], cbf["Notes"] = r.Calibration.Source, o.Volumes, o.Notes
	cbf["Delays"] = delaysJSON(r.Delays)
	if len(o.Overrides) > 0 {
		cbf["SetByUser"] = o.Overrides
	}
	o.CBFFile = k.image(r.CBF, "cbf", cbf)
	o.Files["cbf"] = o.CBFFile
	if known(r.CBFSE) {
		o.Files["cbf_se"] = k.image(r.CBFSE, "cbf", meta(r.Units, "Standard error of cerebral blood flow, from the scatter between pairs"), "desc", "standarderror")
	}
	if r.ATT != nil {
		att := meta("s", "Arterial transit time")
		att["Equation"], att["Constants"] = o.Equation, o.ConstantDetails
		name := k.image(r.ATT, "att", att)
		o.ATTFile, o.Files["att"] = &name, name
		o.Files["att_se"] = k.image(r.ATTSE, "att", meta("s", "Standard error of arterial transit time"), "desc", "standarderror")
	}
	w.writePure(s, k, meta)
	if r.DeltaM != nil {
		o.Files["deltam"] = k.image(r.DeltaM, "deltam", meta("scanner units", "Mean difference control − label"), "desc", "mean")
	}
	if r.M0 != nil && !r.Calibration.Relative {
		m := meta("scanner units", "Equilibrium magnetisation of tissue as it divided ΔM")
		m["Calibration"] = calibrationJSON(r.Calibration)
		o.Files["m0"] = k.image(r.M0, "m0scan", m, "desc", "calibrated")
	}
	o.Files["mask"] = k.file("mask", ".nii.gz", func(p string) error { return nifti.WriteMask(p, s.mask, nifti.Options{}) }, "desc", "brain")
	if s.tissues != nil {
		for label, name := range k.fractions(s.tissues, func(label string) map[string]any {
			return meta("1", "Fraction of the voxel that is "+label+", from "+s.tissuesFrom)
		}) {
			o.Files["probseg_"+label] = name
		}
	}
	if s.onAnatomy {
		o.Files["asl_to_t1w"] = k.transform(s.toAnatomy.Inverse(), "ASL", "T1w")
	}
	if s.onTemplate {
		// With a deformation the way is two files, of which the other is the
		// T1w image's: one chain, resampled once.
		if t, ok := s.toTemplate.(voxel.Affine); ok {
			o.Files["asl_to_template"] = k.transform(t, "ASL", s.space.name)
		}
		if s.bent {
			w.writeBent(s, k)
		}
		std := map[string]any{}
		for key, v := range cbf {
			std[key] = v
		}
		std["SpatialReference"] = s.space.name
		std["Registration"] = s.registration()
		if given := s.givenWay(); len(given) > 0 {
			std["GivenFiles"] = given
		}
		o.Files["cbf_template"] = k.image(s.stdCBF, "cbf", std, "space", s.space.name)
		if s.stdATT != nil {
			o.Files["att_template"] = k.image(s.stdATT, "att", meta("s", "Arterial transit time"), "space", s.space.name)
		}
	}
	o.Files["confounds"] = k.file("timeseries", ".tsv", func(p string) error {
		cols, rows := s.confounds()
		return bids.WriteTable(p, cols, rows)
	}, "desc", "confounds")
	k.w.outputs = append(k.w.outputs, path.Join(k.dir, bids.Name(k.entities.With("desc", "confounds"), "timeseries", ".json")))
	o.Files["quality"] = k.file("quality", ".json", func(p string) error {
		return bids.WriteJSON(p, map[string]any{"quality": o.Quality, "units": qualityUnits(r.Units), "tissue_source": o.TissueSource, "flags": o.Flags, "steps": o.Steps,
			"methods": methodsRecord(s.methodsInfo())})
	})
	return k.err
}

// qualityUnits says what the quality measures are in.
func qualityUnits(cbf string) map[string]string {
	return map[string]string{
		"gm_cbf": cbf, "wm_cbf": cbf, "gm_wm_ratio": "1", "scov": "1 (standard deviation over mean of CBF in grey matter)",
		"tsnr": "1 (mean ΔM over its scatter between pairs)", "negative_gm_fraction": "1 (share of grey-matter voxels)",
		"qei": "1 (0 to 1)", "fd_mean": "mm", "fd_max": "mm",
	}
}

// writeAnatomy writes the derivatives of a T1w image.
func (w *worker) writeAnatomy(a *anatomy, in *bids.Scan) error {
	e := bids.Entities{"sub": in.Subject}
	// The image may serve all sessions: name its derivatives after itself.
	if parsed, ok := entitiesOf(w.ds, a.file); ok {
		e = parsed
	}
	k := w.sink(e, "anat")
	src := []string{"bids:raw:" + a.file}
	a.files = map[string]string{}
	a.files["mask"] = k.file("mask", ".nii.gz", func(p string) error { return nifti.WriteMask(p, a.brain, nifti.Options{}) }, "desc", "brain")
	for label, name := range k.fractions(a.tissues, func(label string) map[string]any {
		meta := map[string]any{"Description": "Fraction of the voxel that is " + label, "Units": "1", "Sources": src}
		if st := a.step(givenTissueStep); st.done() {
			meta["GivenFiles"] = st.Sources
		}
		return meta
	}) {
		a.files["probseg_"+label] = name
	}
	switch {
	case a.placed == nil:
	case a.placed.bent():
		meta := map[string]any{
			"Description": "Displacement field in ITK's convention (LPS, mm), the affine part included",
			"Sources":     src, "Units": "mm", "SpatialReference": w.space.name, "Steps": a.steps,
		}
		a.files["t1w_to_template"] = k.warp(a.placed.forward, "T1w", w.space.name, meta)
		a.files["template_to_t1w"] = k.warp(a.placed.inverse, w.space.name, "T1w", meta)
	default:
		a.files["t1w_to_template"] = k.transform(a.placed.affine, "T1w", w.space.name)
	}
	return k.err
}

func entitiesOf(ds *bids.Dataset, file string) (bids.Entities, bool) {
	for _, f := range ds.Files {
		if f.Path == file {
			return f.Entities, true
		}
	}
	return nil, false
}

// confounds returns the table of what happened to each volume.
func (s *scan) confounds() ([]bids.Column, [][]string) {
	cols := []bids.Column{
		{Name: "volume_type", Description: "content of the volume"},
		{Name: "used", Description: "whether the volume entered CBF or its calibration", Levels: map[string]string{"1": "used", "0": "left out"}},
	}
	if s.moved {
		cols = append(cols,
			bids.Column{Name: "trans_x", Description: "head position, to the right", Units: "mm"},
			bids.Column{Name: "trans_y", Description: "head position, to the front", Units: "mm"},
			bids.Column{Name: "trans_z", Description: "head position, to the top", Units: "mm"},
			bids.Column{Name: "rot_x", Description: "head rotation about the x axis", Units: "rad"},
			bids.Column{Name: "rot_y", Description: "head rotation about the y axis", Units: "rad"},
			bids.Column{Name: "rot_z", Description: "head rotation about the z axis", Units: "rad"},
			bids.Column{Name: "framewise_displacement", Description: "sum of absolute displacements from the volume before, rotations on a sphere of 50 mm (Power et al. 2012, doi:10.1016/j.neuroimage.2011.10.018)", Units: "mm"},
			bids.Column{Name: "dvars", Description: "root mean square change in the brain from the volume of the same kind before, after realignment", Units: "% of the mean signal"},
			bids.Column{Name: "std_dvars", Description: "dvars standardised so that noise alone gives about 1 (Nichols 2017, arXiv:1704.01469)", Units: "1"})
	}
	rows := make([][]string, len(s.protocol.Context))
	for v, c := range s.protocol.Context {
		used := "0"
		if slices.Contains(s.result.Volumes.Used, v) {
			used = "1"
		}
		row := []string{string(c), used}
		if s.moved {
			p := s.motion.Poses[v]
			for _, x := range append(append([]float64{}, p.Translation[:]...), p.Rotation[:]...) {
				row = append(row, bids.FormatNumber(x))
			}
			row = append(row, bids.FormatNumber(at(s.motion.FD, v)), bids.FormatNumber(at(s.dvars, v)), bids.FormatNumber(at(s.stdDVARS, v)))
		}
		rows[v] = row
	}
	return cols, rows
}

// at returns v[i], NaN if v is too short.
func at(v []float64, i int) float64 {
	if i >= len(v) {
		return math.NaN()
	}
	return v[i]
}

func delaysJSON(d []asl.Delay) []map[string]Number {
	out := make([]map[string]Number, len(d))
	for i, x := range d {
		out[i] = map[string]Number{"pld": Number(x.PLD), "ld": Number(x.LD)}
	}
	return out
}

func calibrationJSON(m asl.M0Info) map[string]any {
	return map[string]any{"type": m.Type, "source": m.Source, "recovery": Number(m.Recovery), "scale": Number(m.Scale), "median": Number(m.Median),
		"extended_voxels": m.Extended, "unusable_voxels": m.Unusable, "smoothing_fwhm_mm": Number(m.Smoothing)}
}
