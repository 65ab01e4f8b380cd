package pipeline

import (
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"phasl/bids"
	"phasl/diag"
)

// A folder holds transforms, or masks and tissue maps, that a person or
// another program made and that stand in for what phasl would find itself. A
// file belongs to an image if it is named as phasl names its own result for
// that image; see docs/formats/given.md.
type folder struct {
	dir   string
	flag  string // that named it
	files []derivative

	tables []derivative // of labels, *dseg.tsv; some serve all people
}

// openFolder lists what lies below dir; nil for an empty name.
func openFolder(dir, flag string, l *diag.List) *folder {
	if dir == "" {
		return nil
	}
	f := &folder{dir: dir, flag: flag}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return nil
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if v, ok := parseEntities(rel); ok && v.suffix == "dseg" && v.ext == ".tsv" {
			f.tables = append(f.tables, v)
		}
		if v, ok := parseDerivative(rel); ok && slices.Contains([]string{"xfm", "mask", "probseg", "dseg"}, v.suffix) {
			f.files = append(f.files, v)
		}
		return nil
	})
	if err != nil {
		l.Errorf(dir, flag, "give a folder that can be read", "%v", rootCause(err))
		return nil
	}
	slices.SortFunc(f.files, func(a, b derivative) int { return strings.Compare(a.path, b.path) })
	return f
}

// ofDerivatives are the entities that say what was made of an image; the
// others say which image it was.
var ofDerivatives = []string{"desc", "label", "from", "to", "mode", "space", "res", "den", "seg", "atlas", "scale", "hemi"}

// find returns the path of the file of that suffix for the image with these
// entities, "" if there is none. Of want, each entity lists the values it may
// have; "" among them lets it be absent. Entities of a derivative that are not
// in want must be absent, but for mode. Those of the image that the file has
// must be the image's: a file named after the participant alone serves all
// their images. Of several, the one named most like the image is taken. Masks
// and tissue maps of scans lie in a folder perf, those of T1w images in any other.
func (f *folder) find(image bids.Entities, suffix, datatype string, exts []string, want map[string][]string, l *diag.List) string {
	if f == nil {
		return ""
	}
	var best []derivative
	most := -1
	for _, d := range f.files {
		if d.suffix != suffix || !slices.Contains(exts, d.ext) {
			continue
		}
		same := 0
		fits := suffix == "xfm" || (path.Base(path.Dir(d.path)) == "perf") == (datatype == "perf")
		for k, v := range d.entities {
			switch allowed, asked := want[k]; {
			case asked:
				fits = fits && slices.Contains(allowed, v)
			case k == "mode":
			case slices.Contains(ofDerivatives, k):
				fits = false
			case image[k] == v:
				same++
			default:
				fits = false
			}
		}
		for k, allowed := range want {
			if d.entities[k] == "" && !slices.Contains(allowed, "") {
				fits = false
			}
		}
		switch {
		case !fits || same < most:
		case same > most:
			best, most = []derivative{d}, same
		default:
			best = append(best, d)
		}
	}
	if len(best) == 0 {
		return ""
	}
	if len(best) > 1 {
		var names []string
		for _, d := range best {
			names = append(names, d.path)
		}
		l.Errorf(f.dir, f.flag, "leave one of them in the folder", "several files could be meant for sub-%s: %s", image["sub"], strings.Join(names, ", "))
	}
	return filepath.Join(f.dir, filepath.FromSlash(best[0].path))
}

var (
	imageExts     = []string{".nii.gz", ".nii"}
	transformExts = []string{".nii.gz", ".nii", ".h5", ".txt", ".tfm", ".mat"}
)

// A givenAnatomy names what was given for a T1w image; "": not given.
type givenAnatomy struct {
	brain        string
	gm, wm, csf  string
	labels       string // of tissues
	labelTable   string // what each label is; "": numbered as BIDS does
	toTemplate   string // from-T1w_to-<space>
	fromTemplate string // from-<space>_to-T1w
	begin        string // an affine map to begin the search at
}

// A givenScan names what was given for an ASL scan.
type givenScan struct {
	mask         string
	toT1w        string
	toTemplate   string // from-ASL_to-<space>
	fromTemplate string // from-<space>_to-ASL
}

// masks and transforms list what was given, each for its flag, in a fixed
// order.
func (g givenAnatomy) masks() []string {
	return []string{g.brain, g.gm, g.wm, g.csf, g.labels, g.labelTable}
}

func (g givenAnatomy) transforms() []string { return []string{g.toTemplate, g.fromTemplate, g.begin} }

func (g givenScan) masks() []string { return []string{g.mask} }

func (g givenScan) transforms() []string { return []string{g.toT1w, g.toTemplate, g.fromTemplate} }

// aslNames are what phasl and other programs call the scan's own space.
var aslNames = []string{"ASL", "aslref", "asl"}

