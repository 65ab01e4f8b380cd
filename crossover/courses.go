package crossover

import (
	"math"
	"slices"
	"strings"

	"phasl/lmm"
)

// A ScoredTable is one table of answers that was scored.
type ScoredTable struct {
	File       string   `json:"file"` // relative to the dataset
	Instrument string   `json:"instrument"`
	Title      string   `json:"title"`
	Matched    string   `json:"matched"` // by what the instrument was known
	Visits     string   `json:"visits"`  // column of the visits within a session; "" if there is none
	Rows       int      `json:"rows"`
	Scored     int      `json:"scored"`   // rows with the instrument's main score
	Prorated   int      `json:"prorated"` // rows with a score that was completed
	Missing    string   `json:"missing"`  // rule for missing items
	Sources    []string `json:"sources"`
}

// A ScoreCourse is one clinical score over the visits of each treatment.
type ScoreCourse struct {
	Instrument string       `json:"instrument"`
	Score      string       `json:"score"`
	Title      string       `json:"title"`
	Visits     []string     `json:"visits"` // in the order of the table
	Cells      []ScoreCell  `json:"cells"`  // treatments in the order of the trial, visits within them
	Points     []ScorePoint `json:"points"`
}

// A ScoreCell summarises one visit under one treatment.
type ScoreCell struct {
	Treatment string `json:"treatment"`
	Visit     string `json:"visit"`
	N         int    `json:"n"`       // people with a score
	Missing   int    `json:"missing"` // people whose row has none
	Mean      Number `json:"mean"`
	SD        Number `json:"sd"`
	Median    Number `json:"median"`
	Low       Number `json:"ci_low"` // of the mean, by Student's t
	High      Number `json:"ci_high"`
}

// A ScorePoint is one person at one visit.
type ScorePoint struct {
	Subject   string `json:"subject"`
	Session   string `json:"session"`
	Treatment string `json:"treatment"`
	Visit     string `json:"visit"`
	Value     Number `json:"value"`
}

// TreatmentOf returns the treatment of a session, "" if no scan of it in the
// trial says. Scans that are left out count: the session took place.
func (tr *Trial) TreatmentOf(subject, session string) string {
	for i := range tr.Scans {
		if s := &tr.Scans[i]; s.Subject == subject && s.Session == session && s.Treatment != "" {
			return s.Treatment
		}
	}
	return ""
}

// Courses summarises the ratings of every score by treatment and visit, at
// confidence level. Ratings of people or sessions that are not in the trial,
// and those of people who are excluded from it, are left out.
func Courses(tr *Trial, ratings []Rating, level float64) []ScoreCourse {
	excluded := map[string]bool{}
	for i := range tr.People {
		excluded[tr.People[i].Subject] = tr.People[i].Excluded != ""
	}
	var out []ScoreCourse
	at := map[[2]string]int{}
	for _, r := range ratings {
		treatment := tr.TreatmentOf(r.Subject, r.Session)
		if treatment == "" || excluded[r.Subject] {
			continue
		}
		key := [2]string{r.Instrument, r.Score}
		i, ok := at[key]
		if !ok {
			i = len(out)
			at[key] = i
			out = append(out, ScoreCourse{Instrument: r.Instrument, Score: r.Score, Title: r.Title})
		}
		c := &out[i]
		if !slices.Contains(c.Visits, r.Visit) {
			c.Visits = append(c.Visits, r.Visit)
		}
		c.Points = append(c.Points, ScorePoint{Subject: r.Subject, Session: r.Session, Treatment: treatment, Visit: r.Visit, Value: Number(r.Value)})
	}
	for i := range out {
		c := &out[i]
		for _, t := range tr.Treatments {
			for _, v := range c.Visits {
				c.Cells = append(c.Cells, c.cell(t, v, level))
			}
		}
		slices.SortStableFunc(c.Points, func(a, b ScorePoint) int { return strings.Compare(a.Subject, b.Subject) })
	}
	return out
}

func (c *ScoreCourse) cell(treatment, visit string, level float64) ScoreCell {
	out := ScoreCell{Treatment: treatment, Visit: visit, Mean: nan, SD: nan, Median: nan, Low: nan, High: nan}
	var x []float64
	for _, p := range c.Points {
		if p.Treatment != treatment || p.Visit != visit {
			continue
		}
		if math.IsNaN(float64(p.Value)) {
			out.Missing++
			continue
		}
		x = append(x, float64(p.Value))
	}
	out.N = len(x)
	if out.N == 0 {
		return out
	}
	slices.Sort(x)
	m := mean(x)
	out.Mean, out.Median = Number(m), Number((x[(len(x)-1)/2]+x[len(x)/2])/2)
	if out.N < 2 {
		return out
	}
	ss := 0.0
	for _, v := range x {
		ss += (v - m) * (v - m)
	}
	sd := math.Sqrt(ss / float64(out.N-1))
	half := lmm.TQuantile(1-level, float64(out.N-1)) * sd / math.Sqrt(float64(out.N))
	out.SD, out.Low, out.High = Number(sd), Number(m-half), Number(m+half)
	return out
}
