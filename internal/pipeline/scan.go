package pipeline

import (
	"context"
	"fmt"
	"math"

	"phasl/asl"
	"phasl/bids"
	"phasl/diag"
	"phasl/internal/xfm"
	"phasl/nifti"
	"phasl/register"
	"phasl/tissue"
	"phasl/voxel"
)

// A scan carries one ASL run through its steps. Fields fill up in the order
// in which they stand.
type scan struct {
	in       *bids.Scan
	given    givenScan
	set      Settings
	space    *space
	anatomy  *anatomy
	ctx      context.Context
	step     func(string)
	problems diag.List // warnings about the input
	steps    []StepResult

	protocol asl.Protocol
	options  asl.Options
	series   *voxel.Series // realigned
	motion   register.MotionResult
	moved    bool          // motion was estimated
	stillWhy string        // why it was not
	dvars    []float64     // per volume [% of the mean signal]; nil if motion was not estimated
	stdDVARS []float64     // the same, standardised; about 1 for noise alone
	m0       *voxel.Series // separate M0 on the grid of the series; nil if none
	m0TR     []float64     // repetition time of each of its volumes, or of all [s]
	control  *voxel.Image  // mean control; nil if there is none
	look     *voxel.Image  // what the head looks like: M0, else the mean control, else ΔM or CBF
	blind    bool          // look is only a difference or CBF
	crude    *voxel.Image  // crude perfusion, to check masks against
	mask     *voxel.Mask

	toAnatomy    voxel.Affine    // ASL world → T1w world
	onAnatomy    bool            // and it passed its check
	bordered     bool            // by the border of white matter
	toTemplate   voxel.Transform // template world → ASL world
	fromTemplate voxel.Transform // and back
	direct       voxel.Affine    // template world → ASL world without a T1w image and without bending
	bent         bool            // and it was bent by perfusion
	onTemplate   bool
	tissues      *tissue.Tissues // on the grid of the series; nil if unknown
	tissuesFrom  string

	input   asl.Input
	result  *asl.Result
	pure    *asl.Pure // nil unless asked for
	quality asl.Quality
	flags   []asl.Flag
	regions []RegionResult
	stdCBF  *voxel.Image // CBF in template space
	stdATT  *voxel.Image

	seSource string // where the regions' standard errors are from
	seKind   string // the same in one word: "pairs" or "voxels"

	outcome ScanResult // for JSON and tables
}

// process runs all steps. What it finds wrong with the input comes back as a
// [diag.List]; a registration that fails its check does not, it is recorded in
// steps and leaves without values what depended on it.
func (s *scan) process() error {
	for _, do := range []func() error{
		s.read, s.realign, s.readM0, s.toT1w, s.findBrain, s.toStandard, s.placeTissues, s.quantify, s.unmix, s.standardise,
	} {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		if err := do(); err != nil {
			return err
		}
	}
	s.summarise()
	return nil
}

// read loads the series and its protocol.
func (s *scan) read() error {
	s.step("read the series")
	series, h, err := nifti.ReadSeries(s.in.AbsPath)
	if err != nil {
		return err
	}
	s.problems.Add(h.Warnings...)
	s.series = series
	missing := 0
	for _, v := range series.Vols {
		for _, x := range v {
			if x-x != 0 { // NaN or infinite
				missing++
			}
		}
	}
	if missing > 0 {
		s.problems.Warnf(s.in.Path, "", "look at the raw series; voxels without a value in some volumes have fewer pairs, or none",
			"%d values of the series (%.2g %%) are NaN or infinite", missing, 100*float64(missing)/float64(len(series.Vols)*series.Len()))
	}
	var model asl.Model
	if err := model.UnmarshalText([]byte(s.set.Model)); err != nil {
		return err
	}
	s.options = asl.Options{Model: model, Set: map[string]float64{}, KeepOutliers: s.set.KeepOutliers, Workers: s.set.Workers}
	for name, v := range s.set.Constants {
		s.options.Set[name] = v
	}
	if s.set.M0Scale != 0 {
		s.options.Set[asl.M0Scale] = s.set.M0Scale
	}
	if s.set.RawM0 {
		s.options.M0Floor, s.options.M0Reach = -1, -1
	}
	dim := [4]int{series.Dim[0], series.Dim[1], series.Dim[2], len(series.Vols)}
	var l diag.List
	s.protocol, l = asl.ParseProtocol(s.in.Sidecar, s.in.Context, dim, s.options)
	s.problems.Add(l.Warnings()...)
	if s.space != nil {
		s.problems.Add(withoutT1w(s.in)...)
	}
	return l.Err()
}

