package bids

import (
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"phasl/diag"
)

// wellFormed fails if a problem does not say where and what.
func wellFormed(t *testing.T, l diag.List) {
	t.Helper()
	for _, p := range l {
		if p.File == "" || p.Found == "" || utf8.RuneCountInString(p.Found) > 1001 || !utf8.ValidString(p.Found) {
			t.Fatalf("problem %+v", p)
		}
	}
}

// finite fails if a decoded value holds what JSON has not.
func finite(t *testing.T, v any) {
	switch v := v.(type) {
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			t.Fatalf("decoded %g", v)
		}
	case []any:
		for _, e := range v {
			finite(t, e)
		}
	case map[string]any:
		for _, e := range v {
			finite(t, e)
		}
	case nil, bool, string:
	default:
		t.Fatalf("decoded a %T", v)
	}
}

var sidecarSeeds = []string{
	``, `{}`, `[]`, `null`, `{"EchoTime": 0.01}`, `{"EchoTime": NaN}`, `{"EchoTime": -Infinity}`,
	`{"EchoTime": 1e999, "a": -1e-999}`, `{"a": 1, "a": 2}`, `{"a": {"b": 1, "b": 1}}`, `{"a": 1,}`,
	"\xef\xbb\xbf{\"a\": \"\xff\"}", "\xff\xfe{\x00", `{'a': 1}`, `{"a": "\ud800"}`, `{"a": 1} {"b": 2}`,
	strings.Repeat("[", 20000), `{"a":` + strings.Repeat("[", 80) + strings.Repeat("]", 80) + `}`,
	`{"ArterialSpinLabelingType": "PCASL", "PostLabelingDelay": [1.8, 0], "LabelingDuration": 1.8, "M0Type": "Included", "MRAcquisitionType": "2D", "SliceTiming": []}`,
	`{"ArterialSpinLabelingType": "PASL", "PostLabelingDelay": 1.8, "BolusCutOffFlag": true, "BolusCutOffDelayTime": [0.7, 1.2], "BolusCutOffTechnique": "QUIPSS II", "LookLocker": true, "FlipAngle": []}`,
	`{"RepetitionTimePreparation": [], "EchoTime": [], "LabelingDuration": [], "PostLabelingDelay": [], "BolusCutOffDelayTime": []}`,
	`{"TotalAcquiredPairs": 1e300, "BackgroundSuppressionNumberPulses": 1e300, "SliceEncodingDirection": "", "M0Estimate": {}}`,
}

var tableSeeds = []string{
	"", "\n", "volume_type\n", "volume_type\ncontrol\nlabel\n", "volume_type\r\ncontrol\r\nlabel\r\n", "volume_type\rcontrol\rlabel",
	"\xef\xbb\xbfvolume_type\nm0scan\ndeltam", "a\ta\n1\n", "a\t\t\n\n\n1\t2\t3\t4\n", "volume_type\tx\ncbf\tnoRF\n",
	"a,b\n1,2\n", "\x00", "\xff\xfev\x00", "\xff\n\xfe", "\"a\tb\"\n\"1\t2\"\n",
}

func FuzzSidecar(f *testing.F) {
	for _, s := range sidecarSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, l := decodeObject(data, "asl.json")
		wellFormed(t, l)
		if m == nil && l.Err() == nil {
			t.Fatal("nothing was decoded, and no error")
		}
		if m != nil {
			finite(t, m)
		}
	})
}

func FuzzTable(f *testing.F) {
	for _, s := range tableSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		table, l := decodeTable(data, "x.tsv")
		wellFormed(t, l)
		if table == nil {
			if l.Err() == nil {
				t.Fatal("no table, and no error")
			}
			return
		}
		for i, row := range table.Rows {
			if len(row) != len(table.Columns) {
				t.Fatalf("row %d has %d cells for %d columns", i, len(row), len(table.Columns))
			}
		}
	})
}

func FuzzContext(f *testing.F) {
	for _, s := range tableSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		types, l := decodeContext(data, "aslcontext.tsv")
		wellFormed(t, l)
		if l.Err() != nil {
			return
		}
		if len(types) == 0 {
			t.Fatal("no volumes, and no error")
		}
		for _, v := range types {
			if !strings.Contains("control label m0scan deltam cbf noRF", string(v)) {
				t.Fatalf("volume type %q without an error", v)
			}
		}
	})
}

// Whatever a sidecar and a context say, checking them ends without a panic.
func FuzzCheckScan(f *testing.F) {
	for i, s := range sidecarSeeds {
		f.Add([]byte(s), []byte(tableSeeds[i%len(tableSeeds)]), i%4)
		f.Add([]byte(s), []byte("volume_type\nm0scan\ncontrol\nlabel\n"), i%4)
	}
	f.Fuzz(func(t *testing.T, sidecar, table []byte, volumes int) {
		m, _ := decodeObject(sidecar, "asl.json")
		s := Scan{Path: "asl.nii", Sidecar: &Sidecar{Path: "asl.json", Fields: map[string]Field{}}, ContextPath: "aslcontext.tsv"}
		for k, v := range m {
			s.Sidecar.Fields[k] = Field{v, "asl.json"}
		}
		s.Context, _ = decodeContext(table, "aslcontext.tsv")
		ds := &Dataset{}
		wellFormed(t, CheckScan(ds, &s, ValidateOptions{}))
		s.M0 = &M0Image{Path: "m0.nii", Sidecar: s.Sidecar}
		wellFormed(t, CheckScan(ds, &s, ValidateOptions{Shape: func(string) ([4]int, error) {
			return [4]int{4, 4, 3, volumes}, nil
		}, Overrides: map[string]string{"PostLabelingDelay": "[1,2]", "m0scan.EchoTime": "x"}}))
	})
}

// A name that is taken apart and built again is the same if its entities stand
// in order.
func FuzzName(f *testing.F) {
	for _, s := range []string{"sub-01_asl.nii.gz", "asl.json", "sub-01_ses-a_run-2_m0scan.nii", "sub-_asl", "_", "a-b_c", "desc-x_sub-1_cbf.json"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, base string) {
		n, err := parseName(base)
		if err == nil && n.ordered && Name(n.entities, n.suffix, n.ext) != base {
			t.Fatalf("%q became %q", base, Name(n.entities, n.suffix, n.ext))
		}
	})
}
