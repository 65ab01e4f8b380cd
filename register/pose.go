package register

import (
	"math"

	"phasl/voxel"
)

// A Pose is a rigid displacement of the head in one volume:
//
//	T(x) = R(Rotation)·(x − c) + c + Translation
//
// with R as voxel.Rotation and c [MotionResult.Centre].
type Pose struct {
	Translation voxel.Vec // [mm]
	Rotation    voxel.Vec // [rad]
}

// About returns the transform of pose p about centre c.
func (p Pose) About(c voxel.Vec) voxel.Affine {
	return voxel.Translation(p.Translation).Mul(voxel.Rotation(p.Rotation).About(c))
}

// poseOf returns the pose whose transform about c is the rigid map t.
func poseOf(t voxel.Affine, c voxel.Vec) Pose {
	q := t.Map(c)
	return Pose{
		Translation: voxel.Vec{q[0] - c[0], q[1] - c[1], q[2] - c[2]},
		Rotation: voxel.Vec{
			math.Atan2(t[2][1], t[2][2]),
			math.Asin(min(max(-t[2][0], -1), 1)),
			math.Atan2(t[1][0], t[0][0]),
		},
	}
}
