package phasl_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// layers states who may import whom: a package may import those on earlier
// lines, and none of its own line. It is policy; do not change it to make a
// build pass. docs/architecture.md shows the same picture.
const layers = `
diag internal/atomicfile internal/inflate internal/keyed internal/par
voxel internal/keyfile internal/hdf5
nifti bids
register tissue asl atlas lmm scales corr nullmap
crossover receptor
phantom report internal/assets internal/xfm
internal/pipeline
internal/cli
cmd/phasl
`

// mayTouchSystem lists the packages that open files, print or exit. All
// others take values and return values.
var mayTouchSystem = []string{"nifti", "bids", "internal/atomicfile", "internal/xfm", "internal/assets", "internal/pipeline", "internal/cli", "cmd/phasl"}

// mayUseNetwork lists the packages that reach other machines. One place is
// enough to look at for who wants to know what leaves this one.
var mayUseNetwork = []string{"internal/assets"}

// testSupport names packages that hold no product code: tests may import them
// from anywhere, and they may import formats.
var testSupport = []string{"bids/bidstest", "crossover/crossovertest", "internal/sharedtest"}

func TestLayers(t *testing.T) {
	level := map[string]int{}
	for n, line := range strings.Split(strings.TrimSpace(layers), "\n") {
		for _, p := range strings.Fields(line) {
			level[p] = n
		}
	}
	seen := map[string]bool{}
	for file, imports := range importsOf(t) {
		pkg := path.Dir(file)
		if pkg == "." || slices.Contains(testSupport, pkg) {
			continue
		}
		own, ok := level[pkg]
		if !ok {
			t.Errorf("%s: package %s has no place in the layers", file, pkg)
			continue
		}
		seen[pkg] = true
		for _, imp := range imports {
			if dep, ok := strings.CutPrefix(imp, "phasl/"); ok {
				if l, known := level[dep]; !known || l >= own {
					t.Errorf("%s (layer %d) imports %s, which is not below it", file, own, dep)
				}
			}
			if (imp == "net" || strings.HasPrefix(imp, "net/")) && !slices.Contains(mayUseNetwork, pkg) {
				t.Errorf("%s imports %q: only %v may use the network", file, imp, mayUseNetwork)
			}
			switch top, _, _ := strings.Cut(imp, "/"); top {
			case "os", "net", "flag", "log":
				if !slices.Contains(mayTouchSystem, pkg) {
					t.Errorf("%s imports %q: only %v may touch the system", file, imp, mayTouchSystem)
				}
			}
		}
	}
	for p := range level {
		if !seen[p] {
			t.Errorf("layers name %s, which does not exist", p)
		}
	}
}

// TestOnlyMainExits looks for os.Exit and log.Fatal by their text: only main
// may end the process, so that every other package can clean up and be tested.
func TestOnlyMainExits(t *testing.T) {
	for file, imports := range importsOf(t) {
		if path.Dir(file) == "cmd/phasl" || !slices.Contains(imports, "os") {
			continue
		}
		if strings.Contains(source(t, file), "os.Exit(") {
			t.Errorf("%s calls os.Exit; only cmd/phasl may", file)
		}
	}
}

// importsOf returns the imports of every Go file outside tests, by path from
// the root. It parses in-process: a test that ran "go list" would be cached
// although the imports changed.
func importsOf(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	walkGo(t, func(file string) {
		if strings.HasSuffix(file, "_test.go") {
			return
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.FromSlash(file), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		out[file] = []string{}
		for _, s := range f.Imports {
			p, err := strconv.Unquote(s.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			out[file] = append(out[file], p)
		}
	})
	return out
}

func walkGo(t *testing.T, fn func(file string)) {
	t.Helper()
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && p != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return filepath.SkipDir
		case !d.IsDir() && strings.HasSuffix(p, ".go"):
			fn(filepath.ToSlash(p))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
