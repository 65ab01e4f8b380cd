package phantom

import (
	"fmt"
	"math"
	"path"
	"slices"

	"phasl/bids"
	"phasl/crossover"
)

// timeLayout is how BIDS writes a date and time.
const timeLayout = "2006-01-02T15:04:05"

// each calls fn for every scan that took place, in the order of people,
// sessions and phases.
func (t *Trial) each(fn func(p *TrialPerson, s *TrialSession, x *TrialScan)) {
	for i := range t.People {
		p := &t.People[i]
		for j := range p.Sessions {
			s := &p.Sessions[j]
			for k := range s.Scans {
				fn(p, s, &s.Scans[k])
			}
		}
	}
}

// Values returns what a scanner would have measured: the mean CBF of each
// region in each scan, with its error of measurement and standard error.
// regions are names of [TrialRegions]; none: all. It panics at a name that is
// none of them.
func (t *Trial) Values(regions ...string) []crossover.Value {
	return t.values(regions, func(r *TrialRegion, x *TrialScan) (value, se float64) {
		return r.mean(x.CBF) + r.mean(x.noise), r.noise(t.Options.Variances.Voxel)
	})
}

// TrueValues returns the true mean CBF of each region in each scan; standard
// errors are 0. Regions are as for [Trial.Values].
func (t *Trial) TrueValues(regions ...string) []crossover.Value {
	return t.values(regions, func(r *TrialRegion, x *TrialScan) (value, se float64) { return r.mean(x.CBF), 0 })
}

func (t *Trial) values(regions []string, of func(*TrialRegion, *TrialScan) (value, se float64)) []crossover.Value {
	chosen := selectRegions(regions)
	out := make([]crossover.Value, 0, len(chosen)*len(t.People)*len(t.Treatments)*len(t.Phases))
	t.each(func(p *TrialPerson, s *TrialSession, x *TrialScan) {
		for _, r := range chosen {
			v, se := of(r, x)
			out = append(out, crossover.Value{Subject: p.Label, Session: s.Label, Run: x.Run, Region: r.Name, CBF: v, SE: se, Units: cbfUnits})
		}
	})
	return out
}

// cbfUnits is how regions.tsv spells the unit of CBF.
const cbfUnits = "mL/100g/min"

func selectRegions(names []string) []*TrialRegion {
	all := trialRegions()
	var out []*TrialRegion
	if len(names) == 0 {
		for i := range all {
			out = append(out, &all[i])
		}
		return out
	}
	for _, n := range names {
		out = append(out, regionNamed(n))
	}
	return out
}

// regionNamed returns a region of the trial's tables. It panics if there is
// none of the name.
func regionNamed(name string) *TrialRegion {
	all := trialRegions()
	i := slices.IndexFunc(all, func(r TrialRegion) bool { return r.Name == name })
	if i < 0 {
		panic(fmt.Sprintf("phantom: the trial has no region %q", name))
	}
	return &all[i]
}

// Crossover returns the trial as package crossover would read it from the
// dataset's tables.
func (t *Trial) Crossover() *crossover.Trial {
	out := &crossover.Trial{Treatments: slices.Clone(t.Treatments), Phases: slices.Clone(t.Phases), Sequences: slices.Clone(t.Sequences), Challenge: t.Challenge}
	slices.Sort(out.Sequences)
	for i := range t.People {
		p := &t.People[i]
		out.People = append(out.People, crossover.Person{Subject: p.Label, Sequence: t.Sequences[p.Sequence], Columns: t.personColumns(p)})
		for j := range p.Sessions {
			s := &p.Sessions[j]
			if s.Missing {
				for _, ph := range t.Phases {
					out.Missing = append(out.Missing, crossover.Cell{Subject: p.Label, Treatment: t.Treatments[s.Treatment], Phase: ph, Reason: "not acquired"})
				}
			}
			for k := range s.Scans {
				x := &s.Scans[k]
				out.Scans = append(out.Scans, crossover.Scan{
					Subject: p.Label, Session: s.Label, Run: x.Run, File: scanFile(p, s, x),
					Treatment: t.Treatments[s.Treatment], Phase: t.Phases[x.Phase], Sequence: t.Sequences[p.Sequence],
					Period: s.Period, Time: x.Time.Format(timeLayout), Columns: map[string]string{},
				})
			}
		}
	}
	return out
}

func (t *Trial) personColumns(p *TrialPerson) map[string]string {
	return map[string]string{"participant_id": "sub-" + p.Label, t.columns.sequence: t.Sequences[p.Sequence], "age": fmt.Sprint(p.Age), "sex": p.Sex}
}

