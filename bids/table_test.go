package bids

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"phasl/diag"
)

func TestDecodeTable(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		columns    []string
		rows       [][]string
		found      string // in the first problem; "" if none
	}{
		{"plain", "a\tb\n1\tn/a\n", []string{"a", "b"}, [][]string{{"1", "n/a"}}, ""},
		{"CRLF, BOM, no end", "\xef\xbb\xbfa\tb\r\n1\t2", []string{"a", "b"}, [][]string{{"1", "2"}}, ""},
		{"CR", "a\r1\r2\r", []string{"a"}, [][]string{{"1"}, {"2"}}, ""},
		{"quotation marks", "\"a\"\tb\n\"x\ty\"\n", []string{`"a"`, "b"}, [][]string{{`"x`, `y"`}}, ""},
		{"empty cell", "a\tb\n\t2\n", []string{"a", "b"}, [][]string{{"", "2"}}, ""},
		{"short row", "a\tb\n1\n", []string{"a", "b"}, [][]string{{"1", "n/a"}}, "1 cells where the header has 2"},
		{"long row", "a\tb\n1\t2\t3\n", []string{"a", "b"}, [][]string{{"1", "2"}}, "3 cells"},
		{"no rows", "a\tb\n", []string{"a", "b"}, nil, ""},
		{"blank in header", "a \tb\n1\t2\n", []string{"a", "b"}, [][]string{{"1", "2"}}, "blanks"},
		{"Latin-1", "a\ncaf\xe9\n", []string{"a"}, [][]string{{"caf\ufffd"}}, "line 2 holds bytes"},
		{"commas within", "a\tb\n1,2\t3\n", []string{"a", "b"}, [][]string{{"1,2", "3"}}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, l := decodeTable([]byte(tt.text), "x.tsv")
			if !slices.Equal(got.Columns, tt.columns) || !reflect.DeepEqual(got.Rows, tt.rows) {
				t.Errorf("got %q %q", got.Columns, got.Rows)
			}
			if tt.found == "" && len(l) > 0 || tt.found != "" && (len(l) == 0 || !strings.Contains(l[0].Found, tt.found)) {
				t.Errorf("problems %v", l)
			}
		})
	}
}

// Tables that would fill the memory are refused.
func TestTableLimits(t *testing.T) {
	wide := []byte(strings.Repeat("c\t", 20000) + "\n1\n")
	long := []byte("a\n" + strings.Repeat("x", maxTableLine+1) + "\n")
	many := []byte(strings.Repeat("\t", 9000) + "\n" + strings.Repeat("1\n", 1000))
	for name, text := range map[string][]byte{"columns": wide, "is longer": long, "cells": many} {
		got, l := decodeTable(text, "x.tsv")
		if got != nil || !strings.Contains(l.Error(), name) {
			t.Errorf("%s: %d problems", name, len(l))
		}
	}
	ragged := []byte("a\tb\n" + strings.Repeat("1\n", 1000))
	if _, l := decodeTable(ragged, "x.tsv"); len(l) != maxTableProblems+1 || !strings.Contains(l[len(l)-1].Found, "980 more") {
		t.Errorf("%d problems, the last %v", len(l), l[len(l)-1])
	}
}

func TestWriteTable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "regions.tsv")
	columns := []Column{
		{Name: "region", Description: "region <of> interest"},
		{Name: "cbf", Units: "mL/100 g/min"},
		{Name: "arm", Levels: map[string]string{"b": "second", "a": "first"}},
	}
	rows := [][]string{{"sgACC", FormatNumber(0.1), "a"}, {"pgACC", FormatNumber(math.NaN()), ""}}
	if err := WriteTable(path, columns, rows); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || string(text) != "region\tcbf\tarm\nsgACC\t0.1\ta\npgACC\tn/a\tn/a\n" {
		t.Errorf("wrote %q, %v", text, err)
	}
	dict, err := os.ReadFile(strings.TrimSuffix(path, ".tsv") + ".json")
	want := `{
  "region": {
    "Description": "region <of> interest"
  },
  "cbf": {
    "Units": "mL/100 g/min"
  },
  "arm": {
    "Levels": {
      "a": "first",
      "b": "second"
    }
  }
}
`
	if err != nil || string(dict) != want {
		t.Errorf("wrote %s, %v", dict, err)
	}
	got, l := ReadTable(path)
	if len(l) > 0 || !slices.Equal(got.Rows[0], rows[0]) || len(got.Row(1)) != 1 {
		t.Errorf("read %+v, %v", got, l)
	}
	for _, bad := range [][][]string{{{"a"}}, {{"a", "b\tc", "d"}}, {{"a", "b", "c\n"}}} {
		if err := WriteTable(filepath.Join(t.TempDir(), "x.tsv"), columns, bad); err == nil {
			t.Errorf("wrote %q", bad)
		}
	}
	if err := WriteTable(filepath.Join(t.TempDir(), "x.tsv"), nil, nil); err == nil {
		t.Error("wrote a table without columns")
	}
}

