package report

import (
	"fmt"
	"html/template"
	"io"
	"math"

	"phasl/voxel"
)

// An Index is the small page over all participants of a dataset.
type Index struct {
	Title        string // "Perfusion reports: name of the dataset"
	Software     string
	Date         string // as it is to be printed; "" for none
	Summary      []string
	Participants []IndexEntry
	View         Convention
	Top          float64 // highest CBF of the colour scale; 0: chosen from the data
}

// An IndexEntry is one participant of an [Index].
type IndexEntry struct {
	ID      string
	Href    string // address of the page, relative to the index
	Summary string
	Scans   []IndexScan
}

// An IndexScan is one scan of an [IndexEntry].
type IndexScan struct {
	Name   string
	CBF    *voxel.Image // its middle slices are drawn; nil: none
	Mask   *voxel.Mask  // on the grid of CBF, or nil
	GM     float64      // grey-matter CBF; NaN: none
	Unit   string       // of CBF; "" is mL/100 g/min
	Flags  int          // flags raised
	Severe bool         // one of them forbids use
	Failed string       // why there is no result
}

type indexView struct {
	head
	Date, Software string
	Lines          []string
	Rows           []indexRow
	Chart          template.HTML
	Scale          string
}

type indexRow struct {
	ID, Href, Summary string
	State             tag
	Scans             []thumbView
}

type thumbView struct {
	Name, Value, Flags string
	Drawing            template.HTML
}

// WriteIndex writes the page of x as HTML in UTF-8, deterministically. Every
// scan is a small picture through the middle of the brain, all on one colour
// scale. The error is the writer's.
func WriteIndex(w io.Writer, x *Index) error {
	v := &indexView{head: newHead(orText(x.Title, "Perfusion reports")), Date: x.Date, Software: x.Software, Lines: x.Summary}
	scans, top := 0, 0.0
	for _, p := range x.Participants {
		for _, s := range p.Scans {
			if has(s.CBF) {
				scans++
				if cbfUnit(s.Unit) == CBFUnit {
					top = max(top, orZero(quantile(s.CBF.Data, inside(s.CBF, s.Mask), 0.985)))
				}
			}
		}
	}
	top = niceCeil(top)
	if x.Top > 0 {
		top = x.Top
	}
	if top == 1 { // relative perfusion only
		top = 100
	}
	limit := limits{pixels: min(12000, 1_200_000/max(scans, 1))}
	var id ids
	for _, p := range x.Participants {
		row := indexRow{ID: p.ID, Href: p.Href, Summary: p.Summary, State: indexState(p.Scans)}
		for _, s := range p.Scans {
			row.Scans = append(row.Scans, thumbnail(id.next(), s, top, x.View, limit))
		}
		v.Rows = append(v.Rows, row)
	}
	if scans > 0 {
		v.Scale = fmt.Sprintf("Absolute CBF: all pictures from 0 to %s %s, blue: negative; relative perfusion: each picture on its own scale.", exact(top), CBFUnit)
	}
	v.Chart = template.HTML(drawCohort(id.next(), x))
	return pages.ExecuteTemplate(w, "index", v)
}

func thumbnail(id string, s IndexScan, top float64, conv Convention, limit limits) thumbView {
	unit := cbfUnit(s.Unit)
	t := thumbView{Name: orText(s.Name, "ASL scan"), Value: "GM " + number(s.GM, 3) + " " + unit}
	switch {
	case s.Failed != "":
		t.Value, t.Flags = "", "no result: "+s.Failed
	case s.Flags > 0:
		t.Flags = plural(s.Flags, "flag", "flags")
	}
	if has(s.CBF) {
		if unit != CBFUnit {
			top = niceCeil(quantile(s.CBF.Data, inside(s.CBF, s.Mask), 0.985))
		}
		fig, _ := drawMosaic(id, picture{name: "CBF, " + t.Name, img: s.CBF, mask: fitMask(s.CBF, s.Mask), ramp: perfusion,
			window: window{0, top}, unit: unit, noBar: true, bare: true, signed: true},
			layout{width: 132, columns: 1, axials: 1}, lines{}, conv, limit)
		t.Drawing = template.HTML(fig)
	}
	return t
}

func indexState(scans []IndexScan) tag {
	flags, severe, failed := 0, false, 0
	for _, s := range scans {
		flags += s.Flags
		severe = severe || s.Severe
		if s.Failed != "" {
			failed++
		}
	}
	switch {
	case failed > 0:
		return tag{"bad", "✕", plural(failed, "scan without result", "scans without result")}
	case severe:
		return tag{"bad", "✕", "check before use"}
	case flags > 0:
		return tag{"warn", "!", plural(flags, "thing to look at", "things to look at")}
	case len(scans) == 0:
		return tag{"warn", "!", "no scan"}
	}
	return tag{"ok", "✓", "nothing flagged"}
}

// drawCohort plots grey-matter CBF of every scan in absolute units, one column
// a participant; "" with fewer than two scans to compare.
func drawCohort(id string, x *Index) string {
	n := len(x.Participants)
	var all []float64
	for _, p := range x.Participants {
		for _, s := range p.Scans {
			if cbfUnit(s.Unit) == CBFUnit && !math.IsNaN(s.GM) && s.Failed == "" {
				all = append(all, s.GM)
			}
		}
	}
	if n < 2 || n > 400 || len(all) < 2 {
		return ""
	}
	lo, hi := spanOf([]float64{0}, all)
	if minOf(all) >= 0 {
		lo = 0
	}
	var s svg
	s.open("chart", id, chartWidth, 230, "Grey-matter CBF of every scan", fmt.Sprintf("%d scans of %d participants, from %s to %s %s.", len(all), n, number(minOf(all), 3), number(hi, 3), CBFUnit))
	c := chart{svg: &s, x: axis{lo: -0.5, hi: float64(n) - 0.5, from: chartLeft, to: chartRight}, y: axis{lo: lo, hi: hi, from: 190, to: 26, label: "Grey-matter CBF, " + CBFUnit}}
	var ticks []float64
	for k := 0; k < n; k += max(1, (n+11)/12) {
		ticks = append(ticks, float64(k))
	}
	c.grid(ticks, func(v float64) string { return clip(x.Participants[int(v)].ID, 12) }, 5)
	for i, p := range x.Participants {
		for k, q := range p.Scans {
			if cbfUnit(q.Unit) != CBFUnit || math.IsNaN(q.GM) || math.IsInf(q.GM, 0) || q.Failed != "" {
				continue
			}
			shift := 0.5 * (float64(k+1)/float64(len(p.Scans)+1) - 0.5)
			series := 0
			if q.Flags > 0 {
				series = 1
			}
			c.mark(series, c.x.at(float64(i)+shift), c.y.at(q.GM), 4, `class="`+seriesClass("f", series)+`"`,
				fmt.Sprintf("%s, %s: %s %s", p.ID, q.Name, number(q.GM, 3), CBFUnit))
		}
	}
	c.key([]string{"nothing flagged", "flagged"})
	return s.close()
}
