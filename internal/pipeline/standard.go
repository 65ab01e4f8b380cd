package pipeline

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"phasl/diag"
	"phasl/nifti"
	"phasl/tissue"
	"phasl/voxel"
)

// A space is standard space: the template and what is known in its world.
type space struct {
	name    string
	named   string // how the name was found, for the report
	t1      *voxel.Image
	brain   *voxel.Mask     // on the template's grid
	bare    bool            // the template shows the brain without the head
	regions *regionSet      // nil without an atlas
	priors  *tissue.Tissues // probabilities of tissues on the template's grid; nil if not given
	deform  bool            // T1w images are deformed to the template, not only moved and stretched

	once    sync.Once // makes tissues
	tissues *tissue.Tissues
}

// loadSpace reads template, mask and atlas. It returns nil if no template is
// given.
func loadSpace(c *Config, l *diag.List) (*space, error) {
	if c.Template == "" {
		if c.Atlas != "" {
			l.Errorf(c.Atlas, "--atlas", "give the template in whose space the atlas is: --template FILE", "an atlas without a template cannot be laid onto a scan")
		}
		return nil, l.Err()
	}
	t1, _, err := nifti.ReadImage(c.Template)
	if err != nil {
		return nil, err
	}
	s := &space{t1: t1, deform: c.Registration != registerAffine}
	s.name, s.named = spaceName(c.Template, c.Space)
	if s.brain, err = templateMask(c, t1); err != nil {
		return nil, err
	}
	if n := s.brain.Count(); n == 0 {
		l.Errorf(c.Template, "", "give its brain mask with --template-mask", "no brain was found in the template")
		return nil, l.Err()
	}
	s.bare = isBare(t1, s.brain)
	if s.priors, err = templatePriors(c, s, l); err != nil {
		return nil, err
	}
	if c.Atlas != "" {
		if m := tplEntity.FindStringSubmatch(filepath.Base(c.Atlas)); m != nil && m[1] != s.name {
			l.Warnf(c.Atlas, "--atlas", "give an atlas in the space of the template, or name the template's space with --space if they are the same",
				"its file name says it is in %s, and the template's space is called %s (%s)", m[1], s.name, s.named)
		}
		s.regions, err = loadRegions(c, s, l)
	}
	if err != nil {
		return nil, err
	}
	return s, l.Err()
}

var tplEntity = regexp.MustCompile(`(?:^|_)(?:tpl|space)-([A-Za-z0-9]+)`)

// spaceName returns the name of the template's space, "" without a template.
func (c *Config) spaceName() string {
	if c.Template == "" {
		return ""
	}
	name, _ := spaceName(c.Template, c.Space)
	return name
}

// spaceName returns the label of the template's space and how it was found.
func spaceName(template, given string) (name, how string) {
	if given != "" {
		return strings.TrimPrefix(given, "space-"), "given by --space"
	}
	base := filepath.Base(template)
	if m := tplEntity.FindStringSubmatch(base); m != nil {
		return m[1], "from the template's file name"
	}
	// FSL ships its copy of MNI152 (6th generation, asymmetric) under these
	// names; TemplateFlow calls the same space MNI152NLin6Asym.
	if strings.HasPrefix(base, "MNI152_T1_") {
		return "MNI152NLin6Asym", "inferred from FSL's file name " + base + "; set --space if that is wrong"
	}
	return "template", "the template's file name does not say its space; set --space NAME"
}

// maskBeside looks for the brain mask of a template under the names that FSL
// and TemplateFlow use; "" if there is none.
func maskBeside(template string) string {
	dir, stem := filepath.Split(template)
	ext := ".nii"
	if s, ok := strings.CutSuffix(stem, ".gz"); ok {
		stem, ext = s, ".nii.gz"
	}
	stem = strings.TrimSuffix(stem, ".nii")
	head := strings.TrimSuffix(stem, "_T1w")
	for _, name := range []string{stem + "_brain_mask", stem + "_mask", head + "_desc-brain_mask", strings.TrimSuffix(stem, "_brain") + "_brain_mask"} {
		if _, err := os.Stat(dir + name + ext); err == nil {
			return dir + name + ext
		}
	}
	return ""
}

// templateMask reads the template's brain mask, or finds it in the image.
func templateMask(c *Config, t1 *voxel.Image) (*voxel.Mask, error) {
	path := c.TemplateMask
	if path == "" {
		m, _ := tissue.BrainT1(t1, tissue.BrainOptions{Workers: c.Workers})
		return m, nil
	}
	m, _, err := nifti.ReadMask(path)
	if err != nil {
		return nil, err
	}
	if !m.Same(t1.Grid, 0.1) {
		m = voxel.ResampleMask(m, t1.Grid, nil, c.Workers)
	}
	return m, nil
}

