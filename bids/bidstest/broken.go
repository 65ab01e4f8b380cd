package bidstest

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
)

// A Case is a dataset that is broken in one way, and the fault that a
// validator must name.
type Case struct {
	Name  string
	File  string // the file the fault is in
	Field string // the field or column; "" for the file as a whole
	Found string // text within what was found; "" if any fault of the file will do, as with images, whose reader has its own words

	change func(Dataset)
	after  func(dir string) error // what is not a plain file
}

// Write writes the broken dataset into dir.
func (c Case) Write(dir string) error {
	d := Base()
	if c.change != nil {
		c.change(d)
	}
	if err := d.Write(dir); err != nil {
		return err
	}
	if c.after != nil {
		return c.after(dir)
	}
	return nil
}

// Files of the base that cases change.
const (
	asl1     = "sub-01/perf/sub-01_asl.json"
	context1 = "sub-01/perf/sub-01_aslcontext.tsv"
	image1   = "sub-01/perf/sub-01_asl.nii.gz"
	asl2     = "sub-02/ses-1/perf/sub-02_ses-1_run-1_asl.json"
	image2   = "sub-02/ses-1/perf/sub-02_ses-1_run-1_asl.nii.gz"
	m02      = "sub-02/ses-1/perf/sub-02_ses-1_m0scan.json"
	m0Image2 = "sub-02/ses-1/perf/sub-02_ses-1_m0scan.nii.gz"
	scans2   = "sub-02/ses-1/sub-02_ses-1_scans.tsv"
	asl3     = "sub-03/perf/sub-03_asl.json"
	context3 = "sub-03/perf/sub-03_aslcontext.tsv"
	asl4     = "sub-04/perf/sub-04_asl.json"
	context4 = "sub-04/perf/sub-04_aslcontext.tsv"
)

// Broken returns the broken datasets: at least sixty, no two broken alike.
func Broken() []Case {
	out := append(fieldCases(), m0Cases()...)
	out = append(out, tableCases()...)
	out = append(out, textCases()...)
	return append(out, layoutCases()...)
}

// field is a case in which one field of a sidecar has a wrong value, or none.
func field(name, file, field string, value any, found string) Case {
	return Case{Name: name, File: file, Field: field, Found: found,
		change: func(d Dataset) { d.Set(file, field, value) }}
}

