package asl

import (
	"encoding/json"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"phasl/bids"
	"phasl/internal/sharedtest"
	"phasl/voxel"
)

// pcaslFields is a complete sidecar of a 3D pCASL scan of 4 volumes.
func pcaslFields() map[string]any {
	return map[string]any{
		"ArterialSpinLabelingType": "PCASL", "PostLabelingDelay": 1.8, "LabelingDuration": 1.8,
		"RepetitionTimePreparation": 4.5, "MRAcquisitionType": "3D", "BackgroundSuppression": true,
		"BackgroundSuppressionNumberPulses": 2.0, "M0Type": "Separate", "MagneticFieldStrength": 3.0,
		"Manufacturer": "Siemens", "TotalAcquiredPairs": 2.0,
	}
}

func paslFields() map[string]any {
	m := pcaslFields()
	delete(m, "LabelingDuration")
	m["ArterialSpinLabelingType"] = "PASL"
	m["BolusCutOffFlag"], m["BolusCutOffTechnique"], m["BolusCutOffDelayTime"] = true, "QUIPSSII", 0.8
	return m
}

func sidecarWith(fields map[string]any) *bids.Sidecar {
	sc := &bids.Sidecar{Path: "sub-01_asl.json", Fields: map[string]bids.Field{}}
	for k, v := range fields {
		sc.Fields[k] = bids.Field{Value: v, File: "sub-01_asl.json"}
	}
	return sc
}

var (
	fourPairs = []bids.VolumeType{bids.Control, bids.Label, bids.Control, bids.Label}
	fourDim   = [4]int{8, 8, 3, 4}
)

