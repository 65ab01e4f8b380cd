package phantom

import (
	"io"
	"math"
	"path"
	"path/filepath"

	"phasl/bids"
	"phasl/internal/atomicfile"
	"phasl/nifti"
	"phasl/voxel"
)

// A Dataset is a BIDS dataset of simulated people.
type Dataset struct {
	Name         string
	Participants []Participant
}

// A Participant is one simulated person.
type Participant struct {
	Label    string  // of the entity sub-
	Age      float64 // [years]; 0: n/a
	Sex      string  // "F", "M" or "" for n/a
	Sessions []Session

	// FromTemplate is the true map from the template's world to that of the
	// person's head as drawn; nil if it is not known. It is not written.
	FromTemplate voxel.Transform
}

// A Session is one visit.
type Session struct {
	Label string       // of the entity ses-; "" if the participant has one session without a name
	T1w   *voxel.Image // nil if none was taken
	Scans []Scan
}

// A Scan is one ASL series.
type Scan struct {
	Acq, Run string // labels of the entities acq- and run-; "" to leave out
	*Acquisition
}

// WriteBIDS writes a raw BIDS 1.10 dataset to dir: anat and perf images with
// sidecars, tables, and the truth under derivatives/truth. Equal arguments
// give equal bytes, whatever workers is (0: one per CPU). Labels must consist
// of letters and digits.
func WriteBIDS(dir string, d *Dataset, workers int) error {
	if err := WriteBIDSRoot(dir, d); err != nil {
		return err
	}
	for i := range d.Participants {
		if err := WriteBIDSParticipant(dir, &d.Participants[i], workers); err != nil {
			return err
		}
	}
	return nil
}

// WriteBIDSRoot writes the files that describe the dataset as a whole. With
// [WriteBIDSParticipant] it lets a large dataset be written one person at a
// time; images may be missing from d here.
func WriteBIDSRoot(dir string, d *Dataset) error {
	name := d.Name
	if name == "" {
		name = "phasl phantom"
	}
	if err := describe(dir, name, readme); err != nil {
		return err
	}
	columns := []bids.Column{
		{Name: "participant_id"},
		{Name: "age", Description: "age of the simulated person", Units: "year"},
		{Name: "sex", Description: "sex of the simulated person", Levels: map[string]string{"F": "female", "M": "male"}},
	}
	var rows [][]string
	for _, p := range d.Participants {
		age := bids.Missing
		if p.Age > 0 {
			age = bids.FormatNumber(p.Age)
		}
		rows = append(rows, []string{"sub-" + p.Label, age, p.Sex})
	}
	return bids.WriteTable(filepath.Join(dir, "participants.tsv"), columns, rows)
}

// describe writes the descriptions of the dataset and of its truth.
func describe(dir, name, readme string) error {
	description := func(name, kind string) map[string]any {
		return map[string]any{
			"Name": name, "BIDSVersion": bids.Version, "DatasetType": kind, "License": "CC0", "Authors": []string{"phasl phantom"},
			"GeneratedBy": []bids.Generator{{Name: "phasl phantom", Description: "images drawn from formulas; no person was scanned"}},
		}
	}
	if err := bids.WriteJSON(filepath.Join(dir, "dataset_description.json"), description(name, "raw")); err != nil {
		return err
	}
	err := atomicfile.Write(filepath.Join(dir, "README"), func(w io.Writer) error {
		_, err := io.WriteString(w, readme)
		return err
	})
	if err != nil {
		return err
	}
	return bids.WriteJSON(filepath.Join(dir, truthFolder, "dataset_description.json"), description(name+": truth", "derivative"))
}

const readme = `Simulated arterial spin labelling data.

No person was scanned: heads, brains and blood flow are drawn from formulas by
phasl's package phantom, and the raw images follow from them by the physics
stated in its documentation. What a perfect analysis would find lies under
derivatives/truth: maps on the grid of each series, the mean of each region,
and the motion of the head.
`