func fieldCases() []Case {
	const absent = "absent"
	return []Case{
		field("no labelling type", asl1, "ArterialSpinLabelingType", nil, absent),
		field("labelling type in lower case", asl1, "ArterialSpinLabelingType", "pCASL", "is not one of"),
		field("labelling type unknown", asl1, "ArterialSpinLabelingType", "VSASL", "is not one of"),
		field("labelling type a number", asl1, "ArterialSpinLabelingType", 1, "not text"),
		field("no delay", asl1, "PostLabelingDelay", nil, absent),
		field("delay in milliseconds", asl1, "PostLabelingDelay", 1800, "milliseconds"),
		field("delay longer than 10 s", asl1, "PostLabelingDelay", 18, "longer than 10"),
		field("delay negative", asl1, "PostLabelingDelay", -1.8, "negative"),
		field("delay zero", asl1, "PostLabelingDelay", 0, "0 s for a volume"),
		field("delay of microseconds", asl1, "PostLabelingDelay", 0.0018, "too short"),
		field("delay as text", asl1, "PostLabelingDelay", "1.8", "not a number"),
		field("delay an empty array", asl1, "PostLabelingDelay", []any{}, "empty"),
		field("delay null", asl1, "PostLabelingDelay", []any{nil, 1.8, 1.8, 1.8, 1.8}, "element 1"),
		field("delays too few", asl3, "PostLabelingDelay", []any{0.5, 0.5, 1.5}, "3 values"),
		field("delays too many", asl3, "PostLabelingDelay", []any{0.5, 0.5, 1.5, 1.5, 2.5, 2.5}, "6 values"),
		field("delays one in milliseconds", asl3, "PostLabelingDelay", []any{0.5, 0.5, 1500, 1500}, "milliseconds"),
		field("delays zero for a label", asl3, "PostLabelingDelay", []any{0.5, 0, 1.5, 1.5}, "0 s for a volume"),
		field("delays without a control", asl3, "PostLabelingDelay", []any{0.5, 1.5, 0.5, 1.5}, "no label volume"),
		field("no labelling duration", asl1, "LabelingDuration", nil, absent),
		field("labelling duration zero", asl1, "LabelingDuration", 0, "0 s for a volume"),
		field("labelling duration in milliseconds", asl1, "LabelingDuration", 1800, "milliseconds"),
		field("labelling duration longer than 10 s", asl1, "LabelingDuration", 12, "longer than 10"),
		field("labelling durations too few", asl3, "LabelingDuration", []any{1.4, 1.4}, "2 values"),
		field("labelling duration true", asl1, "LabelingDuration", true, "not a number"),
		field("no background suppression", asl1, "BackgroundSuppression", nil, absent),
		field("background suppression as text", asl1, "BackgroundSuppression", "yes", "not true or false"),
		field("background suppression as number", asl1, "BackgroundSuppression", 1, "not true or false"),
		field("background suppression denied", asl1, "BackgroundSuppression", false, "2 background suppression pulses"),
		field("suppression pulses negative", asl1, "BackgroundSuppressionNumberPulses", -2, "not a number of pulses"),
		field("suppression pulses none", asl1, "BackgroundSuppressionNumberPulses", 0, "no pulses"),
		field("suppression times in milliseconds", asl1, "BackgroundSuppressionPulseTime", []any{2000, 3200}, "not a plausible time"),
		field("no repetition time", asl1, "RepetitionTimePreparation", nil, absent),
		field("repetition time zero", asl1, "RepetitionTimePreparation", 0, "0 s"),
		field("repetition time negative", asl1, "RepetitionTimePreparation", -4, "-4 s"),
		field("repetition time in milliseconds", asl1, "RepetitionTimePreparation", 4500, "milliseconds"),
		field("repetition times too few", asl1, "RepetitionTimePreparation", []any{6, 4.5}, "2 values"),
		field("repetition time shorter than the delay", asl1, "RepetitionTimePreparation", 1, "shorter than"),
		field("no field strength", asl1, "MagneticFieldStrength", nil, absent),
		field("field strength in gauss", asl1, "MagneticFieldStrength", 30000, "not a plausible field"),
		field("field strength as text", asl1, "MagneticFieldStrength", "3T", "not a number"),
		field("field strength zero", asl1, "MagneticFieldStrength", 0, "not a plausible field"),
		field("no acquisition type", asl1, "MRAcquisitionType", nil, absent),
		field("acquisition type unknown", asl1, "MRAcquisitionType", "3d", "is not one of"),
		field("echo time in milliseconds", asl1, "EchoTime", 12, "milliseconds"),
		field("echo time zero", asl1, "EchoTime", 0, "not an echo time"),
		field("flip angle negative", asl1, "FlipAngle", -90, "not a flip angle"),
		field("flip angles too few", asl1, "FlipAngle", []any{90, 90}, "2 values"),
		{Name: "Look-Locker without flip angle", File: asl1, Field: "FlipAngle", Found: absent,
			change: func(d Dataset) { d.Set(asl1, "LookLocker", true, "FlipAngle", nil) }},
		field("Look-Locker as text", asl1, "LookLocker", "no", "not true or false"),
		field("efficiency in percent", asl1, "LabelingEfficiency", 85, "percent"),
		field("efficiency zero", asl1, "LabelingEfficiency", 0, "not between 0 and 1"),
		field("no slice timing in 2D", asl2, "SliceTiming", nil, absent),
		field("slice times too few", asl2, "SliceTiming", []any{0, 0.04}, "2 slice times"),
		field("slice times in milliseconds", asl2, "SliceTiming", []any{0, 40, 80}, "milliseconds"),
		field("slice times later than the repetition", asl2, "SliceTiming", []any{0, 2, 4}, "later than"),
		field("slice times negative", asl2, "SliceTiming", []any{-0.04, 0, 0.04}, "negative"),
		field("slice direction unknown", asl2, "SliceEncodingDirection", "z", "is not one of"),
		field("no bolus flag", asl2, "BolusCutOffFlag", nil, absent),
		field("bolus flag as text", asl2, "BolusCutOffFlag", "true", "not true or false"),
		field("bolus not cut off", asl2, "BolusCutOffFlag", false, "not cut off"),
		field("no bolus cut-off time", asl2, "BolusCutOffDelayTime", nil, absent),
		field("bolus cut-off times backwards", asl2, "BolusCutOffDelayTime", []any{1.2, 0.7}, "does not increase"),
		field("bolus cut-off in milliseconds", asl2, "BolusCutOffDelayTime", 700, "milliseconds"),
		field("bolus cut off after the image", asl2, "BolusCutOffDelayTime", 2, "not before the image"),
		field("no bolus technique", asl2, "BolusCutOffTechnique", nil, absent),
		field("bolus technique unknown", asl2, "BolusCutOffTechnique", "Q2TIP", "is not one of"),
		field("GE without excitations", asl4, "TotalAcquiredPairs", nil, absent),
		field("pairs zero", asl1, "TotalAcquiredPairs", 0, "not a number of pairs"),
		{Name: "delay misspelt", File: asl1, Field: "PostLabelingDelay", Found: absent,
			change: func(d Dataset) { d.Set(asl1, "PostLabelingDelay", nil, "PostLabellingDelay", 1.8) }},
	}
}