func TestParseFaults(t *testing.T) {
	array := func(v ...float64) []any {
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = x
		}
		return out
	}
	type edit = map[string]any
	for _, tt := range []struct {
		name  string
		pasl  bool
		edit  edit // nil values remove
		field string
		found string // part of what is said
		fix   string // part of the remedy
		opt   Options
	}{
		{name: "delay in milliseconds", edit: edit{"PostLabelingDelay": 1800.0}, field: "PostLabelingDelay", found: "1800 is not a plausible time in seconds", fix: "1.8"},
		{name: "delays in milliseconds", edit: edit{"PostLabelingDelay": array(1800, 1800, 2000, 2000)}, field: "PostLabelingDelay", found: "1800", fix: "seconds"},
		{name: "negative delay", edit: edit{"PostLabelingDelay": -0.1}, field: "PostLabelingDelay", found: "-0.1"},
		{name: "delay of 12 s", edit: edit{"PostLabelingDelay": 12.0}, field: "PostLabelingDelay", found: "12"},
		{name: "delay as text", edit: edit{"PostLabelingDelay": "1.8"}, field: "PostLabelingDelay", found: "not a number", fix: "number"},
		{name: "too few delays", edit: edit{"PostLabelingDelay": array(1, 2, 3)}, field: "PostLabelingDelay", found: "3 values for 4 volumes"},
		{name: "null in delays", edit: edit{"PostLabelingDelay": []any{1.0, nil, 2.0, 2.0}}, field: "PostLabelingDelay", found: "not a number"},
		{name: "no delay", edit: edit{"PostLabelingDelay": nil}, field: "PostLabelingDelay", found: "missing", fix: "--set PostLabelingDelay="},
		{name: "no labelling duration", edit: edit{"LabelingDuration": nil}, field: "LabelingDuration", found: "missing", fix: "--set LabelingDuration="},
		{name: "labelling duration zero", edit: edit{"LabelingDuration": 0.0}, field: "LabelingDuration", found: "0"},
		{name: "zero TR", edit: edit{"RepetitionTimePreparation": 0.0}, field: "RepetitionTimePreparation", found: "0"},
		{name: "TR in milliseconds", edit: edit{"RepetitionTimePreparation": 4500.0}, field: "RepetitionTimePreparation", found: "4500", fix: "4.5"},
		{name: "old TR field", edit: edit{"RepetitionTimePreparation": nil, "RepetitionTime": array(10, 5, 5, 5)}, field: "RepetitionTimePreparation", found: "there is RepetitionTime", fix: "--set RepetitionTimePreparation=[10,5,5,5]"},
		{name: "no TR", edit: edit{"RepetitionTimePreparation": nil}, field: "RepetitionTimePreparation", found: "missing"},
		{name: "no labelling type", edit: edit{"ArterialSpinLabelingType": nil}, field: "ArterialSpinLabelingType", found: "missing", fix: "written like ArterialSpinLabelingType=PCASL"},
		{name: "old labelling field", edit: edit{"ArterialSpinLabelingType": nil, "LabelingType": "pasl"}, field: "ArterialSpinLabelingType", found: "there is LabelingType", fix: "--set ArterialSpinLabelingType=pasl"},
		{name: "unknown labelling", edit: edit{"ArterialSpinLabelingType": "VSASL"}, field: "ArterialSpinLabelingType", found: "VSASL"},
		{name: "no M0Type", edit: edit{"M0Type": nil}, field: "M0Type", found: "missing", fix: "written like M0Type=Separate"},
		{name: "unknown M0Type", edit: edit{"M0Type": "Yes"}, field: "M0Type", found: "Yes"},
		{name: "included but not there", edit: edit{"M0Type": "Included"}, field: "M0Type", found: "no volume is an m0scan"},
		{name: "estimate without value", edit: edit{"M0Type": "Estimate"}, field: "M0Estimate", found: "missing"},
		{name: "estimate of zero", edit: edit{"M0Type": "Estimate", "M0Estimate": 0.0}, field: "M0Estimate", found: "not positive"},
		{name: "no suppression field", edit: edit{"BackgroundSuppression": nil}, field: "BackgroundSuppression", found: "missing"},
		{name: "suppression as text", edit: edit{"BackgroundSuppression": "yes"}, field: "BackgroundSuppression", found: "true or false"},
		{name: "half a pulse", edit: edit{"BackgroundSuppressionNumberPulses": 1.5}, field: "BackgroundSuppressionNumberPulses", found: "1.5"},
		{name: "no field strength", edit: edit{"MagneticFieldStrength": nil}, field: "MagneticFieldStrength", found: "missing"},
		{name: "field strength in MHz", edit: edit{"MagneticFieldStrength": 123.2}, field: "MagneticFieldStrength", found: "123.2"},
		{name: "no acquisition type", edit: edit{"MRAcquisitionType": nil}, field: "MRAcquisitionType", found: "missing"},
		{name: "2D without slice times", edit: edit{"MRAcquisitionType": "2D"}, field: "SliceTiming", found: "missing"},
		{name: "too many slice times", edit: edit{"MRAcquisitionType": "2D", "SliceTiming": array(0, 0.1, 0.2, 0.3)}, field: "SliceTiming", found: "4 times for 3 slices"},
		{name: "slice times in ms", edit: edit{"MRAcquisitionType": "2D", "SliceTiming": array(0, 40, 80)}, field: "SliceTiming", found: "40"},
		{name: "bad slice direction", edit: edit{"MRAcquisitionType": "2D", "SliceTiming": array(0, 0.1, 0.2), "SliceEncodingDirection": "z"}, field: "SliceEncodingDirection", found: "z"},
		{name: "efficiency in per cent", edit: edit{"LabelingEfficiency": 85.0}, field: "LabelingEfficiency", found: "85"},
		{name: "Look-Locker", edit: edit{"LookLocker": true}, field: "LookLocker", fix: "LookLocker=false"},
		{name: "PASL without flag", pasl: true, edit: edit{"BolusCutOffFlag": nil}, field: "BolusCutOffFlag", found: "missing"},
		{name: "PASL without cut-off", pasl: true, edit: edit{"BolusCutOffFlag": false}, field: "BolusCutOffFlag", found: "white-paper equation does not hold", fix: "kinetic"},
		{name: "multi-TI without cut-off", pasl: true, edit: edit{"BolusCutOffFlag": false, "PostLabelingDelay": array(1, 1, 2, 2)}, field: "BolusCutOffFlag", found: "duration of the bolus is not known", fix: BolusDuration},
		{name: "no technique", pasl: true, edit: edit{"BolusCutOffTechnique": nil}, field: "BolusCutOffTechnique", found: "missing"},
		{name: "unknown technique", pasl: true, edit: edit{"BolusCutOffTechnique": "PICORE"}, field: "BolusCutOffTechnique", found: "PICORE"},
		{name: "no cut-off delay", pasl: true, edit: edit{"BolusCutOffDelayTime": nil}, field: "BolusCutOffDelayTime", found: "missing"},
		{name: "cut-off in ms", pasl: true, edit: edit{"BolusCutOffDelayTime": 800.0}, field: "BolusCutOffDelayTime", found: "800", fix: "0.8"},
		{name: "cut-off after readout", pasl: true, edit: edit{"BolusCutOffDelayTime": 2.0}, field: "BolusCutOffDelayTime", found: "not before the readout", fix: "TI"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fields := pcaslFields()
			if tt.pasl {
				fields = paslFields()
			}
			maps.Copy(fields, tt.edit)
			maps.DeleteFunc(fields, func(_ string, v any) bool { return v == nil })
			_, l := ParseProtocol(sidecarWith(fields), fourPairs, fourDim, tt.opt)
			errs := l.Errors()
			if len(errs) != 1 {
				t.Fatalf("%d errors, want 1: %v", len(errs), l)
			}
			e := errs[0]
			if e.Field != tt.field || !strings.Contains(e.Found, tt.found) || !strings.Contains(e.Fix, tt.fix) || e.Fix == "" {
				t.Errorf("%s: %s\n  fix: %s", e.Field, e.Found, e.Fix)
			}
		})
	}
}

