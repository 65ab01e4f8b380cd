package phantom

import (
	"fmt"
	"math"

	"phasl/diag"
	"phasl/voxel"
)

// TrialScans say how the scans of a trial are acquired. The zero value is the
// scanner's own resolution.
type TrialScans struct {
	Voxel   float64 `json:"voxel"`   // size of the voxels of the series [mm], isotropic; 0: the protocol's own, 3 × 3 × 4 mm
	T1w     float64 `json:"t1w"`     // size of the voxels of the T1-weighted image [mm]; 0: 1, or half of Voxel if that is given
	Motion  float64 `json:"motion"`  // how far the head moves; see [Trial.Person]; 0: 1 mm; negative: not at all
	SNR     float64 `json:"snr"`     // see [Options].SNR; 0: the protocol's; negative: no noise
	Kinetic bool    `json:"kinetic"` // label exchanges with tissue, as in [FullKinetic], rather than as the consensus equation assumes
	Workers int     `json:"-"`       // 0: one per CPU. The images do not depend on it
}

// ReducedScans are small enough for a whole trial to be simulated in less than
// a minute: series of 4 mm and T1-weighted images of 2 mm.
func ReducedScans() TrialScans { return TrialScans{Voxel: 4, T1w: 2} }

// protocol returns GE's product on the grid that is asked for.
func (o *TrialScans) protocol() Protocol {
	p := GE3DSpiral()
	if v := o.Voxel; v > 0 {
		p.Grid = headBox(voxel.Vec{v, v, v}, [3]int{int(math.Ceil(192 / v)), int(math.Ceil(228 / v)), int(math.Ceil(176 / v))})
		p.SNR *= v * v * v / 36 // signal grows with the voxel, noise does not
	}
	if o.SNR != 0 {
		p.SNR = max(o.SNR, 0)
	}
	return p
}

func (o *TrialScans) t1wVoxel() float64 {
	switch {
	case o.T1w > 0:
		return o.T1w
	case o.Voxel > 0:
		return o.Voxel / 2
	}
	return 1
}

// coarseT1w is the voxel size from which on a T1-weighted image does not show
// whether the brain was drawn from formulas or looked up 1 mm apart.
const coarseT1w = 1.5

// A PersonScans is what was acquired of one person, and its truth.
type PersonScans struct {
	Participant
	Blend *Blend // what the regions of the template hold at the scanner's resolution
}

// Person simulates the images of person i: a T1-weighted image at their first
// visit, and one series by [GE3DSpiral] for each scan.
//
// Between scans the head lies anew: each translation is normal with SD Motion
// and each rotation with SD 0.6° per mm of it. From the first volume of a
// series to the next it moves by up to 0.2 of that. The true map of a scan has
// the CBF of the trial in every region, and the person differs from the
// template by an affine map.
//
// The data of one person are held in memory: about 50 MB at reduced
// resolution, 0.6 GB at the scanner's. It panics if i is no person of the
// trial.
func (t *Trial) Person(i int, o TrialScans) *PersonScans {
	tp := &t.People[i]
	subject, brain := t.anatomy(i, o)
	out := &PersonScans{Participant: Participant{Label: tp.Label, Age: float64(tp.Age), Sex: tp.Sex, FromTemplate: subject.FromTemplate()}}
	size := o.t1wVoxel()
	g := HeadGrid(size)
	centre := brain.points(g, o.Workers)
	seed := stream(t.Options.Seed, "trial images", uint64(i)).Uint64()
	t1w := brain.draw(g, 2, centre, o.Workers).T1w(T1wOptions{Blur: 1.4, Bias: 0.1, SNR: 25, Seed: seed}, o.Workers)
	sim := t.simulator(i, brain, g, centre, o)
	for j := range tp.Sessions {
		s := &tp.Sessions[j]
		if s.Missing {
			continue
		}
		visit := Session{Label: s.Label}
		if len(out.Sessions) == 0 {
			visit.T1w = t1w
		}
		for k := range s.Scans {
			opt := t.acquisition(i, j, k, o)
			opt.Seed = seed + uint64(1+j<<8+k)
			if out.Blend == nil {
				out.Blend = newBlend(sim, opt.Position, out.FromTemplate, opt.Samples)
			}
			sim.perfuse(s.Scans[k].CBF)
			visit.Scans = append(visit.Scans, Scan{Run: s.Scans[k].Run, Acquisition: sim.acquire(opt)})
		}
		out.Sessions = append(out.Sessions, visit)
	}
	return out
}

// Blend returns that of [Trial.Person] without simulating the images.
func (t *Trial) Blend(i int, o TrialScans) *Blend {
	subject, brain := t.anatomy(i, o)
	g := HeadGrid(o.t1wVoxel())
	sim := t.simulator(i, brain, g, brain.points(g, o.Workers), o)
	for j := range t.People[i].Sessions {
		if !t.People[i].Sessions[j].Missing {
			opt := t.acquisition(i, j, 0, o)
			return newBlend(sim, opt.Position, subject.FromTemplate(), opt.Samples)
		}
	}
	panic("phantom: Blend: a person without any session")
}

