// Package crossovertest makes a small crossover trial for tests: a sound one,
// and many that are broken in one known way each, in the plan or in the
// tables.
//
// Eight people have a placebo and a naltrexone visit with a scan at baseline
// and one during the infusion. Images hold a few voxels; regional values come
// from a formula.
package crossovertest

import (
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"phasl/bids"
	"phasl/bids/bidstest"
	"phasl/crossover"
)

// Plan is a sound plan for the trial.
const Plan = `title = "Eight people"
seed = 7
measures = ["absolute", "relative"]

[trial]
treatments = ["placebo", "naltrexone"]
reference = "placebo"
phases = ["baseline", "infusion"]
challenge = "ketamine"

[regions]
primary = ["sgACC", "pgACC"]

[model]
covariates = ["age"]

[equivalence]
margin = 50
`

// Regions are the regions that the values are of; the first is global CBF.
var Regions = []string{"global_gm", "sgACC", "pgACC", "dACC", "insula"}

// People is how many people the trial has.
const People = 8

// treatmentOf returns the treatment of a visit: odd people begin with placebo.
func treatmentOf(person, visit int) string {
	if (person+visit)%2 == 0 {
		return "placebo"
	}
	return "naltrexone"
}

// Base returns the sound dataset.
func Base() bidstest.Dataset { return maps.Clone(base()) }

var base = sync.OnceValue(func() bidstest.Dataset {
	d := bidstest.Dataset{
		"README":                   []byte("Made for tests.\n"),
		"dataset_description.json": []byte(`{"Name": "eight people", "BIDSVersion": "1.10.0", "DatasetType": "raw"}` + "\n"),
		"asl.json":                 []byte(sidecar), // one for all scans: files cost time
		"aslcontext.tsv":           []byte("volume_type\nm0scan\ndeltam\n"),
	}
	image := bidstest.Image(4, 4, 3, 2)
	var people strings.Builder
	people.WriteString("participant_id\tsequence\tage\tsex\n")
	for i := 1; i <= People; i++ {
		sub := fmt.Sprintf("sub-%02d", i)
		sequence := "AB" // placebo first
		if i%2 == 0 {
			sequence = "BA"
		}
		fmt.Fprintf(&people, "%s\t%s\t%d\t%s\n", sub, sequence, 20+3*i, string("FM"[i/2%2]))
		var sessions strings.Builder
		sessions.WriteString("session_id\ttreatment\tacq_time\n")
		for v := 1; v <= 2; v++ {
			ses := fmt.Sprintf("ses-%d", v)
			day := fmt.Sprintf("2021-03-%02d", i+10*(v-1))
			fmt.Fprintf(&sessions, "%s\t%s\t%sT09:30:00\n", ses, treatmentOf(i, v), day)
			dir, stem := sub+"/"+ses+"/", sub+"_"+ses
			var scans strings.Builder
			scans.WriteString("filename\tacq_time\tphase\n")
			for r, phase := range []string{"baseline", "infusion"} {
				name := fmt.Sprintf("perf/%s_run-%d_asl", stem, r+1)
				fmt.Fprintf(&scans, "%s.nii.gz\t%sT1%d:00:00\t%s\n", name, day, r, phase)
				d[dir+name+".nii.gz"] = image
			}
			d[dir+stem+"_scans.tsv"] = []byte(scans.String())
		}
		d[sub+"/"+sub+"_sessions.tsv"] = []byte(sessions.String())
	}
	d["participants.tsv"] = []byte(people.String())
	return d
})

const sidecar = `{
  "Manufacturer": "GE", "MagneticFieldStrength": 3, "MRAcquisitionType": "3D", "PulseSequenceType": "spiral",
  "EchoTime": 0.0105, "FlipAngle": 111, "VascularCrushing": false, "AcquisitionVoxelSize": [4, 4, 4],
  "ArterialSpinLabelingType": "PCASL", "PostLabelingDelay": 2.025, "LabelingDuration": 1.45,
  "BackgroundSuppression": true, "BackgroundSuppressionNumberPulses": 4,
  "M0Type": "Included", "TotalAcquiredPairs": 3, "RepetitionTimePreparation": 4.886
}
`

// Values returns a value for each scan and region: a person's and a visit's
// own level, 15 % more during the infusion in the cingulate, 5 % elsewhere,
// the same under both treatments, and a little scatter.
func Values() []crossover.Value {
	var out []crossover.Value
	for i := 1; i <= People; i++ {
		for v := 1; v <= 2; v++ {
			for r := range 2 {
				for k, region := range Regions {
					x := 50 + 4*math.Sin(float64(7*i)) + 2*math.Sin(float64(11*i+5*v)) + float64(3*k)
					if rise := 0.05; r == 1 {
						if strings.HasSuffix(region, "ACC") {
							rise = 0.15
						}
						x *= 1 + rise
					}
					x += math.Sin(float64(101*i + 37*v + 17*r + 13*k))
					out = append(out, crossover.Value{Subject: fmt.Sprintf("%02d", i), Session: fmt.Sprint(v), Run: fmt.Sprint(r + 1),
						Region: region, CBF: x, SE: 1, Units: "mL/100g/min"})
				}
			}
		}
	}
	return out
}

// WriteRegions writes the values into dir as regions.tsv of the participant
// level, with a dataset_description.json.
func WriteRegions(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	phase := map[string]string{"1": "baseline", "2": "infusion"}
	columns := []bids.Column{{Name: "participant_id"}, {Name: "session"}, {Name: "acq"}, {Name: "run"}, {Name: "phase"}, {Name: "region"},
		{Name: "measure"}, {Name: "value"}, {Name: "se"}, {Name: "units"}, {Name: "se_source"}, {Name: "n_voxels"}, {Name: "coverage"}, {Name: "note"}}
	var rows [][]string
	for _, v := range Values() {
		rows = append(rows, []string{"sub-" + v.Subject, v.Session, "", v.Run, phase[v.Run], v.Region, "cbf",
			bids.FormatNumber(v.CBF), bids.FormatNumber(v.SE), v.Units, "voxels", "20", "1", ""})
	}
	if err := bids.WriteTable(filepath.Join(dir, "regions.tsv"), columns, rows); err != nil {
		return err
	}
	return bids.WriteDescription(dir, "made for tests", "test", nil)
}