// realign removes head motion from the series.
func (s *scan) realign() error {
	switch {
	case len(s.series.Vols) < 2:
		s.stillWhy = "the series has one volume"
		return nil
	case s.protocol.IsDeltaM() || s.protocol.IsCBF():
		// A difference image has neither the contrast of M0 nor the signal
		// to be registered by.
		s.stillWhy = "the scanner had subtracted control and label, so what is stored cannot tell motion"
		return nil
	case s.set.NoMotion:
		s.stillWhy = "switched off by the user"
		return nil
	case s.protocol.Count(bids.Control) < 2 || s.protocol.Count(bids.Label) < 2:
		// One of each: a shift between them cannot be told from the label.
		s.stillWhy = "with a single pair, motion cannot be told from the effect of the label"
		return nil
	}
	s.step("estimate motion")
	m, err := register.Motion(s.series, register.MotionOptions{Group: s.groups(), Workers: s.set.Workers})
	if err != nil { // a single slice, or nothing to see: the scan may still be of use
		s.stillWhy = err.Error()
		s.steps = append(s.steps, StepResult{Step: "motion correction, rigid", Detail: s.stillWhy})
		return nil
	}
	s.motion, s.moved = m, true
	s.sameContrast()
	s.step("realign the series")
	still := &voxel.Series{Grid: s.series.Grid, Vols: make([][]float32, len(s.series.Vols))}
	for v := range s.series.Vols {
		if m.Failed[v] != "" || m.Transforms[v] == voxel.Identity() {
			still.Vols[v] = s.series.Vols[v]
			continue
		}
		still.Vols[v] = voxel.Resample(s.series.Image(v), s.series.Grid, m.Transforms[v], voxel.Cubic, s.set.Workers).Data
	}
	s.series = still
	st := StepResult{Step: "motion correction, rigid", OK: true, Detail: fmt.Sprintf("framewise displacement %.2f mm on average, %.2f mm at most", m.FDMean, m.FDMax),
		Values: map[string]Number{"fd_mean": Number(m.FDMean), "fd_max": Number(m.FDMax)}}
	if n := len(m.Removed); n > 0 {
		st.Detail += fmt.Sprintf("; a displacement that followed the contrast of the volumes, not the head, was removed from %d of their kinds (Wang 2012)", n)
	}
	for v, why := range m.Failed {
		if why != "" {
			st.OK = false
			st.Detail += fmt.Sprintf("; volume %d was left where it was: %s", v, why)
		}
	}
	s.steps = append(s.steps, st)
	return nil
}

// sameContrast takes from framewise displacement the steps between an M0
// volume and its neighbours. Their contrast differs so much that a few tenths
// of a millimetre of the step are error of registration, not motion.
func (s *scan) sameContrast() {
	m := &s.motion
	sum, n := 0.0, 0
	m.FDMean, m.FDMax = math.NaN(), math.NaN()
	for v := range m.FD {
		if v > 0 && (s.protocol.Context[v] == bids.M0Scan) != (s.protocol.Context[v-1] == bids.M0Scan) {
			m.FD[v] = math.NaN()
		}
		if fd := m.FD[v]; fd == fd {
			sum, n = sum+fd, n+1
			m.FDMean = sum / float64(n)
			if !(m.FDMax > fd) {
				m.FDMax = fd
			}
		}
	}
}

// groups numbers the contrasts of the series: volumes of one type and delay
// look alike but for motion and noise.
func (s *scan) groups() []int {
	group := make([]int, len(s.series.Vols))
	number := map[string]int{}
	for v, c := range s.protocol.Context {
		key := string(c)
		if pld := s.protocol.PLD[v]; (c == bids.Control || c == bids.Label) && !math.IsNaN(pld) {
			key += fmt.Sprintf(" %g", pld)
		}
		if _, ok := number[key]; !ok {
			number[key] = len(number)
		}
		group[v] = number[key]
	}
	return group
}

// mean returns the mean of the volumes of one type, nil if there are none.
func (s *scan) mean(t bids.VolumeType) *voxel.Image {
	var vols [][]float32
	for v, c := range s.protocol.Context {
		if c == t {
			vols = append(vols, s.series.Vols[v])
		}
	}
	if len(vols) == 0 {
		return nil
	}
	return meanOf(s.series.Grid, vols)
}

