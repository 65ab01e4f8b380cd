package bids_test

import (
	"path/filepath"
	"strings"
	"testing"

	"phasl/bids"
	"phasl/bids/bidstest"
	"phasl/diag"
)

func validate(t *testing.T, dir string) diag.List {
	t.Helper()
	ds, l := bids.Open(dir)
	if ds == nil {
		return l
	}
	return bids.Validate(ds, bids.ValidateOptions{Shape: bidstest.Shape})
}

func TestBaseIsSound(t *testing.T) {
	dir := t.TempDir()
	if err := bidstest.Base().Write(dir); err != nil {
		t.Fatal(err)
	}
	for _, p := range validate(t, dir) {
		t.Errorf("%v: %v", p.Severity, p)
	}
}

// Every broken dataset is answered by an error that names the file, the field
// and what was found, and says what to do.
func TestBroken(t *testing.T) {
	cases := bidstest.Broken()
	if len(cases) < 60 {
		t.Errorf("%d broken datasets, want at least 60", len(cases))
	}
	names := map[string]bool{}
	for i, tt := range cases {
		if names[tt.Name] {
			t.Errorf("the name %q stands twice", tt.Name)
		}
		names[tt.Name] = true
		if testing.Short() && i%5 != 0 {
			continue // writing the files takes most of the time
		}
		t.Run(tt.Name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := tt.Write(dir); err != nil {
				t.Fatal(err)
			}
			errors := validate(t, dir).Errors()
			found := false
			for _, p := range errors {
				if filepath.IsAbs(p.File) || p.Found == "" || p.Fix == "" && p.Err == nil {
					t.Errorf("problem without relative file, finding or fix: %+v", p)
				}
				found = found || p.File == tt.File && (tt.Found == "" || p.Field == tt.Field && strings.Contains(p.Found, tt.Found))
			}
			if !found {
				t.Errorf("want an error in %s, field %q, with %q; got\n%v", tt.File, tt.Field, tt.Found, errors)
			}
		})
	}
}
