package report

import (
	"image/color"
	"math"
	"strings"
	"testing"
)

// lightness is CIE L* of an sRGB colour, from the definition in IEC 61966-2-1
// and CIE 15: another road than OKLab's.
func lightness(c color.NRGBA) float64 {
	lin := func(v uint8) float64 {
		x := float64(v) / 255
		if x <= 0.04045 {
			return x / 12.92
		}
		return math.Pow((x+0.055)/1.055, 2.4)
	}
	y := 0.2126*lin(c.R) + 0.7152*lin(c.G) + 0.0722*lin(c.B)
	if y > 216.0/24389 {
		return 116*math.Cbrt(y) - 16
	}
	return y * 24389 / 27
}

// A sequential map must grow lighter all the way, at a steady pace: OKLab's and
// CIE's scales differ by up to a third in places, so 0.5 to 1.6 of the mean
// pace is allowed.
func TestRampsAreUniform(t *testing.T) {
	for name, r := range map[string]ramp{"perfusion": perfusion, "transit": transit, "spread": spread, "grey": grey} {
		const n = 32
		first, last := lightness(r.at(0)), lightness(r.at(1))
		mean := (last - first) / n
		for i := range n {
			step := lightness(r.at(float64(i+1)/n)) - lightness(r.at(float64(i)/n))
			if lightness(r.at(float64(i)/n)) < 6 && step > 0 { // nearly black, where the two scales part
				continue
			}
			if step < 0.5*mean || step > 1.6*mean {
				t.Errorf("%s: step %d is %.2f of L*, mean %.2f", name, i, step, mean)
			}
		}
		if first > 15 || last < 88 {
			t.Errorf("%s runs from L* %.0f to %.0f", name, first, last)
		}
	}
}

// The signed map is equally light on both sides and darkest in the middle.
func TestEffectIsSymmetric(t *testing.T) {
	for _, x := range []float64{0.1, 0.25, 0.4, 0.5} {
		a, b := lightness(effect.at(0.5-x)), lightness(effect.at(0.5+x))
		if math.Abs(a-b) > 6 {
			t.Errorf("at ±%g L* is %.1f and %.1f", x, a, b)
		}
		if a < lightness(effect.at(0.5))+10*x {
			t.Errorf("at %g no lighter than the middle", x)
		}
	}
}

func TestRampEnds(t *testing.T) {
	if grey.at(-1) != grey.at(0) || grey.at(2) != grey.at(1) {
		t.Error("outside [0, 1] the ramp goes on")
	}
	for i := range 101 {
		c := grey.at(float64(i) / 100)
		if c.R != c.G || c.G != c.B {
			t.Fatalf("grey is %v", c)
		}
	}
	if got := hex(color.NRGBA{0x0a, 0xff, 0x10, 0xff}); got != "#0aff10" {
		t.Errorf("hex: %s", got)
	}
	// White and mid grey in OKLab, from the definition: L = 1 is white, and L³ is
	// the linear value of a grey.
	if got := (oklch{l: 1}).srgb(); got != (color.NRGBA{255, 255, 255, 255}) {
		t.Errorf("L 1 is %v", got)
	}
	want := uint8(math.Round(255 * (1.055*math.Pow(0.125, 1/2.4) - 0.055)))
	if got := (oklch{l: 0.5}).srgb(); got.R != want || got.G != want || got.B != want {
		t.Errorf("L 0.5 is %v, want %d", got, want)
	}
}

// Text over the figures and tags must keep a contrast of 4.5 (WCAG 2.1, 1.4.3).
func TestContrast(t *testing.T) {
	lum := func(s string) float64 {
		var v [3]float64
		for i := range 3 {
			n := 0
			for _, r := range s[1+2*i : 3+2*i] {
				d := int(r - '0')
				if r >= 'a' {
					d = int(r-'a') + 10
				}
				n = 16*n + d
			}
			x := float64(n) / 255
			if x <= 0.04045 {
				v[i] = x / 12.92
			} else {
				v[i] = math.Pow((x+0.055)/1.055, 2.4)
			}
		}
		return 0.2126*v[0] + 0.7152*v[1] + 0.0722*v[2]
	}
	for _, pair := range [][2]string{
		{"#1b1f24", "#fbfbfa"}, {"#57606a", "#fbfbfa"}, {"#0b5cad", "#fbfbfa"}, {"#0b6b3a", "#e4f4ea"}, {"#7a4a00", "#fff1d6"}, {"#a1161f", "#fde5e5"}, {"#a1161f", "#fbfbfa"},
		{"#e6eaee", "#0f1317"}, {"#a3adb8", "#0f1317"}, {"#79b8ff", "#0f1317"}, {"#7fdba4", "#12301f"}, {"#ffcf7a", "#382807"}, {"#ff9d9d", "#3f1518"}, {"#aeb8c2", "#000000"},
	} {
		for _, c := range pair {
			if c != "#000000" && c != "#aeb8c2" && !strings.Contains(pageStyle, c) {
				t.Errorf("the style sheet no longer holds %s", c)
			}
		}
		a, b := lum(pair[0]), lum(pair[1])
		if r := (math.Max(a, b) + 0.05) / (math.Min(a, b) + 0.05); r < 4.5 {
			t.Errorf("%s on %s has contrast %.1f", pair[0], pair[1], r)
		}
	}
}