func meanOf(g voxel.Grid, vols [][]float32) *voxel.Image {
	out := voxel.NewImage(g)
	for n := range out.Data {
		sum := 0.0
		for _, v := range vols {
			sum += float64(v[n])
		}
		out.Data[n] = float32(sum / float64(len(vols)))
	}
	return out
}

// readM0 brings a separate M0 scan onto the grid of the series.
func (s *scan) readM0() error {
	s.control = s.mean(bids.Control)
	s.look = s.mean(bids.M0Scan)
	switch {
	case s.protocol.IsDeltaM():
		s.crude = s.mean(bids.DeltaM)
	case s.protocol.IsCBF():
		s.crude = s.mean(bids.CBF)
	default:
		s.crude = s.control.Clone()
		for n, l := range s.mean(bids.Label).Data {
			s.crude.Data[n] -= l
		}
	}
	if s.in.M0 == nil || s.protocol.M0Type != "Separate" {
		if s.look == nil {
			s.look = s.control
		}
		if s.look == nil {
			s.look, s.blind = s.crude, true
		}
		return nil
	}
	s.step("read M0")
	raw, h, err := nifti.ReadSeries(s.in.M0.AbsPath)
	if err != nil {
		return err
	}
	s.problems.Add(h.Warnings...)
	var l diag.List
	tr, ok := s.in.M0.Sidecar.Numbers("RepetitionTimePreparation", &l)
	if err := l.Err(); err != nil {
		return err
	}
	if ok {
		s.m0TR = tr
	}
	opt := register.Options{Seed: s.set.Seed, Workers: s.set.Workers}
	move := voxel.Identity()
	if s.control == nil {
		s.steps = append(s.steps, StepResult{Step: "M0 to series", OK: true, Detail: "placed by the headers' coordinates: a difference image does not show enough to register M0 to"})
	} else {
		s.step("register M0 to the series")
		first := meanOf(raw.Grid, raw.Vols)
		near := opt
		near.Local = true
		r := register.Rigid(s.control, first, near)
		if !r.OK() {
			r = register.Rigid(s.control, first, opt)
		}
		s.steps = append(s.steps, registrationStep("M0 to series, rigid", r))
		if r.OK() {
			move = r.Transform
		} else {
			s.steps[len(s.steps)-1].Detail += "; the headers' coordinates were used instead"
		}
	}
	if n := len(raw.Vols); n > 1 {
		s.steps[len(s.steps)-1].Detail += fmt.Sprintf("; the %d volumes of M0 were averaged as they are", n)
	}
	s.m0 = &voxel.Series{Grid: s.series.Grid}
	for v := range raw.Vols {
		s.m0.Vols = append(s.m0.Vols, voxel.Resample(raw.Image(v), s.series.Grid, move, voxel.Linear, s.set.Workers).Data)
	}
	s.look = meanOf(s.m0.Grid, s.m0.Vols)
	return nil
}

// findBrain masks the brain: from the scan, and from the T1w image if the scan
// was registered to it, which tells brain from scalp better than the scan can.
func (s *scan) findBrain() error {
	if s.given.mask != "" {
		m, err := maskFile(s.given.mask, s.series.Grid, s.set.Workers)
		if err != nil {
			return err
		}
		s.mask = m
		st, err := taken(givenMaskStep, s.given.mask)
		s.steps = append(s.steps, st)
		return err
	}
	s.step("find the brain in the scan")
	var prior *voxel.Image
	if s.onAnatomy {
		prior = voxel.Average(s.anatomy.brain.Image(), s.series.Grid, s.toAnatomy, 2, s.set.Workers)
	}
	look := s.look
	if s.blind {
		look = nil
	}
	mask, rep := tissue.BrainASL(look, s.crude, tissue.ASLOptions{Prior: prior, Workers: s.set.Workers})
	s.mask = mask
	st := brainStep("brain mask of the ASL scan", rep.Method, rep.Fallback, rep.Notes, rep.Volume)
	st.Values["perfused"] = Number(rep.Perfused)
	st.Values["missed"] = Number(rep.Missed)
	s.steps = append(s.steps, st)
	return nil
}

