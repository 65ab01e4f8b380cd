package pipeline

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"phasl/asl"
	"phasl/nifti"
	"phasl/voxel"
)

// Two real people, from raw files to regions: what a physiologist would look
// for. The limits are those of healthy adults at rest, widened for the
// white-paper equation, which reads low.
func TestRealPeople(t *testing.T) {
	if testing.Short() {
		t.Skip("processes two real people")
	}
	c := realConfig(t, t.TempDir())
	r, err := Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Participants) != 2 {
		t.Fatalf("%d participants, want 2", len(r.Participants))
	}
	for _, p := range r.Participants {
		for _, st := range append(p.Anatomy, p.Scans[0].Steps...) {
			if !st.OK {
				t.Errorf("sub-%s: %s: %s", p.Participant, st.Step, st.Detail)
			}
		}
	}

	t.Run("single delay with M0 and T1w", func(t *testing.T) {
		sc := r.Participants[0].Scans[0]
		q := sc.Quality
		if sc.Units != asl.UnitsAbsolute || !(q.GMCBF > 35 && q.GMCBF < 70) || !(q.GMWMRatio > 1.4 && q.GMWMRatio < 4) {
			t.Errorf("grey-matter CBF %.1f %s, %.2f times white matter", float64(q.GMCBF), sc.Units, float64(q.GMWMRatio))
		}
		// Left and right of every pair of larger regions: within 15 % on
		// average, and no side favoured by more than 5 %.
		var abs, sum, n float64
		at := byName(sc.Regions)
		for name, left := range at {
			right, ok := at[strings.TrimSuffix(name, "_L")+"_R"]
			if !ok || !strings.HasSuffix(name, "_L") || left.Voxels < 500 || right.Voxels < 500 || !(left.Coverage > 0.9 && right.Coverage > 0.9) {
				continue
			}
			d := float64((left.CBF - right.CBF) / (left.CBF + right.CBF) * 2)
			abs, sum, n = abs+math.Abs(d), sum+d, n+1
		}
		if n < 20 || abs/n > 0.15 || math.Abs(sum/n) > 0.05 {
			t.Errorf("%g pairs of regions differ by %.3f on average, %.3f in one direction", n, abs/n, sum/n)
		}
		// Deep grey stands out from the white matter around it.
		for _, name := range []string{"Putamen_L", "Putamen_R", "sgACC", "pgACC", "dACC"} {
			if reg, ok := at[name]; !ok || !(reg.CBF > 1.1*q.WMCBF) {
				t.Errorf("%s: CBF %.1f, white matter %.1f", name, float64(reg.CBF), float64(q.WMCBF))
			}
		}
		// The lone first control is named, not dropped in silence.
		if len(sc.Volumes.Excluded) == 0 || sc.Volumes.Excluded[0] != 1 {
			t.Errorf("excluded volumes %v, want the lone control 1 among them", sc.Volumes.Excluded)
		}
	})

	t.Run("six delays without M0 and T1w", func(t *testing.T) {
		sc := r.Participants[1].Scans[0]
		if sc.Units != asl.UnitsRelative || sc.ATTFile == nil {
			t.Fatalf("units %s, transit time file %v", sc.Units, sc.ATTFile)
		}
		att, _, err := nifti.ReadImage(filepath.Join(c.OutDir, filepath.FromSlash(*sc.ATTFile)))
		if err != nil {
			t.Fatal(err)
		}
		if m := voxel.Median(att.Data); !(m > 0.5 && m < 2) {
			t.Errorf("median transit time %.2f s", m)
		}
		// Blood reaches the insula, near the circle of Willis, before the occipital
		// cortex at the end of the posterior artery.
		at := byName(sc.Regions)
		near, far := at["Insula_L"].ATT, at["Occipital_Mid_L"].ATT
		if !(far > near+0.1) {
			t.Errorf("transit time %.2f s in middle occipital cortex, %.2f s in the insula", float64(far), float64(near))
		}
		// Tissue maps come from the template, bent onto the scan: 1.10 was
		// measured, 1.00 by an affine map.
		if !(sc.Quality.GMWMRatio > 1.05) || sc.Files["template_to_asl"] == "" {
			t.Errorf("grey matter is %.2f times white matter; files %v", float64(sc.Quality.GMWMRatio), sc.Files)
		}
	})
}

func byName(regions []RegionResult) map[string]RegionResult {
	out := map[string]RegionResult{}
	for _, r := range regions {
		out[r.Region] = r
	}
	return out
}
