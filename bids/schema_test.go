package bids_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"phasl/bids"
	"phasl/bids/bidstest"
	"phasl/diag"
	"phasl/internal/sharedtest"
)

// Every field that the schema of BIDS requires of an ASL or M0 scan is asked
// for: without it there is a problem that names it. The base has a scan for
// which each holds.
func TestSchemaRequired(t *testing.T) {
	data, err := os.ReadFile(sharedtest.Path(t, "data", "bids", "bids-schema-1.11.1.json"))
	if err != nil {
		t.Fatal(err)
	}
	type rule struct {
		Selectors []string
		Fields    map[string]json.RawMessage
	}
	var schema struct {
		Rules struct {
			Sidecars map[string]map[string]rule
		}
	}
	if err := json.Unmarshal(data, &schema); err != nil {
		t.Fatal(err)
	}
	// Which scan of the base a rule is about, by its selectors.
	const asl2 = "sub-02/ses-1/perf/sub-02_ses-1_run-1_asl.json"
	target := func(selectors []string) string {
		s := strings.Join(selectors, " ")
		switch {
		case strings.Contains(s, "pet") || strings.Contains(s, "LookLocker == true"):
			return "" // PET, and Look-Locker, which has its own case among the broken
		case strings.Contains(s, `suffix == "m0scan"`):
			return m02
		case strings.Contains(s, `M0Type == "Estimate"`):
			return "sub-03/perf/sub-03_asl.json"
		case strings.Contains(s, `"PASL"`), strings.Contains(s, `"2D"`):
			return asl2
		case strings.Contains(s, `datatype == "perf"`), strings.Contains(s, "CASL"):
			return asl1
		}
		return ""
	}
	checked := 0
	for _, group := range []string{"asl", "mri"} {
		for name, r := range schema.Rules.Sidecars[group] {
			file := target(r.Selectors)
			if file == "" {
				continue
			}
			for field, level := range r.Fields {
				var full struct{ Level string }
				if string(level) != `"required"` {
					if json.Unmarshal(level, &full); full.Level != "required" {
						continue
					}
				}
				d := bidstest.Base()
				if field == "M0Estimate" {
					d.Set(file, "M0Type", "Estimate")
				}
				d.Set(file, field, nil)
				ds, _ := open(t, d)
				l := bids.Validate(ds, bids.ValidateOptions{})
				checked++
				if !slices.ContainsFunc(l, func(p *diag.Problem) bool { return p.File == file && p.Field == field }) {
					t.Errorf("%s: %s absent from %s is not named: %v", name, field, file, l)
				}
			}
		}
	}
	if checked < 15 {
		t.Errorf("only %d required fields were checked", checked)
	}
}
