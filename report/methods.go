package report

import (
	"fmt"
	"strings"
	"unicode"
)

// Info is what was done to a dataset, for [Methods]. The zero value of a field
// means it was not done, is not known or does not apply, and no sentence
// mentions it.
type Info struct {
	Software string // name and version
	People   int
	Scans    int

	Field        float64 // [T]
	Manufacturer string
	Scanner      string     // model
	Readout      string     // "3D spiral", "3D GRASE", "2D EPI"
	Labelling    string     // "PCASL", "CASL" or "PASL", as BIDS spells ArterialSpinLabelingType
	Tau          float64    // labelling duration [s]
	PLD          []float64  // post-labelling delays [s], or inversion times of PASL; each once
	BolusCutOff  string     // "QUIPSSII" or "Q2TIPS", as BIDS spells BolusCutOffTechnique
	Pulses       int        // background-suppression pulses; 0: none known
	Suppressed   bool       // background suppression was on
	VoxelSize    [3]float64 // [mm]
	Input        string     // "" for control and label volumes, "deltam" or "cbf" if the scanner had subtracted or quantified

	Realigned bool   // rigid realignment was done
	Excluded  string // rule by which volumes were left out: "framewise displacement above 1 mm"
	Outliers  string // rule by which pairs were left out

	M0         string  // "separate", "included", "estimate", "control", "product" or "absent"
	M0TR       float64 // repetition time M0 was corrected for [s]; 0: not corrected
	Model      string  // "white-paper", "product" (the same with the scanner's constants), "kinetic" or "multi-delay"
	SliceTimed bool    // delays of 2D slices were corrected
	Constants  []Constant

	Tissue     string   // how grey and white matter were found: "a T1-weighted image of the same person"
	ToAnatomy  string   // "mutual information" or "boundary"; "": no T1-weighted image
	Template   string   // name of the template
	Warp       string   // "affine", "syn" (affine and deformation), "perfusion" (the same by perfusion, without a T1w image), "given" (by the user); "": not to template
	Atlas      string   // name of the atlas
	Joined     []string // regions joined from labels: "sgACC = ACC_sub_L + ACC_sub_R"
	Coverage   float64  // least coverage of a region that is reported, 0–1
	QEI        bool     // the quality evaluation index was computed
	SpatialCoV bool     // the spatial coefficient of variation was computed
	Unmixed    float64  // width of the neighbourhoods of the correction for partial volume [mm]; 0: not corrected
}

// Methods returns the methods section of a paper, in the past tense and with
// the measured constants, and the references it cites, numbered in order of
// first citation. It says only what the infos say was done. Several infos are
// several kinds of scan; each has paragraphs of its own.
func Methods(infos ...Info) ([]Paragraph, []Reference) {
	w := &writer{}
	w.scans(infos)
	return w.paragraphs, w.references
}

// scans writes what was done to the scans of each kind.
func (w *writer) scans(infos []Info) {
	for i, info := range infos {
		first := len(w.paragraphs)
		w.acquisition(info)
		w.preparation(info)
		w.quantification(info)
		w.space(info)
		w.quality(info)
		if len(infos) > 1 {
			for k := range w.paragraphs[first:] {
				w.paragraphs[first+k].Heading += fmt.Sprintf(" (scans of kind %d)", i+1)
			}
		}
	}
}

// A writer collects sentences and numbers citations.
type writer struct {
	paragraphs []Paragraph
	references []Reference
	number     map[string]int
}

func (w *writer) paragraph(heading string, sentences ...string) {
	var kept []string
	for _, s := range sentences {
		if s != "" {
			kept = append(kept, s)
		}
	}
	if len(kept) > 0 {
		w.paragraphs = append(w.paragraphs, Paragraph{heading, strings.Join(kept, " ")})
	}
}

// cite returns the bracketed numbers of the works named.
func (w *writer) cite(keys ...string) string {
	nums := make([]string, len(keys))
	for i, k := range keys {
		if _, ok := w.number[k]; !ok {
			w.add(k, works[k])
		}
		nums[i] = fmt.Sprint(w.number[k])
	}
	return " [" + strings.Join(nums, ", ") + "]"
}

// add gives the work the next number.
func (w *writer) add(key string, r Reference) {
	if w.number == nil {
		w.number = map[string]int{}
	}
	r.Number = len(w.references) + 1
	w.number[key] = r.Number
	w.references = append(w.references, r)
}

