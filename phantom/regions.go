package phantom

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"phasl/voxel"
)

// A Region is one labelled piece of grey matter.
type Region struct {
	Index int       // value in label images, from 1; odd left, even right
	Name  string    // such as "sgACC_L"
	Base  string    // name without the side
	Side  byte      // 'L' or 'R'
	Lobe  string    // frontal, parietal, temporal, occipital, cingulate, insula, deep or cerebellum
	Seed  voxel.Vec // template position it was drawn around [mm]
	CBF   float64   // baseline perfusion [mL/100 g/min]
}

// area is a region and its mirror image. Cortex belongs to the area whose
// nearest seed is nearest; other shapes are drawn by anatomy.go.
//
// The seeds are the centroids of the like-named labels of AAL3 (Rolls et al.
// 2020, NeuroImage 206:116189, doi:10.1016/j.neuroimage.2019.116189), mean of
// both sides, rounded to 1 mm; long areas have further seeds along their
// length. The three parts of the anterior cingulate are ACC_sub (sgACC),
// ACC_pre (pgACC) and ACC_sup (dACC).
type area struct {
	name  string
	lobe  string
	cbf   float64
	seeds []voxel.Vec // x ≥ 0
}

var areas = []area{
	{"sgACC", "cingulate", 56, []voxel.Vec{{5, 31, -5}}},
	{"pgACC", "cingulate", 62, []voxel.Vec{{7, 43, 10}}},
	{"dACC", "cingulate", 60, []voxel.Vec{{6, 26, 22}}},
	{"MidCingulate", "cingulate", 59, []voxel.Vec{{7, 8, 36}, {7, -22, 40}}},
	{"PosteriorCingulate", "cingulate", 72, []voxel.Vec{{6, -44, 22}}},
	{"FrontalSupMedial", "frontal", 60, []voxel.Vec{{7, 49, 29}, {7, 58, 10}, {7, 38, 45}}},
	{"FrontalMedOrb", "frontal", 54, []voxel.Vec{{7, 51, -9}}},
	{"Rectus", "frontal", 50, []voxel.Vec{{7, 35, -20}}},
	{"Olfactory", "frontal", 48, []voxel.Vec{{9, 14, -12}}},
	{"Orbitofrontal", "frontal", 52, []voxel.Vec{{27, 34, -19}, {16, 36, -21}, {45, 38, -15}}},
	{"FrontalSup", "frontal", 58, []voxel.Vec{{21, 35, 36}, {22, 56, 14}, {22, 10, 58}}},
	{"FrontalMid", "frontal", 62, []voxel.Vec{{37, 33, 30}, {38, 50, 6}, {38, 12, 48}}},
	{"FrontalInfOper", "frontal", 61, []voxel.Vec{{49, 13, 19}}},
	{"FrontalInfTri", "frontal", 60, []voxel.Vec{{48, 29, 13}}},
	{"FrontalInfOrb", "frontal", 56, []voxel.Vec{{44, 32, -8}}},
	{"SupplementaryMotor", "frontal", 57, []voxel.Vec{{7, 1, 60}}},
	{"Precentral", "frontal", 55, []voxel.Vec{{40, -8, 50}, {54, 2, 28}, {28, -14, 64}}},
	{"RolandicOper", "frontal", 59, []voxel.Vec{{50, -8, 13}}},
	{"Insula", "insula", 61, []voxel.Vec{{37, 5, 1}}},
	{"Paracentral", "parietal", 54, []voxel.Vec{{7, -30, 68}}},
	{"Postcentral", "parietal", 54, []voxel.Vec{{42, -25, 50}, {56, -14, 32}, {24, -36, 66}}},
	{"ParietalSup", "parietal", 56, []voxel.Vec{{25, -60, 59}}},
	{"ParietalInf", "parietal", 61, []voxel.Vec{{45, -47, 47}}},
	{"Supramarginal", "parietal", 60, []voxel.Vec{{57, -34, 31}}},
	{"Angular", "parietal", 64, []voxel.Vec{{45, -62, 36}}},
	{"Precuneus", "parietal", 69, []voxel.Vec{{9, -57, 44}, {9, -56, 60}}},
	{"Heschl", "temporal", 65, []voxel.Vec{{44, -19, 9}}},
	{"TemporalSup", "temporal", 57, []voxel.Vec{{56, -22, 5}, {58, -38, 14}, {55, -4, -5}}},
	{"TemporalMid", "temporal", 56, []voxel.Vec{{57, -36, -3}, {58, -12, -17}, {52, -58, 4}}},
	{"TemporalInf", "temporal", 50, []voxel.Vec{{52, -30, -24}, {50, -52, -14}, {46, -8, -36}}},
	{"TemporalPole", "temporal", 45, []voxel.Vec{{44, 14, -20}, {40, 13, -34}}},
	{"Fusiform", "temporal", 51, []voxel.Vec{{33, -41, -21}, {32, -20, -30}}},
	{"Parahippocampal", "temporal", 46, []voxel.Vec{{23, -17, -23}, {20, -34, -12}}},
	{"Calcarine", "occipital", 66, []voxel.Vec{{10, -77, 7}}},
	{"Cuneus", "occipital", 62, []voxel.Vec{{10, -81, 27}}},
	{"Lingual", "occipital", 60, []voxel.Vec{{15, -68, -6}}},
	{"OccipitalSup", "occipital", 54, []voxel.Vec{{20, -84, 28}}},
	{"OccipitalMid", "occipital", 55, []voxel.Vec{{35, -81, 17}}},
	{"OccipitalInf", "occipital", 53, []voxel.Vec{{37, -81, -9}}},
	{"Hippocampus", "deep", 47, []voxel.Vec{{27, -22, -12}}},
	{"Amygdala", "deep", 46, []voxel.Vec{{25, -1, -19}}},
	{"Caudate", "deep", 51, []voxel.Vec{{14, 10, 11}}},
	{"Putamen", "deep", 54, []voxel.Vec{{26, 3, 1}}},
	{"Pallidum", "deep", 45, []voxel.Vec{{19, -1, -1}}},
	{"Accumbens", "deep", 52, []voxel.Vec{{9, 12, -8}}},
	{"Thalamus", "deep", 61, []voxel.Vec{{11, -17, 7}}},
	{"Cerebellum", "cerebellum", 55, []voxel.Vec{{25, -62, -36}}},
}

