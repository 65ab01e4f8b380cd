package pipeline

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"phasl/atlas"
	"phasl/bids"
	"phasl/crossover"
	"phasl/diag"
	"phasl/internal/par"
	"phasl/nifti"
	"phasl/receptor"
	"phasl/voxel"
)

// A PanelFiles is where a panel of density maps lies.
type PanelFiles struct {
	Maps    []string // NIfTI files
	Table   string   // table that describes them; "" if there is none
	Sources []receptor.Source
}

// panelTable is the usual name of a panel's table.
const panelTable = "receptors.tsv"

// FindPanel returns the density maps named by paths, each a NIfTI file or a
// folder of them, and the table that describes them: the one file of paths that
// is a table, or receptors.tsv in a folder or beside the files. Rows of a table
// that lies beside single files are of those files alone.
//
// One text may hold several paths, a line each, as "phasl assets path panel"
// prints them.
func FindPanel(paths []string) (*PanelFiles, diag.List) {
	var l diag.List
	p := &PanelFiles{}
	folders, beside := false, ""
	var each []string
	for _, path := range paths {
		each = append(each, strings.FieldsFunc(path, func(c rune) bool { return c == '\n' || c == '\r' })...)
	}
	for _, path := range each {
		st, err := os.Stat(path)
		switch {
		case err != nil:
			l.Errorf(path, "", "check the path", "it cannot be read: %s", rootCause(err))
		case st.IsDir():
			folders = true
			found, err := os.ReadDir(path)
			if err != nil {
				l.Errorf(path, "", "check the path", "it cannot be read: %s", rootCause(err))
				continue
			}
			n := len(p.Maps)
			for _, e := range found { // in order of name
				if isNIfTI(e.Name()) && !e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
					p.Maps = append(p.Maps, filepath.Join(path, e.Name()))
				}
			}
			if len(p.Maps) == n {
				l.Errorf(path, "", "give a folder of density maps", "the folder holds no NIfTI image")
			}
			beside = filepath.Join(path, panelTable)
		case isNIfTI(path):
			p.Maps = append(p.Maps, path)
			if beside == "" {
				beside = filepath.Join(filepath.Dir(path), panelTable)
			}
		case p.Table != "":
			l.Errorf(path, "", "give one table", "%s is the panel's table already", p.Table)
		default:
			p.Table = path
		}
	}
	if p.Table == "" && beside != "" {
		if st, err := os.Stat(beside); err == nil && st.Mode().IsRegular() {
			p.Table = beside
		}
	}
	if p.Table == "" || l.Err() != nil {
		return p, l
	}
	t, tl := bids.ReadTable(p.Table)
	l.Add(tl...)
	if t == nil || tl.Err() != nil {
		return p, l
	}
	s, sl := receptor.ReadSources(atlas.Table{File: p.Table, Header: t.Columns, Rows: t.Rows})
	l.Add(sl...)
	if !folders {
		given := map[string]bool{}
		for _, m := range p.Maps {
			given[filepath.Base(m)] = true
		}
		s = slices.DeleteFunc(s, func(x receptor.Source) bool { return !given[x.File] })
	}
	p.Sources = s
	return p, l
}

func isNIfTI(name string) bool {
	n := strings.ToLower(name)
	return strings.HasSuffix(n, ".nii") || strings.HasSuffix(n, ".nii.gz")
}

func rootCause(err error) string {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err.Error()
	}
	return err.Error()
}