// toT1w registers the scan to the T1w image, if there is one.
func (s *scan) toT1w() error {
	if s.anatomy == nil {
		return nil
	}
	if s.given.toT1w != "" {
		// The file carries images of the scan to the T1w image.
		back, err := affineFile(s.given.toT1w, s.anatomy.t1.Grid, s.series.Grid)
		if err != nil {
			return err
		}
		if !meets(back, s.anatomy.brain, s.series.Grid) {
			return refused(s.given.toT1w, "give the transform that carries images of the scan to the T1w image", "it takes the brain of the T1w image outside the scan")
		}
		s.toAnatomy, s.onAnatomy = back.Inverse(), true
		st, err := taken(givenToT1wStep, s.given.toT1w)
		if err != nil {
			return err
		}
		if err := s.checkToT1w(&st); err != nil {
			return err
		}
		s.steps = append(s.steps, st)
		return nil
	}
	s.step("register the scan to the T1w image")
	opt := register.Options{Seed: s.set.Seed, Workers: s.set.Workers}
	r := register.Rigid(s.look, s.anatomy.t1, opt)
	distrust(&r)
	s.toAnatomy, s.onAnatomy = r.Transform, r.OK()
	s.steps = append(s.steps, registrationStep("ASL to T1w, rigid", r))
	if s.onAnatomy && s.blind {
		s.alongBorder()
	}
	return nil
}

// borderStep is the name of the step in results and flags.
const borderStep = "ASL to T1w, border of white matter"

// alongBorder mends the pose of a scan of which there is only ΔM or CBF: it
// shows little that mutual information could go by, but a strong contrast
// across the border of white matter. With an M0 or control image the border is
// no better a guide (docs/methods/registration.md). Where it is not found the
// pose stays as it was, which is no fault.
func (s *scan) alongBorder() {
	t := s.anatomy.tissues
	r := register.Boundary(s.look, t.WM, s.toAnatomy, register.BoundaryOptions{Grey: t.GM, Workers: s.set.Workers})
	st := StepResult{Step: borderStep, OK: true, Values: map[string]Number{"cost": Number(r.Cost), "cost_start": Number(r.Start), "contrast_percent": Number(r.Contrast), "moved_mm": Number(r.Moved)}}
	if r.OK() {
		s.toAnatomy, s.bordered = r.Transform, true
		st.Detail = fmt.Sprintf("moved by %.2f mm on average; contrast %.0f %%, cost %.3f, at the start %.3f", r.Moved, r.Contrast, r.Cost, r.Start)
	} else {
		st.Detail = "the rigid registration stays: " + r.Reason
	}
	s.steps = append(s.steps, st)
}

// toStandard finds the way from the template to the scan: through the T1w
// image, or, without one, directly.
func (s *scan) toStandard() error {
	switch {
	case s.space == nil:
	case s.given.toTemplate != "":
		return s.takeToTemplate()
	case s.onAnatomy && s.anatomy.placed != nil:
		p := s.anatomy.placed
		s.toTemplate, s.onTemplate = chain(p.toT1w(), s.toAnatomy.Inverse()), true
		s.fromTemplate = chain(s.toAnatomy, p.toTemplate())
	default: // no T1w image, or none that could be used
		s.straight()
	}
	return nil
}

// takeToTemplate takes the way from the template to the scan from the file.
func (s *scan) takeToTemplate() error {
	there, err := xfm.Read(s.given.toTemplate, s.space.t1.Grid, s.series.Grid)
	if err != nil {
		return err
	}
	if !meets(there.Map, s.space.brain, s.series.Grid) {
		return refused(s.given.toTemplate, "give the transform that carries images of the scan to the template", "it takes the brain of the template outside the scan")
	}
	st, err := taken(givenToSpaceStep, s.given.toTemplate, s.given.fromTemplate)
	if err != nil {
		return err
	}
	if err := s.checkToTemplate(&st, there.Map); err != nil {
		return err
	}
	s.steps = append(s.steps, st)
	s.toTemplate, s.onTemplate = there.Map, true
	way := givenWay{there: there.Map, file: s.given.toTemplate, back: s.given.fromTemplate, image: "the scan", grid: s.series.Grid}
	if m, ok := oneAffine(there.Map); ok {
		s.toTemplate, s.fromTemplate = m, m.Inverse()
		return way.checkAffine(s.space, m)
	}
	_, back, err := way.returning(s.space, s.series.Grid, s.set.Workers)
	if err != nil {
		return err
	}
	s.fromTemplate = back
	return nil
}

// chain returns the map that applies first, then second; one affine map if
// both are.
func chain(first, second voxel.Transform) voxel.Transform {
	if a, ok := first.(voxel.Affine); ok {
		if b, ok := second.(voxel.Affine); ok {
			return b.Mul(a)
		}
	}
	return voxel.Chain{first, second}
}

