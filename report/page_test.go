package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"phasl/voxel"
)

var (
	svgElement = regexp.MustCompile(`(?s)<svg .*?</svg>`)
	idAttr     = regexp.MustCompile(` id="([^"]*)"`)
	refAttr    = regexp.MustCompile(`(?:href="#|url\(#|for="|aria-labelledby=")([^")]*)["|)]`)
)

// wellFormed parses every drawing as XML and checks that ids are unique and
// that what is referred to exists.
func wellFormed(t *testing.T, page string) {
	t.Helper()
	for _, d := range svgElement.FindAllString(page, -1) {
		dec := xml.NewDecoder(strings.NewReader(d))
		for {
			_, err := dec.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("drawing is not XML: %v\n%.300s", err, d)
			}
		}
	}
	ids := map[string]bool{}
	for _, m := range idAttr.FindAllStringSubmatch(page, -1) {
		if ids[m[1]] {
			t.Errorf("id %q stands twice", m[1])
		}
		ids[m[1]] = true
	}
	for _, m := range refAttr.FindAllStringSubmatch(page, -1) {
		for id := range strings.FieldsSeq(m[1]) {
			if !ids[id] {
				t.Errorf("nothing has the id %q", id)
			}
		}
	}
	for _, open := range []string{"section", "div", "table", "tbody", "thead", "tr", "td", "th", "figure", "ul", "li", "p", "span", "main", "details", "aside", "dl", "h2", "h3", "svg", "math", "mrow", "label", "nav"} {
		n := strings.Count(page, "<"+open+">") + strings.Count(page, "<"+open+" ")
		if m := strings.Count(page, "</"+open+">"); n != m {
			t.Errorf("%d <%s> and %d </%s>", n, open, m, open)
		}
	}
}

func TestFullPage(t *testing.T) {
	page := render(t, full())
	keep(t, "full.html", page)
	wellFormed(t, page)
	if len(page) > 3<<20 {
		t.Errorf("page has %d bytes", len(page))
	}
	for _, want := range []string{
		"Naltrexone–ketamine crossover", "ses-a, run-1 (baseline)", "1 thing to look at", "nothing flagged",
		"mL/100 g/min", "sgACC", "Look at the motion chart", "RepetitionTimePreparation", "nothing: the field was missing",
		"<msub>", "doi.org/10.1002/mrm.25197", "no value", "21 % of the region is in the slab", "check not passed",
		"Colours mean the same in every scan", "data:image/png;base64,", "excluded: framewise displacement 1.6 mm",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("page lacks %q", want)
		}
	}
	for _, never := range []string{"NaN", "ZgotmplZ", " style=\"", "onclick", "http://", "eval(", "<link", "@import", "url(http"} {
		clean := strings.ReplaceAll(page, `xmlns="http://www.w3.org/2000/svg"`, "")
		if never == "NaN" { // base64 may spell it
			clean = regexp.MustCompile(`base64,[^"]*`).ReplaceAllString(clean, "")
		}
		if strings.Contains(clean, never) {
			t.Errorf("page holds %q", never)
		}
	}
	if order := []int{strings.Index(page, `id="glance"`), strings.Index(page, `id="regions"`), strings.Index(page, `id="scan-1"`),
		strings.Index(page, `id="constants"`), strings.Index(page, `id="methods"`), strings.Index(page, "References</h3>")}; !increasing(order) {
		t.Errorf("parts out of order: %v", order)
	}
}

func increasing(v []int) bool {
	for i := 1; i < len(v); i++ {
		if v[i-1] < 0 || v[i] <= v[i-1] {
			return false
		}
	}
	return true
}

