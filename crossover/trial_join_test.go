package crossover_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"phasl/bids"
	"phasl/bids/bidstest"
	"phasl/crossover"
	"phasl/crossover/crossovertest"
	"phasl/diag"
)

// join writes a dataset, opens it and joins its tables under a plan.
func join(t testing.TB, d bidstest.Dataset, plan string) *crossover.Trial {
	t.Helper()
	dir := t.TempDir()
	if err := d.Write(dir); err != nil {
		t.Fatal(err)
	}
	p, l := crossover.ParsePlan("plan.toml", []byte(plan))
	if l.Err() != nil {
		t.Fatal(l)
	}
	ds, dl := bids.Open(dir)
	if dl.Err() != nil {
		t.Fatal(dl)
	}
	tr, _ := crossover.NewTrial(p, ds, nil)
	return tr
}

// place writes where each scan stands, for comparisons.
func place(tr *crossover.Trial) string {
	var b strings.Builder
	for _, s := range tr.Used() {
		fmt.Fprintf(&b, "%s/%s %s %s %d %s\n", s.Subject, s.Session, s.Treatment, s.Phase, s.Period, s.Sequence)
	}
	return b.String()
}

// truth is the design of the sound trial, from how it is made: odd people begin
// with placebo. session gives the label of a visit.
func truth(session func(person, visit int) string) string {
	var b strings.Builder
	for i := 1; i <= crossovertest.People; i++ {
		order := []string{"placebo", "naltrexone"}
		if i%2 == 0 {
			slices.Reverse(order)
		}
		for v, treatment := range order {
			for _, phase := range []string{"baseline", "infusion"} {
				fmt.Fprintf(&b, "%02d/%s %s %s %d %s\n", i, session(i, v+1), treatment, phase, v+1, strings.Join(order, "-"))
			}
		}
	}
	return b.String()
}

func numbered(_, visit int) string { return fmt.Sprint(visit) }

// mustJoin fails on errors and where the design is not the truth.
func mustJoin(t *testing.T, tr *crossover.Trial, want string) {
	t.Helper()
	if err := tr.Problems.Err(); err != nil {
		t.Fatal(err)
	}
	if got := place(tr); got != want {
		t.Errorf("design\n%s\nwant\n%s", got, want)
	}
}

func inferred(t *testing.T, tr *crossover.Trial, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(strings.Join(tr.Inferred, "\n"), w) {
			t.Errorf("%q is not said:\n%s", w, strings.Join(tr.Inferred, "\n"))
		}
	}
}

// edited returns the sound dataset with each file whose path matches changed.
func edited(pattern string, change func(text string) string) bidstest.Dataset {
	d := crossovertest.Base()
	re := regexp.MustCompile(pattern)
	for path, data := range d {
		if re.MatchString(path) {
			d[path] = []byte(change(string(data)))
		}
	}
	return d
}

// dropColumn removes a column of a table.
func dropColumn(text, name string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	c := slices.Index(strings.Split(lines[0], "\t"), name)
	if c < 0 {
		panic("no column " + name)
	}
	for i, line := range lines {
		lines[i] = strings.Join(slices.Delete(strings.Split(line, "\t"), c, c+1), "\t")
	}
	return strings.Join(lines, "\n") + "\n"
}

