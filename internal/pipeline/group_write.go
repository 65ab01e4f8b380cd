package pipeline

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"phasl/bids"
	"phasl/crossover"
	"phasl/diag"
	"phasl/internal/atomicfile"
	"phasl/nifti"
	"phasl/report"
	"phasl/voxel"
)

// Names of what the group level writes.
const (
	groupPage     = "report.html"
	groupResults  = "results.json"
	groupPlanCopy = "plan.toml"
	groupFolder   = "group" // of the maps
)

// A stage is a folder where the files of one analysis are made before they
// take their places together, so that none of them is seen before all are
// there.
type stage struct {
	out   string
	dir   string
	names []string // relative, with slashes
}

// stageDir and ledger lie in the output folder's own corner.
func newStage(out string) (*stage, error) {
	s := &stage{out: out, dir: filepath.Join(out, ".phasl", "group.new")}
	if err := os.RemoveAll(s.dir); err != nil { // what a killed run left
		return nil, err
	}
	return s, nil
}

// path returns where the file of that name is to be made.
func (s *stage) path(name string) string {
	s.names = append(s.names, name)
	return filepath.Join(s.dir, filepath.FromSlash(name))
}

// table makes a table and its data dictionary.
func (s *stage) table(name string, columns []bids.Column, rows [][]string) error {
	path := s.path(name + ".tsv")
	s.path(name + ".json")
	for _, r := range rows {
		for i, cell := range r {
			if strings.ContainsAny(cell, "\t\r\n") {
				r[i] = strings.Join(strings.Fields(cell), " ")
			}
		}
	}
	return bids.WriteTable(path, columns, rows)
}

// image makes an image and its sidecar.
func (s *stage) image(name string, m *voxel.Image, meta map[string]any) error {
	if err := nifti.WriteImage(s.path(name+".nii.gz"), m, nifti.Options{Space: nifti.SpaceTemplate}); err != nil {
		return err
	}
	return bids.WriteJSON(s.path(name+".json"), meta)
}

// A manifest lists the files of the last analysis, so that the next can
// remove those it does not replace.
type manifest struct {
	Files []string `json:"files"`
}

