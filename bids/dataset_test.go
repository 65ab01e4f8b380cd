package bids_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"phasl/bids"
	"phasl/bids/bidstest"
	"phasl/diag"
)

// open writes a dataset and indexes it.
func open(t *testing.T, d bidstest.Dataset) (*bids.Dataset, diag.List) {
	t.Helper()
	dir := t.TempDir()
	if err := d.Write(dir); err != nil {
		t.Fatal(err)
	}
	ds, l := bids.Open(dir)
	if ds == nil {
		t.Fatal(l)
	}
	return ds, l
}

// scan finds a scan by the end of its path.
func scan(t *testing.T, ds *bids.Dataset, path string) *bids.Scan {
	t.Helper()
	all := ds.ASLScans()
	i := slices.IndexFunc(all, func(s bids.Scan) bool { return s.Path == path })
	if i < 0 {
		t.Fatalf("no scan %s", path)
	}
	return &all[i]
}

// mentions reports whether a problem of that severity has the file and text.
func mentions(l diag.List, severity diag.Severity, file, text string) bool {
	return slices.ContainsFunc(l, func(p *diag.Problem) bool {
		return p.Severity == severity && p.File == file && strings.Contains(p.Field+": "+p.Found+"; "+p.Fix, text)
	})
}

const (
	image1 = "sub-01/perf/sub-01_asl.nii.gz"
	asl1   = "sub-01/perf/sub-01_asl.json"
	image2 = "sub-02/ses-1/perf/sub-02_ses-1_run-1_asl.nii.gz"
	m02    = "sub-02/ses-1/perf/sub-02_ses-1_m0scan.json"
)

func TestOpen(t *testing.T) {
	ds, l := open(t, bidstest.Base())
	if len(l) > 0 {
		t.Errorf("problems: %v", l)
	}
	if got := ds.Subjects(); !slices.Equal(got, []string{"01", "02", "03", "04"}) {
		t.Errorf("subjects %v", got)
	}
	if got := ds.SessionsOf("02"); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("sessions %v", got)
	}
	if got := ds.SessionsOf("01"); len(got) > 0 {
		t.Errorf("sessions of sub-01 %v", got)
	}
	if v, ok := ds.Participants.Cell(1, "age"); ok {
		t.Errorf("n/a read as %q", v)
	}
	if got := ds.Participants.Dictionary["sex"].Levels["F"]; got != "female" {
		t.Errorf("level %q", got)
	}
	if got, _ := ds.Sessions["02"].Cell(1, "treatment"); got != "naltrexone" {
		t.Errorf("treatment %q", got)
	}
	if ds.Phenotype["psi"] == nil || ds.Phenotype["psi"].Dictionary["psi_delusional"].Description == "" {
		t.Error("no phenotype")
	}
	if n := len(ds.ASLScans()); n != 5 {
		t.Errorf("%d scans, want 5", n)
	}
	s := scan(t, ds, image2)
	if s.Session != "1" || s.Entities["run"] != "1" || s.ScansRow["phase"] != "baseline" || s.M0 == nil ||
		s.M0.Path != strings.Replace(m02, ".json", ".nii.gz", 1) || s.AbsPath != ds.Abs(image2) ||
		!slices.Equal(s.T1w, []string{"sub-02/ses-1/anat/sub-02_ses-1_T1w.nii.gz"}) ||
		!slices.Equal(s.Context, []bids.VolumeType{bids.Control, bids.Label, bids.Control, bids.Label}) {
		t.Errorf("scan %+v", s)
	}
	m, l := ds.Sidecar("sub-01/anat/sub-01_T1w.nii.gz")
	if tr, ok := m.Number("RepetitionTime", &l); !ok || tr != 2.3 || len(l) > 0 {
		t.Errorf("T1w sidecar %+v %v", m, l)
	}
}

// What is no part of a raw dataset is passed over without a word.
func TestSkipped(t *testing.T) {
	d := bidstest.Base()
	for _, p := range []string{
		"derivatives/x/sub-01/perf/bad name.nii.gz", "sourcedata/sub-77/perf/x.nii", "code/a.json", "stimuli/b.tsv",
		".git/config", "sub-01/.DS_Store", "sub-01/perf/.sub-01_asl.json.swp", "extra/deep/er/file.json", "sub-01/perf/notes.json",
		"sub-01/func/whatever it is.nii.gz", "sub-03/perf/old/sub-03_asl.json",
	} {
		d[p] = []byte("{")
	}
	d[".bidsignore"] = []byte("# ours\nextra/\n**/notes.json\nsub-*/perf/old/\n")
	ds, l := open(t, d)
	if len(l) > 0 {
		t.Errorf("problems: %v", l)
	}
	if n := len(ds.Subjects()); n != 4 {
		t.Errorf("%d subjects", n)
	}
}