// Keep leaves of the panel only the maps of some targets, or files, in their
// order; nil: all. Targets that are not there are one error, of file and field,
// that says where the panel's targets are from.
func (p *PanelFiles) Keep(targets []string, file, field string) diag.List {
	var l diag.List
	if len(targets) == 0 {
		return l
	}
	missing := p.choose(targets)
	if len(missing) == 0 {
		p.keep(targets)
		return l
	}
	names := p.Targets()
	from := "their table " + p.Table + " names them so"
	if p.Table == "" {
		from = "there is no table " + panelTable + " beside the maps, so that they are called by their files"
	}
	fix := "give a panel with maps of them"
	if len(names) > 0 {
		fix = "choose from " + strings.Join(names, ", ") + " (" + from + ")"
		if near, ok := diag.Nearest(missing[0], names); ok && len(missing) == 1 {
			fix = "did you mean " + near + "? There are " + strings.Join(names, ", ") + " (" + from + ")"
		}
	}
	quoted := make([]string, len(missing))
	for i, t := range missing {
		quoted[i] = strconv.Quote(t)
	}
	found := "the panel has no target " + strings.Join(quoted, ", ")
	if lost := p.lost(); len(lost) > 0 {
		found += "; the table has rows of files that are not there: " + diag.Few(lost, 8)
	}
	l.Errorf(file, field, fix, "%s", found)
	return l
}

// lost are the files of the table, with their targets, of which there is no map.
func (p *PanelFiles) lost() []string {
	var out []string
	for _, s := range p.Sources {
		if !slices.ContainsFunc(p.Maps, func(m string) bool { return filepath.Base(m) == s.File || mapStem(m) == mapStem(s.File) }) {
			out = append(out, s.File+" ("+s.Target+")")
		}
	}
	return out
}

// forPlan leaves the maps of the plan's targets. A plan that asks for receptors
// has its targets there; where the defaults hold, those of them that are there
// are taken, and all maps if none is.
func (p *PanelFiles) forPlan(plan *crossover.ReceptorPlan, file string) diag.List {
	if plan.Asked {
		return p.Keep(plan.Panel, file, "receptors.panel")
	}
	missing := p.choose(plan.Panel)
	if there := slices.DeleteFunc(slices.Clone(plan.Panel), func(t string) bool { return slices.Contains(missing, t) }); len(there) > 0 {
		p.keep(there)
	}
	return nil
}