// commit puts the files in their places and removes those of an earlier
// analysis that this one did not make. While that lasts the manifest lists
// both, so that a run after a kill finds them all.
func (s *stage) commit() error {
	list := filepath.Join(s.out, ".phasl", "group.json")
	var old manifest
	if b, err := os.ReadFile(list); err == nil {
		json.Unmarshal(b, &old) // a damaged list is an empty one
	}
	slices.Sort(s.names)
	both := append(slices.Clone(s.names), old.Files...)
	slices.Sort(both)
	if err := bids.WriteJSON(list, manifest{slices.Compact(both)}); err != nil {
		return err
	}
	for _, name := range s.names {
		to := filepath.Join(s.out, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(s.dir, filepath.FromSlash(name)), to); err != nil {
			return err
		}
	}
	for _, name := range old.Files {
		if slices.Contains(s.names, name) || !filepath.IsLocal(filepath.FromSlash(name)) {
			continue
		}
		if err := os.Remove(filepath.Join(s.out, filepath.FromSlash(name))); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	os.Remove(filepath.Join(s.out, groupFolder)) // if nothing is left in it
	if err := bids.WriteJSON(list, manifest{s.names}); err != nil {
		return err
	}
	return os.RemoveAll(s.dir)
}

// write makes all files and puts them in place.
func (g *group) write() (*GroupResult, error) {
	g.step(stepReport, "write tables", 0)
	if g.c.Warn != nil {
		if w := g.l.Warnings(); len(w) > 0 {
			g.c.Warn(w)
		}
	}
	g.res.Problems = append(diag.List{}, g.l.Warnings()...) // those of tables and results too
	c := Config{OutDir: g.c.OutDir, Version: g.c.Version}
	if err := c.writable(); err != nil {
		return nil, err
	}
	inputs, err := g.inputs()
	if err != nil {
		return nil, err
	}
	if l := g.replaced(); l.Err() != nil {
		return nil, l
	}
	s, err := newStage(g.c.OutDir)
	if err != nil {
		return nil, err
	}
	for _, t := range g.tables() {
		if err := s.table(t.name, t.columns, t.rows); err != nil {
			return nil, err
		}
	}
	g.step(stepReport, "write maps", 0.1)
	if err := g.writeMaps(s); err != nil {
		return nil, err
	}
	if g.plan.Text != nil {
		err := atomicfile.Write(s.path(groupPlanCopy), func(w io.Writer) error {
			_, err := w.Write(g.plan.Text)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	results, page := s.path(groupResults), s.path(groupPage)
	rec := GroupRecord{Software: Software{"phasl", g.c.Version}, Source: g.sourceRecord(), Inputs: inputs, Files: slices.Sorted(slices.Values(s.names)), Results: g.res}
	if g.receptors != nil {
		rec.Receptors = g.receptors.record
	}
	if err := bids.WriteJSON(results, rec); err != nil {
		return nil, err
	}
	g.step(stepReport, "write the report", 0.3)
	view, err := g.page()
	if err != nil {
		return nil, err
	}
	view.Methods, view.References = report.GroupMethods(view, g.methods()...)
	if err := atomicfile.Write(page, func(w io.Writer) error { return report.WriteGroup(w, view) }); err != nil {
		return nil, err
	}
	if err := g.ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.commit(); err != nil {
		return nil, err
	}
	if err := g.describe(); err != nil {
		return nil, err
	}
	if err := linkReport(g.c.OutDir); err != nil {
		return nil, err
	}
	if err := sweep(filepath.Join(g.c.OutDir, ".phasl"), g.started); err != nil {
		return nil, err
	}
	return &GroupResult{Output: g.c.OutDir, Report: groupPage, GroupRecord: rec}, sweepTop(g.c.OutDir, g.started)
}

// replaced names the inputs that the results would take the place of.
func (g *group) replaced() diag.List {
	var l diag.List
	names := []string{groupPage, groupResults}
	for _, t := range g.tables() {
		names = append(names, t.name+".tsv", t.name+".json")
	}
	for _, in := range g.beside() {
		for _, n := range names {
			if to := filepath.Join(g.c.OutDir, n); sameFile(in[1], to) {
				l.Errorf(in[1], "OUT_DIR", "write to another folder, or rename the file", "the results would replace this %s", in[0])
			}
		}
	}
	return l
}

// sameFile tells whether two paths lead to one file or folder that is there.
func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// describe writes dataset_description.json where the participant level has
// not: the results are then those of another folder.
func (g *group) describe() error {
	if _, err := os.Stat(filepath.Join(g.c.OutDir, "dataset_description.json")); err == nil {
		return nil
	}
	c := Config{OutDir: g.c.OutDir, Version: g.c.Version}
	return c.describe(g.c.BIDSDir)
}

// writeMaps makes the group's images.
func (g *group) writeMaps(s *stage) error {
	m := g.maps
	if m == nil {
		return nil
	}
	space := m.spaceName(g)
	base := func(of string, contrast string) map[string]any {
		meta := map[string]any{"Description": of, "SpatialReference": space, "Measure": string(m.measure), "Scans": m.scans, "SmoothingFWHM": g.plan.Maps.FWHM, "PlanSHA256": g.res.Plan.SHA256}
		if len(m.notes) > 0 {
			meta["Notes"] = m.notes
		}
		if contrast != "" {
			meta["Contrast"], meta["Model"], meta["DegreesOfFreedom"] = contrast, m.formula, g.plan.Model.DDF
			meta["Corrected"] = "not over voxels"
		}
		return meta
	}
	name := func(parts ...string) string {
		return groupFolder + "/" + strings.Join(append([]string{"space-" + bids.Alphanumeric(space)}, parts...), "_")
	}
	for i, contrast := range m.contrasts {
		desc := "desc-" + descLabel(contrast)
		for _, stat := range []struct {
			label, of, units string
			img              *voxel.Image
		}{
			{"effect", "Estimate of the contrast: " + m.labels[i], m.units, m.estimate[i]},
			{"se", "Standard error of the estimate", m.units, m.se[i]},
			{"t", "t statistic", "1", m.t[i]},
			{"p", "Two-sided p-value", "1", m.p[i]},
		} {
			meta := base(stat.of, contrast)
			meta["Units"] = stat.units
			if err := s.image(name(desc, "stat-"+stat.label, "map"), stat.img, meta); err != nil {
				return err
			}
		}
	}
	meta := base("Scans with a value, where the model was fitted", "")
	meta["Units"] = "1"
	if err := s.image(name("desc-scans", "count"), m.nobs, meta); err != nil {
		return err
	}
	meta = base("Mean CBF of all scans of the analysis, unsmoothed", "")
	meta["Units"] = g.src.scans[0].units
	return s.image(name("desc-mean", "cbf"), m.mean, meta)
}

func (m *groupMaps) spaceName(g *group) string {
	if g.src.space != "" {
		return g.src.space
	}
	return "template"
}

// descLabel makes a BIDS label of a contrast's name: "phase:placebo" becomes
// "phasePlacebo".
func descLabel(contrast string) string {
	words := strings.FieldsFunc(contrast, func(r rune) bool { return r == ':' || r == '_' || r == ' ' || r == '-' })
	for i, w := range words {
		if i > 0 {
			w = strings.ToUpper(w[:1]) + w[1:]
		}
		words[i] = bids.Alphanumeric(w)
	}
	return strings.Join(words, "")
}

// A groupTable is one table of the group level.
type groupTable struct {
	name    string
	columns []bids.Column
	rows    [][]string
}

func num(n crossover.Number) string { return bids.FormatNumber(float64(n)) }

func yesNo(b bool) string {
	if b {
		return "true"
	}
	return "false"
}
