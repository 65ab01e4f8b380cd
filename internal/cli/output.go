package cli

import (
	"encoding/json"
	"fmt"
	"io"
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
