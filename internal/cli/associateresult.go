package cli

import (
	"fmt"
	"math"
	"slices"

	"phasl/corr"
	"phasl/internal/pipeline"
)

// The JSON of an association. A number that does not exist is null.
type associationJSON struct {
	X           string   `json:"x"`
	Y           string   `json:"y"`
	Adjust      []string `json:"adjust"`
	Method      string   `json:"method"`
	SemiPartial string   `json:"semi_partial,omitempty"` // the variable the covariates were removed from
	Side        string   `json:"side"`
	Level       float64  `json:"level"`
	Kappa       float64  `json:"kappa"`
	Seed        uint64   `json:"seed"`
	Of          string   `json:"of"` // "rows", or with --by "means of people over levels"
	correlationJSON
	By         []levelJSON     `json:"by"`
	Difference *differenceJSON `json:"difference"`
	Missing    []missingJSON   `json:"missing"`
}

// A correlationJSON is one coefficient.
type correlationJSON struct {
	N             int             `json:"n"`
	R             pipeline.Number `json:"r"`
	Low           pipeline.Number `json:"ci_low"`
	High          pipeline.Number `json:"ci_high"`
	DF            pipeline.Number `json:"df"`
	T             pipeline.Number `json:"t"`
	P             pipeline.Number `json:"p"`
	PPartial      pipeline.Number `json:"p_partial"` // of a semi-partial correlation; else null
	PPermutation  pipeline.Number `json:"p_permutation"`
	Permutations  int             `json:"permutations"`
	Exact         bool            `json:"permutations_exact"` // every permutation was taken once
	BootstrapLow  pipeline.Number `json:"ci_bootstrap_low"`
	BootstrapHigh pipeline.Number `json:"ci_bootstrap_high"`
	BootstrapSE   pipeline.Number `json:"se_bootstrap"`
	BF01          pipeline.Number `json:"bf01"`
	Influence     []influenceJSON `json:"influence"`
	Reason        string          `json:"reason,omitempty"` // why r is null
	Notes         []string        `json:"notes"`
}

type influenceJSON struct {
	ID      string          `json:"id"`
	DR      pipeline.Number `json:"dr"`      // r without this person less r
	R       pipeline.Number `json:"r"`       // without this person
	P       pipeline.Number `json:"p"`       // without this person
	Cooks   pipeline.Number `json:"cooks"`   // of the regression of y on x and the covariates
	Flagged bool            `json:"flagged"` // cooks > 4/n
	Turns   bool            `json:"turns"`   // without this person p is on the other side of 1 − level
}

type levelJSON struct {
	Level string `json:"level"`
	correlationJSON
}

type differenceJSON struct {
	Levels        [2]string       `json:"levels"`
	N             int             `json:"n"` // people with both
	R1            pipeline.Number `json:"r1"`
	R2            pipeline.Number `json:"r2"`
	Delta         pipeline.Number `json:"delta"`
	Low           pipeline.Number `json:"ci_low"`
	High          pipeline.Number `json:"ci_high"`
	Z             pipeline.Number `json:"z"`
	P             pipeline.Number `json:"p"`
	PPermutation  pipeline.Number `json:"p_permutation"`
	Permutations  int             `json:"permutations"`
	Exact         bool            `json:"permutations_exact"`
	BootstrapLow  pipeline.Number `json:"ci_bootstrap_low"`
	BootstrapHigh pipeline.Number `json:"ci_bootstrap_high"`
	LeftOut       []string        `json:"left_out"` // people who lack a row or a value at one of the levels
	Reason        string          `json:"reason,omitempty"`
	Notes         []string        `json:"notes"`
}

// A missingJSON is a row that lacks a value; rows count from 1 below the
// header.
type missingJSON struct {
	Row     int      `json:"row"`
	ID      string   `json:"id"`
	Columns []string `json:"columns"`
}