func TestSoundTrial(t *testing.T) {
	tr := join(t, crossovertest.Base(), crossovertest.Plan)
	mustJoin(t, tr, truth(numbered))
	if len(tr.Problems) > 0 {
		t.Errorf("problems: %v", tr.Problems)
	}
	if !slices.Equal(tr.Treatments, []string{"placebo", "naltrexone"}) || !slices.Equal(tr.Phases, []string{"baseline", "infusion"}) ||
		!slices.Equal(tr.Sequences, []string{"naltrexone-placebo", "placebo-naltrexone"}) || tr.Challenge != "ketamine" {
		t.Errorf("treatments %v, phases %v, sequences %v, challenge %q", tr.Treatments, tr.Phases, tr.Sequences, tr.Challenge)
	}
	inferred(t, tr, "Periods are taken from the order of each person's visits in time", "Sequence AB is placebo, then naltrexone")
	f := tr.Flow()
	if f.Randomised != 8 || f.Scanned != 8 || f.Analysed != 8 || f.Complete != 8 || len(f.Excluded)+len(f.LeftOut)+len(f.Missing) > 0 {
		t.Errorf("flow %+v", f)
	}
	for _, c := range tr.Design() {
		if c.N != 4 {
			t.Errorf("design %+v, want 4 in each cell", c)
		}
	}
	if got := tr.Cell(&tr.Scans[0], "age"); got != "23" {
		t.Errorf("age of the first scan %q", got)
	}
	if s := tr.Scans[0]; s.Columns["treatment"] != "placebo" || s.Columns["phase"] != "baseline" || s.Time != "2021-03-01T10:00:00" {
		t.Errorf("columns %v, time %s", s.Columns, s.Time)
	}
}

// Without a plan the same design is found, and said to be.
func TestDesignWithoutPlan(t *testing.T) {
	tr := join(t, crossovertest.Base(), "")
	mustJoin(t, tr, truth(numbered))
	inferred(t, tr, "Treatments are those that the tables name", "The reference is placebo", "Phases, in order (by time of acquisition): baseline, infusion")
	if tr.Challenge != "infusion" {
		t.Errorf("challenge %q", tr.Challenge)
	}
}

func TestTreatmentsFromLabels(t *testing.T) {
	named := func(person, visit int) string {
		if (person+visit)%2 == 0 {
			return "placebo"
		}
		return "naltrexone"
	}
	d := bidstest.Dataset{}
	for path, data := range crossovertest.Base() {
		text := string(data)
		var person int
		if _, err := fmt.Sscanf(path, "sub-%02d", &person); err == nil {
			r := strings.NewReplacer("ses-1", "ses-"+named(person, 1), "ses-2", "ses-"+named(person, 2))
			path = r.Replace(path)
			if !strings.HasSuffix(path, ".gz") {
				text = r.Replace(text)
			}
			if strings.HasSuffix(path, "_sessions.tsv") {
				text = dropColumn(text, "treatment")
			}
		}
		d[path] = []byte(text)
	}
	for _, plan := range []string{"", crossovertest.Plan} {
		tr := join(t, d, plan)
		mustJoin(t, tr, truth(named))
		inferred(t, tr, "Treatments are taken from the session labels")
	}
}

func TestTreatmentFromScans(t *testing.T) {
	d := crossovertest.Base()
	for i := 1; i <= crossovertest.People; i++ {
		sub := fmt.Sprintf("sub-%02d", i)
		d[sub+"/"+sub+"_sessions.tsv"] = []byte(dropColumn(string(d[sub+"/"+sub+"_sessions.tsv"]), "treatment"))
		for v := 1; v <= 2; v++ {
			treatment := []string{"naltrexone", "placebo"}[1-(i+v)%2]
			file := fmt.Sprintf("%s/ses-%d/%s_ses-%d_scans.tsv", sub, v, sub, v)
			r := strings.NewReplacer("phase\n", "phase\ttreatment\n", "baseline\n", "baseline\t"+treatment+"\n", "infusion\n", "infusion\t"+treatment+"\n")
			d[file] = []byte(r.Replace(string(d[file])))
		}
	}
	mustJoin(t, join(t, d, ""), truth(numbered))
}

