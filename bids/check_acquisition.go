package bids

import (
	"slices"
	"strings"
)

// acquisition checks the scanner, the repetition, echo and flip.
func (c *checker) acquisition() {
	const fieldStrength = "MagneticFieldStrength"
	if b0, ok := c.m.Number(fieldStrength, c.l); ok {
		switch {
		case b0 > 1000 && b0 <= 1000*maxField*10:
			c.errorf(c.m, fieldStrength, "write tesla, for example 3", "%g T is not a plausible field; it seems to be in gauss or millitesla", b0)
		case b0 < minField || b0 > maxField:
			c.errorf(c.m, fieldStrength, "write tesla, for example 3", "%g T is not a plausible field", b0)
		}
	} else if !c.m.Has(fieldStrength) {
		c.need(fieldStrength, "T1 of blood depends on it", "3")
	}
	c.m.Text("Manufacturer", c.l)

	const acquisition = "MRAcquisitionType"
	if t, ok := c.m.Text(acquisition, c.l); ok {
		if t != "2D" && t != "3D" {
			c.enum(acquisition, t, []string{"2D", "3D"})
		}
		c.slice2D = t == "2D"
	} else if !c.m.Has(acquisition) {
		c.need(acquisition, "in 2D every slice has its own delay", "\"3D\"")
	}
	c.repetition()
	c.echo(c.m, true)
	c.flip()
}

// repetition checks RepetitionTimePreparation of the series.
func (c *checker) repetition() {
	const field = "RepetitionTimePreparation"
	x, ok := c.m.Numbers(field, c.l)
	switch {
	case !c.m.Has(field):
		c.need(field, "the recovery of M0 depends on it", "4")
		return
	case !ok || !c.repetitionTime(c.m, field, x):
		return
	}
	if !c.perVolume(field, x) || len(c.s.Context) == 0 {
		return
	}
	look, _ := c.m.Bool("LookLocker", nil)
	for i, v := range c.s.Context {
		if look || !labelled(v) || !fits(c.delays, i) || !fits(x, i) {
			continue
		}
		tr, pld, tau := at(x, i), at(c.delays, i), 0.0
		if fits(c.labels, i) {
			tau = at(c.labels, i)
		}
		const slack = 1e-6 // rounding of decimal seconds
		if tr < pld-slack || tr < tau-slack {
			c.errorf(c.m, field, "check the three times", "%g s is shorter than the labelling (%g s) or the delay (%g s) it contains", tr, tau, pld)
			return
		}
		if tr < tau+pld-slack {
			c.warnf(c.m, field, "check the three times", "%g s is shorter than labelling and delay together (%g s)", tr, tau+pld)
			return
		}
	}
}

// fits reports whether x has a value for the volume.
func fits(x []float64, volume int) bool { return len(x) == 1 || volume < len(x) }

// repetitionTime checks repetition times for what is plausible.
func (c *checker) repetitionTime(m *Sidecar, field string, x []float64) bool {
	if len(x) == 0 {
		c.errorf(m, field, "write one number, or one for each volume", "the array is empty")
		return false
	}
	lo, hi := slices.Min(x), slices.Max(x)
	switch {
	case lo <= 0:
		c.errorf(m, field, "write the time in seconds from one preparation to the next, or give it by --set "+c.setName(m, field)+"=4", "%g s is not a repetition time", lo)
	case hi > maxRepetition:
		c.errorf(m, field, "write seconds, as BIDS requires: "+FormatNumber(hi/1000), "%g is not a plausible time in seconds; it seems to be in milliseconds", hi)
	case lo < 10*minDelay:
		c.errorf(m, field, "write seconds, as BIDS requires", "%g s is too short to be true", lo)
	default:
		return true
	}
	return false
}

