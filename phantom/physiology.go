package phantom

import (
	"math"

	"phasl/voxel"
)

// Constants are the physical constants of tissue and blood. The zero value of
// a field stands for the default at 3 T.
type Constants struct {
	T1Grey     float64 // longitudinal relaxation time of grey matter [s]; 0: 1.331
	T1White    float64 // of white matter [s]; 0: 0.832
	T1CSF      float64 // of CSF [s]; 0: 4.0
	T1Blood    float64 // of arterial blood [s]; 0: 1.65
	Lambda     float64 // blood-brain partition coefficient [mL/g]; 0: 0.9
	T1Recovery float64 // under [WhitePaper], of all tissue while an M0 image recovers [s]; 0: T1Grey
	M0Grey     float64 // equilibrium magnetisation of grey matter [units of the M0 image]; 0: 1000
	M0White    float64 // of white matter; 0: 820
	M0CSF      float64 // of CSF; 0: 1120
}

func (c Constants) orDefault() Constants {
	for _, f := range []struct {
		v   *float64
		def float64
	}{
		{&c.T1Grey, 1.331}, {&c.T1White, 0.832}, {&c.T1CSF, 4.0}, {&c.T1Blood, 1.65},
		{&c.Lambda, 0.9}, {&c.M0Grey, 1000}, {&c.M0White, 820}, {&c.M0CSF, 1120},
	} {
		if *f.v == 0 {
			*f.v = f.def
		}
	}
	if c.T1Recovery == 0 {
		c.T1Recovery = c.T1Grey
	}
	return c
}

// over returns c with unset fields taken from d.
func (c Constants) over(d Constants) Constants {
	for _, f := range [][2]*float64{{&c.T1Grey, &d.T1Grey}, {&c.T1White, &d.T1White}, {&c.T1CSF, &d.T1CSF},
		{&c.T1Blood, &d.T1Blood}, {&c.Lambda, &d.Lambda}, {&c.T1Recovery, &d.T1Recovery},
		{&c.M0Grey, &d.M0Grey}, {&c.M0White, &d.M0White}, {&c.M0CSF, &d.M0CSF}} {
		if *f[0] == 0 {
			*f[0] = *f[1]
		}
	}
	return c
}

// t1 and m0 of tissues outside the brain are those of fat, muscle and bone at
// 3 T, relative to grey matter; they only make the head look right.
func (c *Constants) t1(t Tissue) float64 {
	switch t {
	case Grey:
		return c.T1Grey
	case White:
		return c.T1White
	case CSF:
		return c.T1CSF
	case Scalp:
		return 0.38
	case Muscle:
		return 1.2
	case Skull:
		return 0.8
	}
	return 1
}

func (c *Constants) m0(t Tissue) float64 {
	switch t {
	case Grey:
		return c.M0Grey
	case White:
		return c.M0White
	case CSF:
		return c.M0CSF
	case Scalp:
		return 0.8 * c.M0Grey
	case Muscle:
		return 0.7 * c.M0Grey
	case Skull:
		return 0.06 * c.M0Grey
	}
	return 0
}

// Physiology says how blood flows. The zero value is the baseline of
// [Regions].
type Physiology struct {
	CBF     func(r Region) float64 // perfusion [mL/100 g/min] of grey matter by region; nil: r.CBF
	White   float64                // perfusion of white matter [mL/100 g/min]; 0: 20
	Scale   float64                // multiplies all perfusion, such as 1.15 for a drug; 0: 1
	ATT     float64                // adds to every transit time [s]
	Uniform bool                   // transit time is 1.0 s + ATT in grey and 1.3 s + ATT in white matter everywhere
}

// table holds perfusion by region index; index 0 is white matter.
func (p Physiology) table() []float64 {
	scale, white := p.Scale, p.White
	if scale == 0 {
		scale = 1
	}
	if white == 0 {
		white = 20
	}
	out := []float64{white * scale}
	for _, r := range Regions() {
		f := r.CBF
		if p.CBF != nil {
			f = p.CBF(r)
		}
		out = append(out, f*scale)
	}
	return out
}

// att returns the arterial transit time [s] at template point p. It grows
// with the distance from the circle of Willis, is longer in the territory of
// the posterior cerebral artery and longest along the watersheds between the
// anterior, middle and posterior territories; white matter lags grey.
func (p *Physiology) att(t Tissue, x, y, z float64) float64 {
	lag := 0.0
	if t == White {
		lag = 0.2
	}
	if p.Uniform {
		return 1.0 + 1.5*lag + p.ATT
	}
	ax := math.Abs(x)
	far := math.Sqrt(ax*ax+(y+5)*(y+5)+(z+12)*(z+12)) / 100
	posterior := 0.22 * sigmoid((-48-y)/6) * sigmoid((z+22)/6)
	// Watersheds: a parasagittal strip between anterior and middle artery,
	// and a coronal one between middle and posterior.
	strip := bump(ax-24-0.15*(z-40), 9) * sigmoid((z-20)/8)
	coronal := bump(y+58+0.3*(ax-40), 11) * sigmoid((ax-22)/6) * sigmoid((z+5)/8)
	return 0.68 + 0.32*far + posterior + 0.24*max(strip, coronal) + lag + p.ATT
}

// Maps are true tissue properties on a grid, one tissue per voxel: what an
// acquisition is simulated from.
type Maps struct {
	voxel.Grid
	CBF    []float32 // perfusion [mL/100 g/min]
	ATT    []float32 // arterial transit time [s]
	T1     []float32 // longitudinal relaxation time [s]
	M0     []float32 // equilibrium magnetisation [any unit]
	Tissue []Tissue  // nil if unknown
	Region []uint16  // index of [Region], 0 outside grey matter; nil if unknown
}
