package crossover

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"phasl/diag"
)

// ratingsName is what problems call the table of scores.
const ratingsName = "scores.tsv"

// A ratingBook finds ratings.
type ratingBook struct {
	of     map[ratingKey]Rating
	visits map[string][]string // by instrument, as they are spelt
	scores map[string][]string // by instrument
	titles map[[2]string]string
	rooted map[string]bool // instruments with a rating that names no session
}

type ratingKey struct{ instrument, score, subject, session, visit string }

func newRatingBook(ratings []Rating, l *diag.List) *ratingBook {
	b := &ratingBook{of: map[ratingKey]Rating{}, visits: map[string][]string{}, scores: map[string][]string{}, titles: map[[2]string]string{}, rooted: map[string]bool{}}
	var twice []string
	for _, r := range ratings {
		in := fold(r.Instrument)
		if !slices.Contains(b.visits[in], r.Visit) {
			b.visits[in] = append(b.visits[in], r.Visit)
		}
		if !slices.Contains(b.scores[in], r.Score) {
			b.scores[in] = append(b.scores[in], r.Score)
		}
		b.titles[[2]string{in, fold(r.Score)}] = r.Title
		b.rooted[in] = b.rooted[in] || r.Session == ""
		key := ratingKey{in, fold(r.Score), r.Subject, r.Session, fold(r.Visit)}
		if _, ok := b.of[key]; ok {
			twice = append(twice, strings.TrimSpace(fmt.Sprintf("sub-%s ses-%s %s %s", r.Subject, r.Session, r.Visit, r.Instrument)))
			continue
		}
		b.of[key] = r
	}
	if len(twice) > 0 {
		slices.Sort(twice)
		twice = slices.Compact(twice)
		l.Errorf(ratingsName, "participant_id", "keep one row for each person, session and visit", "%d %s a second score: %s", len(twice), plural(len(twice), "visit has", "visits have"), diag.Few(twice, maxListed))
	}
	for _, v := range b.visits {
		slices.Sort(v)
	}
	for _, v := range b.scores {
		slices.Sort(v)
	}
	return b
}

// A pairing gathers the rows of one association.
type pairing struct {
	a      *analysis
	plan   *AssociationPlan
	region string
	visit  string
	book   *ratingBook
}

