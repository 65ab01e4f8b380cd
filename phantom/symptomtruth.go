package phantom

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"phasl/bids"
	"phasl/corr"
	"phasl/crossover"
)

// A PlantedCorrelation is one association under one treatment: what was
// planted, and what chance made of it in the people of the trial.
type PlantedCorrelation struct {
	crossover.AssociationPlan
	Treatment string

	R float64 // of the population, planted: score and true regional measure, given the covariates
	N int     // sessions with all of it
	// Sample is the same correlation in these people, of the score as written.
	// NaN if there are too few.
	Sample float64
	// RResolved and SampleResolved are as R and Sample, with the regional measure
	// as a scanner shows it that mixes compartments: what a perfect analysis of
	// the images finds. NaN if it is not known how the scanner mixes.
	RResolved, SampleResolved float64
}

// PlantedCorrelations returns the truth of every planted association under
// every treatment. blends are those of all people at scan level; nil at region
// level.
func (t *Trial) PlantedCorrelations(blends []*Blend) []PlantedCorrelation {
	var out []PlantedCorrelation
	for _, a := range t.Associations() {
		for _, treatment := range t.Treatments {
			c := PlantedCorrelation{AssociationPlan: a, Treatment: treatment, RResolved: math.NaN(), SampleResolved: math.NaN()}
			for q, g := range t.regressions() {
				p := &t.Options.Symptoms.Associations[q]
				if p.Within == treatment && sameQuestion(&p.AssociationPlan, &a) && g.sd > 0 {
					c.R = p.R
				}
			}
			out = append(out, c)
		}
	}
	y := t.clinical()
	for i := range out {
		c := &out[i]
		c.Sample, c.N = t.sample(c, y, func(int) view { return trueView })
		if blends != nil {
			c.SampleResolved, _ = t.sample(c, y, func(person int) view { return resolvedView(blends[person]) })
		}
	}
	if blends != nil {
		t.resolveCorrelations(out, blends)
	}
	return out
}

// clinical returns ratings by instrument, score, subject, session and visit.
func (t *Trial) clinical() map[[5]string]float64 {
	out := map[[5]string]float64{}
	for _, r := range t.Ratings() {
		out[[5]string{r.Instrument, r.Score, r.Subject, r.Session, r.Visit}] = r.Value
	}
	return out
}

// sample returns the correlation in the people of the trial, and how many they
// are.
func (t *Trial) sample(c *PlantedCorrelation, ratings map[[5]string]float64, see func(person int) view) (r float64, n int) {
	a := PlantedAssociation{AssociationPlan: c.AssociationPlan}
	d := corr.Data{Covariates: make([][]float64, len(a.Adjust))}
	for i := range t.People {
		for j := range t.People[i].Sessions {
			s := &t.People[i].Sessions[j]
			if s.Missing || t.Treatments[s.Treatment] != c.Treatment {
				continue
			}
			at := func(visit string) float64 {
				return ratings[[5]string{a.Instrument, a.Score, t.People[i].Label, s.Label, visit}]
			}
			y := at(a.Visit)
			if a.Change != "" {
				y = reduction(at(a.ChangeFrom), y, a.Change)
				if !a.Improve {
					y = -y
				}
			}
			row := a.brain(nil, t, s, see(i))
			d.X, d.Y = append(d.X, row[0]), append(d.Y, y)
			for k := range d.Covariates {
				d.Covariates[k] = append(d.Covariates[k], row[1+k])
			}
		}
	}
	res := corr.Correlate(d, corr.Options{})
	return res.R, res.N
}