// echo checks EchoTime. No number that phasl computes depends on it unless it
// is unequal between M0 and series, so that its absence is a warning.
func (c *checker) echo(m *Sidecar, series bool) {
	const field = "EchoTime"
	if !m.Has(field) {
		c.l.Warnf(m.Path, field, "add it, in seconds", "the field is absent, which BIDS requires for ASL")
		return
	}
	x, ok := m.Numbers(field, c.l)
	if !ok {
		return
	}
	switch {
	case len(x) == 0:
		c.errorf(m, field, "write the echo time in seconds", "the array is empty")
	case slices.Min(x) <= 0:
		c.errorf(m, field, "write the echo time in seconds", "%g s is not an echo time", slices.Min(x))
	case slices.Max(x) > maxEcho:
		c.errorf(m, field, "write seconds, as BIDS requires: "+FormatNumber(slices.Max(x)/1000), "%g is not a plausible echo time in seconds; it seems to be in milliseconds", slices.Max(x))
	case series:
		c.perVolume(field, x)
	}
}

// flip checks FlipAngle, on which a Look-Locker readout depends.
func (c *checker) flip() {
	const field = "FlipAngle"
	look, _ := c.m.Bool("LookLocker", nil)
	if !c.m.Has(field) {
		if look {
			c.need(field, "a Look-Locker readout depends on it", "25")
		}
		return
	}
	x, ok := c.m.Numbers(field, c.l)
	if !ok || !c.perVolume(field, x) {
		return
	}
	for _, a := range x {
		if a <= 0 || a > 360 {
			c.errorf(c.m, field, "write degrees", "%g° is not a flip angle", a)
			return
		}
	}
}

// sliceTiming checks SliceTiming, which shifts the delay of each slice of a 2D
// acquisition.
func (c *checker) sliceTiming() {
	const field, direction = "SliceTiming", "SliceEncodingDirection"
	axis := 2
	if d, ok := c.m.Text(direction, c.l); ok {
		axis = strings.Index("ijk", strings.TrimSuffix(d, "-"))
		if axis < 0 || len(d) == 0 || len(d) > 2 {
			c.enum(direction, d, []string{"i", "j", "k", "i-", "j-", "k-"})
			axis = 2
		}
	}
	x, ok := c.m.Numbers(field, c.l)
	switch {
	case !c.slice2D:
		if ok && len(x) > 0 && slices.Max(x) > 0 && c.m.Has("MRAcquisitionType") {
			c.warnf(c.m, field, "remove it, or check MRAcquisitionType", "a 3D acquisition has no slice times; they are not used")
		}
		return
	case !c.m.Has(field):
		c.need(field, "in a 2D acquisition every slice has its own delay", "[0, 0.04, 0.08]")
		return
	case !ok:
		return
	case len(x) == 0:
		c.errorf(c.m, field, "write the time of every slice", "the array is empty")
		return
	}
	if c.read && len(x) != c.shape[axis] {
		c.errorf(c.m, field, "write one time for each slice", "%d slice times where the image has %d slices", len(x), c.shape[axis])
	}
	tr, _ := c.m.Numbers("RepetitionTimePreparation", nil)
	lo, hi := slices.Min(x), slices.Max(x)
	switch {
	case lo < 0:
		c.errorf(c.m, field, "count from the start of the volume", "%g s is negative", lo)
	case hi > maxDelay:
		c.errorf(c.m, field, "write seconds, as BIDS requires: "+FormatNumber(hi/1000)+" for the last", "%g is not a plausible slice time in seconds; it seems to be in milliseconds", hi)
	case len(tr) > 0 && slices.Max(tr) > 0 && hi > slices.Max(tr):
		c.errorf(c.m, field, "check SliceTiming and RepetitionTimePreparation", "%g s is later than the repetition time of %g s", hi, slices.Max(tr))
	case hi == 0 && len(x) > 1:
		c.warnf(c.m, field, "check that all slices were excited at once", "all %d slice times are 0", len(x))
	}
}