// newPairing finds the region, instrument, score and visit that the plan
// names, and reports those that are not there; nil if one is not.
func (a *analysis) newPairing(i int, book *ratingBook) *pairing {
	plan := &a.plan.Association[i]
	p := &pairing{a: a, plan: plan, book: book, visit: plan.Visit}
	faulty := false
	fault := func(key, fix, found string, args ...any) {
		faulty = true
		a.l.Errorf(a.planFile(), fmt.Sprintf("%s[%d].%s", associationArray, i, key), fix, found, args...)
	}
	choose := func(key, word string, among []string, none string) {
		switch near, ok := diag.Nearest(word, among); {
		case len(among) == 0:
			fault(key, none, "there is no %q", clip(word))
		case ok:
			fault(key, "write "+strconv.Quote(near), "there is no %q", clip(word))
		default:
			fault(key, "write one of "+diag.Few(among, 20), "there is no %q", clip(word))
		}
	}
	p.region = a.find(plan.Region)
	if p.region == "" {
		choose("region", plan.Region, a.names, "run the participant level first, with an atlas")
	}
	in := fold(plan.Instrument)
	if len(book.scores[in]) == 0 {
		var known []string
		for name := range book.scores {
			known = append(known, name)
		}
		slices.Sort(known)
		choose("instrument", plan.Instrument, known, "put its table into phenotype/, or remove the association")
		return nil
	}
	if book.rooted[in] {
		fault("instrument", "add a column session_id to the table", "scores of %s name no session, so nobody can tell which treatment they were under", plan.Instrument)
	}
	if !slices.ContainsFunc(book.scores[in], func(s string) bool { return fold(s) == fold(plan.Score) }) {
		choose("score", plan.Score, book.scores[in], "")
	}
	visits := book.visits[in]
	known := func(v string) bool {
		return slices.ContainsFunc(visits, func(o string) bool { return fold(o) == fold(v) })
	}
	switch {
	case plan.Visit == "" && len(visits) == 1:
		p.visit = visits[0]
	case plan.Visit == "" && !known(""):
		fault("visit", "write one of "+diag.Few(visits, 20), "%s has scores of several visits in a session", plan.Instrument)
	case !known(plan.Visit):
		choose("visit", plan.Visit, visits, "")
	}
	if plan.ChangeFrom != "" && !known(plan.ChangeFrom) {
		choose("change_from", plan.ChangeFrom, visits, "")
	}
	if plan.Phase != "" && plan.Phase != PhaseChange && !slices.Contains(a.tr.Phases, plan.Phase) {
		choose("phase", plan.Phase, append(slices.Clone(a.tr.Phases), PhaseChange), "")
	}
	if len(a.tr.Phases) > 0 && plan.Phase == a.tr.Phases[0] && slices.Contains(plan.Adjust, AdjustBaseline) {
		fault("adjust", "name a later phase, or take \"baseline\" out", "the first phase cannot be adjusted for itself")
	}
	if plan.Within != "" && !slices.Contains(a.tr.Treatments, plan.Within) {
		choose("within", plan.Within, a.tr.Treatments, "")
	}
	if a.global == nil && (plan.Measure == Relative || slices.Contains(plan.Adjust, AdjustGlobal)) {
		fault("measure", "name the region that holds global CBF in regions.global", "there is no region %q, which global CBF is read from", a.plan.Regions.Global)
	}
	for _, c := range plan.Adjust {
		if slices.Contains(adjustWords, c) {
			continue
		}
		text, numeric := 0, 0
		for k := range a.scans {
			switch s := cellText(a.tr.Cell(&a.scans[k], c)); {
			case s == "":
			case !math.IsNaN(cellNumber(s)):
				numeric++
			default:
				text++
			}
		}
		switch {
		case text > 0:
			fault("adjust", "code it as numbers, such as 0 and 1, in a column of its own", "the column %q holds text", c)
		case numeric == 0:
			choose("adjust", c, slices.Concat(adjustWords, a.tr.columns), "")
		}
	}
	if faulty {
		return nil
	}
	return p
}

// adjustWords are what an association may be adjusted for beside columns.
var adjustWords = []string{AdjustBaseline, AdjustGlobal, AdjustScore, AdjustPeriod}

// cellNumber reads a cell of a table; NaN if it holds no finite number.
func cellNumber(s string) float64 {
	x, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || math.IsInf(x, 0) {
		return math.NaN()
	}
	return x
}

// order lists the treatments, that of the plan first.
func (p *pairing) order() []string {
	first := p.plan.Within
	if first == "" {
		first = p.a.tr.Treatments[0]
	}
	out := []string{first}
	for _, t := range p.a.tr.Treatments {
		if t != first && p.plan.Compare {
			out = append(out, t)
		}
	}
	return out
}

// points returns the rows of one treatment, by person, and says who has none
// and why. A row is complete.
func (p *pairing) points(treatment string) (rows []AssociationPoint, missing []string) {
	a := p.a
	for i := range a.tr.People {
		sub := a.tr.People[i].Subject
		byPhase := make([]int, len(a.tr.Phases)) // index of the scan, −1 for none
		for k := range byPhase {
			byPhase[k] = -1
		}
		session, period, seen := "", 0, false
		for k := range a.scans {
			s := &a.scans[k]
			if s.Subject == sub && s.Treatment == treatment {
				byPhase[slices.Index(a.tr.Phases, s.Phase)] = k
				session, period, seen = s.Session, s.Period, true
			}
		}
		if !seen && a.tr.People[i].Excluded != "" {
			continue // the participants' flow has it
		}
		row := AssociationPoint{Subject: sub, Session: session, Treatment: treatment, Period: period, X: nan, Y: nan, XResidual: nan, YResidual: nan}
		why := ""
		if !seen {
			why = "no scan"
		} else {
			why = p.fill(&row, byPhase)
		}
		if why != "" {
			missing = append(missing, fmt.Sprintf("sub-%s, %s: %s", sub, treatment, why))
			continue
		}
		rows = append(rows, row)
	}
	return rows, missing
}

