package bids

import (
	"slices"
	"strings"
)

// m0 checks M0Type against what there is.
func (c *checker) m0(ds *Dataset) {
	const field, estimate = "M0Type", "M0Estimate"
	included := slices.Contains(c.s.Context, M0Scan)
	value, valued := c.m.Number(estimate, c.l)
	if valued && value <= 0 {
		c.errorf(c.m, estimate, "write the M0 of blood in the units of the image", "%g is not positive", value)
	}
	t, ok := c.m.Text(field, c.l)
	if !c.m.Has(field) {
		example := "\"Absent\""
		switch {
		case included:
			example = "\"Included\""
		case c.s.M0 != nil:
			example = "\"Separate\""
		}
		c.need(field, "it says where the calibration is", example)
	}
	if !ok {
		return
	}
	switch t {
	case "Included":
		switch {
		case c.s.Context != nil && !included && c.model:
			c.errorf(c.m, field, "write Separate, Estimate or Absent, or name the M0 volume m0scan in aslcontext.tsv", "Included, but aslcontext.tsv lists no m0scan volume")
		case c.s.M0 != nil:
			c.warnf(c.m, field, "remove the M0 that is not wanted", "Included, but there is a separate M0 scan too, %s", c.s.M0.Path)
		}
	case "Separate":
		switch {
		case c.s.M0 == nil && c.model:
			c.errorf(c.m, field, c.otherM0(ds), "Separate, but no M0 scan belongs to %s", c.s.Path)
		case included:
			c.warnf(c.m, field, "remove the M0 that is not wanted", "Separate, but aslcontext.tsv lists an m0scan volume too")
		}
	case "Estimate":
		switch {
		case !c.m.Has(estimate):
			c.need(estimate, "it is required when M0Type is Estimate; CBF is divided by it", "1000")
		case included || c.s.M0 != nil:
			c.warnf(c.m, field, "write Included or Separate to use the measured M0", "Estimate, but an M0 was measured too")
		}
	case "Absent":
		switch {
		case included:
			c.errorf(c.m, field, "write Included", "Absent, but aslcontext.tsv lists an m0scan volume")
		case c.s.M0 != nil:
			c.errorf(c.m, field, "write Separate", "Absent, but there is an M0 scan, %s", c.s.M0.Path)
		case c.m.Has(estimate):
			c.errorf(c.m, field, "write Estimate", "Absent, but M0Estimate is given")
		}
	default:
		c.enum(field, t, []string{"Included", "Separate", "Estimate", "Absent"})
	}
}

// otherM0 says what to do about a missing M0 scan; one of the session that is
// meant for another series is a likely candidate.
func (c *checker) otherM0(ds *Dataset) string {
	for _, f := range ds.ofSubject(c.s.Subject) {
		if f.Suffix == "m0scan" && f.Image() && f.Entities["ses"] == c.s.Session {
			return "name the series in IntendedFor of " + f.Path
		}
	}
	return "add the M0 scan as " + strings.TrimSuffix(strings.TrimSuffix(c.s.Path, ".gz"), "_asl.nii") + "_m0scan.nii.gz with its sidecar, or write Absent"
}

// m0scan checks the separate M0 scan.
func (c *checker) m0scan(images *imageReader) {
	m0 := c.s.M0
	shape, read := images.read(m0.Path, m0.AbsPath, c.l)
	m := m0.Sidecar
	if len(m.Fields) == 0 {
		if !slices.ContainsFunc(*c.l, namedError(m.Path)) {
			c.l.Errorf(m.Path, "", "write the sidecar with RepetitionTimePreparation and IntendedFor", "no JSON sidecar with metadata applies to %s", m0.Path)
		}
		return
	}
	const field = "RepetitionTimePreparation"
	x, ok := m.Numbers(field, c.l)
	switch {
	case !m.Has(field):
		c.missing(m, field, "the recovery of M0 depends on it", "6")
	case ok && c.repetitionTime(m, field, x) && read && len(x) > 1 && len(x) != shape[3]:
		c.errorf(m, field, "write one number, or one for each volume", "%d values where the image has %d volumes", len(x), shape[3])
	}
	c.echo(m, false)
	if te, ok := number(c.m, "EchoTime"); ok {
		if te0, ok := number(m, "EchoTime"); ok && te > 0 && te0 > 0 && (te/te0 > 1.5 || te0/te > 1.5) {
			c.warnf(m, "EchoTime", "mind that M0 is weighted otherwise than the series", "%g s, but the series has %g s", te0, te)
		}
	}
	b0, ok := number(c.m, "MagneticFieldStrength")
	if b1, has := number(m, "MagneticFieldStrength"); ok && has && b0 != b1 {
		c.warnf(m, "MagneticFieldStrength", "check that the M0 scan is of the same session", "%g T, but the series was taken at %g T", b1, b0)
	}
	if t, _ := m.Text("MRAcquisitionType", nil); t == "2D" && !m.Has("SliceTiming") {
		c.l.Warnf(m.Path, "SliceTiming", "add it", "the field is absent, which BIDS requires for a 2D M0 scan")
	}
	c.misspelt(m)
}

// number returns a field that is one number, without saying so if it is not.
func number(m *Sidecar, field string) (float64, bool) { return m.Number(field, nil) }
