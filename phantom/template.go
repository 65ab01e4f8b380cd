package phantom

import (
	"path/filepath"
	"sync"

	"phasl/bids"
	"phasl/nifti"
	"phasl/voxel"
)

// Space is the name of the template's space. It is not MNI152, but shares its
// coordinates roughly: structures lie within some 5 mm of where MNI152 has
// them, and sulci do not correspond.
const Space = "phasl"

// A Template is the phantom's brain as a template and atlas: what individual
// brains are registered to when no other template is given.
type Template struct {
	T1w    *voxel.Image // T1-weighted, head and all, arbitrary units
	Mask   *voxel.Mask  // brain, with the CSF around and within
	Grey   *voxel.Image // share of grey matter [1]
	White  *voxel.Image // share of white matter [1]
	CSF    *voxel.Image // share of CSF [1]
	Labels *voxel.Image // index of the region, 0 where less than half is grey matter
	Table  []Region     // the regions
}

// TemplateGrid is the template's grid: 91×109×91 voxels of 2 mm, as MNI152
// templates have it, with x growing to the right.
func TemplateGrid() voxel.Grid {
	return voxel.Grid{Dim: [3]int{91, 109, 91}, Affine: voxel.Affine{{2, 0, 0, -90}, {0, 2, 0, -126}, {0, 0, 2, -72}}}
}

// NewTemplate draws the template. It takes about 2 s of CPU time for the first
// time, and 25 MB that are kept for the next; workers is the number of
// goroutines, 0 for one per CPU.
func NewTemplate(workers int) *Template {
	return newTemplate(templateDrawing(), workers)
}

// templateDrawing is the template on its grid. It must not be changed.
var templateDrawing = sync.OnceValue(func() *Drawing { return (&Brain{}).Draw(TemplateGrid(), 2, 0) })

func newTemplate(d *Drawing, workers int) *Template {
	return &Template{
		T1w: d.T1w(T1wOptions{}, workers), Mask: d.BrainMask(),
		Grey: d.Fraction[Grey].Clone(), White: d.Fraction[White].Clone(), CSF: d.Fraction[CSF].Clone(),
		Labels: d.Labels(), Table: Regions(),
	}
}

// TemplateFiles returns the files that [Template.Write] writes, relative to its
// folder. Each is written whole or not at all.
func TemplateFiles() []string {
	return []string{
		templateFile("T1w", ".nii.gz"), templateFile("probseg", ".nii.gz", "label", "GM"), templateFile("probseg", ".nii.gz", "label", "WM"),
		templateFile("probseg", ".nii.gz", "label", "CSF"), templateFile("mask", ".nii.gz", "desc", "brain"),
		templateFile("dseg", ".nii.gz", "atlas", Space), templateFile("dseg", ".tsv", "atlas", Space),
	}
}

func templateFile(suffix, ext string, more ...string) string {
	return bids.Name(bids.Entities{"tpl": Space, "res": "02"}.With(more...), suffix, ext)
}

// Write writes the template's images and the table of its regions to dir under
// BIDS template names, such as tpl-phasl_res-02_T1w.nii.gz and
// tpl-phasl_atlas-phasl_res-02_dseg.nii.gz with its .tsv.
func (t *Template) Write(dir string, workers int) error {
	name := func(suffix, ext string, more ...string) string {
		return filepath.Join(dir, templateFile(suffix, ext, more...))
	}
	opt := nifti.Options{Workers: workers, Space: nifti.SpaceTemplate}
	for _, f := range []struct {
		path string
		img  *voxel.Image
	}{
		{name("T1w", ".nii.gz"), t.T1w},
		{name("probseg", ".nii.gz", "label", "GM"), t.Grey},
		{name("probseg", ".nii.gz", "label", "WM"), t.White},
		{name("probseg", ".nii.gz", "label", "CSF"), t.CSF},
	} {
		if err := nifti.WriteImage(f.path, f.img, opt); err != nil {
			return err
		}
	}
	if err := nifti.WriteMask(name("mask", ".nii.gz", "desc", "brain"), t.Mask, opt); err != nil {
		return err
	}
	opt.Datatype = nifti.Int16
	if err := nifti.WriteImage(name("dseg", ".nii.gz", "atlas", Space), t.Labels, opt); err != nil {
		return err
	}
	return writeLabelTable(name("dseg", ".tsv", "atlas", Space))
}
