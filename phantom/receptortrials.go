package phantom

import (
	"errors"
	"slices"
	"sync"

	"phasl/crossover"
	"phasl/internal/par"
	"phasl/receptor"
	"phasl/voxel"
)

// regionCentres returns the middle of the grey matter of each of [Regions] in
// the template [mm].
var regionCentres = sync.OnceValue(func() []voxel.Vec {
	out, n := make([]voxel.Vec, compartments-1), make([]float64, compartments-1)
	g := TemplateGrid()
	for at, p := range templatePoints() {
		if p.tissue != Grey {
			continue
		}
		w := g.World(g.Coord(at))
		for a := range w {
			out[p.region-1][a] += w[a]
		}
		n[p.region-1]++
	}
	for i := range out {
		for a := range out[i] {
			out[i][a] /= n[i]
		}
	}
	return out
})

// ReceptorRates say how often receptors were found in repeated trials.
type ReceptorRates struct {
	Trials   int              `json:"trials"`
	Rates    []ReceptorRate   `json:"rates"`
	Families []ReceptorFamily `json:"families"`
}

// A ReceptorRate says how often one receptor was found, by [receptor.PeopleTest]
// of one contrast of every person.
type ReceptorRate struct {
	Contrast string  `json:"contrast"` // crossover.AverageEffect, or crossover.Interaction with its treatment
	Target   string  `json:"target"`
	Planted  bool    `json:"planted"`
	Weight   float64 `json:"weight"` // as in [ReceptorTruth], mean over trials
	// True is Spearman's correlation of the true effect with the density, mean over
	// trials; NaN (null in JSON) if the effect is the same everywhere.
	True  crossover.Number `json:"true"`
	Found float64          `json:"found"` // the coefficient of the mean of people's maps, mean over trials

	Joint    receptor.Rejection `json:"joint"`     // PJoint ≤ 0.05
	JointFWE receptor.Rejection `json:"joint_fwe"` // PJointFWE ≤ 0.05, over the panel
}

// A ReceptorFamily says how often all was right of one contrast, and how often
// anything was wrong, by PJointFWE ≤ 0.05.
type ReceptorFamily struct {
	Contrast string             `json:"contrast"`
	All      receptor.Rejection `json:"all"` // every planted receptor was found; 1 if none is planted
	Any      receptor.Rejection `json:"any"` // one or more receptors that are not planted were found
}

// receptorContrasts names the effects that are tried: that of the first later
// phase, mean over treatments, and its differences from that under the reference.
func (t *Trial) receptorContrasts() []string {
	suffix := ""
	if len(t.Phases) > 2 {
		suffix = ":" + t.Phases[1]
	}
	names := []string{crossover.AverageEffect + suffix}
	for _, name := range t.Treatments[1:] {
		names = append(names, crossover.Interaction+":"+name+suffix)
	}
	return names
}