func m0Cases() []Case {
	return []Case{
		field("no M0 type", asl1, "M0Type", nil, "absent"),
		field("M0 type unknown", asl1, "M0Type", "included", "is not one of"),
		field("M0 included but not listed", asl3, "M0Type", "Included", "no m0scan volume"),
		field("M0 separate but not there", asl3, "M0Type", "Separate", "no M0 scan"),
		{Name: "M0 estimate without a value", File: asl3, Field: "M0Estimate", Found: "absent",
			change: func(d Dataset) { d.Set(asl3, "M0Type", "Estimate") }},
		field("M0 absent but listed", asl1, "M0Type", "Absent", "lists an m0scan"),
		field("M0 absent but there", asl2, "M0Type", "Absent", "there is an M0 scan"),
		{Name: "M0 absent but estimated", File: asl3, Field: "M0Type", Found: "M0Estimate is given",
			change: func(d Dataset) { d.Set(asl3, "M0Estimate", 1000) }},
		{Name: "M0 estimate negative", File: asl3, Field: "M0Estimate", Found: "not positive",
			change: func(d Dataset) { d.Set(asl3, "M0Type", "Estimate", "M0Estimate", -5) }},
		field("M0 without repetition time", m02, "RepetitionTimePreparation", nil, "absent"),
		field("M0 repetition time zero", m02, "RepetitionTimePreparation", 0, "0 s"),
		field("M0 repetition time in milliseconds", m02, "RepetitionTimePreparation", 8000, "milliseconds"),
		field("M0 intended for a missing series", m02, "IntendedFor", "ses-1/perf/sub-02_ses-1_run-2_asl.nii.gz", "no image"),
		field("M0 intended for a number", m02, "IntendedFor", 1, "not a path"),
		{Name: "M0 intended for another session", File: asl2, Field: "M0Type", Found: "no M0 scan",
			change: func(d Dataset) {
				d.Set(m02, "IntendedFor", "bids::sub-02/ses-2/perf/sub-02_ses-2_run-1_asl.nii.gz")
			}},
		{Name: "M0 without sidecar", File: m02, Found: "no JSON sidecar", change: func(d Dataset) { d.Remove(m02) }},
		{Name: "M0 sidecar without image", File: m02, Found: "applies to no image", change: func(d Dataset) { d.Remove(m0Image2) }},
		{Name: "two M0 scans for one series", File: "sub-02/ses-1/perf/sub-02_ses-1_dir-AP_m0scan.nii.gz", Field: "IntendedFor", Found: "cannot be told",
			change: func(d Dataset) {
				for _, dir := range []string{"AP", "PA"} {
					stem := "sub-02/ses-1/perf/sub-02_ses-1_dir-" + dir + "_m0scan"
					d[stem+".json"], d[stem+".nii.gz"] = d[m02], d[m0Image2]
				}
				d.Remove(m02, m0Image2)
			}},
	}
}