func TestPeriodsWithoutTimes(t *testing.T) {
	noTimes := edited(`_(sessions|scans)\.tsv$`, func(s string) string { return dropColumn(s, "acq_time") })
	tr := join(t, noTimes, "")
	mustJoin(t, tr, truth(numbered))
	inferred(t, tr, "Periods are taken from the numbers of the session labels", "Phases, in order (by run)")

	noTimes["participants.tsv"] = []byte(strings.NewReplacer("AB", "placebo then naltrexone", "BA", "Naltrexone/Placebo").Replace(string(noTimes["participants.tsv"])))
	tr = join(t, noTimes, "")
	mustJoin(t, tr, truth(numbered))
	inferred(t, tr, "Periods are taken from the sequence in participants.tsv")
}

func TestPeriodColumn(t *testing.T) {
	d := edited(`_sessions\.tsv$`, func(s string) string {
		return strings.NewReplacer("acq_time\nses-1", "acq_time\tvisit\nses-1", "00\nses-2", "00\t1\nses-2").Replace(strings.TrimSuffix(s, "\n")) + "\t2\n"
	})
	tr := join(t, d, "[trial]\nperiod_column = \"visit\"\n")
	mustJoin(t, tr, truth(numbered))
	if strings.Contains(strings.Join(tr.Inferred, " "), "Periods") {
		t.Errorf("periods are said to be inferred: %v", tr.Inferred)
	}
}

func TestSequenceDerived(t *testing.T) {
	d := edited(`participants`, func(s string) string { return dropColumn(s, "sequence") })
	tr := join(t, d, "")
	mustJoin(t, tr, truth(numbered))
	inferred(t, tr, "Sequences are taken from the treatments by period")

	// Without sequences in the table, everybody in it counts as randomised.
	d["participants.tsv"] = append(d["participants.tsv"], "sub-09\t40\tF\n"...)
	f := join(t, d, "").Flow()
	if f.Randomised != 9 || f.Analysed != 8 || len(f.Excluded) != 1 || f.Excluded[0].Reason != "never scanned" {
		t.Errorf("flow %+v", f)
	}
}

// A person whose first visit is missing keeps the second as period 2, whether
// the sequence or the label tells.
func TestMissingFirstVisit(t *testing.T) {
	d := crossovertest.Base()
	for path := range d {
		if strings.HasPrefix(path, "sub-01/ses-1/") {
			delete(d, path)
		}
	}
	d.Replace("sub-01/sub-01_sessions.tsv", "ses-1\tplacebo\t2021-03-01T09:30:00\n", "")
	for _, sequence := range []string{"AB", "n/a"} {
		d.Replace("participants.tsv", "sub-01\tAB", "sub-01\t"+sequence)
		tr := join(t, d, "")
		if tr.Problems.Err() != nil {
			t.Fatal(tr.Problems)
		}
		if s := tr.Used()[0]; s.Subject != "01" || s.Period != 2 || s.Sequence != "placebo-naltrexone" {
			t.Errorf("first scan %+v, want period 2 of placebo-naltrexone", s)
		}
		if len(tr.Missing) != 2 || tr.Missing[0].Reason != "no session under placebo" {
			t.Errorf("missing %+v", tr.Missing)
		}
		f := tr.Flow()
		if f.Complete != 7 || f.Analysed != 8 {
			t.Errorf("flow %+v", f)
		}
		d.Replace("participants.tsv", "sub-01\t"+sequence, "sub-01\tAB")
	}
}

// Rows of sessions.tsv without scans still tell the order of visits.
func TestVisitWithoutScans(t *testing.T) {
	d := edited(`participants`, func(s string) string { return dropColumn(s, "sequence") })
	for path := range d {
		if strings.HasPrefix(path, "sub-01/ses-1/") {
			delete(d, path)
		}
	}
	tr := join(t, d, "")
	if tr.Problems.Err() != nil {
		t.Fatal(tr.Problems)
	}
	if s := tr.Used()[0]; s.Subject != "01" || s.Period != 2 || s.Sequence != "placebo-naltrexone" {
		t.Errorf("first scan %+v", s)
	}
	if tr.Missing[0].Reason != "ses-1 has no scans" {
		t.Errorf("missing %+v", tr.Missing)
	}
}

