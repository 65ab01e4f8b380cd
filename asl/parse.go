package asl

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"phasl/bids"
	"phasl/diag"
)

// ParseProtocol reads how a series was acquired from its merged sidecar and
// the volume types of its aslcontext.tsv. dim is the shape of the image, in
// voxels and volumes. opt is what [Quantify] will be given: constants set
// there need not be in the sidecar.
//
// Every fault is reported at once, each with its remedy; what is missing is
// never guessed. If the list holds errors the Protocol is not to be used.
func ParseProtocol(sc *bids.Sidecar, ctx []bids.VolumeType, dim [4]int, opt Options) (Protocol, diag.List) {
	r := &reader{sc: sc}
	p := Protocol{File: sc.Path, Context: slices.Clone(ctx), SuppressionPulses: -1, M0Estimate: math.NaN(), CBFScale: 1}
	if !r.context(&p, dim[3]) {
		return p, r.l
	}
	if p.IsCBF() {
		p.CBFScale = r.cbfUnits()
		p.Manufacturer, _ = r.text("Manufacturer")
		p.PLD, p.LD, p.TR = nans(len(ctx)), nans(len(ctx)), nans(len(ctx))
		return p, r.l
	}
	r.labelling(&p)
	r.delays(&p, opt)
	r.readout(&p, dim)
	r.calibration(&p)
	r.suppression(&p)
	r.vendor(&p, opt)

	if v, ok := r.number("MagneticFieldStrength"); ok {
		p.FieldStrength = v
		if !(v > 0) || v > 20 {
			r.l.Errorf(r.file("MagneticFieldStrength"), "MagneticFieldStrength", "write tesla: 3", "%g is not a field strength in tesla", v)
		}
	} else {
		r.missing("MagneticFieldStrength", "it decides the relaxation time of blood", "MagneticFieldStrength=3")
	}
	if v, ok := r.number("LabelingEfficiency"); ok {
		p.LabelingEfficiency = Optional{v, r.file("LabelingEfficiency"), true}
		if !(v > 0 && v <= 1) {
			r.l.Errorf(r.file("LabelingEfficiency"), "LabelingEfficiency", "write a fraction between 0 and 1", "%g is not a fraction", v)
		}
	}
	if v, ok := r.boolean("LookLocker"); ok && v {
		r.l.Errorf(r.file("LookLocker"), "LookLocker",
			"leave this scan out, or go on with --set LookLocker=false and treat CBF and transit time as biased",
			"is true, and no model here accounts for the label that repeated excitation destroys")
	}
	return p, r.l
}

func nans(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = math.NaN()
	}
	return out
}

func (r *reader) context(p *Protocol, volumes int) bool {
	known := []bids.VolumeType{bids.Control, bids.Label, bids.M0Scan, bids.DeltaM, bids.CBF, bids.NoRF}
	file := contextFile(p.File)
	names := make([]string, len(known))
	for i, k := range known {
		names[i] = string(k)
	}
	ok := true
	for i, c := range p.Context {
		if slices.Contains(known, c) {
			continue
		}
		fix := "use one of " + strings.Join(names, ", ")
		if near, like := diag.Nearest(string(c), names); like {
			fix = "write " + near
		}
		r.l.Errorf(file, "volume_type", fix, "row %d: %q is not a volume type", i+1, string(c))
		ok = false
	}
	if len(p.Context) != volumes {
		r.l.Errorf(file, "volume_type", fmt.Sprintf("write one row for each of the %d volumes", volumes),
			"has %d rows for %d volumes", len(p.Context), volumes)
		ok = false
	}
	if !ok {
		return false
	}
	nc, nl := p.Count(bids.Control), p.Count(bids.Label)
	switch src := p.source(); {
	case src == "" && nc+nl > 0:
		r.l.Errorf(file, "volume_type", "list the volumes as they were acquired; perfusion is the difference of control and label",
			"has %d control and %d label volumes: no pair can be formed", nc, nl)
		return false
	case src == "":
		r.l.Errorf(file, "volume_type", "list control and label, deltam or cbf volumes", "names no volume that carries perfusion")
		return false
	case src == bids.Control && p.Count(bids.DeltaM)+p.Count(bids.CBF) > 0:
		r.l.Warnf(file, "volume_type", "leave the others out if that is not wanted", "has raw pairs besides deltam or cbf volumes: the raw pairs are used")
	case src == bids.DeltaM && p.Count(bids.CBF) > 0:
		r.l.Warnf(file, "volume_type", "leave the others out if that is not wanted", "has deltam besides cbf volumes: the deltam volumes are used")
	}
	if src := p.source(); src != bids.Control && nc+nl > 0 {
		r.l.Warnf(file, "volume_type", "check the list", "has %d control and %d label volumes without partner: they are not used", nc, nl)
	}
	return true
}