// SimulateReceptorTrials simulates trials at the level of regions, with seeds
// that follow from that of opt, tests in each whether the effects that people
// show look like the receptors of its brain, and counts. Effect maps are what a
// scanner would have measured in the 94 regions: later phase − baseline, mean
// over treatments, and its difference between each treatment and the reference.
// Densities are drawn anew in every trial. Questionnaires are left out.
//
// o steers the test (Surrogates 0: 999). Results do not depend on o.Workers.
// progress and stop may be nil: the one is told how many trials are done, an
// error of the other ends the work. Errors are those of opt, as a [diag.List],
// trials without receptors, and those of the test.
func SimulateReceptorTrials(opt TrialOptions, trials int, o receptor.Options, progress func(done int), stop func() error) (*ReceptorRates, error) {
	if trials < 1 {
		return nil, errors.New("phantom: receptors are tried in one trial or more")
	}
	opt.Symptoms = &Symptoms{None: true}
	if opt.Receptors != nil && opt.Receptors.None {
		return nil, errors.New("phantom: a trial without receptors has none to find")
	}
	if opt.Receptors != nil {
		m := *opt.Receptors
		m.Seed = 0 // densities follow each trial's seed
		opt.Receptors = &m
	}
	if opt.Seed == 0 {
		opt.Seed = 1
	}
	if o.Surrogates == 0 {
		o.Surrogates = 999
	}
	workers := o.Workers
	o.Workers, o.Families = 1, &receptor.Families{}
	first, l := NewTrial(opt)
	if l.Err() != nil {
		return nil, l
	}
	names := first.receptorContrasts()
	results, errs := make([][]receptorResult, trials), make([]error, trials)
	const block = 32
	for lo := 0; lo < trials; lo += block {
		if stop != nil {
			if err := stop(); err != nil {
				return nil, err
			}
		}
		n := min(block, trials-lo)
		par.Do(workers, n, func(k int) {
			one := opt
			one.Seed = stream(opt.Seed, "receptor trials", uint64(lo+k)).Uint64() | 1
			results[lo+k], errs[lo+k] = tryReceptors(one, o)
		})
		if progress != nil {
			progress(lo + n)
		}
	}
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	out := &ReceptorRates{Trials: trials}
	targets := ReceptorTargets()
	for i := range names {
		all, anyone := 0, 0
		for _, res := range results {
			missed, wrong := false, false
			for _, x := range res[i*len(targets) : (i+1)*len(targets)] {
				found := x.fwe <= 0.05
				missed = missed || x.weight != 0 && !found
				wrong = wrong || x.weight == 0 && found
			}
			if !missed {
				all++
			}
			if wrong {
				anyone++
			}
		}
		out.Families = append(out.Families, ReceptorFamily{names[i], receptor.NewRejection(all, trials), receptor.NewRejection(anyone, trials)})
		for j, target := range targets {
			r := ReceptorRate{Contrast: names[i], Target: target}
			joint, fwe := 0, 0
			for _, res := range results {
				x := &res[i*len(targets)+j]
				r.Planted = r.Planted || x.weight != 0
				r.Weight += x.weight / float64(trials)
				r.True += crossover.Number(x.trueRho / float64(trials))
				r.Found += x.rho / float64(trials)
				if x.joint <= 0.05 {
					joint++
				}
				if x.fwe <= 0.05 {
					fwe++
				}
			}
			r.Joint, r.JointFWE = receptor.NewRejection(joint, trials), receptor.NewRejection(fwe, trials)
			out.Rates = append(out.Rates, r)
		}
	}
	return out, nil
}

// A receptorResult is that of one receptor and contrast in one trial.
type receptorResult struct{ weight, trueRho, rho, joint, fwe float64 }

// tryReceptors simulates a trial and tests each contrast.
func tryReceptors(opt TrialOptions, o receptor.Options) ([]receptorResult, error) {
	o.Seed = opt.Seed
	t, l := NewTrial(opt)
	if l.Err() != nil {
		return nil, l
	}
	var panel []receptor.Density
	var places receptor.Places
	places.Coords = regionCentres()
	for _, target := range ReceptorTargets() {
		panel = append(panel, receptor.Density{Source: receptor.Source{Target: target}, Values: t.Densities.Regional(target)})
	}
	truth := map[string]ReceptorTruth{}
	for _, r := range t.ReceptorTruth(nil) {
		truth[r.Contrast+"\t"+r.Target] = r
	}
	plan := opt.Plan
	if plan == nil {
		plan = crossover.DefaultPlan()
	}
	var names []string
	for _, r := range Regions() {
		names = append(names, r.Name)
	}
	maps, err := crossover.NewEffectMaps(plan, t.Crossover(), t.Values(append(slices.Clone(names), GlobalGrey)...), crossover.Relative, names, 1)
	if err != nil {
		return nil, err
	}
	o.Covariates = receptor.Compartments(names)
	var out []receptorResult
	for _, name := range t.receptorContrasts() {
		m := maps.Maps[slices.IndexFunc(maps.Maps, func(m crossover.EffectMap) bool { return m.Name == name })]
		var people []receptor.Map
		for _, p := range m.People {
			people = append(people, receptor.Map{File: "sub-" + p.Subject, Values: p.Values})
		}
		res, l := receptor.PeopleTest(people, panel, places, o)
		if l.Err() != nil {
			return nil, l
		}
		for _, a := range res.Results {
			w := truth[name+"\t"+a.Target]
			out = append(out, receptorResult{w.Weight, w.Rho, a.R, a.PJoint, a.PJointFWE})
		}
	}
	return out, nil
}
