package atlas

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"phasl/diag"
)

// A Region is one label of an atlas, or several joined into one.
type Region struct {
	Name       string     `json:"name"`
	Hemisphere Hemisphere `json:"hemisphere,omitempty"`
	Labels     []int      `json:"labels"` // indices, ascending, each once
}

// Regions returns every label as a region, in order of index.
func (a *Atlas) Regions() []Region {
	out := make([]Region, len(a.Labels))
	for i, l := range a.Labels {
		out[i] = Region{Name: l.Name, Hemisphere: l.Hemisphere, Labels: []int{l.Index}}
	}
	return out
}

// anteriorCingulate says how the parts of the anterior cingulate cortex are
// called here and, without their hemisphere, in the atlases.
var anteriorCingulate = []struct {
	name  string
	stems []string
}{
	{"sgACC", []string{"sgACC", "ACC_sub"}}, // subgenual
	{"pgACC", []string{"pgACC", "ACC_pre"}}, // pregenual
	{"dACC", []string{"dACC", "ACC_sup"}},   // dorsal, supracallosal
}

// DefaultJoins returns the regions a trial on the anterior cingulate asks for,
// as far as the atlas has their parts by name: sgACC, pgACC and dACC, each
// from its left and right label, and each half under the common name. AAL3
// calls them ACC_sub, ACC_pre and ACC_sup. A name the atlas itself has is not
// given again.
func (a *Atlas) DefaultJoins() []Region {
	var out []Region
	taken := map[string]bool{}
	for _, l := range a.Labels {
		taken[l.Name] = true
	}
	for _, part := range anteriorCingulate {
		var both []int
		sides := map[Hemisphere][]int{}
		for _, l := range a.Labels {
			stem, h := split(l.Name)
			if l.Hemisphere != "" {
				h = l.Hemisphere
			}
			if slices.Contains(part.stems, stem) && h != "" {
				both = append(both, l.Index)
				sides[h] = append(sides[h], l.Index)
			}
		}
		if len(sides[Left]) == 0 || len(sides[Right]) == 0 {
			continue
		}
		for _, r := range []Region{
			{Name: part.name, Labels: both},
			{Name: part.name + "_L", Hemisphere: Left, Labels: sides[Left]},
			{Name: part.name + "_R", Hemisphere: Right, Labels: sides[Right]},
		} {
			if !taken[r.Name] {
				out = append(out, r)
			}
		}
	}
	return out
}

// Join returns the region made of the labels named by parts: names (or, if no
// label has such a name, abbreviations or indices) of labels. file and field
// say in messages where the join was asked for; the region is of use only if
// the list holds no error.
func (a *Atlas) Join(file, field, name string, parts []string) (Region, diag.List) {
	var list diag.List
	r := Region{Name: name}
	if name == "" {
		list.Errorf(file, field, "write name = label + label", "the region has no name")
	}
	if len(parts) == 0 {
		list.Errorf(file, field, "write name = label + label", "region %q is joined from nothing", clip(name))
	}
	for _, p := range parts {
		if l, ok := a.find(p); ok {
			r.Labels = append(r.Labels, l.Index)
			continue
		}
		fix := "use the names of the atlas's table"
		if near, ok := diag.Nearest(p, a.names()); ok {
			fix = fmt.Sprintf("did you mean %s?", near)
		}
		list.Errorf(file, field, fix, "region %q is joined from %q, which the atlas does not have", clip(name), clip(p))
	}
	slices.Sort(r.Labels)
	if u := slices.Compact(slices.Clone(r.Labels)); len(u) < len(r.Labels) {
		list.Warnf(file, field, "name every label once", "region %q names a label twice; it counts once", clip(name))
		r.Labels = u
	}
	for i, index := range r.Labels {
		h := a.label(index).Hemisphere
		if i == 0 {
			r.Hemisphere = h
		} else if r.Hemisphere != h {
			r.Hemisphere = ""
		}
	}
	return r, list
}

// ParseJoins reads joins written "name = label + label", one each, against the
// atlas's labels. Two joins of one name, and a join with the name of a label
// made of anything else, are errors. file and field say where they stand.
func (a *Atlas) ParseJoins(file, field string, specs []string) ([]Region, diag.List) {
	var out []Region
	var list diag.List
	seen := map[string]bool{}
	for _, s := range specs {
		name, parts, ok := strings.Cut(s, "=")
		name = strings.TrimSpace(name)
		if !ok {
			list.Errorf(file, field, "write name = label + label", "%q has no equals sign", clip(s))
			continue
		}
		var labels []string
		for p := range strings.SplitSeq(parts, "+") {
			if p = strings.TrimSpace(p); p != "" {
				labels = append(labels, p)
			}
		}
		r, l := a.Join(file, field, name, labels)
		list.Add(l...)
		if l.Err() != nil {
			continue
		}
		if seen[name] {
			list.Errorf(file, field, "rename one of them", "region %q is defined twice", clip(name))
			continue
		}
		seen[name] = true
		if same, ok := a.named(name); ok && !(len(r.Labels) == 1 && r.Labels[0] == same.Index) {
			list.Errorf(file, field, "choose another name", "region %q has the name of label %d but other contents", clip(name), same.Index)
			continue
		}
		out = append(out, r)
	}
	return out, list
}

// Merge returns the regions of all lists in order. Of regions with one name the
// last stands, at the place of the first: the user's join goes before the
// default one.
func Merge(lists ...[]Region) []Region {
	var out []Region
	at := map[string]int{}
	for _, l := range lists {
		for _, r := range l {
			if n, ok := at[r.Name]; ok {
				out[n] = r
				continue
			}
			at[r.Name] = len(out)
			out = append(out, r)
		}
	}
	return out
}

func (a *Atlas) named(name string) (Label, bool) {
	for _, l := range a.Labels {
		if l.Name == name {
			return l, true
		}
	}
	return Label{}, false
}

// find returns the label with the given name, else abbreviation, else index.
func (a *Atlas) find(s string) (Label, bool) {
	if l, ok := a.named(s); ok {
		return l, true
	}
	for _, l := range a.Labels {
		if s != "" && l.Abbreviation == s {
			return l, true
		}
	}
	if n, err := strconv.Atoi(s); err == nil {
		for _, l := range a.Labels {
			if l.Index == n {
				return l, true
			}
		}
	}
	return Label{}, false
}

func (a *Atlas) label(index int) Label {
	for _, l := range a.Labels {
		if l.Index == index {
			return l
		}
	}
	return Label{}
}

func (a *Atlas) names() []string {
	out := make([]string, len(a.Labels))
	for i, l := range a.Labels {
		out[i] = l.Name
	}
	return out
}