func TestPhases(t *testing.T) {
	noPhase := func(s string) string { return dropColumn(s, "phase") }
	byRun := edited(`_scans\.tsv$`, noPhase)
	tr := join(t, byRun, "[trial]\nphases = [\"baseline\", \"infusion\"]\n")
	mustJoin(t, tr, truth(numbered))
	inferred(t, tr, "from the order of runs")

	rename := func(first, second string) bidstest.Dataset {
		d := bidstest.Dataset{}
		r := strings.NewReplacer("run-1", first, "run-2", second)
		for path, data := range byRun {
			if strings.HasSuffix(path, "_scans.tsv") {
				data = []byte(r.Replace(string(data)))
			}
			d[r.Replace(path)] = data
		}
		return d
	}
	tr = join(t, rename("acq-baseline", "acq-infusion"), "")
	mustJoin(t, tr, truth(numbered))
	inferred(t, tr, "Phases are taken from the acq- labels")

	// Names that say nothing, and in the other order: times decide.
	tr = join(t, rename("acq-z", "acq-a"), "[trial]\nphases = [\"baseline\", \"infusion\"]\n")
	mustJoin(t, tr, truth(numbered))
	inferred(t, tr, "from the order of acquisition")
}

func TestExclusions(t *testing.T) {
	d := crossovertest.Base()
	d["participants.tsv"] = []byte(strings.NewReplacer("sex\n", "sex\texclude\n", "\tF\n", "\tF\tn/a\n", "\tM\n", "\tM\tno\n").Replace(string(d["participants.tsv"])) +
		"sub-09\tAB\t40\tF\tn/a\nsub-10\tBA\t41\tM\twithdrew consent\nsub-11\tn/a\t42\tM\tn/a\n")
	d.Replace("participants.tsv", "sub-08\tBA\t44\tF\tn/a", "sub-08\tBA\t44\tF\tpositive urine test")
	d.Replace("sub-02/sub-02_sessions.tsv", "acq_time\n", "acq_time\texclude\n")
	d.Replace("sub-02/sub-02_sessions.tsv", "02T09:30:00\n", "02T09:30:00\tfasting not kept\n")
	d.Replace("sub-02/sub-02_sessions.tsv", "12T09:30:00\n", "12T09:30:00\tn/a\n")
	tr := join(t, d, crossovertest.Plan+`
[[exclude]]
subject = "sub-03"
session = "2"
run = "02"
reason = "coughed"
[[exclude]]
subject = "04"
phase = "infusion"
reason = "pump failed"
`)
	if tr.Problems.Err() != nil {
		t.Fatal(tr.Problems)
	}
	f := tr.Flow()
	if f.Randomised != 10 || f.Scanned != 8 || f.Analysed != 7 || f.Complete != 4 {
		t.Errorf("flow %+v", f)
	}
	wantExcluded := []crossover.FlowItem{{"sub-08", "positive urine test"}, {"sub-09", "never scanned"}, {"sub-10", "withdrew consent"}, {"sub-11", "not randomised: no sequence and no scan"}}
	if !slices.Equal(f.Excluded, wantExcluded) {
		t.Errorf("excluded %v", f.Excluded)
	}
	var left []string
	for _, x := range f.LeftOut {
		left = append(left, filepath.Base(x.Unit)+": "+x.Reason)
	}
	want := []string{
		"sub-02_ses-1_run-1_asl.nii.gz: fasting not kept", "sub-02_ses-1_run-2_asl.nii.gz: fasting not kept",
		"sub-03_ses-2_run-2_asl.nii.gz: coughed",
		"sub-04_ses-1_run-2_asl.nii.gz: pump failed", "sub-04_ses-2_run-2_asl.nii.gz: pump failed",
		"sub-08_ses-1_run-1_asl.nii.gz: positive urine test", "sub-08_ses-1_run-2_asl.nii.gz: positive urine test",
		"sub-08_ses-2_run-1_asl.nii.gz: positive urine test", "sub-08_ses-2_run-2_asl.nii.gz: positive urine test",
	}
	if !slices.Equal(left, want) {
		t.Errorf("left out\n%s", strings.Join(left, "\n"))
	}
	if len(tr.Missing) != 5 || tr.Missing[0] != (crossover.Cell{Subject: "02", Treatment: "naltrexone", Phase: "baseline", Reason: "left out: fasting not kept"}) {
		t.Errorf("missing %+v", tr.Missing)
	}
	arms := 0
	for _, a := range f.Sequences {
		arms += a.Randomised
	}
	if arms != f.Randomised {
		t.Errorf("arms %+v do not add up to %d", f.Sequences, f.Randomised)
	}
}

