package pipeline

import (
	"math"
	"reflect"
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
	var kinds []report.Info
	people := []map[string]bool{}
	outliers := []string{}
	for _, s := range g.trial.Used() {
		d := g.of(s)
		if d == nil || d.methods == nil {
			continue
		}
		info := *d.methods
		rule := info.Outliers
		info.Software, info.People, info.Scans, info.Outliers = "phasl "+g.c.Version, 0, 0, ""
		k := slices.IndexFunc(kinds, func(x report.Info) bool {
			x.Scans = 0
			return reflect.DeepEqual(x, info)
		})
		if k < 0 {
			k = len(kinds)
			kinds, people, outliers = append(kinds, info), append(people, map[string]bool{}), append(outliers, "")
		}
		kinds[k].Scans++
		people[k][s.Subject] = true
		if rule != "" {
			outliers[k] = rule
		}
	}
	for k := range kinds {
		kinds[k].People, kinds[k].Outliers = len(people[k]), outliers[k]
	}
	return kinds
}