// givenAnatomy finds what was given for the T1w image file. space is the name of
// the template's, "" without one.
func (c *Config) givenAnatomy(file, space string, l *diag.List) (g givenAnatomy) {
	d, ok := parseDerivative(file)
	if !ok {
		return g
	}
	e := bids.Entities(d.entities)
	own := []string{"", "T1w"}
	m := func(suffix string, pairs ...string) string {
		want := map[string][]string{"space": own}
		for i := 0; i < len(pairs); i += 2 {
			want[pairs[i]] = []string{pairs[i+1]}
		}
		return c.masks.find(e, suffix, "anat", imageExts, want, l)
	}
	g.brain = m("mask", "desc", "brain")
	g.gm, g.wm, g.csf = m("probseg", "label", "GM"), m("probseg", "label", "WM"), m("probseg", "label", "CSF")
	if (g.gm == "") != (g.wm == "") {
		l.Errorf(c.MasksDir, "--masks", "give label-GM and label-WM, or neither", "there is only one of the maps of grey and white matter of sub-%s", d.entities["sub"])
	}
	if g.gm == "" {
		g.csf = ""
		g.labels = m("dseg")
		g.labelTable = c.masks.labelTable(g.labels)
	}
	if space != "" {
		x := func(from, to string, desc ...string) string {
			return c.transforms.find(e, "xfm", "", transformExts, map[string][]string{"from": {from}, "to": {to}, "desc": desc}, l)
		}
		g.toTemplate, g.fromTemplate = x("T1w", space, ""), x(space, "T1w", "")
		g.begin = x("T1w", space, "init")
		c.bothWays(g.toTemplate, g.fromTemplate, "from-T1w_to-"+space, l)
	}
	return g
}

// bothWays is a fault where only the way back from the template was given: it
// would not be used.
func (c *Config) bothWays(to, from, name string, l *diag.List) {
	if to == "" && from != "" {
		l.Errorf(c.TransformsDir, "--transforms", "give "+name+" as well, or take "+filepath.Base(from)+" out of the folder",
			"there is only the other direction, %s", filepath.Base(from))
	}
}

// givenScan finds what was given for an ASL scan.
func (c *Config) givenScan(e bids.Entities, space string, l *diag.List) (g givenScan) {
	g.mask = c.masks.find(e, "mask", "perf", imageExts, map[string][]string{"desc": {"brain"}, "space": append([]string{""}, aslNames...)}, l)
	x := func(from []string, to ...string) string {
		return c.transforms.find(e, "xfm", "", transformExts, map[string][]string{"from": from, "to": to, "desc": {"", "coreg"}}, l)
	}
	g.toT1w = x(aslNames, "T1w")
	if space != "" {
		g.toTemplate, g.fromTemplate = x(aslNames, space), x([]string{space}, aslNames...)
		c.bothWays(g.toTemplate, g.fromTemplate, "from-ASL_to-"+space, l)
	}
	return g
}

// openGiven lists the folders that the user gives.
func (c *Config) openGiven(l *diag.List) {
	c.transforms = openFolder(c.TransformsDir, "--transforms", l)
	c.masks = openFolder(c.MasksDir, "--masks", l)
}

// checkGiven names what of the folders cannot be used, and the people for whom
// they hold nothing: their files may be misnamed. A folder that serves none of
// them is a fault, unless they are a part of the dataset (all false): it may be
// for the others, whom another process does.
func (c *Config) checkGiven(people []person, all bool, space string) (l diag.List) {
	var used [2]int // of transforms, of masks
	scans := 0
	for _, p := range people {
		var transforms, masks int
		for _, sc := range p.scans {
			s := c.givenScan(sc.Entities, space, &l)
			var a givenAnatomy
			if len(sc.T1w) > 0 {
				a = c.givenAnatomy(sc.T1w[0], space, &l)
			}
			masks += named(a.masks()) + named(s.masks())
			transforms += named(a.transforms()) + named(s.transforms())
		}
		none := func(f *folder, n int) {
			if f != nil && n == 0 && len(p.scans) > 0 {
				l.Warnf(f.dir, f.flag, "name them as docs/formats/given.md says, for example "+f.example(p, space),
					"nothing there is for sub-%s", p.label)
			}
		}
		none(c.transforms, transforms)
		none(c.masks, masks)
		used[0], used[1], scans = used[0]+transforms, used[1]+masks, scans+len(p.scans)
	}
	for i, f := range []*folder{c.transforms, c.masks} {
		if f != nil && used[i] == 0 && scans > 0 && (all || len(f.files) == 0) {
			// Who gives a folder wants it used: warnings above say what it lacks.
			l.Errorf(f.dir, f.flag, "name its files as docs/formats/given.md says, or leave "+f.flag+" out", "none of its files is for anybody who is to be processed%s", f.seen())
		}
	}
	return once(l)
}

// named counts the names that are not empty.
func named(files []string) (n int) {
	for _, f := range files {
		if f != "" {
			n++
		}
	}
	return n
}

// seen names a few files of the folder.
func (f *folder) seen() string {
	var names []string
	for _, d := range f.files {
		names = append(names, d.path)
	}
	const most = 3
	switch n := len(names); {
	case n == 0:
		return ": it is empty"
	case n > most:
		return fmt.Sprintf("; it holds %s and %d more", strings.Join(names[:most], ", "), n-most)
	}
	return "; it holds " + strings.Join(names, ", ")
}

// example is a name that would be found.
func (f *folder) example(p person, space string) string {
	name := "sub-" + p.label
	if f.flag == "--masks" {
		return name + "_desc-brain_mask.nii.gz"
	}
	if space == "" {
		space = "<space>"
	}
	return fmt.Sprintf("%s_from-T1w_to-%s_mode-image_xfm.h5", name, space)
}

// once leaves of problems that say the same the first.
func once(l diag.List) (out diag.List) {
	for _, p := range l {
		if !slices.ContainsFunc(out, func(q *diag.Problem) bool {
			return q.File == p.File && q.Field == p.Field && q.Found == p.Found
		}) {
			out.Add(p)
		}
	}
	return out
}