func tableCases() []Case {
	text := func(name, file, field, found, content string) Case {
		return Case{Name: name, File: file, Field: field, Found: found, change: func(d Dataset) { d[file] = []byte(content) }}
	}
	return []Case{
		{Name: "no aslcontext", File: context1, Found: "no aslcontext.tsv", change: func(d Dataset) { d.Remove(context1) }},
		text("aslcontext empty", context1, "", "empty", ""),
		text("aslcontext without header", context3, "volume_type", "no such column", "control\nlabel\ncontrol\nlabel\n"),
		text("aslcontext header misspelt", context3, "volume_type", "no such column", "volume type\ncontrol\nlabel\ncontrol\nlabel\n"),
		text("aslcontext without rows", context1, "volume_type", "no rows", "volume_type\n"),
		text("volume type unknown", context3, "volume_type", "not a volume type", "volume_type\ncontrol\ntag\ncontrol\nlabel\n"),
		text("volume type capitalised", context3, "volume_type", "not a volume type", "volume_type\nControl\nLabel\nControl\nLabel\n"),
		text("aslcontext too short", context3, "volume_type", "2 volumes are listed", "volume_type\ncontrol\nlabel\n"),
		text("aslcontext too long", context4, "volume_type", "3 volumes are listed", "volume_type\nm0scan\ndeltam\ndeltam\n"),
		text("no label volume", context3, "volume_type", "no label", "volume_type\ncontrol\ncontrol\ncontrol\ncontrol\n"),
		text("no control volume", context3, "volume_type", "no control", "volume_type\nlabel\nlabel\nlabel\nlabel\n"),
		text("M0 volumes only", context4, "volume_type", "no perfusion", "volume_type\nm0scan\nm0scan\n"),
		text("aslcontext with an empty line", context3, "", "is empty", "volume_type\ncontrol\nlabel\n\ncontrol\nlabel\n"),
		text("participants without identifiers", "participants.tsv", "participant_id", "no such column", "subject\tage\nsub-01\t30\n"),
		text("participant twice", "participants.tsv", "participant_id", "stands twice", "participant_id\nsub-01\nsub-01\nsub-02\nsub-03\nsub-04\n"),
		text("participant without prefix", "participants.tsv", "participant_id", "not of the form", "participant_id\n01\nsub-02\nsub-03\nsub-04\n"),
		text("participants ragged", "participants.tsv", "", "line 3 has 2 cells", "participant_id\tage\tsex\nsub-01\t30\tF\nsub-02\tM\nsub-03\t41\tF\nsub-04\t25\tM\n"),
		text("participants with commas", "participants.tsv", "", "commas", "participant_id,age\nsub-01,30\n"),
		text("column twice", "participants.tsv", "age", "stands twice", "participant_id\tage\tage\nsub-01\t1\t2\nsub-02\t1\t2\nsub-03\t1\t2\nsub-04\t1\t2\n"),
		text("column without name", "participants.tsv", "", "no name", "participant_id\t\nsub-01\t1\nsub-02\t1\nsub-03\t1\nsub-04\t1\n"),
		text("sessions without identifiers", "sub-02/sub-02_sessions.tsv", "session_id", "no such column", "session\ttreatment\nses-1\tplacebo\n"),
		text("session twice", "sub-02/sub-02_sessions.tsv", "session_id", "stands twice", "session_id\ttreatment\nses-1\tplacebo\nses-1\tnaltrexone\nses-2\tplacebo\n"),
		text("session without prefix", "sub-02/sub-02_sessions.tsv", "session_id", "not of the form", "session_id\ttreatment\n1\tplacebo\n2\tnaltrexone\n"),
		text("scans without file names", scans2, "filename", "no such column", "file\tphase\nperf/sub-02_ses-1_run-1_asl.nii.gz\tbaseline\n"),
		text("scans of a missing file", scans2, "filename", "no file", "filename\tphase\nperf/sub-02_ses-1_run-7_asl.nii.gz\tbaseline\n"),
		text("scan twice", scans2, "filename", "stands twice", "filename\tphase\nperf/sub-02_ses-1_run-1_asl.nii.gz\tbaseline\nperf/sub-02_ses-1_run-1_asl.nii.gz\tinfusion\n"),
		text("phenotype without identifiers", "phenotype/psi.tsv", "participant_id", "no such column", "id\tpsi\nsub-02\t1\n"),
		text("phenotype dictionary no object", "phenotype/psi.json", "", "not a JSON object", "[]\n"),
	}
}

