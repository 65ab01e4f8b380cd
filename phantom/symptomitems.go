package phantom

import (
	"math"
	"math/rand/v2"
	"slices"

	"phasl/scales"
)

// answers draws the items of one questionnaire so that they score to the
// values given: values holds the scores that are drawn, by name. The result is
// by item; NaN is an item that the form does not ask for. profile says which
// items a person has most of.
//
// A sum is dealt out among its parts one point after the other. Of a highest
// value, one part has it and the others at most as much; where the form asks
// for any of them, one is answered.
func answers(in *scales.Instrument, values map[string]float64, profile, r *rand.Rand) []float64 {
	d := dealer{in: in, r: r, answer: make([]float64, len(in.Items))}
	for i := range d.answer {
		d.answer[i] = math.NaN()
	}
	for range len(in.Items) + len(in.Scores) {
		d.liking = append(d.liking, math.Exp(0.35*profile.NormFloat64()))
	}
	for i := range in.Scores {
		if v, ok := values[in.Scores[i].Name]; ok {
			d.score(i, v)
		}
	}
	return d.answer
}

// A dealer deals points to items.
type dealer struct {
	in     *scales.Instrument
	r      *rand.Rand
	answer []float64 // by item
	liking []float64 // weight of each item, then of each score
}

// A share is one part of a score while points are dealt out.
type share struct {
	at              int // index of the item or score
	low, high, have float64
	liking          float64
}

// score makes the parts of a score come to value.
func (d *dealer) score(i int, value float64) {
	s := &d.in.Scores[i]
	if s.Method == scales.Given {
		return
	}
	var parts []share
	for _, name := range s.Items {
		at := slices.IndexFunc(d.in.Items, func(it scales.Item) bool { return it.Name == name })
		it := &d.in.Items[at]
		parts = append(parts, share{at: at, low: it.Low, high: it.High, liking: d.liking[at]})
	}
	for _, name := range s.Of {
		at := slices.IndexFunc(d.in.Scores, func(o scales.Score) bool { return o.Name == name })
		o := &d.in.Scores[at]
		parts = append(parts, share{at: at, low: o.Low, high: o.High, liking: d.liking[len(d.in.Items)+at]})
	}
	if s.Method == scales.Max {
		top := d.highest(parts, value)
		if s.Items != nil && s.AtLeast < len(parts) { // any of them will do
			parts = parts[top : top+1]
		}
	} else {
		d.deal(parts, value)
	}
	for _, p := range parts {
		if s.Items == nil {
			d.score(p.at, p.have)
			continue
		}
		it := d.in.Items[p.at]
		d.answer[p.at] = it.Keyed(p.have) // turning a reversed item twice gives it back
	}
}

// deal raises parts from their lowest value, point by point, to a sum.
func (d *dealer) deal(parts []share, sum float64) {
	for i := range parts {
		parts[i].have = parts[i].low
		sum -= parts[i].low
	}
	for ; sum >= 1; sum-- {
		total := 0.0
		for _, p := range parts {
			if p.have < p.high {
				total += p.liking
			}
		}
		x := total * d.r.Float64()
		to := -1
		for i, p := range parts {
			if p.have < p.high {
				to = i
				if x -= p.liking; x < 0 {
					break
				}
			}
		}
		if to < 0 {
			return // the sum is above what there is; scores are drawn within their range
		}
		parts[to].have++
	}
}

// highest gives one part the value and the others no more, and returns which it
// was.
func (d *dealer) highest(parts []share, value float64) (top int) {
	top = d.r.IntN(len(parts))
	for i := range parts {
		p := &parts[i]
		p.have = value
		if i != top {
			p.have = p.low + float64(d.r.IntN(int(value-p.low)+1))
		}
	}
	return top
}