func TestQuality(t *testing.T) {
	p, l := crossover.ParsePlan("plan.toml", []byte(crossovertest.Plan+"[quality]\nmax_fd_mean = 0.5\nmin_gm_cbf = 20\nmin_qei = 0.4\n"))
	if len(l) > 0 {
		t.Fatal(l)
	}
	tr := join(t, crossovertest.Base(), crossovertest.Plan)
	var q []crossover.ScanQuality
	for _, s := range tr.Scans {
		m := crossover.ScanQuality{Subject: s.Subject, Session: s.Session, Run: s.Run, FDMean: 0.1, QEI: math.NaN(), GMCBF: 50}
		switch s.Subject + s.Session + s.Run {
		case "0111":
			m.FDMean = 0.51
		case "0212":
			m.GMCBF = 19
		case "0311":
			m.FDMean = 0.5 // the limit itself is allowed
		}
		if s.Subject == "05" {
			m.FDMean = 2
		}
		q = append(q, m)
	}
	tr.ApplyQuality(p, q)
	f := tr.Flow()
	if f.Analysed != 7 || f.Complete != 5 || len(f.LeftOut) != 2+4 || f.LeftOut[0].Reason != "mean framewise displacement 0.51 mm is above the plan's 0.5 mm" {
		t.Errorf("flow %+v", f)
	}
	if w := tr.Problems.Warnings(); len(w) != 1 || !strings.Contains(w[0].Found, "unknown for 27 scans") {
		t.Errorf("warnings %v", w)
	}
	if len(tr.Missing) != 2 {
		t.Errorf("missing %+v", tr.Missing)
	}
}

// A row of scans.tsv whose image is not there explains the empty cell.
func TestLostImage(t *testing.T) {
	d := crossovertest.Base()
	d.Remove("sub-01/ses-1/perf/sub-01_ses-1_run-2_asl.nii.gz")
	dir := t.TempDir()
	if err := d.Write(dir); err != nil {
		t.Fatal(err)
	}
	ds, _ := bids.Open(dir)
	tr, l := crossover.NewTrial(crossover.DefaultPlan(), ds, nil)
	if l.Err() != nil {
		t.Fatal(l)
	}
	if len(tr.Missing) != 1 || !strings.Contains(tr.Missing[0].Reason, "run-2_asl.nii.gz, which is not there") {
		t.Errorf("missing %+v", tr.Missing)
	}
}

// The order in which scans are given does not matter, and derivatives of
// another program do with their columns alone.
func TestAcquired(t *testing.T) {
	var acquired []crossover.Acquired
	for i := 1; i <= crossovertest.People; i++ {
		for v := 1; v <= 2; v++ {
			for r, phase := range []string{"baseline", "infusion"} {
				acquired = append(acquired, crossover.Acquired{Subject: fmt.Sprintf("%02d", i), Session: fmt.Sprint(v), Run: fmt.Sprint(r + 1), Phase: phase,
					Columns: map[string]string{"treatment": []string{"naltrexone", "placebo"}[1-(i+v)%2]}})
			}
		}
	}
	p := crossover.DefaultPlan()
	tr, l := crossover.NewTrial(p, nil, acquired)
	mustJoin(t, tr, truth(numbered))
	if w := l.Warnings(); len(w) != 1 || w[0].File != "participants.tsv" {
		t.Errorf("warnings %v", w)
	}
	want, err := json.Marshal(tr)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		rng.Shuffle(len(acquired), func(i, j int) { acquired[i], acquired[j] = acquired[j], acquired[i] })
		again, _ := crossover.NewTrial(p, nil, acquired)
		if got, _ := json.Marshal(again); string(got) != string(want) {
			t.Fatal("the trial depends on the order of scans")
		}
	}
}