// WriteBIDSParticipant writes all files of one participant.
func WriteBIDSParticipant(dir string, p *Participant, workers int) error {
	for i := range p.Sessions {
		s := &p.Sessions[i]
		w := &bidsWriter{dir: dir, workers: workers, of: bids.Entities{"sub": p.Label, "ses": s.Label}}
		if s.T1w != nil {
			w.t1w(s.T1w)
		}
		for j := range s.Scans {
			w.scan(&s.Scans[j])
		}
		if w.err != nil {
			return w.err
		}
	}
	return nil
}

// A bidsWriter writes files of one session until the first error.
type bidsWriter struct {
	dir     string
	workers int
	whole   bool          // series hold whole numbers, as a scanner stores them
	of      bids.Entities // sub and ses
	err     error
}

// folder returns the session's folder of a datatype, relative to the dataset
// and with slashes.
func (w *bidsWriter) folder(datatype string) string {
	f := "sub-" + w.of["sub"]
	if w.of["ses"] != "" {
		f += "/ses-" + w.of["ses"]
	}
	return f + "/" + datatype
}

func (w *bidsWriter) do(fn func() error) {
	if w.err == nil {
		w.err = fn()
	}
}

// image writes an image and its sidecar under root, relative to the dataset.
func (w *bidsWriter) image(root, datatype string, e bids.Entities, suffix string, img *voxel.Image, o nifti.Options, meta map[string]any) {
	o.Workers = w.workers
	base := filepath.Join(w.dir, root, filepath.FromSlash(w.folder(datatype)))
	w.do(func() error { return nifti.WriteImage(filepath.Join(base, bids.Name(e, suffix, ".nii.gz")), img, o) })
	w.do(func() error { return bids.WriteJSON(filepath.Join(base, bids.Name(e, suffix, ".json")), meta) })
}

func (w *bidsWriter) t1w(img *voxel.Image) {
	whole := wholeNumbers(&voxel.Series{Grid: img.Grid, Vols: [][]float32{img.Data}})
	w.image("", "anat", w.of, "T1w", whole.Image(0), nifti.Options{Datatype: nifti.Int16}, map[string]any{
		"Manufacturer": "GE", "ManufacturersModelName": "DISCOVERY_MR750", "MagneticFieldStrength": 3,
		"MRAcquisitionType": "3D", "ScanningSequence": "GR", "SequenceVariant": []string{"SP", "SK"},
		"EchoTime": 0.003, "InversionTime": 0.45, "FlipAngle": 9, "RepetitionTime": 0.0073,
	})
}

// wholeNumbers rounds the values of a series to what 16 bits hold.
func wholeNumbers(s *voxel.Series) *voxel.Series {
	out := &voxel.Series{Grid: s.Grid}
	for _, vol := range s.Vols {
		v := make([]float32, len(vol))
		for i, x := range vol {
			v[i] = float32(math.Round(min(max(float64(x), math.MinInt16), math.MaxInt16)))
		}
		out.Vols = append(out.Vols, v)
	}
	return out
}

func (w *bidsWriter) scan(s *Scan) {
	e := w.of.With("acq", s.Acq, "run", s.Run)
	base := filepath.Join(w.dir, filepath.FromSlash(w.folder("perf")))
	series := bids.Name(e, "asl", ".nii.gz")
	w.do(func() error {
		o, values := nifti.Options{Workers: w.workers, TR: s.Protocol.TR}, s.Series
		if w.whole {
			o.Datatype, values = nifti.Int16, wholeNumbers(values)
		}
		return nifti.WriteSeries(filepath.Join(base, series), values, o)
	})
	w.do(func() error { return bids.WriteJSON(filepath.Join(base, bids.Name(e, "asl", ".json")), s.Sidecar()) })
	var rows [][]string
	for _, c := range s.Context {
		rows = append(rows, []string{string(c)})
	}
	w.do(func() error {
		return bids.WriteTable(filepath.Join(base, bids.Name(e, "aslcontext", ".tsv")), []bids.Column{{Name: "volume_type"}}, rows)
	})
	if s.M0 != nil {
		meta := s.M0Sidecar()
		meta["IntendedFor"] = "bids::" + path.Join(w.folder("perf"), series)
		w.image("", "perf", e, "m0scan", s.M0.Image(0), nifti.Options{}, meta)
	}
	w.truth(e, s.Truth)
}
