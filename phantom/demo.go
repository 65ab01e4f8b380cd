package phantom

import "phasl/voxel"

// DemoOptions steer [Demo]. The zero value is the default.
type DemoOptions struct {
	Seed    uint64  // of the person's anatomy and the noise; 0: 1
	SNR     float64 // of the noisy series, see [Options].SNR; 0: the protocol's
	Physics Physics // of both series, FullKinetic unless set; NewDemoOptions sets WhitePaper
	Voxel   float64 // size of the voxels of the T1-weighted image and of the true maps [mm]; 0: 1
	Workers int     // 0: one per CPU
}

// NewDemoOptions returns the options of the demonstration: signals that obey
// the assumptions of the equation GE's product is quantified by, so that a
// correct pipeline recovers the truth.
func NewDemoOptions() DemoOptions { return DemoOptions{Physics: WhitePaper} }

// Demo writes a BIDS dataset of one person with a T1-weighted image and two
// series by [GE3DSpiral] of the same truth: acq-noisefree and acq-default,
// the latter with noise and receive bias. It returns the dataset as written.
func Demo(dir string, opt DemoOptions) (*Dataset, error) {
	if opt.Seed == 0 {
		opt.Seed = 1
	}
	d := DemoDataset(opt)
	return d, WriteBIDS(dir, d, opt.Workers)
}

// DemoDataset simulates the dataset that [Demo] writes.
func DemoDataset(opt DemoOptions) *Dataset {
	if opt.Seed == 0 {
		opt.Seed = 1
	}
	p := GE3DSpiral()
	if opt.SNR == 0 {
		opt.SNR = p.SNR
	}
	if opt.Voxel == 0 {
		opt.Voxel = 1
	}
	person := Subject{Seed: opt.Seed, Affine: true}
	brain := person.Brain()
	g := HeadGrid(opt.Voxel)
	points := brain.points(g, opt.Workers)
	maps := brain.maps(g, p.Constants, Physiology{}, points, opt.Workers)
	t1w := brain.draw(g, 2, points, opt.Workers).T1w(T1wOptions{Blur: 1.4, Bias: 0.1, SNR: 25, Seed: opt.Seed}, opt.Workers)
	// Between the T1-weighted image and the series the head has moved a little.
	position := voxel.Translation(voxel.Vec{1.2, -0.8, 1.5}).Mul(voxel.Rotation(voxel.Vec{0.02, -0.01, 0.015})).About(voxel.Vec{0, -16, 10})
	still := Options{Physics: opt.Physics, Position: position, Workers: opt.Workers}
	noisy := still
	noisy.Seed, noisy.SNR, noisy.Bias = opt.Seed, opt.SNR, 0.1
	return &Dataset{Name: "phasl demonstration", Participants: []Participant{{
		Label: "01", Age: 30, Sex: "F", FromTemplate: person.FromTemplate(),
		Sessions: []Session{{T1w: t1w, Scans: []Scan{
			{Acq: "noisefree", Acquisition: Simulate(maps, p, still)},
			{Acq: "default", Acquisition: Simulate(maps, p, noisy)},
		}}},
	}}}
}

// HeadGrid returns a grid of isotropic voxels of the given size [mm] that
// holds the head of any [Subject].
func HeadGrid(size float64) voxel.Grid {
	return headBox(voxel.Vec{size, size, size}, [3]int{int(192/size) + 1, int(228/size) + 1, int(196/size) + 1})
}