// contextFile names the aslcontext.tsv that belongs to a sidecar.
func contextFile(sidecar string) string {
	if s, ok := strings.CutSuffix(sidecar, "_asl.json"); ok {
		return s + "_aslcontext.tsv"
	}
	return "aslcontext.tsv"
}

func (r *reader) labelling(p *Protocol) {
	s, ok := r.text("ArterialSpinLabelingType")
	if !ok {
		r.missing("ArterialSpinLabelingType", "it decides the model", "ArterialSpinLabelingType=PCASL")
		return
	}
	if p.Labelling, ok = ParseLabelling(s); !ok {
		r.l.Errorf(r.file("ArterialSpinLabelingType"), "ArterialSpinLabelingType", "write PCASL, CASL or PASL", "%q is not a kind of labelling known here", s)
	}
}

// delays reads PLD, LD and TR of every volume and the bolus cut-off.
func (r *reader) delays(p *Protocol, opt Options) {
	n := len(p.Context)
	p.PLD, p.LD, p.TR = nans(n), nans(n), nans(n)
	if v, ok := r.perVolume("PostLabelingDelay", n, "it decides how far the label has decayed", "PostLabelingDelay=1.8"); ok {
		r.seconds("PostLabelingDelay", v, p, 0, 10)
		for i := range v {
			if p.perfusionVolume(i) {
				p.PLD[i] = v[i]
			}
		}
	}
	if p.Labelling != PASL {
		if v, ok := r.perVolume("LabelingDuration", n, "it decides how much blood was labelled", "LabelingDuration=1.8"); ok {
			r.seconds("LabelingDuration", v, p, math.SmallestNonzeroFloat64, 10)
			for i := range v {
				if p.perfusionVolume(i) {
					p.LD[i] = v[i]
				}
			}
		}
	} else {
		r.cutOff(p, opt)
	}
	if v, ok := r.perVolume("RepetitionTimePreparation", n, "it decides how far M0 has recovered", "RepetitionTimePreparation=5"); ok {
		r.seconds("RepetitionTimePreparation", v, nil, math.SmallestNonzeroFloat64, 60)
		copy(p.TR, v)
	}
}

