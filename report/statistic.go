package report

import (
	"math"
	"strconv"
	"strings"

	"phasl/crossover"
)

// How statistics are written: as papers do, with a proper minus sign, and a
// dash where there is no number.

// pValue writes a p-value: "0.012", "< 0.001". Near 0.05 it has a fourth
// decimal, so that rounding never moves it across.
func pValue(p crossover.Number) string {
	v := float64(p)
	switch {
	case math.IsNaN(v):
		return dash
	case v < 0.001:
		return "< 0.001"
	case v >= 0.995:
		return "> 0.99"
	case v > 0.045 && v < 0.055:
		return fixed(v, 4)
	case v < 0.0995:
		return fixed(v, 3)
	}
	return fixed(v, 2)
}

// pEquals writes a p-value with its sign, "p = 0.012" or "p < 0.001", which no
// line end parts.
func pEquals(p crossover.Number) string {
	t := pValue(p)
	if strings.HasPrefix(t, "<") || strings.HasPrefix(t, ">") {
		return "p\u00a0" + strings.ReplaceAll(t, " ", "\u00a0")
	}
	return "p\u00a0=\u00a0" + t
}

// bayes writes a Bayes factor with two or three significant digits, and stops
// at a hundred to one: beyond it the exact odds mean little.
func bayes(b crossover.Number) string {
	v := float64(b)
	switch {
	case math.IsNaN(v):
		return dash
	case v > 100:
		return "> 100"
	case v < 0.01:
		return "< 0.01"
	case v >= 10:
		return fixed(v, 0)
	case v >= 1:
		return fixed(v, 1)
	}
	return fixed(v, 2)
}

// degrees writes degrees of freedom with one decimal.
func degrees(df crossover.Number) string { return fixed(float64(df), 1) }

// An amount writes the estimates of one model with the same decimals: as many
// as give the smallest standard error two significant digits, within reason.
type amount struct {
	decimals int
	unit     string // "" for a ratio
}

func amountOf(f *crossover.RegionFit) amount {
	least := math.Inf(1)
	for _, e := range f.Effects {
		if se := float64(e.SE); se > 0 && !math.IsInf(se, 0) {
			least = min(least, se)
		}
	}
	return newAmount(least, effectUnit(f))
}

// meansOf writes the means and the data of a model, which keep the measure's
// unit where the estimates are logarithms.
func meansOf(f *crossover.RegionFit) amount {
	least := math.Inf(1)
	for _, m := range f.Means {
		if se := float64(m.SE); se > 0 && !math.IsInf(se, 0) {
			least = min(least, se)
		}
	}
	return newAmount(least, measureUnit(f))
}

func newAmount(least float64, unit string) amount {
	a := amount{1, unit}
	if unit == "" {
		a.decimals = 3
	}
	if !math.IsInf(least, 0) {
		most := 4
		switch unit {
		case CBFUnit:
			most = 2
		case "":
			most = 3
		}
		a.decimals = min(max(1-int(math.Floor(math.Log10(least))), 1), most)
	}
	return a
}

// effectUnit is the unit of a model's estimates; "" for a ratio and for a
// difference of logarithms.
func effectUnit(f *crossover.RegionFit) string {
	if f.Log {
		return ""
	}
	return measureUnit(f)
}

func (a amount) of(v crossover.Number) string { return fixed(float64(v), a.decimals) }

// signed writes v with its sign, also if that is plus.
func (a amount) signed(v crossover.Number) string {
	s := a.of(v)
	if v > 0 && strings.ContainsAny(s, "123456789") {
		return "+" + s
	}
	return s
}

// with is v and the unit.
func (a amount) with(v crossover.Number) string {
	if a.unit == "" {
		return a.of(v)
	}
	return a.of(v) + " " + a.unit
}

// interval writes "1.2 to 3.4", or a dash if either end is missing.
func (a amount) interval(lo, hi crossover.Number) string {
	if math.IsNaN(float64(lo)) || math.IsNaN(float64(hi)) {
		return dash
	}
	return a.of(lo) + " to " + a.of(hi)
}

// levelText writes a level of confidence: "95 %".
func levelText(level float64) string {
	if !(level > 0 && level < 1) {
		return "" // not known
	}
	return strconv.FormatFloat(math.Round(level*1e4)/100, 'f', -1, 64) + " %"
}

// ci names the interval: "95 % CI".
func ci(level float64) string { return strings.TrimSpace(levelText(level) + " CI") }

// measureUnit is the unit of a model's means, as it is printed; "" for a
// ratio.
func measureUnit(f *crossover.RegionFit) string {
	if f.Measure == crossover.Relative {
		return ""
	}
	return cbfUnit(strings.TrimSpace(f.Units))
}

// measureName names a measure in words, as in the middle of a sentence.
func measureName(m crossover.Measure) string {
	switch m {
	case crossover.Absolute:
		return "CBF"
	case crossover.Relative:
		return "relative CBF"
	case crossover.GlobalAdjusted:
		return "CBF adjusted for global CBF"
	}
	return string(m)
}

// measureHeading names a measure as the heading of its part.
func measureHeading(m crossover.Measure) string {
	switch m {
	case crossover.Absolute:
		return "Absolute CBF"
	case crossover.Relative:
		return "Relative CBF (regional divided by global CBF of the same scan)"
	case crossover.GlobalAdjusted:
		return "CBF adjusted for global CBF (a covariate)"
	}
	return capital(string(m))
}

// axisName is the label of an axis of values.
func axisName(what string, unit string) string {
	if unit == "" {
		return what
	}
	return what + ", " + unit
}

func finite(n crossover.Number) bool {
	return !math.IsNaN(float64(n)) && !math.IsInf(float64(n), 0)
}

// effectKind parts the name of a standard contrast from what it concerns:
// "phase:placebo" is a "phase" of "placebo".
func effectKind(name string) (kind, of string) {
	kind, of, _ = strings.Cut(name, ":")
	return kind, of
}
