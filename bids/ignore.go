package bids

import (
	"os"
	"path"
	"strings"

	"phasl/diag"
)

const maxIgnoreRules = 1000

// ignoreRules are the lines of .bidsignore, which follow .gitignore: a later
// rule wins, "!" takes a file back, a slash at the end means folders only, and
// a pattern with a slash elsewhere is anchored at the root.
type ignoreRules []ignoreRule

type ignoreRule struct {
	parts    []string // pattern split at slashes; "**" matches any number of folders
	keep     bool     // "!"
	dir      bool     // folders only
	anchored bool
}

func readIgnore(file string, l *diag.List) ignoreRules {
	if _, err := os.Stat(file); err != nil {
		return nil
	}
	data, ok := readFile(file, ".bidsignore", 1<<20, l)
	if !ok {
		return nil
	}
	if data, ok = plainText(data, ".bidsignore", l); !ok {
		return nil
	}
	var rules ignoreRules
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if len(rules) == maxIgnoreRules || len(line) > 1000 {
			l.Warnf(".bidsignore", "", "shorten it", "the file is too long; the rest of it is not used")
			break
		}
		var r ignoreRule
		line, r.keep = strings.CutPrefix(line, "!")
		line, r.dir = strings.CutSuffix(line, "/")
		r.anchored = strings.Contains(line, "/")
		r.parts = strings.Split(strings.TrimPrefix(line, "/"), "/")
		if _, err := path.Match(strings.Join(r.parts, "/"), "x"); err != nil {
			l.Warnf(".bidsignore", "", "correct the pattern", "%q is not a pattern; the line is not used", clip(line))
			continue
		}
		rules = append(rules, r)
	}
	return rules
}

// match reports whether the path is to be ignored. Paths below an ignored
// folder are not asked for.
func (rules ignoreRules) match(rel string, dir bool) bool {
	ignored := false
	names := strings.Split(rel, "/")
	for _, r := range rules {
		if r.dir && !dir {
			continue
		}
		if r.anchored && matchParts(r.parts, names) || !r.anchored && matchParts(r.parts, names[len(names)-1:]) {
			ignored = !r.keep
		}
	}
	return ignored
}

// matchParts matches names against a pattern, both split at slashes. It fills
// a table row by row, so that many "**" cost no more than their number.
func matchParts(pattern, names []string) bool {
	row := make([]bool, len(names)+1) // row[j]: the pattern so far matches the first j names
	row[0] = true
	for _, p := range pattern {
		next := make([]bool, len(names)+1)
		for j := range next {
			switch {
			case p == "**":
				next[j] = row[j] || j > 0 && next[j-1]
			case j > 0 && row[j-1]:
				next[j], _ = path.Match(p, names[j-1])
			}
		}
		row = next
	}
	return row[len(names)]
}
