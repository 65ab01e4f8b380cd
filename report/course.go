package report

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"

	"phasl/crossover"
)

// courseWidth is the width of a plot of a score of two treatments: two stand
// side by side.
const courseWidth = 560.0

// maxCourseRows is the number of rows of the folded table: the file of results
// holds all.
const maxCourseRows = 1500

// A courseView is the time course of one score.
type courseView struct {
	Name   string
	Figure template.HTML
}

// A courseGroup is the rows of one score in a table.
type courseGroup struct {
	Score string
	Rows  []courseRow
}

// A courseRow is one visit under one treatment.
type courseRow struct{ Treatment, Visit, N, Missing, Mean, SD, CI, Median string }

// Span is the number of rows that the score's name spans.
func (g courseGroup) Span() int { return max(1, len(g.Rows)) }

// drawnScores returns which scores are drawn, by their place: those that the
// plan's associations name, the total of each instrument, and the first score
// of an instrument that has neither.
func (d *trialData) drawnScores() []bool {
	out := make([]bool, len(d.Scores))
	has := map[string]bool{}
	for i := range d.Scores {
		c := &d.Scores[i]
		named := func(instrument, score string) bool {
			return strings.EqualFold(instrument, c.Instrument) && strings.EqualFold(score, c.Score)
		}
		out[i] = strings.EqualFold(c.Score, "total") ||
			slices.ContainsFunc(d.plan.Association, func(a crossover.AssociationPlan) bool { return named(a.Instrument, a.Score) }) ||
			d.Associations != nil && slices.ContainsFunc(d.Associations.List, func(a crossover.Association) bool { return named(a.Instrument, a.Score) })
		if out[i] {
			has[strings.ToLower(c.Instrument)] = true
		}
	}
	for i := range d.Scores {
		if in := strings.ToLower(d.Scores[i].Instrument); !has[in] {
			out[i], has[in] = true, true
		}
	}
	return out
}

// courses draws the scores that matter, and tabulates all.
func (v *groupView) courses(s *symptomsView) {
	d := v.D
	drawn, rows := d.drawnScores(), 0
	for i := range d.Scores {
		c := &d.Scores[i]
		list := d.courseGroup(c)
		if drawn[i] && len(s.Courses) < maxPeople {
			if fig := d.drawCourse(v.ids.next(), c); fig != "" {
				s.Courses = append(s.Courses, courseView{courseName(c), template.HTML(fig)})
			}
			s.Scores = append(s.Scores, list)
			continue
		}
		s.NOthers++
		if rows += len(list.Rows); rows <= maxCourseRows {
			s.Others = append(s.Others, list)
		}
	}
}

// courseName is the name of a score: "MADRS", "PSI delusional thinking".
func courseName(c *crossover.ScoreCourse) string {
	name := strings.ToUpper(c.Instrument)
	switch {
	case c.Title != "" && !strings.EqualFold(c.Title, c.Instrument):
		name += " " + c.Title
	case c.Score != "total":
		name += " " + c.Score
	}
	return strings.TrimSpace(name)
}

// courseAmount gives means as many decimals as their standard errors need.
func courseAmount(c *crossover.ScoreCourse) amount {
	least := math.Inf(1)
	for i := range c.Cells {
		if q := &c.Cells[i]; q.SD > 0 && q.N > 1 && finite(q.SD) {
			least = min(least, float64(q.SD)/math.Sqrt(float64(q.N)))
		}
	}
	a := newAmount(least, "points")
	a.decimals = min(a.decimals, 2)
	return a
}

// visitName is a visit as it is printed.
func visitName(v string) string { return orText(v, "session") }

// drawCourse returns the course of a score: lines of people, and means with
// intervals.
func (d *trialData) drawCourse(id string, c *crossover.ScoreCourse) string {
	p := spaghettiPlot{
		title: courseName(c), desc: "Each person's scores under " + strings.Join(d.Treatments, " and ") + ", with the means.", label: "Points",
		amount: courseAmount(c), counted: "people", stagger: true,
		width: courseWidth * max(1, float64(len(d.Treatments))/2),
	}
	for _, visit := range c.Visits {
		p.columns = append(p.columns, visitName(visit))
	}
	for _, q := range c.Points {
		p.points = append(p.points, crossover.Point{Subject: q.Subject, Treatment: q.Treatment, Phase: visitName(q.Visit), Value: q.Value})
	}
	for _, q := range c.Cells {
		p.means = append(p.means, crossover.CellMean{Treatment: q.Treatment, Phase: visitName(q.Visit), N: q.N, Mean: q.Mean, Low: q.Low, High: q.High})
	}
	return d.drawThreads(id, p)
}

// courseGroup tabulates the cells of a score.
func (d *trialData) courseGroup(c *crossover.ScoreCourse) courseGroup {
	a := courseAmount(c)
	g := courseGroup{Score: courseName(c)}
	for i := range c.Cells {
		q := &c.Cells[i]
		g.Rows = append(g.Rows, courseRow{q.Treatment, visitName(q.Visit), strconv.Itoa(q.N), strconv.Itoa(q.Missing),
			a.of(q.Mean), a.of(q.SD), a.interval(q.Low, q.High), fixed(float64(q.Median), 1)})
	}
	return g
}

// A courseTable is scores with the name of their intervals.
type courseTable struct {
	CI     string
	Groups []courseGroup
}

// TableOf is what the template of a table of scores takes.
func (s *symptomsView) TableOf(g []courseGroup) courseTable { return courseTable{s.CI, g} }

// Cut is the number of other scores that the table leaves out for length.
func (s *symptomsView) Cut() int { return s.NOthers - len(s.Others) }

// OthersText counts the scores in the folded table.
func (s *symptomsView) OthersText() string {
	return fmt.Sprintf("%d other %s", s.NOthers, map[bool]string{true: "score", false: "scores"}[s.NOthers == 1])
}