// TestPolicy recomputes the digests of the inline style and script as a
// browser does, from the bytes between the tags.
func TestPolicy(t *testing.T) {
	page := render(t, &Participant{ID: "sub-01"})
	policy := regexp.MustCompile(`Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(page)
	if policy == nil {
		t.Fatal("no policy")
	}
	p := strings.NewReplacer("&#39;", "'", "&#43;", "+").Replace(policy[1])
	for _, tag := range []string{"style", "script"} {
		body := regexp.MustCompile(`(?s)<` + tag + `>(.*?)</` + tag + `>`).FindStringSubmatch(page)
		if body == nil {
			t.Fatalf("no %s", tag)
		}
		h := sha256.Sum256([]byte(body[1]))
		if want := tag + "-src 'sha256-" + base64.StdEncoding.EncodeToString(h[:]) + "'"; !strings.Contains(p, want) {
			t.Errorf("policy %q lacks %q", p, want)
		}
	}
	if !strings.HasPrefix(p, "default-src 'none'") || strings.Contains(p, "unsafe") {
		t.Errorf("policy %q is not strict", p)
	}
}

func TestDeterministic(t *testing.T) {
	if a, b := render(t, full()), render(t, full()); a != b {
		t.Error("two renderings differ")
	}
}

// TestEmpty draws participants with nothing, or with every field degenerate.
func TestEmpty(t *testing.T) {
	g := voxel.Grid{Dim: [3]int{1, 1, 1}, Affine: voxel.Identity()}
	void := voxel.NewImage(g)
	void.Data[0] = float32(nan)
	flat := gridMM(voxel.Vec{20, 20, 160})
	broken := voxel.NewImage(voxel.Grid{Dim: [3]int{4, 5, 6}}) // singular affine
	cases := map[string]*Participant{
		"nothing":     {},
		"empty scan":  {ID: "sub-01", Scans: []Scan{{}}},
		"failed":      {ID: "sub-01", Scans: []Scan{{Failed: "the series has one volume"}, {}}},
		"one voxel":   {Scans: []Scan{{CBF: void, SE: void, ATT: void, M0: void, DeltaM: void, Mask: voxel.NewMask(g)}}},
		"one slice":   {Scans: []Scan{{CBF: voxel.NewImage(flat), Mask: brainMask(flat)}}},
		"no affine":   {Scans: []Scan{{CBF: broken, M0: broken}}},
		"nil overlay": {Scans: []Scan{{Overlays: []Overlay{{}, {Moving: Layer{Image: void}}, {Fixed: Layer{Image: void, Kind: Effect}, Moving: Layer{Image: void, Kind: Perfusion}, Labels: void, Outlines: []Outline{{}}, Regions: []LabelGroup{{"x", []int{1}}}}}}}},
		"motion": {Scans: []Scan{{Motion: &Motion{}}, {Motion: &Motion{Volumes: []Volume{{Kind: "cbf"}}, FD: []float64{nan}, Translation: [][3]float64{{nan, nan, nan}}}, Pairs: []Pair{{Mean: nan}}},
			{Pairs: []Pair{{Mean: 1, PLD: 0.5}, {Mean: 2, PLD: 1, Outlier: true}, {Mean: 3, PLD: 1}}}}},
		"regions":  {Scans: []Scan{{Regions: []Region{{Name: "a", CBF: nan, SE: nan, Weighted: nan, Relative: nan, Coverage: nan}}}, {Regions: []Region{{Name: "a", CBF: -3, SE: nan}}}}},
		"metrics":  {Scans: []Scan{{Quality: []Metric{{Name: "a", Value: nan, Low: nan, High: nan}, {Name: "b", Value: 3, Low: 5, High: 4}, {Name: "c", Value: -1, Low: nan, High: -2}, {Name: "d", Low: 0, High: 0}}}}},
		"equation": {Scans: []Scan{{Equation: "as given; ((("}, {Constants: []Constant{{Value: nan}}}}, Methods: []Paragraph{{"", "see [1] and [a] and ["}}},
	}
	for name, p := range cases {
		page := render(t, p)
		wellFormed(t, page)
		if t.Failed() {
			t.Fatalf("case %s", name)
		}
	}
}

// TestHostileText puts markup wherever a name goes.
func TestHostileText(t *testing.T) {
	evil := `"><script>alert(1)</script><img src=x onerror='a'>` + "\x00\x1f]]>"
	g := gridMM(voxel.Vec{12, 12, 16})
	cbf := brainModel{gain: 1}.image(g, [5]float64{0, 60, 20, 0, 0}, true)
	s := Scan{Session: evil, Run: evil, Phase: evil, File: evil, Summary: evil, Unit: evil, CBF: cbf, Mask: brainMask(g), Equation: evil, Model: evil,
		Overlays:  []Overlay{{Title: evil, Fixed: Layer{Name: evil, Image: cbf}, Moving: Layer{Name: evil, Image: cbf, Kind: Perfusion}, Outlines: []Outline{{evil, brainMask(g)}}, Look: evil, Measures: []Fact{{evil, evil, evil, evil}}}},
		Motion:    &Motion{Volumes: []Volume{{evil, true, evil}}, FD: []float64{1}, DVARS: []float64{1}, DVARSUnit: evil, Note: evil},
		Pairs:     []Pair{{Mean: 1, Outlier: true, Reason: evil}},
		Protocol:  []Fact{{evil, evil, evil, evil}},
		Quality:   []Metric{{Name: evil, Value: 1, Unit: evil, Low: 0, High: 2, Key: true, Note: evil}},
		Flags:     []Flag{{evil, evil, evil, true}},
		Regions:   []Region{{Name: evil, Key: true, CBF: 1, Note: evil}, {Name: evil + "2", CBF: 1}},
		Constants: []Constant{{evil, evil, 1, evil, evil, evil}}}
	p := &Participant{ID: evil, Dataset: evil, Software: evil, Command: evil, Date: evil, Summary: []string{evil}, Scans: []Scan{s, s}, Anatomy: s.Overlays,
		Set: []Setting{{evil, evil, evil}}, Methods: []Paragraph{{evil, evil}}, References: []Reference{{1, evil, evil}}}
	p.Problems.Warnf(evil, evil, evil, "%s", evil)
	p.Problems.Add(nil)
	page := render(t, p)
	wellFormed(t, page)
	if n := strings.Count(page, "<script"); n != 1 {
		t.Errorf("%d script elements", n)
	}
	if strings.Contains(page, "<img") {
		t.Error("markup of a name came through")
	}
	var b bytes.Buffer
	if err := WriteIndex(&b, &Index{Title: evil, Software: evil, Date: evil, Summary: []string{evil},
		Participants: []IndexEntry{{evil, "javascript:alert(1)", evil, []IndexScan{{Name: evil, CBF: cbf, Unit: evil, Failed: evil}}}, {ID: "b", Scans: []IndexScan{{GM: 50}}}}}); err != nil {
		t.Fatal(err)
	}
	wellFormed(t, strings.ReplaceAll(b.String(), "#ZgotmplZ", "")) // html/template's word for an address it refuses
	if strings.Count(b.String(), "<script") != 1 || strings.Contains(b.String(), `href="javascript:`) {
		t.Error("index lets markup or a script address through")
	}
}