func textCases() []Case {
	text := func(name, file, field, found string, content []byte) Case {
		return Case{Name: name, File: file, Field: field, Found: found, change: func(d Dataset) { d[file] = content }}
	}
	broken := func(name, old, new, found string) Case {
		return Case{Name: name, File: asl1, Found: found, change: func(d Dataset) { d.Replace(asl1, old, new) }}
	}
	twice := broken("field twice", "{", "{\n  \"EchoTime\": 0.5,", "stands twice")
	twice.Field = "EchoTime"
	huge := broken("number too large", "\"EchoTime\": 0.012", "\"EchoTime\": 1e999", "too large a number")
	huge.Field = "EchoTime"
	deep := "{\"a\": " + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "}"
	return []Case{
		text("sidecar empty", asl1, "", "empty", nil),
		text("sidecar an array", asl1, "", "not a JSON object", []byte("[1, 2]")),
		text("sidecar cut off", asl1, "", "ends too early", []byte(`{"EchoTime": 0.01`)),
		text("sidecar UTF-16", asl1, "", "UTF-16", []byte("\xff\xfe{\x00}\x00")),
		text("sidecar binary", asl1, "", "not text", []byte("{\"a\": \"\x00\"}")),
		text("sidecar too large", asl1, "", "too large", append([]byte("{}"), bytes.Repeat([]byte(" "), 5<<20)...)),
		text("sidecar too deep", asl1, "a", "nested", []byte(deep)),
		text("sidecar without fields", asl1, "", "no JSON sidecar", []byte("{}")),
		broken("sidecar with trailing comma", "\n}", ",\n}", "a comma before"),
		broken("sidecar with NaN", "\"EchoTime\": 0.012", "\"EchoTime\": NaN", "NaN is not a JSON number"),
		broken("sidecar with comment", "{", "{ // ours\n", "comments"),
		broken("sidecar with single quotes", "\"EchoTime\"", "'EchoTime'", "double quotation marks"),
		twice, huge,
		text("description broken", "dataset_description.json", "", "not JSON", []byte("{")),
		text("table with zero bytes", "participants.tsv", "", "not text", []byte("participant_id\nsub-\x00\n")),
		text("image of one byte", image1, "", "", []byte("\n")),
		text("image empty", image1, "", "", nil),
		text("image not gzip", image1, "", "", Raw(4, 4, 3, 5)[:400]),
		text("image cut off", image1, "", "", Image(4, 4, 3, 5)[:60]),
		{Name: "image without volumes", File: image1, Found: "", change: func(d Dataset) { d[image1] = Image(4, 4, 0, 5) }},
		{Name: "image of other length", File: context1, Field: "volume_type", Found: "5 volumes are listed",
			change: func(d Dataset) { d[image1] = Image(4, 4, 3, 4) }},
		text("T1w image broken", "sub-01/anat/sub-01_T1w.nii.gz", "", "", []byte("x")),
		text("M0 image broken", m0Image2, "", "", []byte("x")),
	}
}

