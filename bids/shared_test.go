package bids_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"phasl/bids"
	"phasl/bids/bidstest"
	"phasl/internal/sharedtest"
)

// The metadata of real GE, Philips and Siemens scans pass; their images, which
// hold one byte, are named.
func TestExamples(t *testing.T) {
	for _, name := range []string{"asl001", "asl002", "asl003"} {
		t.Run(name, func(t *testing.T) {
			ds, l := bids.Open(sharedtest.Path(t, "data", "bids", "examples", name))
			if ds == nil {
				t.Fatal(l)
			}
			l = bids.Validate(ds, bids.ValidateOptions{Shape: bidstest.Shape})
			named := map[string]bool{}
			for _, p := range l {
				t.Logf("%v: %v", p.Severity, p)
				if strings.HasSuffix(p.File, ".nii.gz") {
					named[p.File] = true
				}
			}
			for _, p := range l.Errors() {
				if !strings.HasSuffix(p.File, ".nii.gz") {
					t.Errorf("error about metadata: %v", p)
				}
			}
			for _, f := range ds.Files {
				if f.Image() && !named[f.Path] {
					t.Errorf("%s is not named", f.Path)
				}
			}
			if l := bids.Validate(ds, bids.ValidateOptions{}); l.Err() != nil {
				t.Errorf("without reading images: %v", l.Err())
			}
		})
	}
}

func TestSharedASL(t *testing.T) {
	ds, l := bids.Open(sharedtest.Path(t, "data", "asl"))
	if ds == nil {
		t.Fatal(l)
	}
	l = bids.Validate(ds, bids.ValidateOptions{Shape: func(p string) ([4]int, error) {
		switch filepath.Base(p) { // sizes as the data's README gives them
		case "sub-01_asl.nii.gz":
			return [4]int{96, 96, 40, 18}, nil
		case "sub-02_asl.nii.gz":
			return [4]int{64, 64, 20, 96}, nil
		case "sub-01_T1w.nii.gz":
			return [4]int{192, 256, 256, 1}, nil
		}
		return [4]int{}, errors.New("no image is expected here")
	}})
	for _, p := range l {
		t.Logf("%v: %v", p.Severity, p)
	}
	if l.Err() != nil {
		t.Error(l.Err())
	}
	scans := ds.ASLScans()
	if len(scans) != 2 || len(scans[0].T1w) != 1 || len(scans[1].T1w) != 0 || len(scans[1].Context) != 96 {
		t.Errorf("scans: %+v", scans)
	}
}

func TestLoneFile(t *testing.T) {
	dir := sharedtest.Path(t, "reference", "asl", "pcasl_noisefree")
	ds, s, l := bids.OpenScan(filepath.Join(dir, "001_asl.nii.gz"))
	if s == nil || l.Err() != nil {
		t.Fatal(l)
	}
	if len(l) != 1 || s.Subject != "001" || s.Context[0] != bids.M0Scan || !s.Sidecar.Has("LabelingDuration") {
		t.Errorf("%v, scan %+v", l, s)
	}
	for _, p := range bids.CheckScan(ds, s, bids.ValidateOptions{}) {
		t.Logf("%v: %v; %s", p.Severity, p, p.Fix)
	}
	set := map[string]string{"ArterialSpinLabelingType": "PCASL", "M0Type": "Included", "BackgroundSuppression": "false",
		"RepetitionTimePreparation": "5", "MRAcquisitionType": "3D"}
	if l := bids.CheckScan(ds, s, bids.ValidateOptions{Overrides: set}); l.Err() != nil {
		t.Errorf("with values given: %v", l.Err())
	}
}