func (w *writer) acquisition(in Info) {
	scanner := strings.TrimSpace(in.Manufacturer + " " + in.Scanner)
	if in.Field > 0 {
		scanner = strings.TrimSpace(exact(in.Field) + " T " + scanner)
	}
	first := "Perfusion was measured by arterial spin labelling"
	if scanner != "" {
		first += " on a " + scanner + " scanner"
	}
	if in.Scans > 0 && in.People > 0 {
		first += fmt.Sprintf(" (%s of %s)", plural(in.Scans, "scan", "scans"), plural(in.People, "participant", "participants"))
	}
	var how string
	switch strings.ToUpper(in.Labelling) {
	case "PCASL":
		how = "Labelling was pseudo-continuous" + w.cite("dai2008")
	case "CASL":
		how = "Labelling was continuous"
	case "PASL":
		how = "Labelling was pulsed"
		switch strings.ToUpper(in.BolusCutOff) {
		case "QUIPSSII":
			how += " with the bolus cut off by QUIPSS II" + w.cite("wong1998")
		case "Q2TIPS":
			how += " with the bolus cut off by Q2TIPS" + w.cite("luh1999")
		}
	}
	if how != "" {
		if in.Tau > 0 {
			how += ", for " + exact(in.Tau) + " s"
		}
		if t := delays(in.PLD, in.Labelling); t != "" {
			how += ", " + t
		}
		how += "."
	}
	var read string
	if in.Readout != "" {
		read = "The readout was " + in.Readout
		if in.VoxelSize[0] > 0 {
			read += fmt.Sprintf(" with voxels of %s × %s × %s mm", short(in.VoxelSize[0]), short(in.VoxelSize[1]), short(in.VoxelSize[2]))
		}
		if in.Suppressed {
			read += ", with background suppression"
			if in.Pulses > 0 {
				read += " by " + plural(in.Pulses, "pulse", "pulses")
			}
		}
		read += "."
	} else if in.Suppressed {
		read = "Background suppression was on."
	}
	var input string
	switch in.Input {
	case "deltam":
		input = "The scanner delivered subtracted images."
	case "cbf":
		input = "The scanner delivered quantified perfusion images, which were taken as they were."
	}
	w.paragraph("Acquisition", first+".", how, read, input)
}

func delays(pld []float64, labelling string) string {
	word, words := "a post-labelling delay", "post-labelling delays"
	if strings.EqualFold(labelling, "PASL") {
		word, words = "an inversion time", "inversion times"
	}
	switch len(pld) {
	case 0:
		return ""
	case 1:
		return "with " + word + " of " + exact(pld[0]) + " s"
	}
	var t []string
	for _, v := range pld[:len(pld)-1] {
		t = append(t, exact(v))
	}
	return "with " + words + " of " + strings.Join(t, ", ") + " and " + exact(pld[len(pld)-1]) + " s"
}

func (w *writer) preparation(in Info) {
	first := "Data were organised after the Brain Imaging Data Structure for arterial spin labelling" + w.cite("clement2022")
	if in.Software != "" {
		first += " and processed with " + in.Software
	}
	var motion string
	if in.Realigned {
		motion = "Volumes were realigned by rigid transformation; framewise displacement was computed after Power et al." + w.cite("power2012")
		if in.Excluded != "" {
			motion += "; volumes with " + in.Excluded + " were excluded"
		}
		motion += "."
	}
	var pairs string
	if in.Input == "" {
		pairs = "Label volumes were subtracted from control volumes and the differences averaged."
		if in.Outliers != "" {
			pairs = "Label volumes were subtracted from control volumes; pairs with " + in.Outliers + " were left out, and the other differences averaged."
		}
	}
	w.paragraph("Preparation", first+".", motion, pairs)
}

func (w *writer) quantification(in Info) {
	var m0 string
	switch in.M0 {
	case "separate":
		m0 = "Equilibrium magnetisation (M0) was measured in a separate scan"
	case "included":
		m0 = "Equilibrium magnetisation (M0) was measured by the calibration volumes of the series"
	case "estimate":
		m0 = "A single value of equilibrium magnetisation (M0), given with the data, was used"
	case "control":
		m0 = "Equilibrium magnetisation (M0) was taken from the mean of the control volumes, which were acquired without background suppression"
	case "product":
		m0 = "Equilibrium magnetisation was taken from the proton-density image of the scanner's own protocol"
	case "absent":
		m0 = "No measure of equilibrium magnetisation was available: perfusion is relative, in arbitrary units, and cannot be compared between scans as an absolute value"
	}
	if m0 != "" {
		if in.M0TR > 0 {
			m0 += ", corrected for incomplete recovery at a repetition time of " + exact(in.M0TR) + " s"
		}
		m0 += "."
	}
	var model string
	switch in.Model {
	case "white-paper":
		model = "CBF was computed by the one-compartment equation of the consensus recommendation" + w.cite("alsop2015") +
			", which takes the label to have arrived within the delay and to decay with the relaxation time of blood throughout; it reads low where transit is slow and where tissue relaxes faster than blood."
	case "product":
		model = "CBF was computed by the one-compartment equation" + w.cite("alsop2015") + " with the constants of the scanner's own protocol; it reads low where transit is slow."
	case "kinetic":
		model = "CBF was computed by the general kinetic model" + w.cite("buxton1998") + " with the relaxation time of tissue and a given transit time."
	case "multi-delay":
		model = "CBF and arterial transit time were fitted together in every voxel to the general kinetic model" + w.cite("buxton1998") +
			" by nonlinear least squares with a weak Gaussian prior on transit time, weighted by the noise; standard errors come from the scatter of the data."
	}
	if in.Unmixed > 0 {
		model += " Beside it, CBF of pure grey and of pure white matter was estimated by linear regression" + w.cite("asllani2008") + " of ΔM and M0 on tissue fractions over Gaussian neighbourhoods of " + exact(in.Unmixed) + " mm."
	}
	var slices string
	if in.SliceTimed {
		slices = "The delay of each slice was corrected for the time of its acquisition."
	}
	var constants string
	if in.Model != "" && len(in.Constants) > 0 {
		var list []string
		for _, c := range in.Constants {
			t := lowerFirst(constantWords(c.Name))
			if c.Symbol != "" {
				t += " (" + c.Symbol + ")"
			}
			t += " " + exact(c.Value)
			if c.Unit != "" {
				t += " " + c.Unit
			}
			list = append(list, t+w.constantSource(c))
		}
		constants = "Constants were: " + strings.Join(list, "; ") + "."
	}
	w.paragraph("Quantification", m0, model, slices, constants)
}

