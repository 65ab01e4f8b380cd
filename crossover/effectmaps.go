package crossover

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// EffectMaps are contrasts over regions, the group's and each person's.
type EffectMaps struct {
	Regions  []string // as asked for; the order of all values
	Measure  Measure
	Units    string    // of values; "" if Measure has none
	Log      bool      // values are differences of logarithms
	Baseline []float64 // mean over people of the measure in the first phase, over the visits of each
	Maps     []EffectMap
}

// An EffectMap is one contrast: [AverageEffect], [PhaseEffect] or
// [Interaction].
type EffectMap struct {
	Name  string    // as of [Effect]
	Label string    // in words
	Kind  string    // the part of Name before the colon
	Of    string    // treatment; "" for [AverageEffect]
	Group []float64 // estimate of the plan's model; NaN where there is none

	People  []PersonMap
	Without []FlowItem // people analysed who have no such map, and why
}

// A PersonMap is the contrast of one person's own values: differences of means
// over the scans of each cell. Interactions have the mean of their order of
// treatment made that of all orders.
type PersonMap struct {
	Subject string
	Values  []float64 // NaN where a value is missing
}

// NewEffectMaps makes the maps of the phase effect under each treatment, of its
// average over treatments and of its interactions with treatment. regions are
// names of [Value]; one without values is NaN everywhere. measure is [Absolute]
// or [Relative]; where the plan analyses logarithms, they are taken.
//
// The error says why there are no maps: that of [Trial.FitMaps], or relative
// CBF without global CBF.
func NewEffectMaps(p *Plan, tr *Trial, values []Value, measure Measure, regions []string, workers int) (*EffectMaps, error) {
	a := &analysis{plan: p, tr: tr}
	a.gather(values)
	a.findGlobal()
	out := &EffectMaps{Regions: regions, Measure: measure, Units: a.units, Log: p.Model.Log}
	if measure == Relative {
		if out.Units = ""; a.global == nil {
			return nil, fmt.Errorf("crossover: there is no region %q, which relative CBF needs", p.Regions.Global)
		}
	}
	if out.Log {
		out.Units = ""
	}
	// rows holds the measure of each region in every scan.
	rows := make([][]float64, len(regions))
	for r, name := range regions {
		rows[r] = a.measured(a.find(name), measure)
	}
	fit, err := tr.FitMaps(p, len(regions), func(dst []float64, r int) { copy(dst, rows[r]) }, workers)
	if err != nil {
		return nil, err
	}
	people := newPersonMeans(a, rows, p.Model.Log)
	out.Baseline = people.baseline(rows)
	for i, name := range fit.Contrasts {
		m := EffectMap{Name: name, Label: fit.Labels[i]}
		m.Kind, m.Of, _ = strings.Cut(name, ":")
		phase := 1
		for k := 2; k < len(tr.Phases); k++ { // the name ends on the phase if there are several
			if strings.HasSuffix(name, ":"+tr.Phases[k]) {
				phase = k
			}
		}
		if len(tr.Phases) > 2 {
			m.Of = strings.TrimSuffix(strings.TrimSuffix(m.Of, tr.Phases[phase]), ":")
		}
		if m.Kind != AverageEffect && m.Kind != PhaseEffect && m.Kind != Interaction {
			continue
		}
		for _, v := range fit.Estimate[i] {
			m.Group = append(m.Group, float64(v))
		}
		people.fill(&m, phase)
		out.Maps = append(out.Maps, m)
	}
	return out, nil
}

// findGlobal finds global CBF; one that is not positive is missing.
func (a *analysis) findGlobal() {
	name := a.find(a.plan.Regions.Global)
	if name == "" {
		return
	}
	a.global = slices.Clone(a.values[name])
	for i, g := range a.global {
		if g <= 0 {
			a.global[i] = math.NaN()
		}
	}
}

// personMeans holds the mean of each region over the scans of each person,
// treatment and phase.
type personMeans struct {
	a       *analysis
	regions int
	of      map[personCell][]float64
}

type personCell struct {
	subject          string
	treatment, phase int
}

func newPersonMeans(a *analysis, rows [][]float64, log bool) *personMeans {
	p := &personMeans{a: a, regions: len(rows), of: map[personCell][]float64{}}
	count := map[personCell][]float64{}
	for i := range a.scans {
		s := &a.scans[i]
		c := personCell{s.Subject, slices.Index(a.tr.Treatments, s.Treatment), slices.Index(a.tr.Phases, s.Phase)}
		if p.of[c] == nil {
			p.of[c], count[c] = make([]float64, len(rows)), make([]float64, len(rows))
		}
		for r := range rows {
			v := rows[r][i]
			if log {
				v = math.Log(v) // NaN below 0
			}
			if v-v == 0 {
				p.of[c][r] += v
				count[c][r]++
			}
		}
	}
	for c, sum := range p.of {
		for r := range sum {
			sum[r] /= count[c][r] // NaN without a value
		}
	}
	return p
}

