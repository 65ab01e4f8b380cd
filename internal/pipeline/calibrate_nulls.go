package pipeline

import (
	"context"
	"fmt"
	"math"
	"strings"

	"phasl/nullmap"
)

// NullsCalibration says which nulls are tried on which simulated maps.
type NullsCalibration struct {
	Places     []int     // sizes of layouts drawn by formula
	Coords     string    // or a table of coordinates, as one layout
	Slopes     []float64 // spectral slopes of the fields
	Symmetries []float64 // shares of covariance with the mirrored place
	Options    nullmap.CalibrationOptions
}

// CalibrateNulls simulates pairs of maps and counts false positives and power of
// each null. progress may be nil.
func CalibrateNulls(ctx context.Context, c NullsCalibration, progress func(Event)) ([]nullmap.Calibrated, error) {
	var layouts []nullmap.Layout
	if c.Coords != "" {
		t, err := readColumns(c.Coords)
		if err != nil {
			return nil, err
		}
		p, err := readPoints(c.Coords, len(t.v[0]))
		if err != nil {
			return nil, err
		}
		layouts = append(layouts, nullmap.LayoutOf(p, nil))
	} else {
		for _, n := range c.Places {
			layouts = append(layouts, nullmap.NewLayout(n))
		}
	}
	var fields []nullmap.PowerLaw
	for _, s := range c.Symmetries {
		for _, a := range c.Slopes {
			fields = append(fields, nullmap.PowerLaw{Alpha: a, Symmetry: s})
		}
	}
	var out []nullmap.Calibrated
	for i, layout := range layouts {
		o := c.Options
		o.Stop = ctx.Err
		o.Progress = func(what string, done float64) {
			if progress != nil {
				progress(Event{Unit: fmt.Sprintf("%d places", len(layout.Coords)), Step: what, Done: i, Total: len(layouts), StepsDone: done})
			}
		}
		r, err := nullmap.Calibrate(layout, fields, o)
		if err != nil {
			return nil, err
		}
		out = append(out, r...)
	}
	return out, nil
}

// NullsFigure draws false positives against the spectral slope, a panel for each
// number of places and symmetry, as SVG.
func NullsFigure(res []nullmap.Calibrated) string {
	type panel struct {
		n        int
		symmetry float64
	}
	var panels []panel
	var tests []string
	var most float64
	seen, named := map[panel]bool{}, map[string]bool{}
	top := 0.2
	for _, r := range res {
		p := panel{r.N, r.Symmetry}
		if !seen[p] {
			seen[p], panels = true, append(panels, p)
		}
		if !named[r.Test] {
			named[r.Test], tests = true, append(tests, r.Test)
		}
		most = math.Max(most, r.Alpha)
		if r.Test != nullmap.Naive {
			top = math.Max(top, math.Min(0.4, r.False.Share*1.05))
		}
	}
	if most == 0 {
		most = 1
	}
	const w, h, left, upper, gap = 250.0, 210.0, 46.0, 34.0, 56.0
	cols := min(2, len(panels))
	rows := (len(panels) + cols - 1) / cols
	width, height := left+float64(cols)*(w+gap)+110, upper+float64(rows)*(h+gap)+8
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" font-family="sans-serif" font-size="11">`+"\n", width, height)
	fmt.Fprintf(&b, `<title>False positives of nulls against the spectral slope</title><rect width="%.0f" height="%.0f" fill="#fff"/>`+"\n", width, height)
	colours := []string{"#999999", "#e69f00", "#56b4e9", "#cc79a7", "#8c6bb1", "#b2df8a", "#d55e00", "#009e73", "#000000"}
	colour := func(test string) string {
		for i, t := range nullmap.CalibrationTests() {
			if t == test {
				return colours[i%len(colours)]
			}
		}
		return "#000"
	}
	for k, p := range panels {
		x0, y0 := left+float64(k%cols)*(w+gap), upper+float64(k/cols)*(h+gap)
		at := func(a, share float64) (x, y float64) {
			return x0 + a/most*w, y0 + h*(1-math.Min(share, top)/top)
		}
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" font-weight="bold">%d places, symmetry %g</text>`+"\n", x0, y0-10, p.n, p.symmetry)
		for q := 0.0; q <= top+1e-9; q += 0.05 {
			_, y := at(0, q)
			stroke := "#ddd"
			if math.Abs(q-0.05) < 1e-9 {
				stroke = "#c00"
			}
			fmt.Fprintf(&b, `<path d="M%.1f %.1fH%.1f" stroke="%s"/><text x="%.1f" y="%.1f" text-anchor="end">%.0f %%</text>`+"\n", x0, y, x0+w, stroke, x0-5, y+4, 100*q)
		}
		for a := 0.0; a <= most+1e-9; a++ {
			x, _ := at(a, 0)
			fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="middle">%g</text>`+"\n", x, y0+h+15, a)
		}
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="middle">spectral slope</text>`+"\n", x0+w/2, y0+h+30)
		for _, t := range tests {
			var d strings.Builder
			pen := "M"
			for _, r := range res {
				if r.Test == t && r.N == p.n && r.Symmetry == p.symmetry {
					x, y := at(r.Alpha, r.False.Share)
					fmt.Fprintf(&d, "%s%.1f %.1f", pen, x, y)
					pen = "L"
				}
			}
			stroke := 1.3
			if t == string(nullmap.GP) {
				stroke = 2.6
			}
			fmt.Fprintf(&b, `<path d="%s" fill="none" stroke="%s" stroke-width="%.1f"><title>%s</title></path>`+"\n", d.String(), colour(t), stroke, t)
		}
	}
	for i, t := range tests {
		x, y := left+float64(cols)*(w+gap)-20, upper+float64(i)*17
		fmt.Fprintf(&b, `<path d="M%.1f %.1fh18" stroke="%s" stroke-width="2.4"/><text x="%.1f" y="%.1f">%s</text>`+"\n", x, y, colour(t), x+23, y+4, t)
	}
	b.WriteString("</svg>\n")
	return b.String()
}