// lowerFirst is a name inside a sentence: its first letter small, unless it
// begins with a symbol or an abbreviation.
func lowerFirst(s string) string {
	r := []rune(s)
	if len(r) > 1 && unicode.IsLower(r[1]) {
		r[0] = unicode.ToLower(r[0])
	}
	return string(r)
}

// constantSource says where a value is from: the user, or the work that the
// default's source names by its DOI.
func (w *writer) constantSource(c Constant) string {
	switch c.From {
	case "user", "--set":
		return " (set by the user)"
	case "", "default":
		if text, doi, ok := splitDOI(c.Source); ok {
			return w.citeDOI(text, doi)
		}
	}
	return ""
}

func (w *writer) space(in Info) {
	var anat string
	switch in.ToAnatomy {
	case "":
	case "given":
		anat = "Perfusion images were brought to the T1-weighted image of the same person by an affine transformation that had been found by other means."
	case "boundary":
		anat = "Perfusion images were registered to the T1-weighted image of the same person by rigid transformation on the boundary of white matter" + w.cite("greve2009") + "."
	default:
		anat = "Perfusion images were registered to the T1-weighted image of the same person by rigid transformation that maximised " + in.ToAnatomy
		if in.ToAnatomy == "mutual information" {
			anat += w.cite("maes1997")
		}
		anat += "."
	}
	var tissue string
	if in.Tissue != "" {
		tissue = "Grey and white matter were taken from " + in.Tissue + "."
	}
	var tpl string
	if in.Template != "" && in.Warp != "" {
		kind := "a 12-parameter affine transformation"
		switch in.Warp {
		case "given":
			kind = "a transformation that had been found by other means"
		case "syn":
			kind = "an affine transformation and a symmetric diffeomorphic deformation of the T1-weighted image that maximised local cross-correlation (SyN type" + w.cite("avants2008") + ")"
		case "perfusion":
			kind = "an affine transformation and a stiff deformation (cubic B-splines, knots every 20 mm) for which the template's tissue maps explained perfusion, and M0 or control images where there were any, best, as there was no T1-weighted image"
		}
		tpl = "Images were brought to the template " + in.Template
		if strings.Contains(in.Template, "2009") {
			tpl += w.cite("fonov2011")
		}
		tpl += " by " + kind + "; all transformations were joined, so that the CBF map was resampled once, by linear interpolation."
	}
	var regions string
	if in.Atlas != "" {
		regions = "Regional values are means over the regions of " + in.Atlas
		if strings.Contains(strings.ToUpper(in.Atlas), "AAL3") {
			regions += w.cite("rolls2020")
		}
		if len(in.Joined) > 0 {
			regions += " (" + strings.Join(in.Joined, "; ") + ")"
		}
		if in.Coverage > 0 {
			regions += "; regions of which less than " + percent(in.Coverage) + " lay inside the brain mask have no value"
		}
		regions += ". Global CBF is the mean over grey matter of the same scan, relative CBF the regional mean divided by it."
	}
	w.paragraph("Registration and regions", anat, tissue, tpl, regions)
}

func (w *writer) quality(in Info) {
	var s []string
	if in.QEI {
		s = append(s, "the quality evaluation index"+w.cite("dolui2024"))
	}
	if in.SpatialCoV {
		s = append(s, "the spatial coefficient of variation"+w.cite("mutsaerts2017"))
	}
	if len(s) > 0 {
		w.paragraph("Quality", "Scans were judged by "+strings.Join(s, " and ")+".")
	}
}