// Any crossover of two to four treatments is recovered from times alone,
// whatever the labels of sessions and the order of rows, with visits missing.
func TestDesignRecovered(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		treatments := []string{"placebo", "naltrexone", "midazolam", "buprenorphine"}[:rapid.IntRange(2, 4).Draw(rt, "treatments")]
		people := rapid.IntRange(6, 12).Draw(rt, "people")
		want := map[string]string{}
		var acquired []crossover.Acquired
		table := &bids.Table{File: "participants.tsv", Columns: []string{"participant_id", "sequence"}}
		for i := range people {
			sub := fmt.Sprintf("%02d", i+1)
			// Rotations, then reversals, so that each treatment and more than
			// one sequence occur.
			order := append(slices.Clone(treatments[i%len(treatments):]), treatments[:i%len(treatments)]...)
			if i%5 == 4 {
				slices.Reverse(order)
			}
			table.Rows = append(table.Rows, []string{"sub-" + sub, strings.Join(order, " > ")})
			labels := rapid.Permutation([]string{"a", "b", "c", "d"}).Draw(rt, "labels")
			gone := -1
			if i >= 4 && rapid.Bool().Draw(rt, "missing") {
				gone = rapid.IntRange(0, len(order)-1).Draw(rt, "which")
			}
			for v, treatment := range order {
				if v == gone {
					continue
				}
				for r, phase := range []string{"baseline", "infusion"} {
					a := crossover.Acquired{Subject: sub, Session: labels[v], Run: fmt.Sprint(r + 1), Phase: phase,
						Columns: map[string]string{"treatment": treatment, "acq_time": fmt.Sprintf("2020-%02d-%02dT1%d:00:00", 1+v, 1+i, r)}}
					acquired = append(acquired, a)
					want[sub+labels[v]+phase] = fmt.Sprintf("%s %d %s", treatment, v+1, strings.Join(order, "-"))
				}
			}
		}
		ds := &bids.Dataset{Root: "made", Participants: table}
		tr, l := crossover.NewTrial(crossover.DefaultPlan(), ds, rapid.Permutation(acquired).Draw(rt, "order"))
		if l.Err() != nil {
			rt.Fatal(l.Err())
		}
		used := tr.Used()
		if len(used) != len(want) {
			rt.Fatalf("%d scans in use, want %d", len(used), len(want))
		}
		for _, s := range used {
			if got := fmt.Sprintf("%s %d %s", s.Treatment, s.Period, s.Sequence); got != want[s.Subject+s.Session+s.Phase] {
				rt.Fatalf("sub-%s ses-%s %s: %s, want %s", s.Subject, s.Session, s.Phase, got, want[s.Subject+s.Session+s.Phase])
			}
		}
		if cells := people*len(treatments)*2 - len(used); len(tr.Missing) != cells {
			rt.Fatalf("%d cells missing, want %d", len(tr.Missing), cells)
		}
	})
}

