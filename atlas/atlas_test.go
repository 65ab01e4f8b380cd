package atlas

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"phasl/internal/sharedtest"
	"phasl/voxel"
)

func TestNew(t *testing.T) {
	nan := float32(math.NaN())
	rows := [][]string{{"1", "A_L"}, {"2", "A_R"}, {"7", "B"}}
	for _, tt := range []struct {
		name   string
		values []float32
		header []string
		rows   [][]string
		want   string // part of a message; "" for none
		fatal  bool
	}{
		{"fits", []float32{1, 2, 7, 0, nan}, []string{"index", "name"}, rows, "", false},
		{"label column", []float32{1, 2, 7}, []string{"Index", "Label"}, rows, "", false},
		{"not whole", []float32{1, 2, 7, 1.5}, []string{"index", "name"}, rows, "1 voxels hold no whole positive number, the first of them 1.5", true},
		{"negative", []float32{1, 2, 7, -3}, []string{"index", "name"}, rows, "the first of them -3", true},
		{"infinite", []float32{1, 2, 7, float32(math.Inf(1))}, []string{"index", "name"}, rows, "no whole positive number", true},
		{"no label", []float32{0, 0}, []string{"index", "name"}, rows, "holds no label", true},
		{"label without row", []float32{1, 2, 7, 9}, []string{"index", "name"}, rows, "1 labels have no row in t.tsv and are called label_N: 9", false},
		{"row without voxels", []float32{1, 2}, []string{"index", "name"}, rows, "1 rows have no voxels in i.nii: 7 (B)", false},
		{"index twice", []float32{1}, []string{"index", "name"}, [][]string{{"1", "A"}, {"1", "B"}}, "label 1 occurs twice (A, B)", true},
		{"name twice", []float32{1, 2}, []string{"index", "name"}, [][]string{{"1", "A"}, {"2", "A"}}, `name "A" stands for labels 1 and 2`, true},
		{"bad index", []float32{1}, []string{"index", "name"}, [][]string{{"one", "A"}, {"1", "B"}}, `"one" in row 1`, true},
		{"no name", []float32{1}, []string{"index", "name"}, [][]string{{"1", "n/a"}}, "1 rows have no name", false},
		{"short row", []float32{1}, []string{"index", "name"}, [][]string{{"1"}}, "1 rows have no name", false},
		{"no columns", []float32{1}, []string{"a", "b"}, rows, "no such column; the header is a, b", true},
		{"no table", []float32{3}, nil, nil, "are called label_N: 3", false},
	} {
		a, list := New(line(tt.values...), "i.nii", Table{"t.tsv", tt.header, tt.rows})
		if got := list.Err() != nil; got != tt.fatal || (a == nil) != tt.fatal {
			t.Errorf("%s: error %v, atlas nil %v, want %v", tt.name, got, a == nil, tt.fatal)
		}
		if tt.want == "" && len(list) > 0 || !strings.Contains(list.Error(), tt.want) {
			t.Errorf("%s: problems %q, want %q", tt.name, list.Error(), tt.want)
		}
		for _, p := range list {
			if p.Fix == "" || p.File == "" {
				t.Errorf("%s: problem %q without file or fix", tt.name, p.Error())
			}
		}
	}
}

// All faults are found in one go.
func TestNewAllFaults(t *testing.T) {
	_, list := New(line(0.5, -1), "i.nii", Table{"t.tsv", []string{"index", "name"}, [][]string{{"x", "A"}, {"2", "B"}, {"2", "C"}}})
	if n := len(list.Errors()); n != 3 {
		t.Errorf("%d errors, want 3 (values, index, twice):\n%v", n, list)
	}
}

func TestLabelNames(t *testing.T) {
	for _, tt := range []struct {
		rows [][]string
		name string
		side Hemisphere
	}{
		{[][]string{{"151", "ACC_sub_L_151"}}, "ACC_sub_L", Left},
		{[][]string{{"152", "ACC_sub_R_152"}}, "ACC_sub_R", Right},
		{[][]string{{"1", "Frontal_1"}, {"2", "Other"}}, "Frontal_1", ""}, // not all end in their index
		{[][]string{{"3", "HIP-rh"}}, "HIP-rh", Right},
		{[][]string{{"3", "7Networks_LH_Vis_1"}}, "7Networks_LH_Vis_1", Left},
		{[][]string{{"3", "Left Thalamus"}}, "Left Thalamus", Left},
		{[][]string{{"3", "Brain-Stem"}}, "Brain-Stem", ""},
		{[][]string{{"3", "_L"}}, "_L", ""},
	} {
		got := Table{Header: []string{"index", "name"}, Rows: tt.rows}.labels(nil)[0]
		if got.Name != tt.name || got.Hemisphere != tt.side {
			t.Errorf("%v: %q %q, want %q %q", tt.rows, got.Name, got.Hemisphere, tt.name, tt.side)
		}
	}
}

