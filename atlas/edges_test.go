package atlas

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"phasl/voxel"
)

// Voxels without a value, or outside the mask, take every difference that
// touches them out of the estimate, and fewer than 50 differences are too few.
func TestNoiseSDGaps(t *testing.T) {
	g := voxel.Grid{Dim: [3]int{60, 60, 4}, Affine: voxel.Identity()}
	img := voxel.NewImage(g)
	mask := voxel.NewMask(g)
	r := rand.New(rand.NewPCG(5, 6))
	for n := range img.Data {
		i, j, _ := g.Coord(n)
		img.Data[n] = float32(2 * r.NormFloat64())
		mask.In[n] = i%10 != 0 && j%10 != 0
		if !mask.In[n] { // far larger than the noise, in one voxel of five
			img.Data[n] = 1e4 * float32(1+n%3)
		}
	}
	// 7,000 overlapping differences, about 1,500 independent ones: 3 %; three
	// times that. Half of all differences touch the lattice.
	if got := NoiseSD(img, mask, voxel.Vec{}); math.Abs(got/2-1) > 0.09 {
		t.Errorf("NoiseSD within the mask = %v, want 2", got)
	}
	for n, in := range mask.In {
		if !in {
			img.Data[n] = float32(nan)
		}
	}
	if got := NoiseSD(img, nil, voxel.Vec{}); math.Abs(got/2-1) > 0.09 {
		t.Errorf("NoiseSD between missing voxels = %v, want 2", got)
	}
	for _, tt := range []struct {
		side int
		ok   bool
	}{{9, false}, {10, true}} { // 49 and 64 differences
		few := voxel.NewImage(voxel.Grid{Dim: [3]int{tt.side, tt.side, 1}, Affine: voxel.Identity()})
		for n := range few.Data {
			few.Data[n] = float32(r.NormFloat64())
		}
		if got := NoiseSD(few, nil, voxel.Vec{}); math.IsNaN(got) == tt.ok {
			t.Errorf("NoiseSD of %d×%d voxels = %v", tt.side, tt.side, got)
		}
	}
}

// Volumes count what they say they count: the region's own holds the voxels
// without a value too, grey matter's those below the threshold too.
func TestSummaryVolumes(t *testing.T) {
	a := tiny(t, 1, 1, 1, 1, 2, 7)
	cbf := line(10, 20, 30, float32(nan), -5, -5)
	gm := line(0.9, 0.3, 0.3, 1, 1, 1)
	got, global := a.Summarise(cbf, gm, nil, a.Regions(), SummaryOptions{Threshold: 0.5})
	if s := got[0]; s.Volume != 4*8 || s.Coverage != 0.75 || !same(s.GMVolume, 1.5*8, 1e-5) || !same(s.Weighted, 10, 1e-6) {
		t.Errorf("%+v", s)
	}
	// (0.9·10 − 5 − 5) / 2.9 is below zero: nothing is relative to it.
	if !same(global.Mean, -1/2.9, 1e-6) || !math.IsNaN(got[0].Relative) {
		t.Errorf("relative to a global mean of %v: %v", global.Mean, got[0].Relative)
	}
}

func TestSummarisePanicsOnEach(t *testing.T) {
	a := tiny(t, 1, 2)
	ok, short := line(1, 2), line(1)
	for name, call := range map[string]func(){
		"grey matter": func() { a.Summarise(ok, short, nil, nil, SummaryOptions{}) },
		"mask":        func() { a.Summarise(ok, nil, voxel.NewMask(short.Grid), nil, SummaryOptions{}) },
	} {
		func() {
			defer func() {
				if r, _ := recover().(string); !strings.HasPrefix(r, "atlas: ") {
					t.Errorf("%s of another shape: recovered %q", name, r)
				}
			}()
			call()
		}()
	}
}

func TestTableIndices(t *testing.T) {
	for _, tt := range []struct{ index, want string }{
		{"3.0", ""}, {"3.5", `"3.5" in row 1`}, {"-3", `"-3" in row 1`}, {"16777217", `"16777217" in row 1`}, {"1e99", `"1e99" in row 1`},
	} {
		a, list := New(line(3), "i", Table{"t", []string{"index", "name"}, [][]string{{tt.index, "A"}}})
		if tt.want == "" && (len(list) > 0 || a.Labels[0].Index != 3) || !strings.Contains(list.Error(), tt.want) {
			t.Errorf("index %s: %v, want %q", tt.index, list, tt.want)
		}
	}
	// Background has a row in many tables; it is no label and needs no voxels.
	a, list := New(line(0, 3), "i", Table{"t", []string{"index", "name"}, [][]string{{"0", "background"}, {"3", "A"}}})
	if len(list) > 0 || len(a.Labels) != 1 {
		t.Errorf("row of the background: %+v, %v", a, list)
	}
	// One row given twice is one fault, not two.
	if _, list := New(line(3), "i", Table{"t", []string{"index", "name"}, [][]string{{"3", "A"}, {"3", "A"}}}); len(list.Errors()) != 1 {
		t.Errorf("one row twice: %v", list)
	}
}

