package pipeline

import (
	"testing"

	"phasl/internal/sharedtest"
)

// realConfig processes the two real people of the shared data.
func realConfig(tb testing.TB, out string) Config {
	return Config{
		BIDSDir: sharedtest.Path(tb, "data", "asl"), OutDir: out, Version: "test",
		Settings: Settings{Model: "auto", Seed: 1},
		Standard: Standard{
			Template:    sharedtest.Path(tb, "data", "templates", "MNI152_T1_2mm.nii.gz"),
			Atlas:       sharedtest.Path(tb, "data", "atlases", "AAL3", "tpl-MNI152NLin6Asym_res-02_atlas-AAL3_dseg.nii.gz"),
			MinCoverage: 0.5,
		},
	}
}

// BenchmarkReal: all steps from raw files to report. sub-01 is a 1 mm whole
// head (192×256×256) and 18 volumes of 96×96×40; sub-02 is 96 volumes of
// 64×64×20 at six delays, without a T1w image.
func BenchmarkReal(b *testing.B) {
	for _, who := range []string{"01", "02"} {
		b.Run("sub-"+who, func(b *testing.B) {
			for range b.N {
				c := realConfig(b, b.TempDir())
				c.Participants = []string{who}
				if _, err := Run(b.Context(), c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
