package pipeline

import (
	"math"
	"slices"
	"strings"

	"phasl/report"
)

// methodsRecord is what the quality file keeps of how a scan was acquired and
// processed, so that the group's report can tell it without the raw data. What
// is not known is zero, as [report.Info] has it; JSON has no NaN.
func methodsRecord(info report.Info) report.Info {
	zero := func(x *float64) {
		if math.IsNaN(*x) || math.IsInf(*x, 0) {
			*x = 0
		}
	}
	for _, x := range []*float64{&info.Field, &info.Tau, &info.M0TR, &info.Coverage, &info.VoxelSize[0], &info.VoxelSize[1], &info.VoxelSize[2]} {
		zero(x)
	}
	info.PLD = slices.DeleteFunc(slices.Clone(info.PLD), math.IsNaN)
	info.Constants = slices.DeleteFunc(slices.Clone(info.Constants), func(c report.Constant) bool { return math.IsNaN(c.Value) || math.IsInf(c.Value, 0) })
	// How many pairs were left out of this scan is no matter of method.
	info.Outliers, _, _ = strings.Cut(info.Outliers, " (")
	return info
}

// methods gathers the kinds of scan in the analysis, from their quality files.
func (g *group) methods() []report.Info {
	var alike kinds
	for _, s := range g.trial.Used() {
		d := g.of(s)
		if d == nil || d.methods == nil {
			continue
		}
		info := *d.methods
		info.Software = "phasl " + g.c.Version
		alike.add(info, s.Subject)
	}
	return alike.list
}