// anatomy returns who person i is.
func (t *Trial) anatomy(i int, o TrialScans) (Subject, *Brain) {
	s := Subject{Seed: stream(t.Options.Seed, "trial anatomy", uint64(i)).Uint64() | 1, Affine: true}
	b := s.Brain()
	if o.t1wVoxel() >= coarseT1w {
		b.lattice = templateLattice()
	}
	return s, b
}

// simulator returns the scanner with person i in it.
func (t *Trial) simulator(i int, brain *Brain, g voxel.Grid, centre []point, o TrialScans) *simulator {
	p := o.protocol()
	return newSimulator(brain.maps(g, p.Constants, Physiology{}, centre, o.Workers), p, t.acquisition(i, 0, 0, o))
}

// acquisition returns the options of one scan but for its seed.
func (t *Trial) acquisition(i, session, scan int, o TrialScans) Options {
	p := o.protocol()
	opt := Options{Physics: WhitePaper, SNR: p.SNR, Bias: 0.1, Workers: o.Workers}.sampled()
	if o.Kinetic {
		opt.Physics = FullKinetic
	}
	if o.t1wVoxel() >= coarseT1w {
		opt.Samples = 2
	}
	move := o.Motion
	if move == 0 {
		move = 1
	}
	if move < 0 {
		return opt
	}
	r := stream(t.Options.Seed, "trial motion", uint64(i)<<16|uint64(session)<<8|uint64(scan))
	var shift, turn voxel.Vec
	for a := range 3 {
		shift[a] = move * clip(r)
		turn[a] = move * 0.6 * math.Pi / 180 * clip(r)
	}
	opt.Position = voxel.Translation(shift).Mul(voxel.Rotation(turn).About(voxel.Vec{0, -16, 10}))
	volumes, _ := p.volumes()
	opt.Motion = RandomMotion(r.Uint64(), len(volumes), 0.2*move, 0.12*move)
	return opt
}

// perfuse sets the CBF of the maps to that of each compartment.
func (s *simulator) perfuse(cbf []float64) {
	m := s.maps
	s.fill(m.CBF, 0, func(n int) float64 {
		if m.Tissue[n] != Grey && m.Tissue[n] != White {
			return 0
		}
		return cbf[m.Region[n]]
	})
}

// Check names what is wrong with the options.
func (o *TrialScans) Check() diag.List {
	const file = SimulationOptions
	var l diag.List
	size := func(field string, v, least, most float64) {
		if v != 0 && !(v >= least && v <= most) {
			l.Errorf(file, field, fmt.Sprintf("give %g to %g mm", least, most), "voxels of %g mm make no image of a head", v)
		}
	}
	size("voxel", o.Voxel, 2, 8)
	size("T1w voxel", o.T1w, 0.8, 4)
	if !(o.Motion <= maxMotion) {
		l.Errorf(file, "motion", fmt.Sprintf("give 0 to %d mm", maxMotion), "nobody moves by %g mm in a head coil", o.Motion)
	}
	if math.IsNaN(o.SNR) || math.IsInf(o.SNR, 0) {
		l.Errorf(file, "SNR", "give a number", "%g is no signal-to-noise ratio", o.SNR)
	}
	return l
}

const maxMotion = 10 // [mm]

// PersonBytes returns about how much memory [Trial.Person] needs.
func (o *TrialScans) PersonBytes() int { return 60 * HeadGrid(o.t1wVoxel()).Len() }

// A TrialRecord holds all that a simulated dataset follows from.
type TrialRecord struct {
	Simulation string            `json:"simulation"` // what wrote it, and in which version of the model
	Level      string            `json:"level"`
	Seed       uint64            `json:"seed"`
	Subjects   int               `json:"subjects"`
	Missing    float64           `json:"missing"`
	Treatments []string          `json:"treatments"` // reference first
	Phases     []string          `json:"phases"`     // baseline first
	Challenge  string            `json:"challenge"`
	Columns    map[string]string `json:"columns"`
	Effects    []PlantedEffect   `json:"effects"`
	Variances  Variances         `json:"variances"`
	Receptors  *ReceptorMixtures `json:"receptors"`
	Symptoms   *SymptomRecord    `json:"symptoms"` // null if there are no questionnaires
	Scans      *TrialScans       `json:"scans"`    // null at region level
}

// Record returns all that the dataset of a trial follows from. level is "scan"
// or "region".
func (t *Trial) Record(level string, o TrialScans) TrialRecord {
	r := TrialRecord{
		Simulation: "phasl phantom trial 3", Level: level, Seed: t.Options.Seed, Subjects: t.Options.Subjects, Missing: t.Options.Missing,
		Treatments: t.Treatments, Phases: t.Phases, Challenge: t.Challenge,
		Columns: map[string]string{"treatment": t.columns.treatment, "period": t.columns.period, "sequence": t.columns.sequence, "phase": t.columns.phase},
		Effects: t.Options.Effects, Variances: *t.Options.Variances, Receptors: t.Options.Receptors, Symptoms: t.Options.Symptoms.record(),
	}
	if level == "scan" {
		r.Scans = &o
	}
	return r
}