func layoutCases() []Case {
	rename := func(name, from, to, found string) Case {
		return Case{Name: name, File: to, Found: found, change: func(d Dataset) { d.Rename(from, to) }}
	}
	return []Case{
		{Name: "no description", File: "dataset_description.json", Found: "no such file", change: func(d Dataset) { d.Remove("dataset_description.json") }},
		{Name: "no subjects", File: ".", Found: "no subject folder", change: func(d Dataset) {
			for p := range d {
				if strings.HasPrefix(p, "sub-") {
					delete(d, p)
				}
			}
		}},
		{Name: "no sidecar", File: asl1, Found: "no JSON sidecar", change: func(d Dataset) { d.Remove(asl1) }},
		{Name: "no image", File: asl1, Found: "applies to no image", change: func(d Dataset) { d.Remove(image1) }},
		rename("name without subject", image1, "sub-01/perf/asl.nii.gz", "another subject"),
		rename("name of another subject", image1, "sub-01/perf/sub-02_asl.nii.gz", "another subject"),
		rename("name without session", image2, "sub-02/ses-1/perf/sub-02_run-1_asl.nii.gz", "another subject or session"),
		rename("run not a number", image2, "sub-02/ses-1/perf/sub-02_ses-1_run-a_asl.nii.gz", "whole number"),
		rename("entity unknown", image1, "sub-01/perf/sub-01_visit-1_asl.nii.gz", "not a BIDS entity"),
		rename("entity twice", image1, "sub-01/perf/sub-01_acq-a_acq-b_asl.nii.gz", "stands twice"),
		rename("entity without value", image1, "sub-01/perf/sub-01_acq-_asl.nii.gz", "only letters and digits"),
		rename("entity with an underscore", image1, "sub-01/perf/sub-01_acq-a_b_asl.nii.gz", "not of the form key-value"),
		rename("suffix in capitals", image1, "sub-01/perf/sub-01_ASL.nii.gz", "suffix"),
		rename("suffix missing", image1, "sub-01/perf/sub-01.nii.gz", "suffix"),
		rename("extension in capitals", image1, "sub-01/perf/sub-01_asl.NII.GZ", "extension"),
		{Name: "folder asl", File: "sub-01/asl", Found: "left out", change: func(d Dataset) {
			for p := range d {
				if q, ok := strings.CutPrefix(p, "sub-01/perf/"); ok {
					d.Rename(p, "sub-01/asl/"+q)
				}
			}
		}},
		{Name: "subject folder without dash", File: "sub05", Found: "left out", change: func(d Dataset) { d["sub05/"] = nil }},
		{Name: "subject label with a dash", File: "sub-0-5", Found: "not allowed", change: func(d Dataset) { d["sub-0-5/"] = nil }},
		{Name: "session label with a blank", File: "sub-02/ses-day 1", Found: "not allowed", change: func(d Dataset) { d["sub-02/ses-day 1/"] = nil }},
		{Name: "image twice", File: image1, Found: "stands twice", change: func(d Dataset) { d["sub-01/perf/sub-01_asl.nii"] = Raw(4, 4, 3, 5) }},
		{Name: "phase image", File: "sub-01/perf/sub-01_part-phase_asl.nii.gz", Field: "part", Found: "magnitude", change: func(d Dataset) {
			d.Rename(image1, "sub-01/perf/sub-01_part-phase_asl.nii.gz")
		}},
		{Name: "two sidecars at one level", File: "asl.json", Found: "both", change: func(d Dataset) {
			d["asl.json"] = []byte(`{"EchoTime": 0.01}`)
			d["run-1_asl.json"] = []byte(`{"EchoTime": 0.02}`)
		}},
		{Name: "sidecar of another subject", File: "sub-01/sub-03_asl.json", Found: "another subject", change: func(d Dataset) {
			d["sub-01/sub-03_asl.json"] = []byte(`{"EchoTime": 0.01}`)
		}},
		{Name: "wrong value inherited", File: "asl.json", Field: "LabelingDuration", Found: "milliseconds", change: func(d Dataset) {
			d.Set(asl1, "LabelingDuration", nil)
			d["asl.json"] = []byte(`{"LabelingDuration": 1800}`)
		}},
		{Name: "image a link to nothing", File: image1, change: func(d Dataset) { d.Remove(image1) },
			after: func(dir string) error {
				return os.Symlink("missing", filepath.Join(dir, filepath.FromSlash(image1)))
			}},
		{Name: "sidecar a link to itself", File: asl1, Found: "", change: func(d Dataset) { d.Remove(asl1) },
			after: func(dir string) error {
				return os.Symlink(filepath.Base(asl1), filepath.Join(dir, filepath.FromSlash(asl1)))
			}},
	}
}