func TestWriteDescription(t *testing.T) {
	dir := t.TempDir()
	if err := WriteDescription(dir, "CBF", "1.2.3", nil, Generator{Name: "dcm2niix"}); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "dataset_description.json"))
	want := `{
  "Name": "CBF",
  "BIDSVersion": "1.10.0",
  "DatasetType": "derivative",
  "GeneratedBy": [
    {
      "Name": "phasl",
      "Version": "1.2.3"
    },
    {
      "Name": "dcm2niix"
    }
  ]
}
`
	if err != nil || string(got) != want {
		t.Errorf("wrote %s, %v", got, err)
	}
	if err := WriteJSON(filepath.Join(dir, "x.json"), math.NaN()); err == nil {
		t.Error("wrote NaN")
	}
}

func TestName(t *testing.T) {
	e := Entities{"desc": "brain", "space": "MNI", "ses": "1", "sub": "01", "run": "2"}
	if got := Name(e, "mask", ".nii.gz"); got != "sub-01_ses-1_run-2_space-MNI_desc-brain_mask.nii.gz" {
		t.Error(got)
	}
	if got := Name(e.With("desc", "", "ses", "", "from", "T1w"), "xfm", ".json"); got != "sub-01_run-2_from-T1w_space-MNI_xfm.json" {
		t.Error(got)
	}
	if got := Name(nil, "cbf", ".nii"); got != "cbf.nii" {
		t.Error(got)
	}
	if got := Alphanumeric("a b-ö_9+"); got != "ab9+" {
		t.Error(got)
	}
	for _, bad := range []Entities{{"colour": "red"}, {"sub": "0 1"}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%v gave no panic", bad)
				}
			}()
			Name(bad, "asl", ".json")
		}()
	}
}

func TestIgnore(t *testing.T) {
	file := filepath.Join(t.TempDir(), ".bidsignore")
	text := "# comment\n\n*.mat\n/top.txt\nextra/\nsub-*/perf/old_*\n**/tmp\nlogs/**\n!keep.mat\n[\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var l diag.List
	rules := readIgnore(file, &l)
	if len(l) != 1 {
		t.Errorf("the broken pattern: %v", l)
	}
	for _, tt := range []struct {
		path string
		dir  bool
		want bool
	}{
		{"a.mat", false, true}, {"x/y/a.mat", false, true}, {"keep.mat", false, false}, {"a.txt", false, false},
		{"top.txt", false, true}, {"sub/top.txt", false, false}, {"extra", true, true}, {"extra", false, false},
		{"sub-1/perf/old_asl.nii", false, true}, {"sub-1/ses-1/perf/old_asl.nii", false, false},
		{"tmp", true, true}, {"a/b/tmp", true, true}, {"logs/a/b", false, true}, {"log", true, false},
	} {
		if got := rules.match(tt.path, tt.dir); got != tt.want {
			t.Errorf("%s: %v", tt.path, got)
		}
	}
	slow := make([]string, 2000)
	for i := range slow {
		slow[i] = "**"
	}
	if matchParts(append(slow, "x"), strings.Split(strings.Repeat("a/", 100)+"y", "/")) {
		t.Error("matched")
	}
}

func TestSidecarTypes(t *testing.T) {
	fields, l := decodeObject([]byte(`{"n": 1.5, "one": [2], "many": [1, 2], "text": "3", "yes": true, "null": null, "mixed": [1, "2"], "object": {}}`), "a.json")
	if len(l) > 0 {
		t.Fatal(l)
	}
	s := &Sidecar{Path: "a.json", Fields: map[string]Field{}}
	for k, v := range fields {
		s.Fields[k] = Field{v, "a.json"}
	}
	if x, ok := s.Number("n", nil); !ok || x != 1.5 {
		t.Error("n")
	}
	if x, ok := s.Number("one", nil); !ok || x != 2 {
		t.Error("one")
	}
	if x, ok := s.Numbers("n", nil); !ok || !slices.Equal(x, []float64{1.5}) {
		t.Error("n as array")
	}
	if x, ok := s.Numbers("many", nil); !ok || len(x) != 2 {
		t.Error("many")
	}
	if v, ok := s.Bool("yes", nil); !ok || !v {
		t.Error("yes")
	}
	if v, ok := s.Text("text", nil); !ok || v != "3" {
		t.Error("text")
	}
	if s.Has("null") || s.Has("absent") || (*Sidecar)(nil).Has("n") || !s.Has("object") {
		t.Error("Has")
	}
	for i, f := range []func(*diag.List) bool{
		func(l *diag.List) bool { _, ok := s.Number("many", l); return ok },
		func(l *diag.List) bool { _, ok := s.Number("text", l); return ok },
		func(l *diag.List) bool { _, ok := s.Numbers("mixed", l); return ok },
		func(l *diag.List) bool { _, ok := s.Numbers("object", l); return ok },
		func(l *diag.List) bool { _, ok := s.Bool("n", l); return ok },
		func(l *diag.List) bool { _, ok := s.Text("n", l); return ok },
	} {
		var l diag.List
		if f(&l) || len(l) != 1 || l[0].File != "a.json" || l[0].Fix == "" {
			t.Errorf("type error %d: %v", i, l)
		}
	}
	var silent diag.List
	if _, ok := s.Number("absent", &silent); ok || len(silent) > 0 {
		t.Error("an absent field is no type error")
	}
	empty := &Sidecar{}
	for value, want := range map[string]any{"1.8": 1.8, "true": true, "Absent": "Absent", `"1.8"`: "1.8", "[1, 2]": []any{1.0, 2.0}, "": "", "NaN": "NaN"} {
		if empty.Set("x", value); !reflect.DeepEqual(empty.Fields["x"], Field{want, SetByUser}) {
			t.Errorf("--set x=%s gives %v", value, empty.Fields["x"])
		}
	}
	if empty.Source("x") != SetByUser || s.Source("absent") != "a.json" {
		t.Error("Source")
	}
}

