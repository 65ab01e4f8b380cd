package receptor

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"phasl/atlas"
	"phasl/diag"
)

// A Source is what is known of a density map: one row of the panel's table. See
// docs/formats/receptors.md.
type Source struct {
	File    string   // base name of the map, or name of its column
	Target  string   // receptor or transporter
	Tracer  string   // "" if not given
	N       int      // people scanned; 0 if not given
	Paper   string   // citation, with DOI
	Licence string   // terms of use
	Space   string   // standard space, as its source calls it
	Exclude []string // regions where the tracer does not measure the target
}

// Column names of the panel's table.
const (
	colFile, colTarget   = "file", "target"
	colTracer, colN      = "tracer", "n"
	colPaper, colLicence = "paper", "licence"
	colSpace, colExclude = "space", "exclude"
)

// ReadSources reads the panel's table. The problems name t.File. Errors: no
// column file or target, a row without one of the two, a file with two rows, a
// number of people that is none. A column with an unknown name is passed over;
// one that is nearly a known name is a warning.
func ReadSources(t atlas.Table) ([]Source, diag.List) {
	var l diag.List
	at := map[string]int{}
	known := []string{colFile, colTarget, colTracer, colN, colPaper, colLicence, colSpace, colExclude}
	for c, h := range t.Header {
		name := strings.ToLower(strings.TrimSpace(h))
		if name == "license" {
			name = colLicence
		}
		if _, twice := at[name]; twice {
			l.Errorf(t.File, h, "name each column once", "two columns have this name")
			continue
		}
		at[name] = c
		if near, ok := diag.Nearest(name, known); ok && !slices.Contains(known, name) {
			l.Warnf(t.File, h, "rename it if "+near+" is meant", "the column is passed over")
		}
	}
	for _, must := range []string{colFile, colTarget} {
		if _, ok := at[must]; !ok {
			l.Errorf(t.File, must, "give a table with the columns file and target: docs/formats/receptors.md", "there is no such column; the header is %s", strings.Join(t.Header, ", "))
		}
	}
	if l.Err() != nil {
		return nil, l
	}
	var out []Source
	rows := map[string]int{}
	for i, r := range t.Rows {
		cell := func(name string) string {
			c, ok := at[name]
			if !ok || c >= len(r) {
				return ""
			}
			v := strings.TrimSpace(r[c])
			if v == "n/a" {
				return ""
			}
			return v
		}
		s := Source{File: baseName(cell(colFile)), Target: cell(colTarget), Tracer: cell(colTracer), Paper: cell(colPaper), Licence: cell(colLicence), Space: cell(colSpace)}
		row := fmt.Sprintf("row %d", i+1)
		if s.File == "" || s.Target == "" {
			l.Errorf(t.File, row, "fill in file and target, or remove the row", "it has no file or no target")
			continue
		}
		if first, twice := rows[s.File]; twice {
			l.Errorf(t.File, row, "keep one row for each file", "%s has a row already, row %d", s.File, first)
			continue
		}
		rows[s.File] = i + 1
		if v := cell(colN); v != "" {
			n, err := strconv.Atoi(v)
			if err != nil || n < 1 {
				l.Errorf(t.File, row, "write how many people were scanned, or n/a", "n is %q", v)
			}
			s.N = n
		}
		for _, e := range strings.FieldsFunc(cell(colExclude), func(r rune) bool { return r == ',' || r == ';' }) {
			if e = strings.TrimSpace(e); e != "" {
				s.Exclude = append(s.Exclude, e)
			}
		}
		out = append(out, s)
	}
	return out, l
}

// SameTarget tells whether two names mean one target: case, blanks, hyphens and
// the way Greek letters are written make no difference ("GABAA-alpha5",
// "GABAAα5", "GABAAa5").
func SameTarget(a, b string) bool { return foldTarget(a) == foldTarget(b) }

var greek = strings.NewReplacer("alpha", "a", "beta", "b", "gamma", "g", "delta", "d", "kappa", "k", "mu", "m",
	"α", "a", "β", "b", "γ", "g", "δ", "d", "κ", "k", "μ", "m", "µ", "m")

func foldTarget(s string) string {
	return greek.Replace(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s))
}

// baseName is the last element of a path of any system.
func baseName(s string) string { return path.Base("/" + strings.ReplaceAll(s, `\`, "/")) }

// stem is a file's name without .nii and .gz.
func stem(file string) string {
	return strings.TrimSuffix(strings.TrimSuffix(baseName(file), ".gz"), ".nii")
}

// excludes tells whether a region is one of those where the tracer does not
// measure its target: its name, or its atlas's spelling of it, contains an entry.
func (s *Source) excludes(region string) bool {
	name := strings.ToLower(region)
	for _, e := range s.Exclude {
		e = strings.ToLower(e)
		if strings.Contains(name, e) || isCerebellum(e) && isCerebellum(name) {
			return true
		}
	}
	return false
}

// missed are the entries of exclude that no region is of. An atlas need not have
// a cerebellum; "none" says that there is nothing to leave out.
func (s *Source) missed(regions []string) []string {
	var out []string
	for _, e := range s.Exclude {
		if isCerebellum(strings.ToLower(e)) || strings.EqualFold(e, "none") {
			continue
		}
		one := Source{Exclude: []string{e}}
		if !slices.ContainsFunc(regions, one.excludes) {
			out = append(out, e)
		}
	}
	return out
}

// isCerebellum knows the spellings of atlases: AAL has Cerebelum and Vermis,
// Harvard-Oxford and Neuromorphometrics Cerebellum and Cerebellar. name is in
// lower case.
func isCerebellum(name string) bool {
	return strings.Contains(name, "cerebel") || strings.Contains(name, "vermis")
}
