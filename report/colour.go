package report

import (
	"image/color"
	"math"
)

// A ramp is a colour map given by a few points of lightness, chroma and hue in
// OKLCh. Lightness runs straight from end to end (or from the middle to both
// ends), so that equal steps of the value look like equal steps, in grey print
// and to colour-blind eyes too; hue and chroma are smoothed between points.
//
// The maps are this package's own. OKLab is by B. Ottosson, 2020,
// https://bottosson.github.io/posts/oklab/.
type ramp struct {
	points []oklch // evenly spaced in t, at least two
}

// oklch is lightness [0, 1], chroma and hue [degrees]. Hues are not reduced to
// a turn: the way from 290 to 460 goes through red.
type oklch struct{ l, c, h float64 }

var (
	// perfusion: near black, violet, red, orange, pale yellow.
	perfusion = ramp{[]oklch{{0.17, 0.06, 288}, {0.33, 0.15, 305}, {0.49, 0.19, 368}, {0.65, 0.19, 398}, {0.81, 0.16, 428}, {0.97, 0.09, 464}}}
	// transit: dark blue, teal, green, pale yellow.
	transit = ramp{[]oklch{{0.20, 0.09, 280}, {0.35, 0.11, 250}, {0.50, 0.10, 205}, {0.65, 0.13, 165}, {0.80, 0.17, 130}, {0.95, 0.14, 106}}}
	// spread, for standard errors: dark to pale blue-green.
	spread = ramp{[]oklch{{0.17, 0.03, 255}, {0.43, 0.10, 250}, {0.70, 0.10, 220}, {0.96, 0.03, 190}}}
	// grey, for anatomy.
	grey = ramp{[]oklch{{0.10, 0, 0}, {0.97, 0, 0}}}
	// effect, for signed maps: bright blue, dark grey, bright orange. It fades
	// into the dark background where there is no effect.
	effect = ramp{[]oklch{{0.88, 0.09, 215}, {0.56, 0.16, 255}, {0.24, 0.01, 327}, {0.56, 0.17, 400}, {0.88, 0.12, 440}}}
)

// below is the colour of values under the window: negative perfusion is a
// finding and must not look like little perfusion.
var below = color.NRGBA{0x2f, 0x8f, 0xd8, 0xff}

// at returns the colour at t, clamped to [0, 1].
func (r ramp) at(t float64) color.NRGBA {
	n := len(r.points) - 1
	t = min(max(t, 0), 1) * float64(n)
	i := min(int(t), n-1)
	f := t - float64(i)
	p := func(k int) oklch { return r.points[min(max(k, 0), n)] }
	mix := func(get func(oklch) float64) float64 { // Catmull–Rom
		a, b, c, d := get(p(i-1)), get(p(i)), get(p(i+1)), get(p(i+2))
		return b + f/2*(c-a+f*(2*a-5*b+4*c-d+f*(3*(b-c)+d-a)))
	}
	l := p(i).l + f*(p(i+1).l-p(i).l)
	return oklch{l, mix(func(q oklch) float64 { return q.c }), mix(func(q oklch) float64 { return q.h })}.srgb()
}

// plain reports whether the ramp has no colour, so that a grey line would not
// show on it.
func (r ramp) plain() bool {
	for _, p := range r.points {
		if p.c > 0 {
			return false
		}
	}
	return true
}

// srgb returns the colour in sRGB, with less chroma if it lies outside.
func (q oklch) srgb() color.NRGBA {
	in := func(c float64) (rgb [3]float64, ok bool) {
		rgb = oklabToLinear(q.l, c*math.Cos(q.h*math.Pi/180), c*math.Sin(q.h*math.Pi/180))
		ok = true
		for _, v := range rgb {
			ok = ok && v >= 0 && v <= 1
		}
		return rgb, ok
	}
	rgb, ok := in(q.c)
	if !ok {
		lo, hi := 0.0, q.c
		for range 24 {
			m := (lo + hi) / 2
			if _, ok := in(m); ok {
				lo = m
			} else {
				hi = m
			}
		}
		rgb, _ = in(lo)
	}
	b := func(v float64) uint8 {
		v = min(max(v, 0), 1)
		if v <= 0.0031308 {
			v *= 12.92
		} else {
			v = 1.055*math.Pow(v, 1/2.4) - 0.055
		}
		return uint8(math.Round(255 * v))
	}
	return color.NRGBA{b(rgb[0]), b(rgb[1]), b(rgb[2]), 0xff}
}

func oklabToLinear(l, a, b float64) [3]float64 {
	l1 := l + 0.3963377774*a + 0.2158037573*b
	m1 := l - 0.1055613458*a - 0.0638541728*b
	s1 := l - 0.0894841775*a - 1.2914855480*b
	l3, m3, s3 := l1*l1*l1, m1*m1*m1, s1*s1*s1
	return [3]float64{
		4.0767416621*l3 - 3.3077115913*m3 + 0.2309699292*s3,
		-1.2684380046*l3 + 2.6097574011*m3 - 0.3413193965*s3,
		-0.0041960863*l3 - 0.7034186147*m3 + 1.7076147010*s3,
	}
}

// Palette entries: none is transparent, under the colour below the window, the
// rest the ramp.
const (
	entryNone  = 0
	entryUnder = 1
	entryFirst = 2
	entries    = 256 - entryFirst
)

// palette returns the 256 colours of an image drawn with r.
func (r ramp) palette(under color.NRGBA) color.Palette {
	p := make(color.Palette, 256)
	p[entryNone] = color.NRGBA{}
	p[entryUnder] = under
	for i := range entries {
		p[entryFirst+i] = r.at(float64(i) / (entries - 1))
	}
	return p
}

// faded returns the colours of a signed ramp over another picture: nothing
// where there is no effect, opaque from a quarter of the scale on either side.
func (r ramp) faded() color.Palette {
	p := r.palette(r.at(0))
	for i := entryUnder; i < len(p); i++ {
		c := p[i].(color.NRGBA)
		t := 0.0
		if i >= entryFirst {
			t = float64(i-entryFirst) / (entries - 1)
		}
		c.A = uint8(math.Round(255 * min(1, math.Abs(2*t-1)/0.25)))
		p[i] = c
	}
	return p
}

// hex writes a colour as #rrggbb.
func hex(c color.NRGBA) string {
	const digits = "0123456789abcdef"
	b := []byte{'#', 0, 0, 0, 0, 0, 0}
	for i, v := range [3]uint8{c.R, c.G, c.B} {
		b[1+2*i], b[2+2*i] = digits[v>>4], digits[v&15]
	}
	return string(b)
}

// outlineColours tell outlines apart on dark images: after Okabe and Ito's
// set for colour-blind eyes, lightened for a black ground.
var outlineColours = []string{"#4fe3ff", "#ffd23f", "#ff8ad8", "#7dff9b", "#ffa07a", "#b9a6ff"}