// baseline is the mean over people of their own means in the first phase.
func (p *personMeans) baseline(rows [][]float64) []float64 {
	out := make([]float64, p.regions)
	for r := range out {
		var sum, n float64
		for _, person := range p.a.tr.People {
			var own, visits float64
			for i := range p.a.scans {
				s := &p.a.scans[i]
				if v := rows[r][i]; s.Subject == person.Subject && s.Phase == p.a.tr.Phases[0] && v-v == 0 {
					own += v
					visits++
				}
			}
			if visits > 0 {
				sum += own / visits
				n++
			}
		}
		out[r] = sum / n
	}
	return out
}

// change is the later phase minus the first under a treatment; nil if one of
// the two was not scanned.
func (p *personMeans) change(subject string, treatment, phase int) []float64 {
	later, first := p.of[personCell{subject, treatment, phase}], p.of[personCell{subject, treatment, 0}]
	if later == nil || first == nil {
		return nil
	}
	return minus(later, first)
}

// fill makes the people's maps of a contrast.
func (p *personMeans) fill(m *EffectMap, phase int) {
	tr := p.a.tr
	for _, person := range tr.People {
		if person.Excluded != "" {
			continue // the participants' flow has it
		}
		values, why := p.contrast(m, person.Subject, phase)
		if why != "" {
			m.Without = append(m.Without, FlowItem{Unit: "sub-" + person.Subject, Reason: why})
			continue
		}
		m.People = append(m.People, PersonMap{person.Subject, values})
	}
	if m.Kind == Interaction {
		p.evenOut(m)
	}
}

// evenOut makes the mean of people's maps the mean of the means of the orders of
// treatment, so that a difference between the visits cancels however many people
// had each order, and takes that difference out of how people vary:
//
//	e'_i = M + (e_i − m_s)·f,  M = Σ m_s/k,  f² = (n − 1)/(n − k) · n·Σ 1/n_s / k²
//
// with m_s the mean of the n_s people of i's order, of k orders. f gives the
// mean of e' the variance that M has. Nothing is done where an order has one
// person, or only one is left. A region takes the people who have it.
func (p *personMeans) evenOut(m *EffectMap) {
	order := make([]string, len(m.People))
	for i := range m.People {
		person, _ := p.a.tr.Person(m.People[i].Subject)
		order[i] = person.Sequence
	}
	for r := range p.regions {
		sum, count := map[string]float64{}, map[string]float64{}
		n := 0.0
		for i := range m.People {
			if v := m.People[i].Values[r]; v-v == 0 {
				sum[order[i]] += v
				count[order[i]]++
				n++
			}
		}
		k := float64(len(count))
		mean, inverse, single := 0.0, 0.0, false
		for _, s := range p.a.tr.Sequences { // in a fixed order: sums must not depend on a map's
			if c := count[s]; c > 0 {
				mean += sum[s] / c / k
				inverse += 1 / c
				single = single || c < 2
			}
		}
		if k < 2 || single || count[""] > 0 {
			continue
		}
		f := math.Sqrt((n - 1) / (n - k) * n * inverse / (k * k))
		for i := range m.People {
			v := &m.People[i].Values[r]
			*v = mean + (*v-sum[order[i]]/count[order[i]])*f
		}
	}
}

// contrast is the map of one person, or why there is none.
func (p *personMeans) contrast(m *EffectMap, subject string, phase int) (values []float64, why string) {
	tr := p.a.tr
	lacks := func(treatment string) string {
		return fmt.Sprintf("not both phases under %s", treatment)
	}
	of := slices.Index(tr.Treatments, m.Of)
	switch m.Kind {
	case PhaseEffect:
		if values = p.change(subject, of, phase); values == nil {
			return nil, lacks(m.Of)
		}
	case Interaction:
		under, reference := p.change(subject, of, phase), p.change(subject, 0, phase)
		if under == nil {
			return nil, lacks(m.Of)
		}
		if reference == nil {
			return nil, lacks(tr.Treatments[0])
		}
		values = minus(under, reference)
	case AverageEffect:
		// With a treatment missing it would be the effect under the others, and
		// what differs between treatments would pass for what they share.
		values = make([]float64, p.regions)
		for t, name := range tr.Treatments {
			c := p.change(subject, t, phase)
			if c == nil {
				return nil, lacks(name)
			}
			for r := range values {
				values[r] += c[r] / float64(len(tr.Treatments))
			}
		}
	}
	if !slices.ContainsFunc(values, func(v float64) bool { return !math.IsNaN(v) }) {
		return nil, "no region with a value"
	}
	return values, ""
}