// No table makes joining panic or hang, whatever its cells hold.
func TestTablesOfAnything(t *testing.T) {
	cell := rapid.SampledFrom([]string{"", "n/a", "placebo", "Placebo ", "naltrexone", "plcebo", "1", "2", "-1", "99999999999999999999", "baseline", "infusion", "\xff", "ses-1", "sub-01", "sub-", "AB", "BA",
		"2021-03-05T10:00:00", "2021-03-05", "10:00", "0001-01-01T00:00:00", "9999-12-31T23:59:59Z", strings.Repeat("x", 3000), "a\x00b", "placebo-naltrexone"})
	column := rapid.SampledFrom([]string{"participant_id", "sequence", "age", "treatment", "period", "acq_time", "phase", "exclude", "session_id"})
	rapid.Check(t, func(rt *rapid.T) {
		table := func(first string) *bids.Table {
			tb := &bids.Table{File: first, Columns: append([]string{first}, rapid.SliceOfNDistinct(column.Filter(func(s string) bool { return s != first }), 0, 5, rapid.ID).Draw(rt, "columns")...)}
			for range rapid.IntRange(0, 6).Draw(rt, "rows") {
				row := make([]string, len(tb.Columns))
				for i := range row {
					row[i] = cell.Draw(rt, "cell")
				}
				tb.Rows = append(tb.Rows, row)
			}
			return tb
		}
		ds := &bids.Dataset{Root: "made", Participants: table("participant_id"), Sessions: map[string]*bids.Table{"01": table("session_id"), "02": table("session_id")}}
		var acquired []crossover.Acquired
		for range rapid.IntRange(0, 8).Draw(rt, "scans") {
			columns := map[string]string{}
			for range rapid.IntRange(0, 4).Draw(rt, "cells") {
				columns[column.Draw(rt, "column")] = cell.Draw(rt, "cell")
			}
			label := rapid.SampledFrom([]string{"", "1", "2", "01", "x"})
			acquired = append(acquired, crossover.Acquired{Subject: rapid.SampledFrom([]string{"01", "02", "3"}).Draw(rt, "subject"),
				Session: label.Draw(rt, "session"), Run: label.Draw(rt, "run"), Acq: label.Draw(rt, "acq"), Phase: cell.Draw(rt, "phase"), Columns: columns})
		}
		plan, _ := crossover.ParsePlan("p", []byte(rapid.SampledFrom([]string{"", crossovertest.Plan, "[trial]\nphases = [\"baseline\", \"infusion\", \"recovery\"]\n"}).Draw(rt, "plan")))
		tr, l := crossover.NewTrial(plan, ds, acquired)
		for _, p := range l {
			if p.File == "" || p.Found == "" || p.Fix == "" {
				rt.Fatalf("incomplete problem %+v", p)
			}
		}
		tr.Flow()
		tr.Design()
		plan.Words(tr)
		text := crossover.PlanTemplate(tr, []string{"a\nb", "\xff"}, nil, nil)
		if _, l := crossover.ParsePlan("t", text); slices.ContainsFunc(l, func(p *diag.Problem) bool { return p.Field == "" }) {
			rt.Fatalf("the template is not TOML: %v\n%s", l, text)
		}
	})
}

// Large trials take no longer than their size asks for.
func BenchmarkNewTrial(b *testing.B) {
	for _, people := range []int{26, 2600} {
		b.Run(fmt.Sprint(people), func(b *testing.B) {
			var acquired []crossover.Acquired
			for i := range people {
				for v := range 2 {
					for r, phase := range []string{"baseline", "infusion"} {
						acquired = append(acquired, crossover.Acquired{Subject: fmt.Sprintf("%05d", i), Session: fmt.Sprint(v + 1), Run: fmt.Sprint(r + 1), Phase: phase,
							Columns: map[string]string{"treatment": []string{"naltrexone", "placebo"}[(i+v)%2], "age": fmt.Sprint(20 + i%30)}})
					}
				}
			}
			for b.Loop() {
				if _, l := crossover.NewTrial(crossover.DefaultPlan(), nil, acquired); l.Err() != nil {
					b.Fatal(l)
				}
			}
		})
	}
}