func TestParseContextFaults(t *testing.T) {
	for _, tt := range []struct {
		ctx   []bids.VolumeType
		found string
		fix   string
	}{
		{[]bids.VolumeType{"control", "label", "control"}, "3 rows for 4 volumes", "4 volumes"},
		{[]bids.VolumeType{"control", "lable", "control", "label"}, `"lable" is not a volume type`, "write label"},
		{[]bids.VolumeType{"control", "control", "control", "control"}, "no pair can be formed", ""},
		{[]bids.VolumeType{"m0scan", "m0scan", "m0scan", "m0scan"}, "no volume that carries perfusion", ""},
	} {
		_, l := ParseProtocol(sidecarWith(pcaslFields()), tt.ctx, fourDim, Options{})
		if len(l) != 1 || l[0].File != "sub-01_aslcontext.tsv" || !strings.Contains(l[0].Found, tt.found) || !strings.Contains(l[0].Fix, tt.fix) {
			t.Errorf("%v: %v", tt.ctx, l)
		}
	}
}

func TestParseReportsAllAtOnce(t *testing.T) {
	_, l := ParseProtocol(sidecarWith(nil), fourPairs, fourDim, Options{})
	var fields []string
	for _, p := range l {
		fields = append(fields, p.Field)
	}
	for _, want := range []string{"ArterialSpinLabelingType", "PostLabelingDelay", "LabelingDuration", "RepetitionTimePreparation",
		"MRAcquisitionType", "M0Type", "BackgroundSuppression", "MagneticFieldStrength"} {
		if !slices.Contains(fields, want) {
			t.Errorf("an empty sidecar is not told of %s: %v", want, fields)
		}
	}
}

func TestParsePASLWithStatedBolus(t *testing.T) {
	fields := paslFields()
	fields["BolusCutOffFlag"] = false
	opt := Options{Model: ModelKinetic, Set: map[string]float64{BolusDuration: 1}}
	p, l := ParseProtocol(sidecarWith(fields), fourPairs, fourDim, opt)
	if l.Err() != nil || len(l.Warnings()) != 1 {
		t.Fatal(l)
	}
	s, cbf, att := simulate(testGrid(3, 3, 1), &Protocol{Labelling: PASL, Context: p.Context, PLD: p.PLD, LD: p.LD, CutOffDelays: []float64{1}}, 0, 0)
	p.M0Type, p.M0Estimate = "Estimate", 1000
	p.BackgroundSuppression, p.SuppressionPulses = false, 0
	r := mustQuantify(t, Input{Series: s, ATT: att}, p, opt)
	near(t, "CBF with a stated bolus", r.CBF, cbf, 0.01, 0.5)
}

func TestParseSlices(t *testing.T) {
	fields := pcaslFields()
	fields["MRAcquisitionType"] = "2D"
	fields["SliceTiming"] = []any{0.0, 0.1, 0.2}
	p := mustParse(t, sidecarWith(fields), fourPairs, testGrid(8, 8, 3), Options{})
	if p.SliceAxis != 2 || !slices.Equal(p.SliceTimes, []float64{0, 0.1, 0.2}) {
		t.Errorf("axis %d, times %v", p.SliceAxis, p.SliceTimes)
	}
	fields["SliceEncodingDirection"] = "k-"
	p = mustParse(t, sidecarWith(fields), fourPairs, testGrid(8, 8, 3), Options{})
	if !slices.Equal(p.SliceTimes, []float64{0.2, 0.1, 0}) {
		t.Errorf("k-: times %v", p.SliceTimes)
	}
	fields["SliceEncodingDirection"] = "i"
	p = mustParse(t, sidecarWith(fields), fourPairs, testGrid(3, 8, 8), Options{})
	if p.SliceAxis != 0 || p.sliceTime([3]int{2, 0, 0}) != 0.2 {
		t.Errorf("i: axis %d", p.SliceAxis)
	}
}

