package asl

import (
	"fmt"
	"math"
	"strings"

	"phasl/diag"
)

// A Constant is one number of the model that the images do not contain.
type Constant struct {
	Name   string  `json:"name"`   // as options, sidecars and reports spell it
	Symbol string  `json:"symbol"` // as the equation spells it
	Value  float64 `json:"value"`
	Unit   string  `json:"unit"`
	Source string  `json:"source"` // where the value comes from, with DOI
	From   string  `json:"from"`   // "default", "sidecar" or "user"
}

// Constants lists the numbers of one quantification in the order in which
// sidecar, report and methods text print them.
type Constants []Constant

// Value returns the value of the constant called name. It panics if there is
// none: which constants a model has is known to its caller.
func (c Constants) Value(name string) float64 {
	for _, k := range c {
		if k.Name == name {
			return k.Value
		}
	}
	panic("asl: no constant " + name)
}

// Has reports whether the list has a constant called name.
func (c Constants) Has(name string) bool {
	for _, k := range c {
		if k.Name == name {
			return true
		}
	}
	return false
}

// Names of the constants.
const (
	BloodT1             = "BloodT1"                         // T1b
	Partition           = "PartitionCoefficient"            // λ
	Efficiency          = "LabelingEfficiency"              // α
	SuppressionPerPulse = "BackgroundSuppressionEfficiency" // αbs
	GreyT1              = "GreyMatterT1"                    // T1gm
	WhiteT1             = "WhiteMatterT1"                   // T1wm
	GreyTransit         = "GreyMatterTransitTime"           // Δt of grey matter where it is not fitted
	WhiteTransit        = "WhiteMatterTransitTime"          // Δt of white matter where it is not fitted
	TransitPrior        = "TransitTimePrior"                // mean of the prior of Δt where it is fitted
	TransitPriorSD      = "TransitTimePriorSD"              // its standard deviation
	M0T1                = "M0T1"                            // T1 for the recovery of M0
	BolusDuration       = "BolusDuration"                   // τ of PASL without bolus cut-off
	M0Scale             = "M0Scale"                         // factor applied to M0
	GESaturation        = "SaturationTime"                  // GE product: recovery of the proton-density volume
	GEReceiveScale      = "ProtonDensityScale"              // GE product: 32
	Averages            = "NumberOfExcitations"             // GE product: NEX
)

// A T1 below the first or a time above the second [s] is a slip of units.
const (
	leastT1  = 0.05
	mostTime = 20.0
)

// ConstantNames lists every name that [Options].Set accepts.
var ConstantNames = []string{BloodT1, Partition, Efficiency, SuppressionPerPulse, GreyT1, WhiteT1,
	GreyTransit, WhiteTransit, TransitPrior, TransitPriorSD, M0T1, BolusDuration, M0Scale, GESaturation, GEReceiveScale, Averages}

// Sources of the defaults.
const (
	srcWhitePaper = "Alsop et al. 2015, doi:10.1002/mrm.25197"
	srcZhang      = "Zhang et al. 2013, doi:10.1002/mrm.24550"
	srcWansapura  = "Wansapura et al. 1999, doi:10.1002/(SICI)1522-2586(199904)9:4<531::AID-JMRI4>3.0.CO;2-L"
	srcWright     = "Wright et al. 2008, doi:10.1007/s10334-008-0104-8"
	srcWang       = "Wang et al. 2005, doi:10.1148/radiol.2351031663"
	srcGarcia     = "Garcia et al. 2005, doi:10.1002/mrm.20556"
	srcDai        = "Dai et al. 2008, doi:10.1002/mrm.21790"
	srcChappell   = "the convention of BASIL, Chappell et al. 2009, doi:10.1109/TSP.2008.2005752"
	srcGE         = "GE product 3D ASL, as its users publish the equation (see docs/methods/perfusion.md)"
)

// field gathers what depends on field strength [T].
type field struct {
	tesla           float64
	bloodT1         float64
	bloodSource     string
	greyT1, whiteT1 float64
	tissueSource    string
	tolerance       float64 // how far a nominal strength may be from tesla
}

