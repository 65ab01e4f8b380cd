package bids

import (
	"slices"
	"strings"

	"phasl/diag"
)

// Bounds of what is plausible. They are wide: what lies outside is a mistake
// of unit or of field, not an unusual protocol.
const (
	maxDelay      = 10.0  // longest delay or labelling [s]; the BIDS validator has the same
	longDelay     = 5.0   // longer than three times T1 of blood [s]: hardly any label is left
	minDelay      = 0.01  // shortest delay or labelling that is not 0 [s]
	maxRepetition = 100.0 // longest repetition time [s]
	maxEcho       = 1.0   // longest echo time [s]; the BIDS validator has the same
	minField      = 0.01  // weakest scanner [T]
	maxField      = 15.0  // strongest scanner [T]
	lowEfficiency = 0.3   // lowest labelling efficiency that is not suspicious
)

// labelling checks the type of labelling and its times.
func (c *checker) labelling() {
	c.kind, _ = c.m.Text("ArterialSpinLabelingType", c.l)
	kinds := []string{"PCASL", "CASL", "PASL"}
	switch {
	case !c.m.Has("ArterialSpinLabelingType"):
		c.need("ArterialSpinLabelingType", "the model of the label's decay depends on it", "\"PCASL\"")
	case c.kind != "" && !slices.Contains(kinds, c.kind):
		c.enum("ArterialSpinLabelingType", c.kind, kinds)
		c.kind = ""
	}
	c.delay()
	if c.kind == "PCASL" || c.kind == "CASL" {
		c.duration()
	}
	if c.kind == "PASL" {
		c.bolus()
	}
	const field = "LabelingEfficiency"
	if a, ok := c.m.Number(field, c.l); ok {
		switch {
		case a > 1 && a <= 100:
			c.errorf(c.m, field, "write a fraction: "+FormatNumber(a/100), "%g is not between 0 and 1; it seems to be in percent", a)
		case a <= 0 || a > 1:
			c.errorf(c.m, field, "write a fraction between 0 and 1", "%g is not between 0 and 1", a)
		case a < lowEfficiency:
			c.warnf(c.m, field, "check it", "%g is unusually low", a)
		}
	}
	c.m.Bool("LookLocker", c.l)
}

// need asks for a required field: an error if CBF is computed from the series,
// a warning if the series holds CBF already and no number depends on it.
func (c *checker) need(field, why, example string) {
	if c.model {
		c.missing(c.m, field, why, example)
		return
	}
	c.l.Warnf(c.m.Path, field, "add it", "the field is absent, which BIDS requires")
}

// enum says that a text is none of the allowed.
func (c *checker) enum(field, got string, allowed []string) {
	fix := "write one of " + strings.Join(allowed, ", ")
	if near, ok := diag.Nearest(got, allowed); ok {
		fix = "write " + near
	}
	c.errorf(c.m, field, fix, "%q is not one of %s", clip(got), strings.Join(allowed, ", "))
}

// labelled reports whether a volume of this type was taken after labelling or
// as its control.
func labelled(v VolumeType) bool { return v == Control || v == Label || v == DeltaM }

// seconds checks the times of one field volume by volume: plausible where the
// blood is labelled, zero where it is not. It reports whether they can be used.
func (c *checker) seconds(field string, x []float64) bool {
	good := true
	for i, v := range x {
		where := ""
		if len(x) > 1 {
			where = "volume " + FormatNumber(float64(i)) + ": "
		}
		active := c.model
		perVolume := len(x) > 1 && len(x) == len(c.s.Context)
		if perVolume {
			active = labelled(c.s.Context[i])
		}
		switch {
		case v < 0:
			c.errorf(c.m, field, "write seconds, not negative", "%s%g s is negative", where, v)
		case v > 100:
			c.errorf(c.m, field, "write seconds, as BIDS requires: "+FormatNumber(v/1000), "%s%g is not a plausible time in seconds; it seems to be in milliseconds", where, v)
		case v > maxDelay:
			c.errorf(c.m, field, "write seconds, as BIDS requires", "%s%g s is longer than %g s", where, v, maxDelay)
		case active && v == 0:
			c.errorf(c.m, field, "write the time in seconds", "%s0 s for a volume with label or control", where)
		case active && v < minDelay:
			c.errorf(c.m, field, "write seconds, as BIDS requires", "%s%g s is too short to be true", where, v)
		case perVolume && !active && slices.Contains(volumeTypes, c.s.Context[i]) && v > 0: // an unknown type has an error of its own
			c.warnf(c.m, field, "write 0 for it", "%s%g s for a volume without label (%s)", where, v, c.s.Context[i])
			continue
		default:
			continue
		}
		good = false
		break // the other values are most likely of the same kind
	}
	return good
}