// Labels without a row take their place in the order of indices, however many
// there are, and messages list ten of them.
func TestLabelsInOrder(t *testing.T) {
	var values []float32
	for i := 20; i > 0; i-- {
		values = append(values, float32(i))
	}
	a, list := New(line(values...), "i", Table{"t", []string{"index", "name"}, [][]string{{"12", "A"}, {"5", "B"}}})
	for i, l := range a.Labels {
		if l.Index != i+1 {
			t.Errorf("label %d at place %d", l.Index, i)
		}
	}
	if want := ": 1, 2, 3, 4, 6, 7, 8, 9, 10, 11 and 8 more"; !strings.Contains(list.Error(), want) {
		t.Errorf("%v, want %q", list, want)
	}
}

func TestHemispheres(t *testing.T) {
	for name, want := range map[string]Hemisphere{
		"A_L": Left, "A_R": Right, "A-lh": Left, "A-rh": Right, "A_lh": Left, "A_rh": Right, "A_LH": Left, "A_RH": Right,
		"A-L": Left, "A-R": Right, "A_left": Left, "A_right": Right, "Left A": Left, "Right A": Right, "Left-A": Left, "Right-A": Right,
		"lh_A": Left, "rh_A": Right, "LH_A": Left, "RH_A": Right, "L_A": Left, "R_A": Right,
		"7Networks_LH_A": Left, "7Networks_RH_A": Right, "17Networks_LH_A": Left, "17Networks_RH_A": Right, "AL": "", "Lateral": "",
	} {
		stem, h := split(name)
		if h != want || want != "" && stem != "A" {
			t.Errorf("split(%q) = %q, %q", name, stem, h)
		}
	}
	// The column goes before the name, if it says anything.
	for text, want := range map[string]Hemisphere{"l": Left, "Left": Left, "LH": Left, "R": Right, "right": Right, "rh": Right, "both": "", "n/a": ""} {
		for _, named := range []Hemisphere{Left, Right} {
			rows := [][]string{{"1", "ACC_sub_" + string(named), "asl", text}}
			got := Table{Header: []string{"index", "name", "abbr", "Hemi"}, Rows: rows}.labels(nil)[0]
			if want == "" && got.Hemisphere != named || want != "" && got.Hemisphere != want || got.Abbreviation != "asl" {
				t.Errorf("column %q: %+v, want %q", text, got, want)
			}
		}
	}
}

// Joins: parts by abbreviation and index, order and repeats, sides from the
// table's column, and no default from the right half alone.
func TestJoinParts(t *testing.T) {
	header := []string{"index", "name", "abbr", "hemisphere"}
	a, list := New(line(1, 2, 3, 4), "i", Table{"t", header, [][]string{
		{"1", "ACC_sub", "s1", "L"}, {"2", "sgACC", "s2", "R"}, {"3", "ACC_pre_R", "p", ""}, {"4", "X", "x", ""}}})
	if len(list) > 0 {
		t.Fatal(list)
	}
	var names []string
	for _, r := range a.DefaultJoins() {
		names = append(names, r.Name)
	}
	if !slices.Equal(names, []string{"sgACC_L", "sgACC_R"}) { // "sgACC" is a label of its own here
		t.Errorf("default joins %v", names)
	}
	r, list := a.Join("f", "", "j", []string{"p", "2", "s1", "s1"})
	want := Region{Name: "j", Labels: []int{1, 2, 3}}
	if !reflect.DeepEqual(r, want) || len(list) != 1 || list.Err() != nil {
		t.Errorf("joined %+v, want %+v; %v", r, want, list)
	}
	if r, _ := a.Join("f", "", "j", []string{"3", "2"}); r.Hemisphere != Right || !slices.Equal(r.Labels, []int{2, 3}) {
		t.Errorf("both right: %+v", r)
	}
	merged := Merge([]Region{{Name: "a"}, {Name: "b", Labels: []int{1}}}, []Region{{Name: "b", Labels: []int{2}}})
	if len(merged) != 2 || merged[1].Labels[0] != 2 {
		t.Errorf("merged %+v", merged)
	}
}

func TestParseTableEdges(t *testing.T) {
	tab, list := ParseTable("f", []byte("A\n1 10 20 30\nB\n2\nC\n3 1 2 3 255\n"))
	if want := [][]string{{"1", "A"}, {"2", "B"}, {"3", "C"}}; len(list) > 0 || !reflect.DeepEqual(tab.Rows, want) {
		t.Errorf("pairs: %q, %v", tab.Rows, list)
	}
	_, list = ParseTable("f", []byte("# one\n\n1 A\n"+strings.Repeat("x", 90)+" y\n"))
	if s := list.Error(); !strings.Contains(s, "line 4") || strings.Contains(s, strings.Repeat("x", 61)) || !strings.Contains(s, "…") {
		t.Errorf("a long line: %s", s)
	}
	if _, list = ParseTable("f", []byte(strings.Repeat("a b\n", 500))); len(list) != 20 {
		t.Errorf("500 bad lines give %d problems, want 20", len(list))
	}
	// An index beyond what an int holds is no index.
	if _, list := ParseTable("f", []byte(strings.Repeat("9", 30)+" A\n")); list.Err() == nil {
		t.Error("an index of 30 digits was read")
	}
}
