package cli

import (
	"fmt"

	"phasl/internal/pipeline"
)

// analysisFlags are the settings that change numbers, shared by run and
// quantify.
type analysisFlags struct {
	Model    string             `enum:"auto,whitepaper,kinetic,ge" default:"auto" group:"Perfusion" help:"Model: auto (kinetic for several delays, the vendor's equation for GE product scans, white paper otherwise), whitepaper, kinetic, ge."`
	Set      []string           `name:"set" placeholder:"FIELD=VALUE" sep:"none" group:"Perfusion" help:"Give a BIDS field that the sidecars lack or have wrong, e.g. LabelingDuration=1.8 (repeatable). The report says so."`
	Constant map[string]float64 `name:"constant" placeholder:"NAME=VALUE" mapsep:"none" group:"Perfusion" help:"Set a constant of the model, e.g. BloodT1=1.65 (repeatable); a name that is none of them prints them."`
	M0Scale  *float64           `name:"m0-scale" placeholder:"X" group:"Perfusion" help:"Factor applied to M0 before division; for GE product scans it replaces 32 x NEX."`
	PVC      bool               `name:"pvc" group:"Perfusion" help:"Correct for partial volume too, by regression (Asllani et al. 2008): maps of CBF of pure grey and of pure white matter beside CBF as measured, and that of pure grey matter in every region. Needs tissue maps: a T1w image, or a template."`
	RawM0    bool               `name:"raw-m0" group:"Perfusion" help:"Divide by M0 in every voxel, also where it is too low to be trusted (below 0.2 of its median), instead of extending it from the neighbours there."`
	Motion   string             `enum:"correct,off" default:"correct" group:"Perfusion" help:"Head motion within the series: correct, off."`
	Outliers string             `enum:"exclude,keep" default:"exclude" group:"Perfusion" help:"What to do with pairs found to be outliers: exclude, keep (and only flag)."`
	Seed     uint64             `default:"1" group:"Running" help:"Seed of everything random."`
	Workers  int                `default:"0" group:"Running" help:"Threads; 0: one per CPU. Does not change the result."`
}

// check refuses numbers that make no sense.
func (f analysisFlags) check() error {
	if f.M0Scale != nil && !(*f.M0Scale > 0) {
		return fmt.Errorf("--m0-scale=%g: give a positive factor", *f.M0Scale)
	}
	if f.Workers < 0 {
		return fmt.Errorf("--workers=%d: give a number of threads, or 0 for one per CPU", f.Workers)
	}
	return nil
}

func (f analysisFlags) settings() pipeline.Settings {
	s := pipeline.Settings{
		Model: f.Model, Overrides: f.Set, Constants: f.Constant, RawM0: f.RawM0, PVC: f.PVC,
		KeepOutliers: f.Outliers == "keep", NoMotion: f.Motion == "off", Seed: f.Seed, Workers: f.Workers,
	}
	if f.M0Scale != nil {
		s.M0Scale = *f.M0Scale
	}
	return s
}

// spaceFlags say where standard space is.
type spaceFlags struct {
	Template     string   `type:"existingfile" placeholder:"FILE" group:"Standard space" help:"T1w template image (NIfTI) that defines the standard space."`
	TemplateMask string   `type:"existingfile" placeholder:"FILE" group:"Standard space" help:"Brain mask of the template; found beside it if named as FSL or TemplateFlow do, else computed."`
	TemplateGM   string   `name:"template-gm" type:"existingfile" placeholder:"FILE" group:"Standard space" help:"Probability of grey matter in the template; found beside it if named as TemplateFlow does (label-GM_probseg). Likewise --template-wm and --template-csf."`
	TemplateWM   string   `name:"template-wm" type:"existingfile" placeholder:"FILE" group:"Standard space" help:"Probability of white matter in the template."`
	TemplateCSF  string   `name:"template-csf" type:"existingfile" placeholder:"FILE" group:"Standard space" help:"Probability of CSF in the template; without it, what is left of its brain."`
	Registration string   `enum:"syn,affine" default:"syn" group:"Standard space" help:"How the T1w image is brought to the template: syn (affine, then a smooth deformation), affine. A scan without a T1w image is brought there by perfusion: syn bends it stiffly, affine does not."`
	Space        string   `placeholder:"NAME" group:"Standard space" help:"Name of the template's space for file names; taken from the template's file name if that says it."`
	Atlas        string   `type:"existingfile" placeholder:"FILE" group:"Standard space" help:"Label image (NIfTI) in the template's space."`
	Labels       string   `type:"existingfile" placeholder:"FILE" group:"Standard space" help:"Label table of the atlas (_dseg.tsv); found beside it if named so."`
	Region       []string `placeholder:"NAME=A+B" sep:"none" group:"Standard space" help:"Join atlas labels to a region, e.g. sgACC=ACC_sub_L+ACC_sub_R (repeatable)."`
	MinCoverage  float64  `default:"0.5" group:"Standard space" help:"Share of a region that must have been scanned for its value to count."`
}

// check refuses numbers that make no sense.
func (f spaceFlags) check() error {
	if !(f.MinCoverage >= 0 && f.MinCoverage <= 1) {
		return fmt.Errorf("--min-coverage=%g: give a share between 0 and 1", f.MinCoverage)
	}
	return nil
}

func (f spaceFlags) standard() pipeline.Standard {
	return pipeline.Standard{Template: f.Template, TemplateMask: f.TemplateMask, Space: f.Space,
		TemplateGM: f.TemplateGM, TemplateWM: f.TemplateWM, TemplateCSF: f.TemplateCSF, Registration: f.Registration,
		Atlas: f.Atlas, Labels: f.Labels, Regions: f.Region, MinCoverage: f.MinCoverage}
}

// givenFlags name folders of what was found by other means.
type givenFlags struct {
	Transforms string `type:"existingdir" placeholder:"DIR" group:"Your own anatomy" help:"Folder of transforms to use in place of registration, named as phasl names its own (sub-01_from-T1w_to-<S>_mode-image_xfm.h5, .txt, .mat, .nii.gz); with desc-init, an affine map to begin the search at."`
	Masks      string `type:"existingdir" placeholder:"DIR" group:"Your own anatomy" help:"Folder of brain masks (desc-brain_mask) and tissue maps (label-GM_probseg and the like, dseg) to use in place of phasl's own."`
}