// priorsBeside looks for the tissue probabilities of a template under the names
// that TemplateFlow and phasl's own template use; "" for all unless those of
// grey and white matter are there.
func priorsBeside(template string) (gm, wm, csf string) {
	dir, stem := filepath.Split(template)
	ext := ".nii"
	if s, ok := strings.CutSuffix(stem, ".gz"); ok {
		stem, ext = s, ".nii.gz"
	}
	head, ok := strings.CutSuffix(strings.TrimSuffix(stem, ".nii"), "_T1w")
	if !ok {
		return "", "", ""
	}
	head, _, _ = strings.Cut(head, "_desc-") // of a brain without its head
	find := func(label string) string {
		name := dir + head + "_label-" + label + "_probseg" + ext
		if st, err := os.Stat(name); err != nil || st.IsDir() {
			return ""
		}
		return name
	}
	if gm, wm = find("GM"), find("WM"); gm == "" || wm == "" {
		return "", "", ""
	}
	return gm, wm, find("CSF")
}

// templatePriors reads the template's tissue probabilities, nil if none are
// given. Without those of CSF, CSF is what is left of the brain.
func templatePriors(c *Config, s *space, l *diag.List) (*tissue.Tissues, error) {
	if c.TemplateGM == "" && c.TemplateWM == "" && c.TemplateCSF == "" {
		return nil, nil
	}
	if c.TemplateGM == "" || c.TemplateWM == "" {
		l.Errorf(c.Template, "--template-gm, --template-wm", "give the probabilities of grey and of white matter", "one without the other")
		return nil, nil
	}
	read := func(path, flag string) (*voxel.Image, error) {
		m, h, err := nifti.ReadImage(path)
		if err != nil {
			return nil, err
		}
		l.Add(h.Warnings...)
		out, why := probabilities(m, s.t1.Grid, c.Workers)
		if why != "" {
			l.Errorf(path, flag, "give a map of probabilities in the world of the template, scaled to 0 … 1", "%s", why)
		}
		return out, nil
	}
	gm, err := read(c.TemplateGM, "--template-gm")
	if err != nil || gm == nil {
		return nil, err
	}
	wm, err := read(c.TemplateWM, "--template-wm")
	if err != nil || wm == nil {
		return nil, err
	}
	if meets := dice(s.brain.Image(), sumOf(gm, wm)); !(meets > 0.5) {
		l.Errorf(c.TemplateGM, "--template-gm", "give probabilities in the space of the template",
			"grey and white matter do not fill the brain of the template %s (Dice %.2f)", c.Template, meets)
		return nil, nil
	}
	var csf *voxel.Image
	if c.TemplateCSF != "" {
		if csf, err = read(c.TemplateCSF, "--template-csf"); err != nil || csf == nil {
			return nil, err
		}
	} else {
		csf = restOf(s.brain, gm, wm)
	}
	return &tissue.Tissues{GM: gm, WM: wm, CSF: csf}, nil
}

// probabilities brings a map of probabilities onto the grid g, with 0 where it
// says nothing. If its values are none, or there are hardly any on g, it returns
// nil and says why.
func probabilities(m *voxel.Image, g voxel.Grid, workers int) (out *voxel.Image, why string) {
	low, high := float32(0), float32(0)
	for _, v := range m.Data {
		if v-v == 0 {
			low, high = min(low, v), max(high, v)
		}
	}
	if low < -0.01 || high > 1.01 || high < 0.2 {
		return nil, fmt.Sprintf("values from %.3g to %.3g", low, high)
	}
	if !m.Same(g, 0.1) {
		m = voxel.Average(m, g, nil, 0, workers)
	}
	most := float32(0)
	for n, v := range m.Data {
		if v != v {
			v = 0
		}
		m.Data[n] = min(max(v, 0), 1)
		most = max(most, m.Data[n])
	}
	if !(most > 0.2) {
		return nil, fmt.Sprintf("where the image is, the largest value is %.3g", most)
	}
	return m, ""
}

// restOf returns what grey and white matter leave of the brain.
func restOf(brain *voxel.Mask, gm, wm *voxel.Image) *voxel.Image {
	out := voxel.NewImage(gm.Grid)
	for n, in := range brain.In {
		if in {
			out.Data[n] = max(0, 1-gm.Data[n]-wm.Data[n])
		}
	}
	return out
}

func sumOf(a, b *voxel.Image) *voxel.Image {
	out := voxel.NewImage(a.Grid)
	for n, v := range a.Data {
		out.Data[n] = v + b.Data[n]
	}
	return out
}

// isBare reports whether hardly anything is bright outside the brain.
func isBare(t1 *voxel.Image, brain *voxel.Mask) bool {
	var in, out float64
	for n, v := range t1.Data {
		if a := math.Abs(float64(v)); a > 0 && !math.IsInf(a, 0) {
			if brain.In[n] {
				in += a
			} else {
				out += a
			}
		}
	}
	return out < 0.1*in
}

// fractions returns the tissue maps of the template: the priors if they were
// given, else those of the template's own segmentation, made on first use. It
// is safe for concurrent use.
func (s *space) fractions(workers int) *tissue.Tissues {
	if s.priors != nil {
		return s.priors
	}
	s.once.Do(func() { s.tissues, _ = tissue.Segment(s.t1, s.brain, tissue.SegmentOptions{Workers: workers}) })
	return s.tissues
}

// masked returns the image with zero outside the mask, for registration.
func masked(m *voxel.Image, in *voxel.Mask) *voxel.Image {
	out := voxel.NewImage(m.Grid)
	for n, v := range m.Data {
		if in.In[n] {
			out.Data[n] = v
		}
	}
	return out
}