func (r *reader) cutOff(p *Protocol, opt Options) {
	flag, ok := r.boolean("BolusCutOffFlag")
	if !ok {
		r.missing("BolusCutOffFlag", "pulsed labelling is quantified by the duration of its bolus", "BolusCutOffFlag=true")
		return
	}
	p.BolusCutOff = flag
	_, stated := opt.Set[BolusDuration]
	if !flag {
		switch {
		case stated && (p.MultiDelay() || opt.Model == ModelKinetic):
			r.l.Warnf(r.file("BolusCutOffFlag"), "BolusCutOffFlag", "prefer a sequence with QUIPSS II or Q2TIPS",
				"is false: the bolus ends where the coil does, and the stated duration is taken for the whole brain")
		case p.MultiDelay():
			r.l.Errorf(r.file("BolusCutOffFlag"), "BolusCutOffFlag", "state how long the bolus lasts, for instance "+BolusDuration+"=1.0 [s]; CBF is inversely proportional to it",
				"is false, so the duration of the bolus is not known and CBF cannot be told from it")
		default:
			r.l.Errorf(r.file("BolusCutOffFlag"), "BolusCutOffFlag",
				"if saturation pulses did end the bolus, set BolusCutOffFlag=true, BolusCutOffTechnique and BolusCutOffDelayTime; otherwise use the kinetic model with a stated "+BolusDuration,
				"is false: with one delay and no bolus cut-off the amount of labelled blood is not known, and the white-paper equation does not hold")
		}
		return
	}
	if s, ok := r.text("BolusCutOffTechnique"); ok {
		p.CutOffTechnique = strings.ToUpper(strings.NewReplacer("-", "", "_", "", " ", "").Replace(s))
		if !slices.Contains([]string{"QUIPSS", "QUIPSSII", "Q2TIPS"}, p.CutOffTechnique) {
			r.l.Errorf(r.file("BolusCutOffTechnique"), "BolusCutOffTechnique", "write QUIPSS, QUIPSSII or Q2TIPS", "%q is not a bolus cut-off known here", s)
		}
	} else {
		r.missing("BolusCutOffTechnique", "the techniques cut the bolus differently", "BolusCutOffTechnique=QUIPSSII")
	}
	v, ok := r.numbers("BolusCutOffDelayTime")
	if !ok || len(v) == 0 {
		r.missing("BolusCutOffDelayTime", "it is the duration of the bolus", "BolusCutOffDelayTime=0.8")
		return
	}
	r.seconds("BolusCutOffDelayTime", v, nil, math.SmallestNonzeroFloat64, 10)
	p.CutOffDelays = v
	if p.CutOffTechnique == "QUIPSS" || !p.MultiDelay() {
		for i, ti := range p.PLD {
			if p.perfusionVolume(i) && ti <= v[0] && v[0] <= 10 {
				r.l.Errorf(r.file("BolusCutOffDelayTime"), "BolusCutOffDelayTime", "check both: BIDS counts PostLabelingDelay of PASL from the inversion, so it is TI and exceeds TI1",
					"%g s is not before the readout: PostLabelingDelay is %g s", v[0], ti)
				break
			}
		}
	}
}

// seconds complains of values of field name outside [lo, hi], and of
// milliseconds. With a protocol only volumes that carry perfusion are checked.
func (r *reader) seconds(name string, v []float64, p *Protocol, lo, hi float64) {
	for i, x := range v {
		if p != nil && len(v) == len(p.Context) && !p.perfusionVolume(i) {
			continue
		}
		if x >= lo && x <= hi {
			continue
		}
		fix := "write seconds, as BIDS requires"
		if x > hi && x/1000 >= lo && x/1000 <= hi {
			fix += ": " + strconv.FormatFloat(x/1000, 'g', 6, 64)
		}
		r.l.Errorf(r.file(name), name, fix, "%g is not a plausible time in seconds", x)
		return // one message per field: an array in milliseconds is one mistake
	}
}

func (r *reader) readout(p *Protocol, dim [4]int) {
	kind, ok := r.text("MRAcquisitionType")
	if !ok {
		r.missing("MRAcquisitionType", "a 2D readout delays each slice differently", "MRAcquisitionType=3D")
		return
	}
	switch strings.ToUpper(kind) {
	case "3D":
		return
	case "2D":
	default:
		r.l.Errorf(r.file("MRAcquisitionType"), "MRAcquisitionType", "write 2D or 3D", "%q is neither 2D nor 3D", kind)
		return
	}
	p.SliceAxis = 2
	reversed := false
	if d, ok := r.text("SliceEncodingDirection"); ok {
		axis := strings.Index("ijk", strings.TrimSuffix(d, "-"))
		if axis < 0 || len(strings.TrimSuffix(d, "-")) != 1 {
			r.l.Errorf(r.file("SliceEncodingDirection"), "SliceEncodingDirection", "write i, j, k, i-, j- or k-", "%q is not a direction", d)
			return
		}
		p.SliceAxis, reversed = axis, strings.HasSuffix(d, "-")
	}
	times, ok := r.numbers("SliceTiming")
	if !ok {
		r.missing("SliceTiming", "each slice of a 2D readout has its own delay", "SliceTiming=[0,0.04,…]")
		return
	}
	r.seconds("SliceTiming", times, nil, 0, 20)
	if n := dim[p.SliceAxis]; len(times) != n {
		r.l.Errorf(r.file("SliceTiming"), "SliceTiming", fmt.Sprintf("write one time for each of the %d slices, or correct SliceEncodingDirection", n),
			"has %d times for %d slices", len(times), n)
		return
	}
	if reversed {
		slices.Reverse(times)
	}
	p.SliceTimes = times
}