// The three ASL examples of BIDS: GE, Philips, Siemens. Their images are empty.
func TestParseBIDSExamples(t *testing.T) {
	for _, tt := range []struct {
		path  string
		dim   [4]int
		check func(p *Protocol) bool
	}{
		{"asl001/sub-Sub103/perf/sub-Sub103_asl", [4]int{128, 128, 36, 2}, func(p *Protocol) bool {
			return p.GEProduct && p.SuppressionPulses == 4 && p.IsDeltaM() && p.TotalAcquiredPairs.Value == 3 && p.SliceTimes == nil
		}},
		{"asl002/sub-Sub103/perf/sub-Sub103_asl", [4]int{64, 64, 20, 70}, func(p *Protocol) bool {
			return !p.GEProduct && len(p.SliceTimes) == 20 && p.SuppressionPulses == 2 && !p.MultiDelay()
		}},
		{"asl003/sub-Sub1/perf/sub-Sub1_asl", [4]int{64, 64, 20, 20}, func(p *Protocol) bool {
			return p.Labelling == PASL && len(p.Delays()) == 10 && p.CutOffTechnique == "Q2TIPS" && p.Delays()[0].LD == 0.7
		}},
	} {
		path := strings.TrimSuffix(sharedtest.Path(t, "data", "bids", "examples", filepath.FromSlash(tt.path)+".json"), ".json")
		sc, ctx := readSidecar(t, path+".json"), readContext(t, path+"context.tsv")
		p, l := ParseProtocol(sc, ctx, tt.dim, Options{})
		if err := l.Err(); err != nil {
			t.Errorf("%s: %v", tt.path, err)
			continue
		}
		if !tt.check(&p) {
			t.Errorf("%s: %+v", tt.path, p)
		}
	}
}

// ASLDRO writes other names than BIDS: every one is an error with its remedy,
// and nothing is guessed.
func TestParseASLDRO(t *testing.T) {
	dir := sharedtest.Path(t, "reference", "asl", "pcasl_noisefree")
	sc := readSidecar(t, filepath.Join(dir, "001_asl.json"))
	ctx := readContext(t, filepath.Join(dir, "001_aslcontext.tsv"))
	_, l := ParseProtocol(sc, ctx, [4]int{32, 38, 20, 3}, Options{})
	want := map[string]string{
		"ArterialSpinLabelingType":  "--set ArterialSpinLabelingType=PCASL",
		"RepetitionTimePreparation": "--set RepetitionTimePreparation=[10,5,5]",
		"MRAcquisitionType":         "--set MRAcquisitionType=3D",
		"BackgroundSuppression":     "written like BackgroundSuppression=false",
		"M0Type":                    "written like M0Type=Included",
	}
	for _, p := range l.Errors() {
		fix, ok := want[p.Field]
		if !ok || !strings.Contains(p.Fix, fix) {
			t.Errorf("%s: %s\n  fix: %s", p.Field, p.Found, p.Fix)
		}
		delete(want, p.Field)
	}
	if len(want) > 0 {
		t.Errorf("not reported: %v", want)
	}
}

// seriesOf returns n volumes that fall from 1000 by 10 each.
func seriesOf(g voxel.Grid, n int) *voxel.Series {
	s := &voxel.Series{Grid: g}
	for v := range n {
		vol := make([]float32, g.Len())
		for i := range vol {
			vol[i] = 1000 - 10*float32(v)
		}
		s.Vols = append(s.Vols, vol)
	}
	return s
}

// Whatever a sidecar holds, parsing ends with a list and what passes can be
// quantified.
func FuzzParseProtocol(f *testing.F) {
	for _, m := range []map[string]any{pcaslFields(), paslFields(), nil} {
		b, err := json.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, "control label control label")
		f.Add(b, "m0scan deltam deltam cbf")
	}
	f.Add([]byte(geSidecar), "m0scan deltam")
	f.Fuzz(func(t *testing.T, b []byte, words string) {
		var m map[string]any
		if json.Unmarshal(b, &m) != nil {
			t.Skip("not a JSON object")
		}
		var ctx []bids.VolumeType
		for _, w := range strings.Fields(words) {
			ctx = append(ctx, bids.VolumeType(w))
		}
		if len(ctx) > 40 {
			t.Skip("more volumes than the test needs")
		}
		g := testGrid(2, 1, 2)
		p, l := ParseProtocol(sidecarWith(m), ctx, [4]int{2, 1, 2, len(ctx)}, Options{})
		if l.Err() != nil {
			return
		}
		in := Input{Series: seriesOf(g, len(ctx))}
		if p.M0Type == "Separate" {
			in.M0, in.M0TR = seriesOf(g, 1), []float64{4}
		}
		if r, err := Quantify(in, p, Options{}); err == nil {
			for n, v := range r.CBF.Data {
				if math.IsInf(float64(v), 0) {
					t.Errorf("voxel %d is infinite", n)
				}
			}
			Assess(r, Tissue{}, 1)
		}
	})
}