// analyse computes everything that is reported.
func (c *associateCmd) analyse(t *associateTable) associationJSON {
	o := c.options()
	out := associationJSON{X: c.X, Y: c.Y, Adjust: c.Adjust, Method: c.Method, SemiPartial: c.SemiPartial, Side: c.Side, Level: c.Level, Kappa: c.Kappa, Seed: c.Seed,
		Of: "rows", By: []levelJSON{}, Missing: c.missing(t)}
	if out.Adjust == nil {
		out.Adjust = []string{}
	}
	if c.By == "" {
		rows := make([]int, len(t.x))
		names := make([]string, len(t.x))
		for i := range rows {
			rows[i], names[i] = i, t.name(i)
		}
		out.correlationJSON = correlation(corr.Correlate(t.data(rows), o), names)
		return out
	}
	ids, rows := t.people()
	var levels []corr.Data
	for _, level := range t.levels {
		d := t.data(rows[level])
		levels = append(levels, d)
		// People without a row at this level are not missing values of it.
		present, names := []int{}, []string{}
		for i, r := range rows[level] {
			if r >= 0 {
				present, names = append(present, r), append(names, ids[i])
			}
		}
		out.By = append(out.By, levelJSON{level, correlation(corr.Correlate(t.data(present), o), names)})
	}
	out.Of = "means of people over levels"
	out.correlationJSON = correlation(corr.Correlate(meanOf(levels), o), ids)
	if len(levels) != 2 {
		out.Notes = append(out.Notes, fmt.Sprintf("%s has %d levels: name the two to compare with --levels A,B", c.By, len(levels)))
		return out
	}
	if n := len(t.all) - 2; n > 0 {
		out.Notes = append(out.Notes, fmt.Sprintf("rows of %d other %s of %s are not used", n, plural(n, "level", "levels"), c.By))
	}
	d := difference([2]string(t.levels), corr.Compare(levels[0], levels[1], o), ids)
	out.Difference = &d
	return out
}

// meanOf returns each person's means over the levels, NaN for people who lack
// one.
func meanOf(levels []corr.Data) corr.Data {
	mean := func(of func(corr.Data) []float64) []float64 {
		out := make([]float64, len(levels[0].X))
		for _, d := range levels {
			for i, v := range of(d) {
				out[i] += v / float64(len(levels))
			}
		}
		return out
	}
	out := corr.Data{Names: levels[0].Names, X: mean(func(d corr.Data) []float64 { return d.X }), Y: mean(func(d corr.Data) []float64 { return d.Y })}
	for j := range levels[0].Covariates {
		out.Covariates = append(out.Covariates, mean(func(d corr.Data) []float64 { return d.Covariates[j] }))
	}
	return out
}

// name returns the id of a row, or its number if there are no ids.
func (t *associateTable) name(row int) string {
	if t.id[row] != "" {
		return t.id[row]
	}
	return fmt.Sprintf("row %d", row+1)
}

// missing lists the rows that lack a value.
func (c *associateCmd) missing(t *associateTable) []missingJSON {
	out := []missingJSON{}
	for i := range t.x {
		var cols []string
		add := func(lacking bool, name string) {
			if lacking && !slices.Contains(cols, name) {
				cols = append(cols, name)
			}
		}
		if c.By != "" {
			if t.by[i] != "" && !slices.Contains(t.levels, t.by[i]) {
				continue
			}
			add(t.by[i] == "", c.By)
		}
		add(math.IsNaN(t.x[i]), c.X)
		add(math.IsNaN(t.y[i]), c.Y)
		for _, a := range t.adjust {
			add(math.IsNaN(a.values[i]), a.column)
		}
		if cols != nil {
			out = append(out, missingJSON{i + 1, t.name(i), cols})
		}
	}
	return out
}

func correlation(r *corr.Result, names []string) correlationJSON {
	n := func(v float64) pipeline.Number { return pipeline.Number(v) }
	out := correlationJSON{N: r.N, R: n(r.R), Low: n(r.Low), High: n(r.High), DF: n(r.DF), T: n(r.T), P: n(r.P), PPartial: n(r.PPartial),
		PPermutation: n(r.Permutation.P), Permutations: r.Permutation.Draws, Exact: r.Permutation.Exact,
		BootstrapLow: n(r.Bootstrap.Low), BootstrapHigh: n(r.Bootstrap.High), BootstrapSE: n(r.Bootstrap.SE),
		BF01: n(r.BF01), Influence: []influenceJSON{}, Reason: r.Reason, Notes: append([]string{}, r.Notes...)}
	for _, f := range r.Influence {
		out.Influence = append(out.Influence, influenceJSON{names[f.Row], n(f.DR), n(f.R), n(f.P), n(f.Cooks), f.Flagged, f.Turns})
	}
	return out
}

func difference(levels [2]string, d *corr.Comparison, ids []string) differenceJSON {
	n := func(v float64) pipeline.Number { return pipeline.Number(v) }
	leftOut := []string{}
	for _, i := range d.Missing {
		leftOut = append(leftOut, ids[i])
	}
	return differenceJSON{LeftOut: leftOut, Levels: levels, N: d.N, R1: n(d.R1), R2: n(d.R2), Delta: n(d.Delta), Low: n(d.Low), High: n(d.High), Z: n(d.Z), P: n(d.P),
		PPermutation: n(d.Permutation.P), Permutations: d.Permutation.Draws, Exact: d.Permutation.Exact,
		BootstrapLow: n(d.Bootstrap.Low), BootstrapHigh: n(d.Bootstrap.High), Reason: d.Reason, Notes: append([]string{}, d.Notes...)}
}