// A sequence may name a treatment whose name is part of another's.
func TestSequenceOfNamesWithinNames(t *testing.T) {
	treatments := []string{"ketamine plus naltrexone", "placebo", "ketamine"}
	table := &bids.Table{File: "participants.tsv", Columns: []string{"participant_id", "sequence"}}
	var acquired []crossover.Acquired
	for i := range 6 {
		order := append(slices.Clone(treatments[i%3:]), treatments[:i%3]...)
		sub := fmt.Sprint(i + 1)
		table.Rows = append(table.Rows, []string{"sub-" + sub, strings.Join(order, ", then ")})
		for v, treatment := range order {
			for _, phase := range []string{"baseline", "infusion"} {
				acquired = append(acquired, crossover.Acquired{Subject: sub, Session: "abc"[v : v+1], Acq: phase, Columns: map[string]string{"treatment": treatment}})
			}
		}
	}
	tr, l := crossover.NewTrial(crossover.DefaultPlan(), &bids.Dataset{Participants: table}, acquired)
	if l.Err() != nil {
		t.Fatal(l)
	}
	for _, s := range tr.Used() {
		if want := map[string]int{"a": 1, "b": 2, "c": 3}[s.Session]; s.Period != want {
			t.Errorf("sub-%s ses-%s is period %d, want %d", s.Subject, s.Session, s.Period, want)
		}
	}
}

// Without a time of its own, a visit is as early as its earliest scan.
func TestVisitTimeIsThatOfItsFirstScan(t *testing.T) {
	var acquired []crossover.Acquired
	for i := range 4 {
		order := []string{"placebo", "drug"}
		if i%2 == 1 {
			slices.Reverse(order)
		}
		for v, hours := range [][]string{{"15", "09"}, {"11", "10"}} { // the first visit's last scan comes after the second visit's
			for r, hour := range hours {
				acquired = append(acquired, crossover.Acquired{Subject: fmt.Sprint(i + 1), Session: "zy"[v : v+1], Run: fmt.Sprint(2 - r), Phase: []string{"infusion", "baseline"}[r],
					Columns: map[string]string{"treatment": order[v], "acq_time": "2020-05-01T" + hour + ":00:00"}})
			}
		}
	}
	tr, l := crossover.NewTrial(crossover.DefaultPlan(), nil, acquired)
	if l.Err() != nil {
		t.Fatal(l)
	}
	for _, s := range tr.Used() {
		if want := map[string]int{"z": 1, "y": 2}[s.Session]; s.Period != want {
			t.Errorf("sub-%s ses-%s is period %d, want %d", s.Subject, s.Session, s.Period, want)
		}
	}
}

// Scans without a covariate of the plan are in no model: flow and design leave
// them out too.
func TestMissingCovariateLeavesScansOut(t *testing.T) {
	d := edited(`^participants\.tsv$`, func(text string) string {
		lines := strings.Split(text, "\n")
		c := slices.Index(strings.Split(lines[0], "\t"), "age")
		for i, line := range lines {
			if cells := strings.Split(line, "\t"); strings.HasPrefix(line, "sub-01\t") {
				cells[c] = "n/a"
				lines[i] = strings.Join(cells, "\t")
			}
		}
		return strings.Join(lines, "\n")
	})
	tr := join(t, d, "[model]\ncovariates = [\"age\"]\n")
	if err := tr.Problems.Err(); err != nil {
		t.Fatal(err)
	}
	f := tr.Flow()
	if f.Randomised != crossovertest.People || f.Scanned != crossovertest.People || f.Analysed != crossovertest.People-1 || len(f.LeftOut) != 4 ||
		!slices.Equal(f.Excluded, []crossover.FlowItem{{Unit: "sub-01", Reason: "age is missing"}}) {
		t.Errorf("flow %+v", f)
	}
	n := 0
	for _, c := range tr.Design() {
		n += c.N
	}
	if used := len(tr.Used()); used != 4*(crossovertest.People-1) || n != used {
		t.Errorf("%d scans used, %d in the design", used, n)
	}
}
