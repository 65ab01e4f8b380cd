package crossover

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// A timeForm is how a time is written. Times of different forms cannot be
// compared safely.
type timeForm int

const (
	localTime timeForm = iota // date and time, zone not said
	zonedTime                 // with Z or an offset
	dateOnly
	clockOnly // time of day: orders scans of a visit, not visits
)

var timeForms = []struct {
	layout string
	form   timeForm
}{
	{"2006-01-02T15:04:05.999999999", localTime},
	{"2006-01-02 15:04:05.999999999", localTime},
	{"2006-01-02T15:04", localTime},
	{"2006-01-02T15:04:05.999999999Z07:00", zonedTime},
	{"2006-01-02", dateOnly},
	{"15:04:05.999999999", clockOnly},
	{"15:04", clockOnly},
}

// parseTime reads a time as BIDS writes it (2021-03-05T10:00:00), or nearly.
func parseTime(s string) (time.Time, timeForm, error) {
	for _, f := range timeForms {
		if t, err := time.Parse(f.layout, strings.TrimSpace(s)); err == nil {
			return t, f.form, nil
		}
	}
	return time.Time{}, 0, errors.New("not a time as BIDS writes it")
}

// lastShifted is the last year of dates that were shifted so as not to tell
// when a person was scanned.
//
// Source: BIDS 1.10, Common principles, "Describing dates and timestamps":
// shifted dates are set to 1925 or earlier.
const lastShifted = 1925

// A visitTime is when a visit was, as far as the tables say.
type visitTime struct {
	time  time.Time
	form  timeForm
	text  string // as written
	table string
	known bool
}

// visitTimes finds the time of each visit: of its row in sessions.tsv, else of
// its earliest scan. problem reports what cannot be read.
func (b *builder) visitTimes(problem func(kind, file, field, fix, found string, args ...any)) map[*visit]visitTime {
	column := b.plan.Trial.TimeColumn
	out := map[*visit]visitTime{}
	read := func(text, table, where string) (visitTime, bool) {
		if text == "" {
			return visitTime{}, false
		}
		t, form, err := parseTime(text)
		if err != nil {
			problem("time format", table, column, "write it as BIDS does: 2021-03-05T10:00:00", "%s has %q, which is not a date and time", where, clip(text))
			return visitTime{}, false
		}
		return visitTime{t, form, text, table, form != clockOnly}, true
	}
	for _, v := range b.order {
		own, ok := read(v.row[column], v.table, v.name())
		var first visitTime
		for _, d := range v.drafts {
			if t, ok := read(d.Time, d.table, d.File); ok && t.known && (!first.known || t.form == first.form && t.time.Before(first.time)) {
				first = t
			}
		}
		if ok && own.known {
			out[v] = own
			if first.known && first.form == own.form && own.form != dateOnly && own.time.Sub(first.time).Abs() > 36*time.Hour {
				problem("session and scans apart", v.table, column, "correct one of them", "%s is dated %s, its scans %s in %s", v.name(), own.text, first.text, first.table)
			}
		} else if first.known {
			out[v] = first
		}
	}
	return out
}

// checkDates reports dates of one person that cannot be compared or believed.
func (b *builder) checkDates(visits []*visit, times map[*visit]visitTime) {
	column := b.plan.Trial.TimeColumn
	var prev *visit
	for _, v := range visits {
		t, ok := times[v]
		if !ok {
			continue
		}
		if prev != nil {
			o := times[prev]
			gap := t.time.Sub(o.time).Abs()
			switch {
			case t.form != o.form:
				b.fault("mixed times", t.table, column, "write both in one form, 2021-03-05T10:00:00", "ses-%s of sub-%s has %s and ses-%s has %s: they cannot be compared", prev.session, v.subject, o.text, v.session, t.text)
			case (t.time.Year() <= lastShifted) != (o.time.Year() <= lastShifted):
				b.fault("one date shifted", t.table, column, "shift all dates of a person alike", "ses-%s of sub-%s has %s and ses-%s has %s: one is shifted and the other not", prev.session, v.subject, o.text, v.session, t.text)
			case gap == 0:
				b.fault("same time", t.table, column, "correct one of them", "ses-%s and ses-%s of sub-%s have the same time, %s", prev.session, v.session, v.subject, t.text)
			case gap > 2*365*24*time.Hour:
				b.warn("visits far apart", t.table, column, "check the dates", "ses-%s and ses-%s of sub-%s are %d days apart", prev.session, v.session, v.subject, int(gap.Hours()/24))
			}
			a, errA := strconv.Atoi(prev.session)
			c, errC := strconv.Atoi(v.session)
			if errA == nil && errC == nil && t.form == o.form && (a < c) != o.time.Before(t.time) && gap > 0 {
				b.warn("label against time", t.table, column, "check the dates", "ses-%s of sub-%s is dated %s, ses-%s %s: labels and dates are not in the same order", prev.session, v.subject, o.text, v.session, t.text)
			}
		}
		prev = v
	}
}
