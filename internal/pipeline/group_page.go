package pipeline

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"

	"phasl/crossover"
	"phasl/internal/atomicfile"
	"phasl/nifti"
	"phasl/report"
)

// page gathers what the report shows.
func (g *group) page() (*report.Group, error) {
	v := &report.Group{Title: g.res.Title, Dataset: datasetName(g.ds), Software: strings.TrimSpace("phasl " + g.c.Version),
		Results: g.res, Plan: g.plan, Space: g.src.space}
	pages := g.participantPages()
	for _, p := range g.trial.People {
		if href := pages[p.Subject]; href != "" {
			v.Pages = append(v.Pages, report.Link{Name: "sub-" + p.Subject, Href: href})
		}
	}
	for _, s := range g.trial.Scans {
		q := g.qualityOf(s)
		v.Quality = append(v.Quality, report.ScanQuality{Subject: s.Subject, Session: s.Session, Acq: s.Acq, Run: s.Run,
			Treatment: s.Treatment, Phase: s.Phase, Period: s.Period, GM: float64(q.GMCBF), FD: float64(q.FDMean), QEI: float64(q.QEI), TSNR: float64(q.TSNR),
			Excluded: s.Excluded, Href: pages[s.Subject]})
	}
	for _, f := range []report.Link{
		{Name: "everything, as JSON", Href: groupResults}, {Name: "contrasts", Href: "effects.tsv"}, {Name: "marginal means", Href: "means.tsv"},
		{Name: "tests of terms", Href: "anova.tsv"}, {Name: "variances", Href: "components.tsv"}, {Name: "attenuation", Href: "attenuation.tsv"},
		{Name: "values and residuals", Href: "data.tsv"}, {Name: "design", Href: "design.tsv"}, {Name: "participants' flow", Href: "flow.tsv"},
	} {
		v.Files = append(v.Files, f)
	}
	if g.plan.Text != nil {
		v.Files = append(v.Files, report.Link{Name: "plan", Href: groupPlanCopy})
	}
	if g.receptors != nil && g.receptors.view != nil {
		v.Receptors = g.receptors.view
		for _, f := range g.receptorTables() {
			v.Files = append(v.Files, report.Link{Name: strings.ReplaceAll(f.name, "_", " "), Href: f.name + ".tsv"})
		}
	}
	if g.maps == nil {
		return v, nil
	}
	m := g.maps
	if g.c.Template != "" {
		t1, _, err := nifti.ReadImage(g.c.Template)
		if err != nil {
			return nil, err
		}
		v.Template = t1
	} else {
		v.Template = m.mean
	}
	note := counted(m.scans, "scan", "scans")
	if f := g.plan.Maps.FWHM; f > 0 {
		note += ", smoothed by " + numbers([]float64{f}) + " mm"
	}
	for i, name := range m.contrasts {
		kind, _, _ := strings.Cut(name, ":")
		if kind != crossover.PhaseEffect && kind != crossover.Interaction {
			continue
		}
		v.Maps = append(v.Maps, report.EffectMap{Name: m.labels[i], Estimate: m.estimate[i], T: m.t[i], Unit: m.units, Note: note})
	}
	return v, nil
}

// participantPages finds the participants' pages beside the report.
func (g *group) participantPages() map[string]string {
	out := map[string]string{}
	for _, p := range g.trial.People {
		name := "sub-" + p.Subject + ".html"
		if _, err := os.Stat(filepath.Join(g.c.OutDir, name)); err == nil {
			out[p.Subject] = name
		}
	}
	return out
}

// linkReport puts a link to the group's report onto the page over the
// participants, if both are there.
func linkReport(out string) error {
	path := filepath.Join(out, "index.html")
	page, err := os.ReadFile(path)
	if err != nil {
		return nil // another program's results have no such page
	}
	link := []byte(`<p class="lead"><a href="` + groupPage + `">Report of the whole trial</a></p>`)
	if _, err := os.Stat(filepath.Join(out, groupPage)); err != nil || bytes.Contains(page, link) {
		return nil
	}
	at := bytes.Index(page, []byte("</header>"))
	if at < 0 {
		return nil
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		_, err := w.Write(bytes.Join([][]byte{page[:at], link, page[at:]}, nil))
		return err
	})
}
