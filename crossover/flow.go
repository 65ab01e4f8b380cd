package crossover

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"phasl/diag"
)

// A visitRecord is what is known of a person's visit under one treatment.
type visitRecord struct {
	session  string
	excluded string   // reason in sessions.tsv
	lost     []string // images that scans.tsv names and that are not there
}

// Used returns the scans that are analysed, in the order of Trial.Scans: those
// that nothing leaves out and whose place in the design is known.
func (tr *Trial) Used() []Scan {
	var out []Scan
	for i := range tr.Scans {
		if tr.Scans[i].used() {
			out = append(out, tr.Scans[i])
		}
	}
	return out
}

func (s *Scan) used() bool { return s.Excluded == "" && s.Treatment != "" && s.Phase != "" }

// Person returns the person of a scan; a person of the trial always is found.
func (tr *Trial) Person(subject string) (Person, bool) {
	i, ok := slices.BinarySearchFunc(tr.People, subject, func(p Person, s string) int { return strings.Compare(p.Subject, s) })
	if !ok {
		return Person{}, false
	}
	return tr.People[i], true
}

// Cell returns the value of a column for a scan: of scans.tsv or sessions.tsv,
// else of participants.tsv; "" if there is none.
func (tr *Trial) Cell(s *Scan, column string) string {
	if v := s.Columns[column]; v != "" {
		return v
	}
	p, _ := tr.Person(s.Subject)
	return p.Columns[column]
}

// A ScanQuality is what quality control measured of one scan. NaN is unknown.
type ScanQuality struct {
	Subject, Session, Acq, Run string  // labels without their keys; "" if absent
	FDMean                     float64 // mean framewise displacement [mm]
	QEI                        float64 // quality evaluation index [1]
	GMCBF                      float64 // CBF of grey matter [mL/100 g/min]
}

// ApplyQuality leaves out the scans that are beyond the plan's limits, each
// with its reason, and renews Missing. A measure that is unknown leaves no
// scan out; a warning in Problems says so.
func (tr *Trial) ApplyQuality(p *Plan, q []ScanQuality) {
	byKey := map[string]ScanQuality{}
	for _, m := range q {
		s := Scan{Subject: m.Subject, Session: m.Session, Acq: m.Acq, Run: m.Run}
		byKey[s.key()] = m
	}
	limits := []struct {
		name, unit string
		limit      float64
		above      bool // the limit is a maximum
		of         func(ScanQuality) float64
	}{
		{"mean framewise displacement", " mm", p.Quality.MaxFDMean, true, func(m ScanQuality) float64 { return m.FDMean }},
		{"quality evaluation index", "", p.Quality.MinQEI, false, func(m ScanQuality) float64 { return m.QEI }},
		{"grey-matter CBF", " mL/100 g/min", p.Quality.MinGMCBF, false, func(m ScanQuality) float64 { return m.GMCBF }},
		{"grey-matter CBF", " mL/100 g/min", p.Quality.MaxGMCBF, true, func(m ScanQuality) float64 { return m.GMCBF }},
	}
	for _, lim := range limits {
		if math.IsNaN(lim.limit) {
			continue
		}
		var unknown []string
		for i := range tr.Scans {
			s := &tr.Scans[i]
			if !s.used() {
				continue
			}
			m, ok := byKey[s.key()]
			x := lim.of(m)
			switch {
			case !ok || math.IsNaN(x):
				unknown = append(unknown, s.key())
			case lim.above && x > lim.limit:
				s.Excluded = fmt.Sprintf("%s %.3g%s is above the plan's %g%s", lim.name, x, lim.unit, lim.limit, lim.unit)
			case !lim.above && x < lim.limit:
				s.Excluded = fmt.Sprintf("%s %.3g%s is below the plan's %g%s", lim.name, x, lim.unit, lim.limit, lim.unit)
			}
		}
		if len(unknown) > 0 {
			tr.Problems.Warnf("quality", lim.name, "look at these scans yourself, and name those to leave out in [[exclude]]",
				"unknown for %d %s, which stay in: %s", len(unknown), plural(len(unknown), "scan", "scans"), diag.Few(unknown, 5))
		}
	}
	tr.settle()
}

// settle works out, from the scans in use, who is left out and which cells of
// the design are empty.
func (tr *Trial) settle() {
	used := map[string]bool{}
	reasons := map[string][]string{}
	scanned := map[string]bool{}
	for i := range tr.Scans {
		s := &tr.Scans[i]
		scanned[s.Subject] = true
		if s.used() {
			used[s.Subject] = true
		} else if s.Excluded != "" && !slices.Contains(reasons[s.Subject], s.Excluded) {
			reasons[s.Subject] = append(reasons[s.Subject], s.Excluded)
		}
	}
	tr.Missing = nil
	for i := range tr.People {
		p := &tr.People[i]
		switch {
		case used[p.Subject]:
			p.Excluded = ""
		case len(reasons[p.Subject]) > 0:
			p.Excluded = strings.Join(reasons[p.Subject], "; ")
		case scanned[p.Subject]:
			p.Excluded = "the place of the scans in the design is unknown"
		case p.Excluded == "" && p.Sequence == "" && tr.sequenced:
			p.Excluded = "not randomised: no sequence and no scan"
		case p.Excluded == "":
			p.Excluded = "never scanned"
		}
		if !used[p.Subject] {
			continue
		}
		for _, t := range tr.Treatments {
			for _, ph := range tr.Phases {
				if c, ok := tr.emptyCell(p.Subject, t, ph); ok {
					tr.Missing = append(tr.Missing, c)
				}
			}
		}
	}
}