// resolveCorrelations fills in RResolved. With z the standardised true measure
// given its covariates, and u, v what the covariates at the scanner's
// resolution leave of z and of the measure at that resolution, a score of which
// z explains R² has with the latter the partial correlation
//
//	R · cov(u, v) / (sd(v) · √(1 − R² (1 − var(u))))
//
// in the reference population. The scanner mixes as it does on average over
// the people of the trial.
func (t *Trial) resolveCorrelations(out []PlantedCorrelation, blends []*Blend) {
	mean := &Blend{}
	for _, row := range blends[0].Share {
		mean.Share = append(mean.Share, make([]float64, len(row)))
	}
	for _, b := range blends {
		for i, row := range b.Share {
			for c, w := range row {
				mean.Share[i][c] += w / float64(len(blends))
			}
		}
	}
	see := resolvedView(mean)
	of := t.regressions()
	list := t.Options.Symptoms.Associations
	measured, driven := make([][][]float64, len(list)), make([][][]float64, len(list))
	t.reference(func(s *TrialSession) {
		for q, z := range t.drives(s, of) {
			if !math.IsNaN(z) {
				row := list[q].brain(nil, t, s, see)
				measured[q] = append(measured[q], row)
				driven[q] = append(driven[q], append([]float64{z}, row[1:]...))
			}
		}
	})
	for i := range out {
		c := &out[i]
		c.RResolved = 0
		if c.R == 0 {
			continue
		}
		q := slices.IndexFunc(list, func(p PlantedAssociation) bool {
			return p.Within == c.Treatment && sameQuestion(&p.AssociationPlan, &c.AssociationPlan)
		})
		u, v := regress(driven[q]), regress(measured[q])
		cov := 0.0
		for k := range driven[q] {
			cov += u.sd * u.standardised(driven[q][k]) * v.standardised(measured[q][k]) / float64(len(driven[q]))
		}
		c.RResolved = c.R * cov / math.Sqrt(1-c.R*c.R*(1-u.sd*u.sd))
	}
}

func (t *Trial) correlationTable(blends []*Blend) (columns []bids.Column, rows [][]string) {
	columns = []bids.Column{
		{Name: "region"},
		{Name: "measure", Description: "absolute CBF, or relative to global CBF of the scan"},
		{Name: "phase", Description: "phase of the scan"},
		{Name: "adjust", Description: "covariates"},
		{Name: "instrument"}, {Name: "score"},
		{Name: "visit", Description: "visit of the score"},
		{Name: "change", Description: "change of the score; n/a: the score itself"},
		{Name: "change_from", Description: "visit that the change is from"},
		{Name: "improve", Description: "whether a fall of the score counts as positive"},
		{Name: "treatment", Description: "treatment under which it holds"},
		{Name: "r", Description: "planted correlation of the score with the true regional measure of the grey matter, given the covariates: that of the population"},
		{Name: "n", Description: "people of the trial who have both"},
		{Name: "r_sample", Description: "the same correlation in these people"},
	}
	if blends != nil {
		columns = append(columns,
			bids.Column{Name: "r_resolved", Description: "planted correlation " + resolvedWords},
			bids.Column{Name: "r_sample_resolved", Description: "the same correlation in these people"})
	}
	for _, c := range t.PlantedCorrelations(blends) {
		improve := "no"
		if c.Improve {
			improve = "yes"
		}
		row := []string{c.Region, string(c.Measure), c.Phase, strings.Join(c.Adjust, ", "), c.Instrument, c.Score, c.Visit, c.Change, c.ChangeFrom, improve,
			c.Treatment, digits(c.R), strconv.Itoa(c.N), digits(c.Sample)}
		if blends != nil {
			row = append(row, digits(c.RResolved), digits(c.SampleResolved))
		}
		rows = append(rows, row)
	}
	return columns, rows
}

// A SymptomRecord holds what the questionnaires of a simulated dataset follow
// from.
type SymptomRecord struct {
	Associations []AssociationRecord `json:"associations"`
	MissingItems float64             `json:"missing_items"`
}

// An AssociationRecord is one planted association.
type AssociationRecord struct {
	Region     string            `json:"region"`
	Measure    crossover.Measure `json:"measure"`
	Phase      string            `json:"phase"`
	Adjust     []string          `json:"adjust"`
	Instrument string            `json:"instrument"`
	Score      string            `json:"score"`
	Visit      string            `json:"visit"`
	Change     string            `json:"change"`
	ChangeFrom string            `json:"change_from"`
	Improve    bool              `json:"improve"`
	Treatment  string            `json:"treatment"` // under which it holds
	R          float64           `json:"r"`
}

// record returns what trial.json says of the questionnaires; nil if there are
// none.
func (s *Symptoms) record() *SymptomRecord {
	if s.None {
		return nil
	}
	out := &SymptomRecord{Associations: []AssociationRecord{}, MissingItems: s.MissingItems}
	for _, a := range s.Associations {
		adjust := a.Adjust
		if adjust == nil {
			adjust = []string{}
		}
		out.Associations = append(out.Associations, AssociationRecord{Region: a.Region, Measure: a.Measure, Phase: a.Phase, Adjust: adjust,
			Instrument: a.Instrument, Score: a.Score, Visit: a.Visit, Change: a.Change, ChangeFrom: a.ChangeFrom, Improve: a.Improve, Treatment: a.Within, R: a.R})
	}
	return out
}