// suppression checks the background suppression.
func (c *checker) suppression() {
	const field, number, times = "BackgroundSuppression", "BackgroundSuppressionNumberPulses", "BackgroundSuppressionPulseTime"
	on, ok := c.m.Bool(field, c.l)
	if !c.m.Has(field) {
		c.need(field, "control volumes with suppressed background are no M0, and each pulse weakens the label", "true")
	}
	n, counted := c.m.Number(number, c.l)
	if counted && (n < 0 || n != float64(int(n)) || n > 100) {
		c.errorf(c.m, number, "write the number of pulses", "%g is not a number of pulses", n)
		counted = false
	}
	x, timed := c.m.Numbers(times, c.l)
	switch {
	case !timed || len(x) == 0:
	case slices.Min(x) < 0:
		c.errorf(c.m, times, "count from the start of labelling", "%g s is negative", slices.Min(x))
	case slices.Max(x) > maxDelay:
		c.errorf(c.m, times, "write seconds, as BIDS requires", "%g is not a plausible time in seconds", slices.Max(x))
	}
	if counted && timed && int(n) != len(x) {
		c.warnf(c.m, number, "correct one of the two", "%g pulses, but BackgroundSuppressionPulseTime has %d times", n, len(x))
	}
	switch {
	case !ok:
	case on && counted && n == 0:
		c.errorf(c.m, number, "write the number of pulses, or set BackgroundSuppression to false", "no pulses, but the background is said to be suppressed")
	case on && !c.m.Has(number) && !(timed && len(x) > 0) && c.model:
		c.l.Warnf(c.m.Path, number, "add the number of pulses", "the field is absent: what the pulses cost the label cannot be corrected")
	case !on && counted && n > 0:
		c.errorf(c.m, field, "set it to true, or remove the pulses", "false, but there are %g background suppression pulses", n)
	}
}

// descriptive checks fields that say how the scan was taken.
func (c *checker) descriptive() {
	c.pairs()
	c.m.Bool("VascularCrushing", c.l)
	if x, ok := c.m.Numbers("AcquisitionVoxelSize", c.l); ok && (len(x) != 3 || slices.Min(x) <= 0) {
		c.warnf(c.m, "AcquisitionVoxelSize", "write three lengths in mm", "%s is not a voxel size", show(c.m.Fields["AcquisitionVoxelSize"].Value))
	}
	for field, allowed := range map[string][]string{"PCASLType": {"balanced", "unbalanced"}, "CASLType": {"single-coil", "double-coil"}} {
		if t, ok := c.m.Text(field, nil); c.m.Has(field) && (!ok || !slices.Contains(allowed, t)) {
			c.warnf(c.m, field, "write one of "+strings.Join(allowed, ", "), "%s is not one of %s", show(c.m.Fields[field].Value), strings.Join(allowed, ", "))
		}
	}
}

// pairs checks TotalAcquiredPairs. Numbers depend on it where the scanner
// averaged: GE scales its images by the number of excitations.
func (c *checker) pairs() {
	const field = "TotalAcquiredPairs"
	n, ok := c.m.Number(field, c.l)
	if !c.m.Has(field) {
		maker, _ := c.m.Text("Manufacturer", nil)
		if strings.HasPrefix(strings.ToUpper(maker), "GE") && slices.Contains(c.s.Context, DeltaM) {
			c.missing(c.m, field, "GE scales the images by the number of excitations", "3")
			return
		}
		c.l.Warnf(c.m.Path, field, "add the number of control-label pairs", "the field is absent, which BIDS requires for ASL")
		return
	}
	if !ok {
		return
	}
	if n <= 0 || n != float64(int(n)) {
		c.errorf(c.m, field, "write the number of control-label pairs", "%g is not a number of pairs", n)
		return
	}
	controls, labels := 0, 0
	for _, v := range c.s.Context {
		switch v {
		case Control:
			controls++
		case Label:
			labels++
		}
	}
	if controls > 0 && (int(n) != controls || int(n) != labels) {
		c.warnf(c.m, field, "correct the number if no pairs were removed", "%g pairs, but aslcontext.tsv lists %d control and %d label volumes", n, controls, labels)
	}
}
