package pipeline

import (
	"os"
	"path/filepath"
	"testing"

	"phasl/diag"
)

// Files found beside those given count like those given: changing one of them
// makes earlier results invalid.
func TestFilesBesideAreDigested(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	how := func() string {
		c := Config{Standard: Standard{Template: write("tpl-X_T1w.nii.gz", "t"), Atlas: write("atlas-Y_dseg.nii.gz", "a")}}
		var l diag.List
		c.prepare(&l)
		if len(l) > 0 {
			t.Fatal(l)
		}
		sum, err := c.how()
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	write("tpl-X_desc-brain_mask.nii.gz", "m")
	write("atlas-Y_dseg.tsv", "index\tname\n1\tA\n")
	first := how()
	if how() != first {
		t.Error("the same files give another digest")
	}
	write("atlas-Y_dseg.tsv", "index\tname\n1\tB\n")
	second := how()
	if second == first {
		t.Error("another label table gives the same digest")
	}
	write("tpl-X_desc-brain_mask.nii.gz", "n")
	third := how()
	if third == second {
		t.Error("another brain mask gives the same digest")
	}
	// Priors count once those of grey and white matter are both there.
	write("tpl-X_label-GM_probseg.nii.gz", "g")
	if how() != third {
		t.Error("half of the priors change the digest although they are not used")
	}
	write("tpl-X_label-WM_probseg.nii.gz", "w")
	if how() == third {
		t.Error("the template's priors do not change the digest")
	}
}

// One work folder serves several outputs without mixing them.
func TestWorkFolderKeepsOutputsApart(t *testing.T) {
	place := func(in, out, work string) string {
		c := Config{BIDSDir: in, OutDir: out, WorkDir: work}
		if err := c.placeRecords(); err != nil {
			t.Fatal(err)
		}
		return c.WorkDir
	}
	if a, b := place("raw", "out1", "w"), place("raw", "out2", "w"); a == b {
		t.Error("two outputs share their records")
	}
	if a, b := place("raw1", "out", "w"), place("raw2", "out", "w"); a == b {
		t.Error("two datasets share their records")
	}
	if got, want := place("raw", "out", ""), filepath.Join("out", ".phasl"); got != want {
		t.Errorf("records in %s, want %s", got, want)
	}
}