func TestInheritance(t *testing.T) {
	d := bidstest.Base()
	d.Set(asl1, "EchoTime", nil, "MagneticFieldStrength", nil)
	d["asl.json"] = []byte(`{"EchoTime": 0.5, "MagneticFieldStrength": 1.5, "InstitutionName": "root"}`)
	d["sub-01/sub-01_asl.json"] = []byte(`{"EchoTime": 0.02, "FlipAngle": 45}`)
	d["m0scan.json"] = []byte(`{"InstitutionName": "not for asl"}`)
	ds, l := open(t, d)
	if l.Err() != nil {
		t.Error(l)
	}
	m := scan(t, ds, image1).Sidecar
	for field, want := range map[string]bids.Field{
		"EchoTime":              {Value: 0.02, File: "sub-01/sub-01_asl.json"},
		"MagneticFieldStrength": {Value: 1.5, File: "asl.json"},
		"InstitutionName":       {Value: "root", File: "asl.json"},
		"FlipAngle":             {Value: 90.0, File: asl1},
	} {
		if got := m.Fields[field]; got != want {
			t.Errorf("%s = %+v, want %+v", field, got, want)
		}
	}
	if m.Path != asl1 {
		t.Errorf("nearest sidecar %s", m.Path)
	}
	d.Remove(asl1)
	ds, _ = open(t, d)
	if m := scan(t, ds, image1).Sidecar; m.Path != "sub-01/sub-01_asl.json" {
		t.Errorf("nearest sidecar %s", m.Path)
	}
}

// The nearest aslcontext.tsv counts, as a whole.
func TestContextInheritance(t *testing.T) {
	d := bidstest.Base()
	d["aslcontext.tsv"] = []byte("volume_type\ncbf\n")
	d.Rename("sub-03/perf/sub-03_aslcontext.tsv", "sub-03/sub-03_aslcontext.tsv")
	ds, l := open(t, d)
	if l.Err() != nil {
		t.Error(l)
	}
	if s := scan(t, ds, "sub-03/perf/sub-03_asl.nii.gz"); len(s.Context) != 4 || s.ContextPath != "sub-03/sub-03_aslcontext.tsv" {
		t.Errorf("context %v of %s", s.Context, s.ContextPath)
	}
}