var fields = []field{
	{tesla: 1.5, bloodT1: 1.35, bloodSource: srcWhitePaper, greyT1: 1.197, whiteT1: 0.646, tissueSource: srcWright, tolerance: 0.15},
	{tesla: 3, bloodT1: 1.65, bloodSource: srcWhitePaper, greyT1: 1.331, whiteT1: 0.832, tissueSource: srcWansapura, tolerance: 0.25},
	{tesla: 7, bloodT1: 2.1, bloodSource: srcZhang, greyT1: 1.939, whiteT1: 1.126, tissueSource: srcWright, tolerance: 0.3},
}

// lookupField returns the defaults for a field strength [T], and false if
// none are known.
func lookupField(tesla float64) (field, bool) {
	for _, f := range fields {
		if math.Abs(tesla-f.tesla) <= f.tolerance {
			return f, true
		}
	}
	return field{}, false
}

// constants lists the constants that model m needs for protocol p, with
// values from opt.Set (the user), the sidecar, or defaults, in that order of
// precedence. A name in opt.Set that no model has, or a value that cannot be, is
// an error; one that this model does not use is a warning.
func constants(p *Protocol, m Model, opt Options, l *diag.List) Constants {
	var out Constants
	set, ge := opt.Set, p.GEProduct
	add := func(name, symbol, unit string, value float64, source string) {
		c := Constant{Name: name, Symbol: symbol, Value: value, Unit: unit, Source: source, From: "default"}
		if v, ok := set[name]; ok {
			c.Value, c.Source, c.From = v, "given by the user", "user"
		}
		out = append(out, c)
	}
	f, known := lookupField(p.FieldStrength)
	need := func(name string, source string, value float64) (float64, string) {
		if _, ok := set[name]; !known && !ok {
			l.Errorf(p.File, "MagneticFieldStrength", "set "+name+" [s], or correct MagneticFieldStrength",
				"no default for %s at %g T: defaults exist for 1.5, 3 and 7 T", name, p.FieldStrength)
			return math.NaN(), ""
		}
		return value, source
	}
	if p.IsCBF() {
		return out
	}

	if ge {
		add(BloodT1, "T1b", "s", 1.6, srcGE)
	} else {
		v, src := need(BloodT1, f.bloodSource, f.bloodT1)
		add(BloodT1, "T1b", "s", v, src)
	}
	add(Partition, "λ", "mL/g", 0.9, srcWhitePaper)
	alpha, src := defaultEfficiency(p.Labelling)
	if ge {
		alpha, src = 0.8, srcDai
	}
	add(Efficiency, "α", "1", alpha, src)
	total := false
	if c := &out[len(out)-1]; c.From == "default" && p.LabelingEfficiency.Given {
		c.Value, c.Source, c.From = p.LabelingEfficiency.Value, p.LabelingEfficiency.File, "sidecar"
		if p.LabelingEfficiency.File == "--set" {
			c.From = "user"
		}
		if total = p.totalEfficiency(); total {
			c.Source += " (taken with the loss to suppression in it)"
		}
	}
	switch {
	case total:
		if _, ok := set[SuppressionPerPulse]; ok {
			add(SuppressionPerPulse, "αbs", "1", 1, "")
		}
	case ge:
		add(SuppressionPerPulse, "αbs", "1", 0.75, srcGarcia+" (all pulses together)")
	case p.BackgroundSuppression && p.SuppressionPulses > 0:
		add(SuppressionPerPulse, "αbs", "1 per pulse", 0.95, srcGarcia)
	}
	if m == ModelKinetic {
		v, src := need(GreyT1, f.tissueSource, f.greyT1)
		add(GreyT1, "T1gm", "s", v, src)
		v, src = need(WhiteT1, f.tissueSource, f.whiteT1)
		add(WhiteT1, "T1wm", "s", v, src)
		if !p.MultiDelay() {
			grey, white := defaultTransit(p.Labelling)
			add(GreyTransit, "Δt", "s", grey, srcChappell)
			add(WhiteTransit, "Δt", "s", white, srcChappell)
		} else if sd := orDefault(opt.ATTPriorSD, 1); sd > 0 {
			grey, _ := defaultTransit(p.Labelling)
			add(TransitPrior, "Δt₀", "s", grey, srcChappell)
			add(TransitPriorSD, "σΔt", "s", sd, srcChappell)
			if c := &out[len(out)-1]; opt.ATTPriorSD > 0 && c.From == "default" {
				c.Source, c.From = "given by the user", "user"
			}
		}
	}
	if p.Labelling == PASL && !p.BolusCutOff {
		if v, ok := set[BolusDuration]; ok {
			add(BolusDuration, "τ", "s", v, "")
		}
	}
	if !p.relative() {
		switch {
		case p.GEProduct:
			add(GEReceiveScale, "SF", "1", 32, srcGE)
			nex := Constant{Name: Averages, Symbol: "NEX", Value: p.TotalAcquiredPairs.Value, Unit: "1", Source: "TotalAcquiredPairs, " + p.TotalAcquiredPairs.File, From: "sidecar"}
			if v, ok := set[Averages]; ok {
				nex.Value, nex.Source, nex.From = v, "given by the user", "user"
			}
			if _, ok := set[M0Scale]; !ok {
				out = append(out, nex)
			} else {
				out = out[:len(out)-1] // the user's factor replaces 32 × NEX
				add(M0Scale, "SF·NEX", "1", 1, "")
			}
			add(GESaturation, "ST", "s", 2, srcGE)
			add(M0T1, "T1", "s", 1.2, srcGE)
		default:
			if _, ok := set[M0Scale]; ok {
				add(M0Scale, "s", "1", 1, "")
			}
			if p.M0Type == "Estimate" {
				break
			}
			v, src := 0.0, ""
			if x, ok := set[GreyT1]; ok {
				v, src = x, "grey matter, given by the user"
			} else {
				v, src = need(M0T1, f.tissueSource+" (grey matter)", f.greyT1)
			}
			add(M0T1, "T1", "s", v, src)
		}
	}
	checkConstants(p, out, set, l)
	return out
}