func (r *reader) calibration(p *Protocol) {
	n := p.Count(bids.M0Scan)
	kind, ok := r.text("M0Type")
	if !ok {
		example := "M0Type=Separate"
		if n > 0 {
			example = "M0Type=Included"
		}
		r.missing("M0Type", "it says how perfusion is calibrated", example)
		return
	}
	p.M0Type = kind
	switch kind {
	case "Included":
		if n == 0 {
			r.l.Errorf(r.file("M0Type"), "M0Type", "mark the M0 volume as m0scan in aslcontext.tsv, or correct M0Type", "is Included, but no volume is an m0scan")
		}
	case "Separate":
		if n > 0 {
			r.l.Warnf(r.file("M0Type"), "M0Type", "write Included if the m0scan volumes of the series are to be used", "is Separate although %d volumes of the series are m0scan: the separate file is used", n)
		}
	case "Estimate":
		v, ok := r.number("M0Estimate")
		switch {
		case !ok:
			r.missing("M0Estimate", "M0Type is Estimate", "M0Estimate=1200")
		case !(v > 0):
			r.l.Errorf(r.file("M0Estimate"), "M0Estimate", "give M0 in the units of the series", "%g is not positive", v)
		}
		p.M0Estimate = v
	case "Absent":
	default:
		r.l.Errorf(r.file("M0Type"), "M0Type", "write Separate, Included, Absent or Estimate", "%q is not a kind of M0", kind)
	}
}

func (r *reader) suppression(p *Protocol) {
	on, ok := r.boolean("BackgroundSuppression")
	if !ok {
		r.missing("BackgroundSuppression", "its pulses cost label, and a suppressed control cannot serve as M0", "BackgroundSuppression=false")
		return
	}
	p.BackgroundSuppression = on
	if !on {
		p.SuppressionPulses = 0
		return
	}
	n, ok := r.number("BackgroundSuppressionNumberPulses")
	switch {
	case !ok:
		r.l.Warnf(r.sc.Path, "BackgroundSuppressionNumberPulses", "look it up in the protocol and add it, or --set BackgroundSuppressionNumberPulses=VALUE; with n pulses CBF rises by a factor of 1/0.95ⁿ",
			"is missing: no loss of label to background suppression is allowed for, so CBF reads low")
	case n < 0 || n > 20 || n != math.Trunc(n):
		r.l.Errorf(r.file("BackgroundSuppressionNumberPulses"), "BackgroundSuppressionNumberPulses", "write the number of pulses between labelling and readout", "%g is not a number of pulses", n)
	default:
		p.SuppressionPulses = int(n)
	}
}

// cbfUnits returns the factor from the sidecar's Units to mL/100 g/min.
func (r *reader) cbfUnits() float64 {
	u, ok := r.text("Units")
	if !ok {
		r.missing("Units", "cbf volumes have no other statement of scale", "Units=mL/100g/min")
		return 1
	}
	switch strings.ToLower(strings.NewReplacer(" ", "", "*", "", "·", "").Replace(u)) {
	case "ml/100g/min", "ml/100gm/min", "ml/min/100g", "ml/(100gmin)", "ml/(min100g)", "ml100g-1min-1":
		return 1
	case "ml/g/min", "ml/min/g":
		return 100
	case "ml/g/s", "ml/s/g", "g/ml/s":
		return 6000
	}
	r.l.Errorf(r.file("Units"), "Units", "write mL/100g/min and scale the volumes to it", "%q is not a unit of perfusion known here", u)
	return 1
}