// fill takes the values of one row, or says what is not there.
func (p *pairing) fill(row *AssociationPoint, byPhase []int) string {
	a, plan := p.a, p.plan
	last := len(byPhase) - 1
	phase := 0
	if plan.Phase != "" && plan.Phase != PhaseChange {
		phase = slices.Index(a.tr.Phases, plan.Phase)
	}
	// at returns a measure of one phase, or why there is none.
	at := func(phase int, of func(scan int) float64, what string) (float64, string) {
		k := byPhase[phase]
		if k < 0 {
			return math.NaN(), "no scan at " + a.tr.Phases[phase]
		}
		if v := of(k); !math.IsNaN(v) {
			return v, ""
		}
		return math.NaN(), "no " + what + " at " + a.tr.Phases[phase]
	}
	// value is at, or for a change the difference of the last and first phase.
	value := func(of func(int) float64, what string) (float64, string) {
		if plan.Phase != PhaseChange {
			return at(phase, of, what)
		}
		end, why := at(last, of, what)
		if why != "" {
			return end, why
		}
		start, why := at(0, of, what)
		return end - start, why
	}
	brain := func(k int) float64 {
		v := a.values[p.region][k]
		if plan.Measure == Relative {
			v /= a.global[k]
		}
		return v
	}
	global := func(k int) float64 { return a.global[k] }

	x, why := value(brain, "value of "+p.region)
	if why != "" {
		return why
	}
	y, base, why := p.score(row)
	if why != "" {
		return why
	}
	row.X, row.Y, row.base = Number(x), Number(y), base
	for _, c := range plan.Adjust {
		v := math.NaN()
		switch c {
		case AdjustBaseline:
			v, why = at(0, brain, "value of "+p.region)
		case AdjustGlobal:
			v, why = value(global, "global CBF")
		case AdjustScore:
			v = base
		case AdjustPeriod:
			v = float64(row.Period)
		default:
			k := byPhase[phase]
			if plan.Phase == PhaseChange {
				k = byPhase[last]
			}
			if v = cellNumber(a.tr.Cell(&a.scans[k], c)); math.IsNaN(v) {
				why = "no " + c
			}
		}
		if why != "" {
			return why
		}
		row.Covariates = append(row.Covariates, Number(v))
	}
	return ""
}

// score returns the clinical score of a row and, where the plan needs it, that
// of the visit before, or says why there is none.
func (p *pairing) score(row *AssociationPoint) (y, base float64, why string) {
	low := 0.0
	get := func(visit string) (float64, string) {
		r, ok := p.book.of[ratingKey{fold(p.plan.Instrument), fold(p.plan.Score), row.Subject, row.Session, fold(visit)}]
		at := ""
		if visit != "" {
			at = " at " + visit
		}
		switch {
		case !ok:
			return math.NaN(), "no " + p.plan.Instrument + at
		case math.IsNaN(r.Value) && r.Note != "":
			return math.NaN(), fmt.Sprintf("no %s of %s%s (%s)", p.plan.Score, p.plan.Instrument, at, r.Note)
		case math.IsNaN(r.Value):
			return math.NaN(), fmt.Sprintf("no %s of %s%s", p.plan.Score, p.plan.Instrument, at)
		}
		low = r.Low
		return r.Value, ""
	}
	if y, why = get(p.visit); why != "" || p.plan.ChangeFrom == "" {
		return y, math.NaN(), why
	}
	if base, why = get(p.plan.ChangeFrom); why != "" {
		return y, base, why
	}
	switch p.plan.Change {
	case "absolute":
		y -= base
	case "percent":
		if base <= low {
			return y, base, fmt.Sprintf("%s at %s is %g, the lowest there is: it has no percentage", p.plan.Instrument, p.plan.ChangeFrom, base)
		}
		y = 100 * (y - base) / (base - low)
	}
	if p.plan.Improve {
		y = -y
	}
	return y, base, ""
}
