// Package diag describes what is wrong with the input, so that a person can
// mend it: the file, the field, what was found and what to do.
//
// A decoder or a validator adds every fault it meets to a [List] and goes on,
// so that the user sees them all at once. A fault of severity [Error] stops
// the work it concerns; a [Warning] is printed and written to the report.
package diag

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Severity tells whether a problem stops the work.
type Severity int

const (
	Error   Severity = iota // the work cannot be done
	Warning                 // the work goes on, and the report says so
)

// String returns "error" or "warning".
func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// MarshalText writes the severity as "error" or "warning".
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what [Severity.MarshalText] writes.
func (s *Severity) UnmarshalText(b []byte) error {
	switch string(b) {
	case "error":
		*s = Error
	case "warning":
		*s = Warning
	default:
		return fmt.Errorf("diag: severity %q is neither error nor warning", b)
	}
	return nil
}

// A Problem is one fault in one field of one input file.
type Problem struct {
	Severity Severity `json:"severity"`
	File     string   `json:"file"`            // path as the user gave it, or relative to the dataset
	Field    string   `json:"field,omitempty"` // field, column or header name, as its standard spells it; "" for the file as a whole
	Found    string   `json:"found"`           // what is wrong, with the value
	Fix      string   `json:"fix,omitempty"`   // what to do, in the imperative
	Err      error    `json:"-"`               // cause, or nil
}

// Error returns file, field and what was found on one line; the fix is kept
// apart so that a front end can print it on a line of its own.
func (p *Problem) Error() string {
	if p.Field == "" {
		return p.File + ": " + p.Found
	}
	return p.File + ": " + p.Field + ": " + p.Found
}

// Unwrap returns the cause.
func (p *Problem) Unwrap() error { return p.Err }

// A List collects problems. The zero value is empty and ready to use. As an
// error it holds at least one problem of severity [Error]; see [List.Err].
type List []*Problem

// Errorf adds a problem that stops the work. found is formatted with args and
// made printable: see [Printable].
func (l *List) Errorf(file, field, fix, found string, args ...any) {
	l.addf(Error, file, field, fix, found, args...)
}

// Warnf adds a problem that does not stop the work. found is formatted with
// args and made printable: see [Printable].
func (l *List) Warnf(file, field, fix, found string, args ...any) {
	l.addf(Warning, file, field, fix, found, args...)
}

func (l *List) addf(s Severity, file, field, fix, found string, args ...any) {
	l.Add(&Problem{Severity: s, File: file, Field: field, Found: fmt.Sprintf(found, args...), Fix: fix})
}

// longest is how many characters of a text a message shows: enough for a list
// of names, too few to bury the other problems.
const longest = 1000

// Printable returns text that came from an input, fit for one line of a
// terminal: bytes that are not UTF-8 become U+FFFD, control characters spaces,
// and what exceeds 1,000 characters an ellipsis. An escape sequence in a table
// cannot reach the terminal this way.
func Printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r // an invalid byte arrives as U+FFFD
	}, s)
	if len(s) <= longest {
		return s
	}
	n := 0
	for i := range s {
		if n == longest {
			return s[:i] + "…"
		}
		n++
	}
	return s
}

// Add appends problems, keeping their order, and makes their texts printable:
// see [Printable].
func (l *List) Add(problems ...*Problem) {
	for _, p := range problems {
		if p == nil {
			continue
		}
		p.File, p.Field, p.Found, p.Fix = Printable(p.File), Printable(p.Field), Printable(p.Found), Printable(p.Fix)
	}
	*l = append(*l, problems...)
}

// Collect adds the problems that err is to the list and returns any other
// error, which is not about the input; nil for nil.
func (l *List) Collect(err error) error {
	if more, ok := errors.AsType[List](err); ok {
		l.Add(more...)
		return nil
	}
	if p, ok := errors.AsType[*Problem](err); ok {
		l.Add(p)
		return nil
	}
	return err
}

// Errors returns the problems of severity [Error], in order.
func (l List) Errors() List { return l.filter(Error) }

// Warnings returns the problems of severity [Warning], in order.
func (l List) Warnings() List { return l.filter(Warning) }

func (l List) filter(s Severity) List {
	var out List
	for _, p := range l {
		if p.Severity == s {
			out = append(out, p)
		}
	}
	return out
}

// Err returns the errors of the list as an error of type List, or nil if it
// holds warnings only.
func (l List) Err() error {
	if e := l.Errors(); len(e) > 0 {
		return e
	}
	return nil
}

// Sort orders the list by file, then field, then text, so that reports do not
// depend on the order in which files were visited.
func (l List) Sort() {
	slices.SortStableFunc(l, func(a, b *Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Found, b.Found))
	})
}

// Error returns all problems, one a line.
func (l List) Error() string {
	lines := make([]string, len(l))
	for i, p := range l {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.Is and errors.As reach every problem.
func (l List) Unwrap() []error {
	out := make([]error, len(l))
	for i, p := range l {
		out[i] = p
	}
	return out
}
