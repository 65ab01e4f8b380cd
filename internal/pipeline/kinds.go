package pipeline

import (
	"reflect"
	"slices"

	"phasl/report"
)

// kinds gathers scans that were acquired and processed alike: they share one
// methods text.
type kinds struct {
	list   []report.Info
	people []map[string]bool
}

// add counts a person's scan with its kind. Kinds differ in method, not in how
// many scans there are of them, nor in the rule for outlying pairs, which a
// scan of one pair has none of: the first scan that has one lends it.
func (k *kinds) add(info report.Info, subject string) {
	rule := info.Outliers
	// The file that stated a constant differs from scan to scan; its value counts.
	info.Constants = slices.Clone(info.Constants)
	for i := range info.Constants {
		if c := &info.Constants[i]; c.From != "default" {
			c.Source = ""
		}
	}
	info.People, info.Scans, info.Outliers = 0, 0, ""
	i := slices.IndexFunc(k.list, func(x report.Info) bool {
		x.People, x.Scans, x.Outliers = 0, 0, ""
		return reflect.DeepEqual(x, info)
	})
	if i < 0 {
		i = len(k.list)
		k.list, k.people = append(k.list, info), append(k.people, map[string]bool{})
	}
	x := &k.list[i]
	k.people[i][subject] = true
	x.Scans++
	x.People = len(k.people[i])
	if x.Outliers == "" {
		x.Outliers = rule
	}
}
