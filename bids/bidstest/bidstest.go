// Package bidstest makes small BIDS datasets for tests: a sound one, and many
// that are broken in one known way each.
//
// The images hold a few voxels. Everything is built in memory and depends on
// nothing but this package, so that tests of any package may use it.
package bidstest

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// A Dataset is the content of a dataset by path, with slashes. A path that
// ends in a slash is an empty folder.
type Dataset map[string][]byte

// Write writes the dataset into dir.
func (d Dataset) Write(dir string) error {
	for p, data := range d {
		full := filepath.Join(dir, filepath.FromSlash(p))
		if strings.HasSuffix(p, "/") {
			if err := os.MkdirAll(full, 0o777); err != nil {
				return err
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(full), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(full, data, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// Set sets fields of a JSON file: Set(path, "EchoTime", 0.01, …). The value
// nil removes a field. It panics if the file is not in the dataset.
func (d Dataset) Set(path string, pairs ...any) {
	m := map[string]any{}
	if err := json.Unmarshal(d.get(path), &m); err != nil {
		panic("bidstest: " + path + ": " + err.Error())
	}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == nil {
			delete(m, pairs[i].(string))
		} else {
			m[pairs[i].(string)] = pairs[i+1]
		}
	}
	d[path] = object(m)
}

// Replace replaces text in a file, which must hold it.
func (d Dataset) Replace(path, old, new string) {
	if !bytes.Contains(d.get(path), []byte(old)) {
		panic("bidstest: " + path + " does not hold " + old)
	}
	d[path] = []byte(strings.Replace(string(d[path]), old, new, 1))
}

// Rename moves a file.
func (d Dataset) Rename(from, to string) {
	d[to] = d.get(from)
	delete(d, from)
}

// Remove takes files away.
func (d Dataset) Remove(paths ...string) {
	for _, p := range paths {
		d.get(p)
		delete(d, p)
	}
}

func (d Dataset) get(path string) []byte {
	data, ok := d[path]
	if !ok {
		panic("bidstest: the dataset has no " + path)
	}
	return data
}

func object(m map[string]any) []byte {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		panic("bidstest: " + err.Error())
	}
	return append(b, '\n')
}

func context(types ...string) []byte {
	return []byte("volume_type\n" + strings.Join(types, "\n") + "\n")
}

// Base returns a sound dataset of four participants:
//
//	sub-01  3D pCASL, one delay, M0 included, T1w
//	sub-02  2D PASL (Q2TIPS) in two sessions, M0 separate, scans.tsv with phases
//	sub-03  3D pCASL, two delays, no M0
//	sub-04  GE 3D spiral: m0scan and deltam
func Base() Dataset { return maps.Clone(base()) }

// base is made once: packing the images is most of the work. No file is
// changed in place.
var base = sync.OnceValue(makeBase)

func makeBase() Dataset {
	scanner := func(more map[string]any) []byte {
		m := map[string]any{
			"Manufacturer": "Siemens", "MagneticFieldStrength": 3, "MRAcquisitionType": "3D",
			"EchoTime": 0.012, "FlipAngle": 90, "VascularCrushing": false,
			"AcquisitionVoxelSize": []float64{4, 4, 8},
		}
		for k, v := range more {
			m[k] = v
		}
		return object(m)
	}
	d := Dataset{
		"README":                   []byte("Made for tests.\n"),
		"dataset_description.json": object(map[string]any{"Name": "made for tests", "BIDSVersion": "1.10.0", "DatasetType": "raw"}),
		"participants.tsv":         []byte("participant_id\tage\tsex\nsub-01\t30\tF\nsub-02\tn/a\tM\nsub-03\t41\tF\nsub-04\t25\tM\n"),
		"participants.json":        object(map[string]any{"age": map[string]any{"Description": "age", "Units": "year"}, "sex": map[string]any{"Levels": map[string]any{"F": "female", "M": "male"}}}),
		"phenotype/psi.tsv":        []byte("participant_id\tsession_id\tpsi_delusional\nsub-02\tses-1\t3\nsub-02\tses-2\tn/a\n"),
		"phenotype/psi.json":       object(map[string]any{"psi_delusional": map[string]any{"Description": "delusional thinking"}}),

		"sub-01/anat/sub-01_T1w.nii.gz": Image(4, 4, 3),
		"sub-01/anat/sub-01_T1w.json":   object(map[string]any{"EchoTime": 0.003, "RepetitionTime": 2.3, "FlipAngle": 9}),
		"sub-01/perf/sub-01_asl.nii.gz": Image(4, 4, 3, 5),
		"sub-01/perf/sub-01_asl.json": scanner(map[string]any{
			"ArterialSpinLabelingType": "PCASL", "PostLabelingDelay": 1.8, "LabelingDuration": 1.8,
			"BackgroundSuppression": true, "BackgroundSuppressionNumberPulses": 2, "BackgroundSuppressionPulseTime": []float64{2, 3.2},
			"M0Type": "Included", "TotalAcquiredPairs": 2, "RepetitionTimePreparation": []float64{6, 4.5, 4.5, 4.5, 4.5},
		}),
		"sub-01/perf/sub-01_aslcontext.tsv": context("m0scan", "control", "label", "control", "label"),

		"sub-02/sub-02_sessions.tsv": []byte("session_id\ttreatment\nses-1\tplacebo\nses-2\tnaltrexone\n"),

		"sub-03/perf/sub-03_asl.nii.gz": Image(4, 4, 3, 4),
		"sub-03/perf/sub-03_asl.json": scanner(map[string]any{
			"ArterialSpinLabelingType": "PCASL", "PostLabelingDelay": []float64{0.5, 0.5, 1.5, 1.5}, "LabelingDuration": []float64{1.4, 1.4, 1.4, 1.4},
			"BackgroundSuppression": true, "BackgroundSuppressionNumberPulses": 2,
			"M0Type": "Absent", "TotalAcquiredPairs": 2, "RepetitionTimePreparation": 4,
		}),
		"sub-03/perf/sub-03_aslcontext.tsv": context("control", "label", "control", "label"),

		"sub-04/anat/sub-04_T1w.nii.gz": Image(4, 4, 3),
		"sub-04/perf/sub-04_asl.nii.gz": Image(4, 4, 3, 2),
		"sub-04/perf/sub-04_asl.json": scanner(map[string]any{
			"Manufacturer": "GE", "PulseSequenceType": "spiral",
			"ArterialSpinLabelingType": "PCASL", "PostLabelingDelay": 2.025, "LabelingDuration": 1.45,
			"BackgroundSuppression": true, "BackgroundSuppressionNumberPulses": 4,
			"M0Type": "Included", "TotalAcquiredPairs": 3, "RepetitionTimePreparation": 4.886,
		}),
		"sub-04/perf/sub-04_aslcontext.tsv": context("m0scan", "deltam"),
	}
	for _, ses := range []string{"1", "2"} {
		stem := "sub-02_ses-" + ses
		dir := "sub-02/ses-" + ses + "/"
		d[dir+"anat/"+stem+"_T1w.nii.gz"] = Image(4, 4, 3)
		d[dir+stem+"_scans.tsv"] = []byte("filename\tphase\nperf/" + stem + "_run-1_asl.nii.gz\tbaseline\n")
		d[dir+"perf/"+stem+"_run-1_asl.nii.gz"] = Image(4, 4, 3, 4)
		d[dir+"perf/"+stem+"_run-1_asl.json"] = scanner(map[string]any{
			"MRAcquisitionType": "2D", "SliceTiming": []float64{0, 0.04, 0.08},
			"ArterialSpinLabelingType": "PASL", "PostLabelingDelay": 1.8, "PASLType": "FAIR",
			"BolusCutOffFlag": true, "BolusCutOffDelayTime": []float64{0.7, 1.2}, "BolusCutOffTechnique": "Q2TIPS",
			"BackgroundSuppression": false, "M0Type": "Separate", "TotalAcquiredPairs": 2, "RepetitionTimePreparation": 3,
		})
		d[dir+"perf/"+stem+"_run-1_aslcontext.tsv"] = context("control", "label", "control", "label")
		d[dir+"perf/"+stem+"_m0scan.nii.gz"] = Image(4, 4, 3)
		d[dir+"perf/"+stem+"_m0scan.json"] = scanner(map[string]any{
			"MRAcquisitionType": "2D", "SliceTiming": []float64{0, 0.04, 0.08}, "RepetitionTimePreparation": 8,
			"IntendedFor": []string{"bids::" + dir + "perf/" + stem + "_run-1_asl.nii.gz"},
		})
	}
	return d
}

// Image returns a gzipped NIfTI-1 image of the given size, of 16-bit integers
// in little-endian order with 4 mm voxels.
func Image(size ...int) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(Raw(size...)) // a bytes.Buffer takes every byte
	w.Close()
	return out.Bytes()
}

// Raw is [Image] without compression.
func Raw(size ...int) []byte {
	h := make([]byte, 352)
	le := binary.LittleEndian
	float := func(at int, x float64) { le.PutUint32(h[at:], math.Float32bits(float32(x))) }
	le.PutUint32(h, 348)
	le.PutUint16(h[40:], uint16(len(size)))
	n := 1
	for i := range 7 {
		v := 1
		if i < len(size) {
			v = size[i]
		}
		le.PutUint16(h[42+2*i:], uint16(v))
		n *= v
	}
	le.PutUint16(h[70:], 4)  // datatype: int16
	le.PutUint16(h[72:], 16) // bitpix
	float(76, 1)             // qfac
	for i := range 4 {
		float(80+4*i, 4) // pixdim: 4 mm, 4 s
	}
	float(108, 352)          // vox_offset
	float(112, 1)            // scl_slope
	h[123] = 2 | 8           // mm and s
	le.PutUint16(h[254:], 1) // sform_code: scanner
	for i := range 3 {
		float(280+16*i+4*i, 4)
	}
	copy(h[344:], "n+1\x00")
	for i := range n {
		h = le.AppendUint16(h, uint16(1000+i%97))
	}
	return h
}

// Shape reads the size of an image that [Image] made, well enough to stand in
// for a NIfTI reader in tests.
func Shape(path string) ([4]int, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return [4]int{}, err
	}
	if strings.HasSuffix(path, ".gz") {
		r, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return [4]int{}, fmt.Errorf("not gzip: %w", err)
		}
		if data, err = io.ReadAll(r); err != nil {
			return [4]int{}, fmt.Errorf("gzip: %w", err)
		}
	}
	if len(data) < 352 || !bytes.Equal(data[344:348], []byte("n+1\x00")) {
		return [4]int{}, fmt.Errorf("not a NIfTI header: %d bytes", len(data))
	}
	n := [4]int{1, 1, 1, 1}
	voxels := 1
	for i := range min(4, int(binary.LittleEndian.Uint16(data[40:]))) {
		n[i] = int(binary.LittleEndian.Uint16(data[42+2*i:]))
		voxels *= n[i]
	}
	if bytes.Equal(data[348:352], []byte{0, 0, 0, 0}) && slices.Min(n[:]) > 0 && len(data) < 352+2*voxels {
		return n, fmt.Errorf("image truncated: %d bytes for %d voxels", len(data)-352, voxels)
	}
	return n, nil
}