// distrust fails a registration most of whose starts ended elsewhere: a head
// stored upside down, for example, still overlaps well, but there is no one
// pose that fits.
func distrust(r *register.Result) {
	if r.OK() && r.Refined > 2 && 2*r.Agreeing < r.Refined {
		r.Reason = fmt.Sprintf("only %d of %d starts came to the same pose", r.Agreeing, r.Refined)
	}
}

// placeTissues brings tissue fractions to the voxels of the scan.
func (s *scan) placeTissues() error {
	const perVoxel = 3 // samples along each edge of a voxel
	switch {
	case s.onAnatomy:
		s.step("bring tissue maps to the scan")
		s.tissues = s.anatomy.tissues.ToGrid(s.series.Grid, s.toAnatomy, perVoxel, s.set.Workers)
		s.tissuesFrom = "the T1w image"
	case s.onTemplate:
		s.step("bring the template's tissue maps to the scan")
		s.tissues = s.space.fractions(s.set.Workers).ToGrid(s.series.Grid, s.fromTemplate, perVoxel, s.set.Workers)
		s.tissuesFrom = "the template"
	}
	return nil
}

// fractions returns the tissue of each voxel; nothing if it is not known.
func (s *scan) fractions() asl.Tissue {
	if s.tissues == nil {
		return asl.Tissue{}
	}
	return asl.Tissue{Grey: s.tissues.GM, White: s.tissues.WM, CSF: s.tissues.CSF}
}

// quantify computes perfusion and its quality.
func (s *scan) quantify() error {
	s.step("quantify perfusion")
	in := asl.Input{Series: s.series, M0: s.m0, M0TR: s.m0TR, Mask: s.mask}
	ts := s.fractions()
	in.Grey, in.White = ts.Grey, ts.White
	var err error
	if in.ATT, err = s.userMap(s.set.ATTMap); err != nil {
		return err
	}
	if in.T1t, err = s.userMap(s.set.T1Map); err != nil {
		return err
	}
	s.input = in
	if s.result, err = asl.Quantify(in, s.protocol, s.options); err != nil {
		return err
	}
	s.quality, s.flags = asl.Assess(s.result, ts, s.set.Workers)
	if s.tissues == nil {
		s.flags = append(s.flags, asl.Flag{Code: "no-tissue", Found: "grey and white matter are not known, so the quality of the scan was not judged",
			Look: "give a T1w image in the dataset, or a template with --template"})
	}
	if s.moved {
		s.quality.FDMean, s.quality.FDMax = s.motion.FDMean, s.motion.FDMax
		s.dvars, s.stdDVARS = register.DVARS(s.series, s.mask, s.groups())
	}
	return nil
}

// userMap reads a map that the user gives and brings it to the grid of the
// series; nil for an empty path.
func (s *scan) userMap(path string) (*voxel.Image, error) {
	if path == "" {
		return nil, nil
	}
	m, h, err := nifti.ReadImage(path)
	if err != nil {
		return nil, err
	}
	s.problems.Add(h.Warnings...)
	if m.Same(s.series.Grid, 0.1) {
		return m, nil
	}
	on := voxel.Resample(m, s.series.Grid, nil, voxel.Linear, s.set.Workers)
	for n, in := range s.mask.In {
		if v := on.Data[n]; in && v == v {
			return on, nil
		}
	}
	return nil, diag.List{{File: path, Found: "the map does not meet the brain of the scan", Fix: "give a map in the world of the scan"}}
}

// standardise carries CBF to template space and measures regions there.
func (s *scan) standardise() error {
	if !s.onTemplate {
		return nil
	}
	s.step("carry CBF to template space")
	grid := s.space.t1.Grid
	s.stdCBF = voxel.Resample(s.result.CBF, grid, s.toTemplate, voxel.Linear, s.set.Workers)
	keepBrain(s.stdCBF, s.space.brain)
	if s.result.ATT != nil {
		s.stdATT = voxel.Resample(s.result.ATT, grid, s.toTemplate, voxel.Linear, s.set.Workers)
		keepBrain(s.stdATT, s.space.brain)
	}
	s.measureRegions()
	return nil
}

// keepBrain sets what lies outside the mask to NaN.
func keepBrain(m *voxel.Image, brain *voxel.Mask) {
	for n, in := range brain.In {
		if !in {
			m.Data[n] = float32(math.NaN())
		}
	}
}