// scanFile returns the path of a scan in the dataset.
func scanFile(p *TrialPerson, s *TrialSession, x *TrialScan) string {
	e := bids.Entities{"sub": p.Label, "ses": s.Label, "run": x.Run}
	return path.Join("sub-"+p.Label, "ses-"+s.Label, "perf", bids.Name(e, "asl", ".nii.gz"))
}

// A PlantedContrast is the true value of one contrast of one region.
type PlantedContrast struct {
	Name    string // as in crossover: "phase:placebo", "interaction:naltrexone", …
	Region  string
	Percent float64 // of the region's base CBF
	CBF     float64 // [mL/100 g/min]
}

// Planted returns the true values of the standard contrasts of a region, one
// of [TrialRegions]; it panics if it is none.
func (t *Trial) Planted(region string) []PlantedContrast {
	r := regionNamed(region)
	return t.planted(region, r.Base, r.mean)
}

// planted works out contrasts from a linear function of the compartments' CBF
// and its value at base.
func (t *Trial) planted(region string, base float64, of func([]float64) float64) []PlantedContrast {
	cbf := baseCBF()
	cell := func(treatment, phase, period, before int) float64 {
		e := t.effects.cell(treatment, phase, period, before)
		for c := range e {
			e[c] *= cbf[c]
		}
		return of(e)
	}
	var out []PlantedContrast
	for _, c := range t.contrasts(cell) {
		if math.Abs(c.value) < 1e-12*base { // mixtures leave the mean as it is, to rounding
			c.value = 0
		}
		out = append(out, PlantedContrast{c.name, region, 100 * c.value / base, c.value})
	}
	return out
}

// A namedContrast is the value of a standard contrast.
type namedContrast struct {
	name  string
	value float64
}

// contrasts works out the standard contrasts from the cells of the design, in
// their order.
func (t *Trial) contrasts(cell func(treatment, phase, period, before int) float64) []namedContrast {
	var out []namedContrast
	add := func(name string, v float64) { out = append(out, namedContrast{name, v}) }
	for ph := 1; ph < len(t.Phases); ph++ {
		suffix := ""
		if len(t.Phases) > 2 {
			suffix = ":" + t.Phases[ph]
		}
		effect := make([]float64, len(t.Treatments))
		mean := 0.0
		for i := range t.Treatments {
			effect[i] = cell(i, ph, 1, -1) - cell(i, 0, 1, -1)
			mean += effect[i] / float64(len(t.Treatments))
		}
		for i, name := range t.Treatments {
			add(crossover.PhaseEffect+":"+name+suffix, effect[i])
		}
		add(crossover.AverageEffect+suffix, mean)
		for i, name := range t.Treatments[1:] {
			add(crossover.Interaction+":"+name+suffix, effect[i+1]-effect[0])
		}
	}
	for i, name := range t.Treatments[1:] {
		add(crossover.TreatmentEffect+":"+name, cell(i+1, 0, 1, -1)-cell(0, 0, 1, -1))
	}
	add(crossover.PeriodEffect, cell(0, 0, 2, -1)-cell(0, 0, 1, -1))
	return out
}

// Components are the standard deviations of the mixed model that is true of a
// region [mL/100 g/min].
type Components struct {
	Subject  float64 // of people
	Session  float64 // of sessions within people
	Scan     float64 // of scans within sessions
	Noise    float64 // of measurement at region level
	Residual float64 // of the last two together
}

// Components returns the standard deviations of a region's measured CBF. It
// panics unless region is one of [TrialRegions].
func (t *Trial) Components(region string) Components {
	r, v := regionNamed(region), t.Options.Variances
	base := baseCBF()
	// A global part moves all members together, the part of an area its two
	// sides, the part of a side itself alone.
	sd := func(global, regional float64) float64 {
		var sum, own float64
		area := map[int]float64{}
		for i, c := range r.Members {
			w := r.Weights[i] * base[c]
			sum += w
			if c > 0 {
				area[(c-1)/2] += w
				own += w * w
			}
		}
		variance := global * global * sum * sum
		for a := range areas {
			variance += (1 - sideShare) * regional * regional * area[a] * area[a]
		}
		return math.Sqrt(variance + sideShare*regional*regional*own)
	}
	c := Components{Subject: sd(v.Subject, v.RegionalSubject), Session: sd(v.Session, v.RegionalSession),
		Scan: sd(v.Scan, v.RegionalScan), Noise: r.noise(v.Voxel)}
	c.Residual = math.Hypot(c.Scan, c.Noise)
	return c
}