func TestJoins(t *testing.T) {
	rows := [][]string{{"151", "ACC_sub_L"}, {"152", "ACC_sub_R"}, {"153", "ACC_pre_L"}, {"154", "ACC_pre_R"}, {"155", "ACC_sup_L"}, {"9", "Insula_L"}}
	a, list := New(line(151, 152, 153, 154, 155, 9), "i", Table{"t", []string{"index", "name"}, rows})
	if len(list) > 0 {
		t.Fatal(list)
	}
	var got []string
	for _, r := range a.DefaultJoins() {
		got = append(got, r.Name)
	}
	// dACC has no right half here and is not made from one side alone.
	if want := "sgACC sgACC_L sgACC_R pgACC pgACC_L pgACC_R"; strings.Join(got, " ") != want {
		t.Errorf("default joins %v, want %s", got, want)
	}
	if r := a.DefaultJoins()[0]; !slices.Equal(r.Labels, []int{151, 152}) || r.Hemisphere != "" {
		t.Errorf("sgACC is %+v", r)
	}

	joined, list := a.ParseJoins("plan.toml", "regions.join", []string{"vACC = ACC_sub_L + ACC_sub_R+153 + 154", "left=ACC_sub_L+ACC_pre_L"})
	if len(list) > 0 || len(joined) != 2 {
		t.Fatalf("%v %v", joined, list)
	}
	if !slices.Equal(joined[0].Labels, []int{151, 152, 153, 154}) || joined[1].Hemisphere != Left {
		t.Errorf("joined %+v", joined)
	}

	for _, tt := range []struct{ spec, found, fix string }{
		{"x = ACC_sbu_L", `region "x" is joined from "ACC_sbu_L", which the atlas does not have`, "did you mean ACC_sub_L?"},
		{"x = Amygdala", `"Amygdala", which the atlas does not have`, "use the names"},
		{"x", "no equals sign", "name = label + label"},
		{" = ACC_sub_L", "no name", ""},
		{"x = ", "joined from nothing", ""},
		{"x = ACC_sub_L + ACC_sub_L", "names a label twice", ""},
		{"Insula_L = ACC_sub_L", "has the name of label 9", ""},
	} {
		_, list := a.ParseJoins("plan.toml", "regions.join", []string{tt.spec})
		if len(list) != 1 || !strings.Contains(list.Error(), tt.found) || !strings.Contains(list[0].Fix, tt.fix) {
			t.Errorf("%q: %v, want %q, fix %q", tt.spec, list, tt.found, tt.fix)
		}
	}
	if _, list := a.ParseJoins("f", "", []string{"x = 9", "x = 151"}); !strings.Contains(list.Error(), "defined twice") {
		t.Errorf("two joins of one name: %v", list)
	}
}

// An atlas that already uses the common names gets the joint region only.
func TestDefaultJoinsOwnNames(t *testing.T) {
	a, _ := New(line(1, 2), "i", Table{"t", []string{"index", "name"}, [][]string{{"1", "sgACC_L"}, {"2", "sgACC_R"}}})
	j := a.DefaultJoins()
	if len(j) != 1 || j[0].Name != "sgACC" || !slices.Equal(j[0].Labels, []int{1, 2}) {
		t.Errorf("default joins %+v", j)
	}
	all := Merge(a.Regions(), j, []Region{{Name: "sgACC", Labels: []int{1}}})
	if len(all) != 3 || len(all[2].Labels) != 1 {
		t.Errorf("merged %+v", all)
	}
}

func TestParseTable(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string // index=name
	}{
		{"BIDS", "index\tname\tcolor\n1\tA b\t#ff0000\n2\tC\t#00ff00\n", []string{"1=A b", "2=C"}},
		{"CSV with byte order mark", "\ufeffindex,name\r\n1,A\r\n", []string{"1=A"}},
		{"lines", "# comment\n1 Precentral L\n\n2\tFrontal\n", []string{"1=Precentral L", "2=Frontal"}},
		{"colours", "1 Left-Thalamus 0 118 14 0\n2 X 1 2 3\n", []string{"1=Left-Thalamus", "2=X"}},
		{"pairs", "HIP-rh\n1 171 243 85 255\nAMY-rh\n2 86 162 74 255\n", []string{"1=HIP-rh", "2=AMY-rh"}},
		{"FSL", "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><atlas><header><type>Probabilistic</type></header><data><label index=\"0\" x=\"1\">Frontal Pole</label></data></atlas>", []string{"1=Frontal Pole"}},
		{"FSL labels", "<atlas><header><type>Label</type></header><data><label index=\"4\">A</label></data></atlas>", []string{"4=A"}},
		{"Latin-1", "1 R\xe9gion\n", []string{"1=Région"}},
	} {
		tab, list := ParseTable("f", []byte(tt.text))
		var got []string
		for _, l := range tab.labels(&list) {
			got = append(got, strconv.Itoa(l.Index)+"="+l.Name)
		}
		if len(list) > 0 || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q; problems %v", tt.name, got, tt.want, list)
		}
	}
	for _, bad := range []string{"", " \n", "#x", "hello", "<atlas>", "<a></b>", "<atlas><label index='x'>A</label></atlas>", "a b\nc d\n"} {
		if _, list := ParseTable("f", []byte(bad)); list.Err() == nil {
			t.Errorf("%q read without error", bad)
		}
	}
}