func TestMisspelt(t *testing.T) {
	s := &Sidecar{Fields: map[string]Field{}}
	for _, k := range []string{"PostlabelingDelay", "LabelingType", "RepetitionTime", "Labelingduration", "LabelOffset", "SliceThickness"} {
		s.Fields[k] = Field{Value: 1.0}
	}
	for want, got := range map[string]string{
		"PostLabelingDelay": "PostlabelingDelay", "ArterialSpinLabelingType": "LabelingType", "LabelingDuration": "Labelingduration",
		"RepetitionTimePreparation": "RepetitionTime", "M0Type": "", "SliceTiming": "", "FlipAngle": "",
	} {
		if found, ok := s.Misspelt(want); ok != (got != "") || ok && found != got {
			t.Errorf("%s: %q %v", want, found, ok)
		}
	}
}

// The fields that converters write beside those of BIDS are no misspellings.
func TestConverterFields(t *testing.T) {
	text := `{"Modality":"MR","ImagingFrequency":123.2,"SeriesDescription":"x","SliceThickness":3,"SpacingBetweenSlices":3,"EchoTrainLength":41,
"ConversionSoftware":"dcm2niix","ConversionSoftwareVersion":"v1","NumRFBlocks":82,"RFGap":0.1,"MeanGzx10":6,"LabelOffset":90,"SeriesNumber":3,
"AcquisitionNumber":1,"ImageType":["ORIGINAL"],"PhaseEncodingSteps":64,"PhaseEncodingAxis":"j","ReconMatrixPE":64,"PixelBandwidth":100,"EchoNumber":1,
"AcquisitionTime":"10:00","ProtocolName":"x","PatientPosition":"HFS","BodyPartExamined":"BRAIN","SAR":0.1,"PercentPhaseFOV":100,"PercentSampling":100,
"BaseResolution":64,"DerivedVendorReportedEchoSpacing":0.001,"InPlanePhaseEncodingDirectionDICOM":"COL","TxRefAmp":200,"PhaseResolution":1,"Interpolation2D":false,
"AcquisitionMatrixPE":64,"WaterFatShift":10,"RepetitionTimeInversion":1,"NumberOfAverages":3,"TriggerDelayTime":0,"ASLContrastTechnique":"X","ShimSetting":[1,2]}`
	fields, l := decodeObject([]byte(text), "a.json")
	if len(l) > 0 {
		t.Fatal(l)
	}
	s := Scan{Path: "asl.nii", Sidecar: &Sidecar{Path: "a.json", Fields: map[string]Field{}}, ContextPath: "c.tsv"}
	for k, v := range fields {
		s.Sidecar.Fields[k] = Field{v, "a.json"}
	}
	for _, p := range CheckScan(&Dataset{}, &s, ValidateOptions{}) {
		if _, ours := s.Sidecar.Fields[p.Field]; ours {
			t.Errorf("%v", p)
		}
		if strings.Contains(p.Fix, "is meant") {
			t.Errorf("%v; %s", p, p.Fix)
		}
	}
}

func TestJSONHints(t *testing.T) {
	for text, want := range map[string]string{
		"{\n \"a\": NaN}": "line 2, column 7: NaN is not", "{\"a\": -Infinity}": "Infinity is not", "{\"a\": 1,}": "a comma before",
		"{\"a\": 1": "ends too early", "{'a': 1}": "double quotation marks", "{\"a\": 1} x": "line 1, column 10", "{\"a\" 1}": "not JSON",
		"\ufeff{\"a\": 1}": "", "{\"a\": \"\xff\"}": "not UTF-8", "": "empty", " \n": "empty", "3": "not a JSON object",
	} {
		_, l := decodeObject([]byte(text), "a.json")
		if want == "" && len(l) > 0 || !strings.Contains(l.Error(), want) {
			t.Errorf("%q: %v", text, l)
		}
	}
	var many bytes.Buffer
	many.WriteString("{")
	for range 1000 {
		many.WriteString("\"a\": 1e999, ")
	}
	many.WriteString("\"b\": 1}")
	if _, l := decodeObject(many.Bytes(), "a.json"); len(l) > 2*maxTableProblems {
		t.Errorf("%d problems", len(l))
	}
}
