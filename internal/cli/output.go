package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"phasl/internal/atomicfile"
)

// jsonFlag is shared by every verb that computes.
type jsonFlag struct {
	JSON string `name:"json" placeholder:"FILE" help:"Write everything computed as JSON to FILE ('-': standard output, and nothing else there)."`
}

// summary returns where the human summary goes: nowhere if JSON takes
// standard output.
func (f jsonFlag) summary(s streams) io.Writer {
	if f.JSON == "-" {
		return io.Discard
	}
	return s.out
}

// write writes v as indented JSON where the flag asks for it, if it does.
func (f jsonFlag) write(s streams, v any) error {
	if f.JSON == "" {
		return nil
	}
	put := func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	}
	if f.JSON == "-" {
		return put(s.out)
	}
	return atomicfile.Write(f.JSON, put)
}

// A place is a file that a flag or argument names.
type place struct{ flag, path string }

// apart refuses outputs that would take the place of an input or of each other,
// whatever they are called: a table of answers must not be lost to a slip.
func apart(inputs []place, outputs ...place) error {
	same := func(a, b string) bool {
		if filepath.Clean(a) == filepath.Clean(b) {
			return true
		}
		x, errX := os.Stat(a)
		y, errY := os.Stat(b)
		return errX == nil && errY == nil && os.SameFile(x, y)
	}
	taken := slices.DeleteFunc(slices.Clone(inputs), func(in place) bool { return in.path == "" })
	for _, out := range outputs {
		if out.path == "" || out.path == "-" {
			continue
		}
		for _, t := range taken {
			if same(out.path, t.path) {
				return usageError{fmt.Sprintf("%s %s: it would replace %s (%s); give another name", out.flag, out.path, t.path, t.flag)}
			}
		}
		taken = append(taken, out)
	}
	return nil
}

// dictionaryOf returns the data dictionary that is written beside a table, which
// must not take the place of a file that does not belong to that table; none if
// no table is asked for.
func dictionaryOf(table place) (place, error) {
	stem, ok := strings.CutSuffix(table.path, ".tsv")
	if !ok {
		return place{}, nil
	}
	d := place{table.flag, stem + ".json"}
	if _, err := os.Stat(d.path); err == nil {
		if _, err := os.Stat(table.path); err != nil {
			return d, usageError{fmt.Sprintf("%s %s: its data dictionary would replace %s, which is not of that table; give another name", table.flag, table.path, d.path)}
		}
	}
	return d, nil
}

// table prints rows in aligned columns; the first row is the heading.
func table(w io.Writer, rows [][]string) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		for i, c := range r {
			if i > 0 {
				fmt.Fprint(tw, "\t")
			}
			fmt.Fprint(tw, c)
		}
		fmt.Fprintln(tw)
	}
	tw.Flush()
}