// emptyCell tells why a cell of the design is empty, if it is.
func (tr *Trial) emptyCell(subject, treatment, phase string) (Cell, bool) {
	c := Cell{Subject: subject, Treatment: treatment, Phase: phase}
	visited := ""
	from, _ := slices.BinarySearchFunc(tr.Scans, subject, func(s Scan, sub string) int { return strings.Compare(s.Subject, sub) })
	for i := from; i < len(tr.Scans) && tr.Scans[i].Subject == subject; i++ {
		s := &tr.Scans[i]
		if s.Treatment != treatment {
			continue
		}
		visited = s.Session
		if s.Phase != phase {
			continue
		}
		if s.used() {
			return Cell{}, false
		}
		c.Reason = "left out: " + s.Excluded
	}
	v, known := tr.visits[[2]string{subject, treatment}]
	switch {
	case c.Reason != "":
	case known && len(v.lost) > 0:
		c.Reason = "scans.tsv names " + strings.Join(v.lost, ", ") + ", which is not there"
	case known && v.excluded != "":
		c.Reason = "left out: " + v.excluded
	case visited != "":
		c.Reason = "ses-" + visited + " has no " + phase + " scan"
	case known:
		c.Reason = "ses-" + v.session + " has no scans"
	default:
		c.Reason = "no session under " + treatment
	}
	return c, true
}

// Flow counts people along the trial. Randomised are those with a sequence or
// a scan; where participants.tsv has no sequences, all that it names.
func (tr *Trial) Flow() Flow {
	f := Flow{Sequences: []FlowArm{}, Excluded: []FlowItem{}, LeftOut: []FlowItem{}, Missing: []FlowMissing{}}
	scanned := map[string]bool{}
	for i := range tr.Scans {
		scanned[tr.Scans[i].Subject] = true
	}
	empty := map[string]int{}
	for _, c := range tr.Missing {
		empty[c.Subject]++
		f.Missing = append(f.Missing, FlowMissing(c))
	}
	arms := map[string]*FlowArm{}
	arm := func(s string) *FlowArm {
		if s == "" {
			s = "unknown"
		}
		if arms[s] == nil {
			arms[s] = &FlowArm{Sequence: s}
		}
		return arms[s]
	}
	for _, p := range tr.People {
		if p.Sequence != "" || scanned[p.Subject] || !tr.sequenced {
			f.Randomised++
			arm(p.Sequence).Randomised++
		}
		if scanned[p.Subject] {
			f.Scanned++
			arm(p.Sequence).Scanned++
		}
		if p.Excluded != "" {
			f.Excluded = append(f.Excluded, FlowItem{"sub-" + p.Subject, p.Excluded})
			continue
		}
		f.Analysed++
		arm(p.Sequence).Analysed++
		if empty[p.Subject] == 0 {
			f.Complete++
		}
	}
	for _, s := range sortedKeys(arms) {
		f.Sequences = append(f.Sequences, *arms[s])
	}
	for i := range tr.Scans {
		s := &tr.Scans[i]
		if s.Excluded != "" {
			f.LeftOut = append(f.LeftOut, FlowItem{s.File, s.Excluded})
		}
	}
	return f
}

// A DesignCell is one cell of the design with the number of scans in use.
type DesignCell struct {
	Sequence  string `json:"sequence"`
	Treatment string `json:"treatment"`
	Phase     string `json:"phase"`
	N         int    `json:"n"`
}

// Design counts the scans in use by sequence, treatment and phase, empty cells
// included, in the order of the trial's lists.
func (tr *Trial) Design() []DesignCell {
	n := map[[3]string]int{}
	for _, s := range tr.Used() {
		n[[3]string{s.Sequence, s.Treatment, s.Phase}]++
	}
	sequences := slices.Clone(tr.Sequences)
	for _, s := range tr.Used() {
		if !slices.Contains(sequences, s.Sequence) {
			sequences = append(sequences, s.Sequence)
		}
	}
	out := []DesignCell{}
	for _, s := range sequences {
		for _, t := range tr.Treatments {
			for _, ph := range tr.Phases {
				out = append(out, DesignCell{s, t, ph, n[[3]string{s, t, ph}]})
			}
		}
	}
	return out
}