// Areas that are drawn as shapes rather than found by the nearest seed.
var (
	areaHippocampus = areaIndex("Hippocampus")
	areaAmygdala    = areaIndex("Amygdala")
	areaCaudate     = areaIndex("Caudate")
	areaPutamen     = areaIndex("Putamen")
	areaPallidum    = areaIndex("Pallidum")
	areaAccumbens   = areaIndex("Accumbens")
	areaThalamus    = areaIndex("Thalamus")
	areaCerebellum  = areaIndex("Cerebellum")
	areaInsula      = areaIndex("Insula")
)

func areaIndex(name string) int {
	for i := range areas {
		if areas[i].name == name {
			return i
		}
	}
	panic("phantom: no area named " + name)
}

// A seed of a cortical area, flat for the search.
type seed struct {
	x, y, z float64
	area    int
}

var cortexSeeds = func() []seed {
	var out []seed
	for i, a := range areas {
		if a.lobe == "deep" || a.lobe == "cerebellum" {
			continue
		}
		for _, s := range a.seeds {
			out = append(out, seed{s[0], s[1], s[2], i})
		}
	}
	return out
}()

// seedCells lists, for each cube of side cell in a box around the right half
// of the brain, the seeds that are nearest to some point of it, so that few
// need to be compared.
var (
	seedOrigin = voxel.Vec{0, -116, -84}
	seedDim    = [3]int{20, 50, 44}
	seedCells  = sync.OnceValue(func() [][]uint8 {
		out := make([][]uint8, seedDim[0]*seedDim[1]*seedDim[2])
		reach := cell * math.Sqrt(3) // of two points of a cube
		for n := range out {
			var p voxel.Vec
			for a, i := range [3]int{n % seedDim[0], n / seedDim[0] % seedDim[1], n / seedDim[0] / seedDim[1]} {
				p[a] = seedOrigin[a] + cell*(float64(i)+0.5)
			}
			dist := make([]float64, len(cortexSeeds))
			for i, s := range cortexSeeds {
				dist[i] = voxel.Distance(p, voxel.Vec{s.x, s.y, s.z})
			}
			least := slices.Min(dist)
			for i, d := range dist {
				if d <= least+reach {
					out[n] = append(out[n], uint8(i))
				}
			}
		}
		return out
	})
)

const cell = 4.0 // [mm]

// nearestArea returns the cortical area of a point of the brain with x ≥ 0.
func nearestArea(x, y, z float64) int {
	best, at := 1e30, 0
	i := min(max(int((x-seedOrigin[0])/cell), 0), seedDim[0]-1)
	j := min(max(int((y-seedOrigin[1])/cell), 0), seedDim[1]-1)
	k := min(max(int((z-seedOrigin[2])/cell), 0), seedDim[2]-1)
	for _, c := range seedCells()[i+seedDim[0]*(j+seedDim[1]*k)] {
		s := &cortexSeeds[c]
		dx, dy, dz := s.x-x, s.y-y, s.z-z
		if d := dx*dx + dy*dy + dz*dz; d < best {
			best, at = d, s.area
		}
	}
	return at
}

// regionOf returns the index of an area's region on the side of x.
func regionOf(area int, x float64) int {
	if x < 0 {
		return 2*area + 1
	}
	return 2*area + 2
}

// Regions returns all labelled regions in order of Index. Together they
// cover the grey matter.
func Regions() []Region {
	out := make([]Region, 0, 2*len(areas))
	for i, a := range areas {
		for side := range 2 {
			r := Region{Index: 2*i + 1 + side, Base: a.name, Lobe: a.lobe, Seed: a.seeds[0], CBF: a.cbf}
			if side == 0 {
				r.Side, r.Seed[0] = 'L', -r.Seed[0]
			} else {
				r.Side = 'R'
			}
			r.Name = fmt.Sprintf("%s_%c", a.name, r.Side)
			out = append(out, r)
		}
	}
	return out
}