func TestIntendedFor(t *testing.T) {
	const run1, stem = "ses-1/perf/sub-02_ses-1_run-1_asl.nii.gz", "sub-02_ses-1_run-1_asl.nii.gz"
	for _, tt := range []struct {
		name    string
		value   any
		warning string
	}{
		{"relative to the subject", run1, ""},
		{"list", []string{run1}, ""},
		{"URI", "bids::sub-02/" + run1, ""},
		{"with a dot", "./" + run1, ""},
		{"relative to the session", "perf/" + stem, "relative to the session"},
		{"relative to the dataset", "sub-02/" + run1, "relative to the dataset"},
		{"backslashes", strings.ReplaceAll(run1, "/", `\`), ""},
		{"absent", nil, "taken for"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := bidstest.Base()
			d.Set(m02, "IntendedFor", tt.value)
			ds, _ := open(t, d)
			s := scan(t, ds, image2)
			l := bids.CheckScan(ds, s, bids.ValidateOptions{})
			if s.M0 == nil || l.Err() != nil {
				t.Fatalf("M0 %+v, %v", s.M0, l)
			}
			if tt.warning != "" != mentions(l, diag.Warning, m02, tt.warning) && len(l) > 0 {
				t.Errorf("want a warning with %q, got %v", tt.warning, l)
			}
			if tt.warning == "" && len(l) > 0 {
				t.Errorf("want no warning, got %v", l)
			}
		})
	}
}

// Of two M0 scans intended for one series the one of more like name is taken.
func TestM0OfSameDirection(t *testing.T) {
	d := bidstest.Base()
	for _, ext := range []string{"asl.json", "asl.nii.gz", "aslcontext.tsv"} {
		d.Rename("sub-02/ses-1/perf/sub-02_ses-1_run-1_"+ext, "sub-02/ses-1/perf/sub-02_ses-1_dir-PA_"+ext)
	}
	d["sub-02/ses-1/sub-02_ses-1_scans.tsv"] = []byte("filename\nperf/sub-02_ses-1_dir-PA_asl.nii.gz\n")
	d.Set(m02, "IntendedFor", "bids::sub-02/ses-1/perf/sub-02_ses-1_dir-PA_asl.nii.gz")
	for _, dir := range []string{"AP", "PA"} {
		d["sub-02/ses-1/perf/sub-02_ses-1_dir-"+dir+"_m0scan.json"] = d[m02]
		d["sub-02/ses-1/perf/sub-02_ses-1_dir-"+dir+"_m0scan.nii.gz"] = bidstest.Image(4, 4, 3)
	}
	d.Remove(m02, "sub-02/ses-1/perf/sub-02_ses-1_m0scan.nii.gz")
	ds, _ := open(t, d)
	s := scan(t, ds, "sub-02/ses-1/perf/sub-02_ses-1_dir-PA_asl.nii.gz")
	l := bids.CheckScan(ds, s, bids.ValidateOptions{})
	if s.M0 == nil || s.M0.Entities["dir"] != "PA" || l.Err() != nil || !mentions(l, diag.Warning, s.M0.Path, "the first is used") {
		t.Errorf("M0 %+v, %v", s.M0, l)
	}
}

// A T1w image of another session is used, and said.
func TestT1wOfOtherSession(t *testing.T) {
	d := bidstest.Base()
	d.Remove("sub-02/ses-1/anat/sub-02_ses-1_T1w.nii.gz")
	ds, _ := open(t, d)
	s := scan(t, ds, image2)
	l := bids.CheckScan(ds, s, bids.ValidateOptions{})
	if !slices.Equal(s.T1w, []string{"sub-02/ses-2/anat/sub-02_ses-2_T1w.nii.gz"}) || !mentions(l, diag.Warning, image2, "no T1w image of this session") {
		t.Errorf("T1w %v, %v", s.T1w, l)
	}
}

func TestOverrides(t *testing.T) {
	d := bidstest.Base()
	d.Set(asl1, "LabelingDuration", nil, "M0Type", nil)
	d.Set(m02, "RepetitionTimePreparation", nil)
	ds, _ := open(t, d)
	set := map[string]string{"LabelingDuration": "1.8", "M0Type": "Included"}
	s := scan(t, ds, image1)
	if l := bids.CheckScan(ds, s, bids.ValidateOptions{Overrides: set}); l.Err() != nil {
		t.Error(l)
	}
	if s.Sidecar.Has("M0Type") {
		t.Error("checking changed the scan")
	}
	if f := s.With(set).Sidecar.Fields["LabelingDuration"]; f.Value != 1.8 || f.File != bids.SetByUser {
		t.Errorf("field %+v", f)
	}
	set = map[string]string{"m0scan.RepetitionTimePreparation": "8"}
	if l := bids.CheckScan(ds, scan(t, ds, image2), bids.ValidateOptions{Overrides: set}); l.Err() != nil {
		t.Error(l)
	}
	if l := bids.CheckScan(ds, s, bids.ValidateOptions{Overrides: set}); !mentions(l, diag.Warning, image1, "no separate M0") {
		t.Errorf("unused value: %v", l)
	}
	set = map[string]string{"LabelingDuration": "1800", "PostlabelingDelay": "1.8"}
	l := bids.CheckScan(ds, s, bids.ValidateOptions{Overrides: set})
	if !mentions(l, diag.Error, bids.SetByUser, "milliseconds") || !mentions(l, diag.Error, bids.SetByUser, "PostLabelingDelay") {
		t.Errorf("wrong values given: %v", l)
	}
}

// A series that holds CBF already needs no model: what is missing is a warning.
func TestCBFNeedsNoModel(t *testing.T) {
	d := bidstest.Base()
	d["sub-03/perf/sub-03_asl.json"] = []byte(`{"M0Type": "Absent", "EchoTime": 0.01}`)
	d["sub-03/perf/sub-03_aslcontext.tsv"] = []byte("volume_type\ncbf\n")
	d["sub-03/perf/sub-03_asl.nii.gz"] = bidstest.Image(4, 4, 3)
	ds, _ := open(t, d)
	l := bids.Validate(ds, bids.ValidateOptions{Shape: bidstest.Shape})
	if l.Err() != nil || len(l) == 0 {
		t.Errorf("problems %v", l)
	}
}

// What departs from BIDS or from custom, but changes no number, is a warning.
func TestWarnings(t *testing.T) {
	const asl3 = "sub-03/perf/sub-03_asl.json"
	for _, tt := range []struct {
		file, field string
		value       any
		found       string
	}{
		{asl1, "EchoTime", nil, "absent"},
		{asl1, "TotalAcquiredPairs", nil, "absent"},
		{asl1, "TotalAcquiredPairs", 9, "9 pairs"},
		{asl1, "PostLabelingDelay", 6, "unusually long"},
		{asl1, "LabelingDuration", 5.5, "unusually long"},
		{asl1, "LabelingEfficiency", 0.2, "unusually low"},
		{asl1, "RepetitionTimePreparation", 3, "shorter than labelling and delay together"},
		{asl1, "BackgroundSuppressionNumberPulses", 3, "3 pulses, but"},
		{asl1, "PostLabelingDelay", []float64{1.8, 1.8, 1.8, 1.8, 1.8}, "without label (m0scan)"},
		{asl1, "SliceTiming", []float64{0, 0.1, 0.2}, "3D acquisition has no slice times"},
		{asl1, "PCASLType", "Balanced", "is not one of"},
		{asl1, "AcquisitionVoxelSize", []float64{4, 4}, "not a voxel size"},
		{asl1, "SliceEncodingDirektion", "k", "no such field"},
		{asl3, "BackgroundSuppressionNumberPulses", nil, "cannot be corrected"},
		{strings.Replace(m02, "m0scan", "run-1_asl", 1), "SliceTiming", []float64{0, 0, 0}, "are 0"},
		{m02, "EchoTime", 0.03, "0.03 s, but the series has 0.012 s"},
		{m02, "EchoTime", 0.004, "0.004 s, but the series has 0.012 s"},
		{m02, "MagneticFieldStrength", 1.5, "1.5 T, but"},
		{m02, "SliceTiming", nil, "absent"},
	} {
		d := bidstest.Base()
		d.Set(tt.file, tt.field, tt.value)
		if strings.Contains(tt.found, "long") {
			d.Set(tt.file, "RepetitionTimePreparation", 9) // room for it
		}
		ds, _ := open(t, d)
		l := bids.Validate(ds, bids.ValidateOptions{})
		if len(l) != 1 || !mentions(l, diag.Warning, tt.file, tt.field+": ") || !strings.Contains(l[0].Found, tt.found) {
			t.Errorf("%s = %v: want one warning with %q, got %v", tt.field, tt.value, tt.found, l)
		}
	}
}

// Every fault is reported at once, in order, and the same way each time.
func TestAllAtOnce(t *testing.T) {
	d := bidstest.Base()
	d.Set(asl1, "PostLabelingDelay", 1800, "M0Type", nil, "RepetitionTimePreparation", 0)
	d["participants.tsv"] = []byte("id\n01\n")
	d["sub-03/perf/sub-03_aslcontext.tsv"] = []byte("volume_type\ntag\n")
	ds, _ := open(t, d)
	opt := bids.ValidateOptions{Shape: bidstest.Shape}
	first := bids.Validate(ds, opt)
	if n := len(first.Errors()); n < 6 {
		t.Errorf("%d errors: %v", n, first)
	}
	for range 5 {
		if again := bids.Validate(ds, opt); again.Error() != first.Error() {
			t.Fatalf("first\n%v\nthen\n%v", first, again)
		}
	}
}

// Thousands of faults of one kind are not thousands of problems, and take no
// thousands of comparisons.
func TestFaultsAreCounted(t *testing.T) {
	d := bidstest.Base()
	var rows, refs strings.Builder
	fields := map[string]int{}
	for i := range 20000 {
		fmt.Fprintf(&rows, "perf/sub-02_ses-1_run-%d_asl.nii\tx\n", i)
		fmt.Fprintf(&refs, "\"perf/%d_asl.nii.gz\", ", i)
		fields[fmt.Sprintf("PostLabelingDelay%d", i)] = i
	}
	d["sub-02/ses-1/sub-02_ses-1_scans.tsv"] = []byte("filename\tphase\n" + rows.String() + rows.String())
	d["participants.tsv"] = []byte("participant_id\tage\n" + rows.String())
	d[m02] = []byte(`{"IntendedFor": [` + refs.String() + `"x"]}`)
	var err error
	if d["asl.json"], err = json.Marshal(fields); err != nil {
		t.Fatal(err)
	}
	ds, _ := open(t, d)
	l := bids.Validate(ds, bids.ValidateOptions{})
	if len(l) > 120 {
		t.Errorf("%d problems", len(l))
	}
	if !mentions(l, diag.Error, "asl.json", "20000 fields") || !mentions(l, diag.Error, m02, "so many are wrong") {
		t.Errorf("problems %v", l)
	}
}

func TestOpenNothing(t *testing.T) {
	dir := t.TempDir()
	if ds, l := bids.Open(filepath.Join(dir, "missing")); ds != nil || l.Err() == nil {
		t.Errorf("missing folder: %v %v", ds, l)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if ds, l := bids.Open(file); ds != nil || l.Err() == nil {
		t.Errorf("a file: %v %v", ds, l)
	}
}

// Links that form a loop end the walk like any other stray folder.
func TestLinkLoop(t *testing.T) {
	dir := t.TempDir()
	if err := bidstest.Base().Write(dir); err != nil {
		t.Fatal(err)
	}
	for _, link := range []string{"loop", "sub-01/loop", "sub-01/perf/loop", "sub-02/ses-1/anat/loop", "phenotype/loop", "sub-99"} {
		if err := os.Symlink(dir, filepath.Join(dir, filepath.FromSlash(link))); err != nil {
			t.Skip("no links here:", err)
		}
	}
	ds, _ := bids.Open(dir)
	if n := len(ds.ASLScans()); n != 5 {
		t.Errorf("%d scans", n)
	}
}

func TestOpenScan(t *testing.T) {
	d := bidstest.Base()
	d.Remove("dataset_description.json") // the folders are enough
	dir := t.TempDir()
	if err := d.Write(dir); err != nil {
		t.Fatal(err)
	}
	ds, s, l := bids.OpenScan(filepath.Join(dir, filepath.FromSlash(image2)))
	if s == nil || len(l) > 0 || s.M0 == nil || s.ScansRow["phase"] != "baseline" || ds.Abs(s.Path) != s.AbsPath {
		t.Fatalf("%+v, %v", s, l)
	}
	if l := bids.CheckScan(ds, s, bids.ValidateOptions{Shape: bidstest.Shape}); len(l) > 0 {
		t.Error(l)
	}

	lone := bidstest.Dataset{
		"my scan_asl.nii.gz":       d[image1],
		"my scan_asl.json":         d[asl1],
		"my scan_aslcontext.tsv":   d["sub-01/perf/sub-01_aslcontext.tsv"],
		"my scan_m0scan.nii":       bidstest.Raw(4, 4, 3),
		"my scan_m0scan.json":      []byte(`{"RepetitionTimePreparation": 6, "EchoTime": 0.012}`),
		"bare.nii":                 bidstest.Raw(4, 4, 3, 2),
		"text.txt":                 nil,
		"sub-x/perf/odd_asl.nii":   bidstest.Raw(4, 4, 3, 2),
		"sub-x/perf/odd_asl.json":  []byte(`{}`),
		"sub-x/perf/folder.nii/":   nil,
		"sub-x/perf/-_asl.nii.gz/": nil,
	}
	dir = t.TempDir()
	if err := lone.Write(dir); err != nil {
		t.Fatal(err)
	}
	ds, s, l = bids.OpenScan(filepath.Join(dir, "my scan_asl.nii.gz"))
	if s == nil || l.Err() != nil || s.Subject != "myscan" || s.M0 == nil || len(s.Context) != 5 {
		t.Fatalf("%+v, %v", s, l)
	}
	if l := bids.CheckScan(ds, s, bids.ValidateOptions{Shape: bidstest.Shape}); l.Err() != nil {
		t.Error(l)
	}
	for file, want := range map[string]string{"bare.nii": "no JSON sidecar", "sub-x/perf/odd_asl.nii": "no such file beside"} {
		ds, s, l = bids.OpenScan(filepath.Join(dir, filepath.FromSlash(file)))
		if s == nil || len(l.Warnings()) != 1 {
			t.Fatalf("%s: %v", file, l)
		}
		if l := bids.CheckScan(ds, s, bids.ValidateOptions{}); !strings.Contains(l.Error(), want) {
			t.Errorf("%s: %v", file, l)
		}
	}
	for _, file := range []string{"missing.nii", "text.txt", "sub-x/perf/folder.nii", "sub-x/perf/-_asl.nii.gz"} {
		if _, s, l := bids.OpenScan(filepath.Join(dir, filepath.FromSlash(file))); s != nil || l.Err() == nil {
			t.Errorf("%s: %v, %v", file, s, l)
		}
	}
}