// delay checks PostLabelingDelay.
func (c *checker) delay() {
	const field = "PostLabelingDelay"
	x, ok := c.m.Numbers(field, c.l)
	switch {
	case !c.m.Has(field):
		c.need(field, "CBF depends on it", "1.8")
		return
	case !ok:
		return
	case len(x) == 0:
		c.errorf(c.m, field, "write one number, or one for each volume", "the array is empty")
		return
	}
	if fits := c.perVolume(field, x); !c.seconds(field, x) || !fits {
		return
	}
	c.delays = x
	longest := slices.Max(x)
	if longest > longDelay {
		c.warnf(c.m, field, "check it", "%g s is unusually long: hardly any label is left after it", longest)
	}
	if len(x) == 1 || len(x) != len(c.s.Context) {
		return
	}
	// Each delay needs both, as controls of one delay are no controls of another.
	type count struct{ control, label int }
	n := map[float64]count{}
	for i, v := range c.s.Context {
		k := n[x[i]]
		switch v {
		case Control:
			k.control++
		case Label:
			k.label++
		}
		n[x[i]] = k
	}
	var delays []float64
	for d := range n {
		delays = append(delays, d)
	}
	slices.Sort(delays)
	for _, d := range delays {
		switch k := n[d]; {
		case k.control > 0 && k.label == 0:
			c.errorf(c.m, field, "check the order of the delays and of the volumes", "the delay of %g s has %d control volumes but no label volume", d, k.control)
		case k.label > 0 && k.control == 0:
			c.errorf(c.m, field, "check the order of the delays and of the volumes", "the delay of %g s has %d label volumes but no control volume", d, k.label)
		}
	}
}

// duration checks LabelingDuration of (P)CASL.
func (c *checker) duration() {
	const field = "LabelingDuration"
	x, ok := c.m.Numbers(field, c.l)
	switch {
	case !c.m.Has(field):
		c.need(field, "CBF from "+c.kind+" depends on it", "1.8")
		return
	case !ok:
		return
	case len(x) == 0:
		c.errorf(c.m, field, "write one number, or one for each volume", "the array is empty")
		return
	}
	if fits := c.perVolume(field, x); !c.seconds(field, x) || !fits {
		return
	}
	c.labels = x
	if longest := slices.Max(x); longest > longDelay {
		c.warnf(c.m, field, "check it", "%g s is unusually long", longest)
	}
}

// bolus checks the bolus cut-off of PASL, without which the width of the bolus
// is unknown.
func (c *checker) bolus() {
	const flagField, timeField, techniqueField = "BolusCutOffFlag", "BolusCutOffDelayTime", "BolusCutOffTechnique"
	flag, ok := c.m.Bool(flagField, c.l)
	if !c.m.Has(flagField) {
		c.need(flagField, "CBF from PASL depends on the width of the bolus", "true")
		return
	}
	if !ok {
		return
	}
	single := len(c.delays) == 1 || len(c.delays) > 0 && distinctPositive(c.delays) == 1
	if !flag {
		const fix = "if the bolus was cut off, write true and BolusCutOffDelayTime and BolusCutOffTechnique"
		if single && c.model {
			c.errorf(c.m, flagField, fix, "the bolus was not cut off: its width, and so CBF, cannot be told from one delay")
		} else if c.model {
			c.warnf(c.m, flagField, fix, "the bolus was not cut off: its width has to be estimated from the delays")
		}
		return
	}
	if technique, ok := c.m.Text(techniqueField, c.l); ok {
		known := []string{"Q2TIPS", "QUIPSSII", "QUIPSS"}
		plain := strings.ToUpper(Alphanumeric(technique))
		if plain == "QUIPSS2" {
			plain = "QUIPSSII"
		}
		if !slices.Contains(known, plain) {
			c.enum(techniqueField, technique, known)
		}
	} else if !c.m.Has(techniqueField) {
		c.need(techniqueField, "it is required when BolusCutOffFlag is true", "\"Q2TIPS\"")
	}
	x, ok := c.m.Numbers(timeField, c.l)
	switch {
	case !c.m.Has(timeField):
		c.need(timeField, "it is required when BolusCutOffFlag is true; CBF from PASL depends on it", "0.7")
		return
	case !ok:
		return
	case len(x) == 0:
		c.errorf(c.m, timeField, "write the time of the first cut-off pulse, or of the first and last", "the array is empty")
		return
	}
	switch {
	case slices.Max(x) > 100:
		c.errorf(c.m, timeField, "write seconds, as BIDS requires: "+FormatNumber(slices.Max(x)/1000), "%g is not a plausible time in seconds; it seems to be in milliseconds", slices.Max(x))
	case slices.Max(x) > maxDelay:
		c.errorf(c.m, timeField, "write seconds, as BIDS requires", "%g s is longer than %g s", slices.Max(x), maxDelay)
	case slices.Min(x) < 0:
		c.errorf(c.m, timeField, "write seconds, not negative", "%g s is negative", slices.Min(x))
	case x[0] == 0:
		c.errorf(c.m, timeField, "write the time from labelling to the first cut-off pulse", "0 s: a bolus of no width")
	case !slices.IsSorted(x):
		c.errorf(c.m, timeField, "write the times in the order of the pulses", "%s does not increase", show(c.m.Fields[timeField].Value))
	case single && x[0] >= slices.Max(c.delays):
		c.errorf(c.m, timeField, "check both times", "the bolus is cut off at %g s, not before the image at %g s", x[0], slices.Max(c.delays))
	}
}

// distinctPositive counts the different delays.
func distinctPositive(x []float64) int {
	s := slices.Sorted(slices.Values(x))
	s = slices.Compact(s)
	return len(s) - max(0, slices.IndexFunc(s, func(v float64) bool { return v > 0 }))
}