// Targets are the names of the panel's targets, each once, in the order of its
// maps.
func (p *PanelFiles) Targets() []string {
	var out []string
	for _, m := range p.Maps {
		if t := p.target(m); !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

// target is what a map is of: as the table says, else its file's name.
func (p *PanelFiles) target(m string) string {
	for _, s := range p.Sources {
		if s.File == filepath.Base(m) && s.Target != "" {
			return s.Target
		}
	}
	return mapStem(m)
}

func mapStem(file string) string {
	return strings.TrimSuffix(strings.TrimSuffix(filepath.Base(file), ".gz"), ".nii")
}

// named tells whether a target that somebody wrote means a map.
func (p *PanelFiles) named(target, m string) bool {
	return receptor.SameTarget(target, p.target(m)) || strings.EqualFold(target, filepath.Base(m)) || strings.EqualFold(target, mapStem(m))
}

// choose returns the targets that no map is of.
func (p *PanelFiles) choose(targets []string) (missing []string) {
	for _, t := range targets {
		if !slices.ContainsFunc(p.Maps, func(m string) bool { return p.named(t, m) }) {
			missing = append(missing, t)
		}
	}
	return missing
}

// keep leaves the maps of targets, in their order.
func (p *PanelFiles) keep(targets []string) {
	var maps []string
	for _, t := range targets {
		for _, m := range p.Maps {
			if p.named(t, m) && !slices.Contains(maps, m) {
				maps = append(maps, m)
			}
		}
	}
	p.Maps = maps
	p.Sources = slices.DeleteFunc(slices.Clone(p.Sources), func(s receptor.Source) bool {
		return !slices.ContainsFunc(maps, func(m string) bool { return filepath.Base(m) == s.File })
	})
}

// ReadParcels reads an atlas, its label table ("": one found beside it, or none)
// and a grey-matter image ("": none).
func ReadParcels(atlasFile, labels, grey string, o receptor.ParcelOptions) (*receptor.Parcels, diag.List) {
	var l diag.List
	img, err := readMap(atlasFile)
	addError(&l, atlasFile, err)
	if labels == "" {
		labels = labelsBeside(atlasFile)
	}
	var t atlas.Table
	if labels == "" {
		l.Warnf(atlasFile, "--labels", "give the label table with --labels FILE", "no label table was found beside the atlas; regions are called label_N")
	} else {
		t, err = readLabels(labels)
		addError(&l, labels, err)
	}
	var gm *voxel.Image
	if grey != "" {
		gm, err = readMap(grey)
		addError(&l, grey, err)
	}
	if l.Err() != nil {
		return nil, l
	}
	a, al := atlas.New(img, atlasFile, t)
	if labels == "" {
		al = al.Errors() // that labels have no names was said
	}
	l.Add(al...)
	if l.Err() != nil {
		return nil, l
	}
	if len(a.Labels) < receptor.Fewest {
		l.Errorf(atlasFile, "", "use a finer parcellation", "it has %d regions; at least %d are needed", len(a.Labels), receptor.Fewest)
		return nil, l
	}
	if gm != nil {
		scaleGrey(gm, grey, &l)
	}
	return receptor.NewParcels(atlasFile, a, gm, o), l
}

// scaleGrey brings grey-matter images in percent or in bytes to fractions.
func scaleGrey(gm *voxel.Image, file string, l *diag.List) {
	var top float32
	for _, v := range gm.Data {
		if v-v == 0 {
			top = max(top, v)
		}
	}
	if top <= 1.05 {
		return
	}
	full := float32(255)
	if top <= 100 {
		full = 100
	}
	l.Warnf(file, "", "give fractions from 0 to 1 if that is wrong", "its values go up to %g and are divided by %g", top, full)
	for n := range gm.Data {
		gm.Data[n] /= full
	}
}

// ReadMap reads an image and measures it in parcels, with everything that is
// wrong with it.
func ReadMap(file string, p *receptor.Parcels, kind receptor.Kind) (receptor.Map, *receptor.Coverage, diag.List) {
	var l diag.List
	img, err := readMap(file)
	addError(&l, file, err)
	if l.Err() != nil {
		return receptor.Map{}, nil, l
	}
	c, cl := p.Examine(file, img, kind)
	l.Add(cl...)
	if l.Err() != nil {
		return receptor.Map{}, nil, l
	}
	return receptor.Map{File: file, Values: c.Values}, c, l
}

// readMap reads an image whose grid is of use.
func readMap(file string) (*voxel.Image, error) {
	img, _, err := nifti.ReadImage(file)
	return img, err
}

// addError adds an error of reading file to l.
func addError(l *diag.List, file string, err error) {
	if err := l.Collect(err); err != nil {
		l.Add(&diag.Problem{File: file, Found: "it cannot be read: " + rootCause(err), Fix: "check the path", Err: err})
	}
}

// ReadPanel measures the maps of a panel in parcels and joins them with their
// table. A map with a fault is an error; all faults are found.
func ReadPanel(f *PanelFiles, p *receptor.Parcels) ([]receptor.Density, diag.List) {
	maps := make([]receptor.Column, len(f.Maps))
	coverage := make([]*receptor.Coverage, len(f.Maps))
	faults := make([]diag.List, len(f.Maps))
	// Two at a time at most: each holds the map on the atlas's grid.
	par.Do(min(2, par.Workers(p.Workers)), len(f.Maps), func(i int) {
		var m receptor.Map
		m, coverage[i], faults[i] = ReadMap(f.Maps[i], p, receptor.DensityMap)
		maps[i] = receptor.Column{File: f.Maps[i], Values: m.Values}
	})
	var l diag.List
	for _, fl := range faults {
		l.Add(fl...)
	}
	if l.Err() != nil {
		return nil, l
	}
	names := p.Places(false).Names
	panel, pl := receptor.NewPanel(maps, f.Sources, f.Table, names)
	l.Add(pl...)
	if l.Err() != nil {
		return nil, l
	}
	for i := range panel { // NewPanel keeps the order of maps
		panel[i].Coverage = coverage[i]
	}
	l.Add(receptor.Cerebellum(panel, names)...)
	return panel, l
}