// Whatever the bytes, no panic, and an atlas or an error.
func FuzzParseTable(f *testing.F) {
	for _, s := range []string{"index\tname\n1\tA\n", "1 A\n2 B", "HIP\n1 2 3 4 5\n", "<atlas><label index=\"0\">A</label></atlas>", "\xff\xfe", "index,name\n,\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		tab, list := ParseTable("f", b)
		if len(tab.Rows) == 0 && len(list) == 0 && len(tab.Header) == 0 {
			t.Error("neither a table nor a problem")
		}
		a, more := New(line(1, 2, 3), "i", tab)
		if (a == nil) != (more.Err() != nil) {
			t.Errorf("atlas %v, problems %v", a, more)
		}
	})
}

// The real AAL3: its joins lie where the anterior cingulate lies in MNI space.
func TestAAL3(t *testing.T) {
	img := readImage(t, sharedtest.Path(t, "data", "atlases", "AAL3", "tpl-MNI152NLin6Asym_res-02_atlas-AAL3_dseg.nii.gz"))
	tab, list := ParseTable("AAL3.tsv", readText(t, sharedtest.Path(t, "data", "atlases", "AAL3", "atlas-AAL3_dseg.tsv")))
	a, more := New(img, "AAL3.nii.gz", tab)
	if a == nil || list.Err() != nil {
		t.Fatal(list, more)
	}
	centroid := func(r Region) (c voxel.Vec) {
		n := 0.0
		for _, index := range r.Labels {
			for _, v := range a.Voxels(index) {
				p := a.World(a.Coord(int(v)))
				for x := range 3 {
					c[x] += p[x]
				}
				n++
			}
		}
		for x := range 3 {
			c[x] /= n
		}
		return c
	}
	at := map[string]voxel.Vec{}
	for _, r := range a.DefaultJoins() {
		at[r.Name] = centroid(r)
	}
	// Mean of the voxel centres of labels 151+152, 153+154, 155+156, computed
	// with nibabel and numpy from the same file.
	for _, tt := range []struct {
		name string
		want voxel.Vec
	}{
		{"sgACC", voxel.Vec{0.10667, 31.27333, -5.02667}},
		{"pgACC", voxel.Vec{2.05020, 43.46667, 10.01569}},
		{"dACC", voxel.Vec{1.67135, 26.34095, 22.17750}},
	} {
		if d := voxel.Distance(at[tt.name], tt.want); !(d < 1e-4) { // the digits printed
			t.Errorf("%s lies at %.2f, want %.2f", tt.name, at[tt.name], tt.want)
		}
		if l, r := at[tt.name+"_L"], at[tt.name+"_R"]; !(l[0] < 0 && r[0] > 0) {
			t.Errorf("%s: left at x = %.1f, right at %.1f", tt.name, l[0], r[0])
		}
	}
	for _, l := range a.Labels { // every name's side is the side of its voxels
		if c := centroid(Region{Labels: []int{l.Index}}); l.Hemisphere == Left && c[0] > 0 || l.Hemisphere == Right && c[0] < 0 {
			t.Errorf("%s lies at x = %.1f", l.Name, c[0])
		}
	}
}

// The other atlases at hand and their tables read without an error.
func TestSharedAtlases(t *testing.T) {
	for _, f := range []struct{ image, table string }{
		{"SchaeferTian/Schaefer2018_100Parcels_7Networks_order_Tian_Subcortex_S1_MNI152NLin6Asym_2mm.nii.gz", "SchaeferTian/Schaefer2018_100Parcels_7Networks_order_Tian_Subcortex_S1_label.txt"},
		{"HarvardOxford/HarvardOxford-cort-maxprob-thr25-2mm.nii.gz", "HarvardOxford/HarvardOxford-Cortical.xml"},
		{"HarvardOxford/HarvardOxford-sub-maxprob-thr25-2mm.nii.gz", "HarvardOxford/HarvardOxford-Subcortical.xml"},
	} {
		img := readImage(t, sharedtest.Path(t, "data", "atlases", f.image))
		tab, list := ParseTable(f.table, readText(t, sharedtest.Path(t, "data", "atlases", f.table)))
		a, more := New(img, f.image, tab)
		list.Add(more...)
		if len(list) > 0 {
			t.Errorf("%s: %v", f.image, list)
		}
		if a == nil {
			continue
		}
		for _, l := range a.Labels {
			if len(a.Voxels(l.Index)) == 0 {
				t.Errorf("%s: %s has no voxels", f.image, l.Name)
			}
		}
	}
}