func defaultEfficiency(lab Labelling) (float64, string) {
	switch lab {
	case CASL:
		return 0.68, srcWang
	case PASL:
		return 0.98, srcWhitePaper
	}
	return 0.85, srcWhitePaper
}

// defaultTransit returns the transit times [s] taken for grey and white matter
// where they are not fitted.
func defaultTransit(lab Labelling) (grey, white float64) {
	if lab == PASL {
		return 0.7, 1.0
	}
	return 1.3, 1.6
}

func checkConstants(p *Protocol, used Constants, set map[string]float64, l *diag.List) {
	for _, name := range sortedKeys(set) {
		known := false
		for _, n := range ConstantNames {
			known = known || n == name
		}
		if !known {
			fix := "use one of " + strings.Join(ConstantNames, ", ")
			if near, ok := diag.Nearest(name, ConstantNames); ok {
				fix = "use " + near
			}
			l.Errorf("options", name, fix, "is not a constant of any model")
			continue
		}
		if !used.Has(name) {
			l.Warnf("options", name, "leave it out, or choose a model that uses it", "is not used for this scan")
		}
	}
	for _, c := range used {
		lo, hi := 0.0, math.Inf(1)
		switch c.Name {
		case BloodT1, GreyT1, WhiteT1, M0T1:
			lo, hi = leastT1, mostTime
		case Efficiency, SuppressionPerPulse:
			hi = 1
		case Partition:
			hi = 2
		case GreyTransit, WhiteTransit, TransitPrior:
			lo, hi = -1e-9, mostTime
		case BolusDuration, GESaturation, TransitPriorSD:
			hi = mostTime
		}
		if !(c.Value > lo && c.Value <= hi) && !math.IsNaN(c.Value) || math.IsNaN(c.Value) && c.From != "default" {
			file := p.File
			if c.From == "user" {
				file = "options"
			}
			l.Errorf(file, c.Name, "give "+unitWords(c.Unit), "%g is not a possible value: it must lie between %s and %s",
				c.Value, fmt.Sprintf("%.3g", math.Max(lo, 0)), strings.Replace(fmt.Sprintf("%.3g", hi), "+Inf", "infinity", 1))
		}
	}
}

func unitWords(unit string) string {
	switch unit {
	case "s":
		return "seconds"
	case "1", "1 per pulse":
		return "a plain number"
	}
	return "a value in " + unit
}