// TestSizeBound fills a page with images that do not compress and outlines
// that never end.
func TestSizeBound(t *testing.T) {
	if testing.Short() {
		t.Skip("draws 24 figures of noise")
	}
	g := voxel.Grid{Dim: [3]int{96, 96, 24}, Affine: voxel.Affine{{2, 0, 0, -96}, {0, 2, 0, -96}, {0, 0, 3, -60}}}
	rng := rand.New(rand.NewPCG(1, 2))
	noise, labels := voxel.NewImage(g), voxel.NewImage(g)
	mask := voxel.NewMask(g)
	for i := range noise.Data {
		noise.Data[i] = rng.Float32()*100 + 1
		labels.Data[i] = float32(rng.IntN(200))
		mask.In[i] = rng.IntN(2) == 0
		if rng.IntN(4) == 0 {
			noise.Data[i] = float32(nan)
		}
	}
	over := Overlay{Title: "o", Fixed: Layer{Name: "a", Image: noise}, Moving: Layer{Name: "b", Image: noise, Kind: Perfusion}, Labels: labels, Outlines: []Outline{{"m", mask}}}
	p := &Participant{ID: "sub-01"}
	for range 4 {
		p.Scans = append(p.Scans, Scan{CBF: noise, SE: noise, ATT: noise, M0: noise, DeltaM: noise, Mask: mask, Overlays: []Overlay{over}})
	}
	page := render(t, p)
	wellFormed(t, page)
	t.Logf("%d bytes", len(page))
	keep(t, "noise.html", page)
	if len(page) > 3_000_000 {
		t.Errorf("page has %d bytes, more than 3 MB", len(page))
	}
}

func TestMismatchPanics(t *testing.T) {
	defer func() {
		if r := recover(); r == nil || !strings.HasPrefix(r.(string), "report: ") {
			t.Errorf("recovered %v, want a panic that names the package", r)
		}
	}()
	a, b := gridMM(voxel.Vec{20, 20, 20}), gridMM(voxel.Vec{30, 20, 20})
	render(t, &Participant{Scans: []Scan{{CBF: voxel.NewImage(a), Mask: voxel.NewMask(b)}}})
}

func TestIndex(t *testing.T) {
	x := &Index{Title: "Perfusion reports", Summary: []string{"Two participants."}}
	for _, s := range full().Scans[:2] {
		x.Participants = append(x.Participants, IndexEntry{ID: "sub-" + s.Run, Href: "sub-" + s.Run + ".html", Summary: s.Summary,
			Scans: []IndexScan{{Name: s.Name(), CBF: s.CBF, Mask: s.Mask, GM: s.Quality[0].Value, Flags: len(x.Participants)}, {Name: "b", GM: nan, Failed: "no M0"}}})
	}
	var b bytes.Buffer
	if err := WriteIndex(&b, x); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	keep(t, "index.html", page)
	wellFormed(t, page)
	for _, want := range []string{`href="sub-1.html"`, "1 flag", "no result: no M0", "GM 56.2 mL/100 g/min", "1 scan without result"} {
		if !strings.Contains(page, want) {
			t.Errorf("index lacks %q", want)
		}
	}
}

func BenchmarkWriteParticipant(b *testing.B) {
	p := full()
	for b.Loop() {
		if err := WriteParticipant(io.Discard, p); err != nil {
			b.Fatal(err)
		}
	}
}
