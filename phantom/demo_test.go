package phantom

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// hashTree returns a digest of every file below dir by its relative path.
func hashTree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		out[rel] = fmt.Sprintf("%x", sha256.Sum256(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestDemoWrites(t *testing.T) {
	if testing.Short() {
		t.Skip("draws a head at 1 mm")
	}
	dir := t.TempDir()
	if _, err := Demo(dir, NewDemoOptions()); err != nil {
		t.Fatal(err)
	}
	files := hashTree(t, dir)
	for _, want := range []string{
		"dataset_description.json", "participants.tsv", "README",
		"sub-01/anat/sub-01_T1w.nii.gz", "sub-01/anat/sub-01_T1w.json",
		"sub-01/perf/sub-01_acq-noisefree_asl.nii.gz", "sub-01/perf/sub-01_acq-default_aslcontext.tsv",
		"derivatives/truth/sub-01/perf/sub-01_acq-default_desc-truth_cbf.nii.gz",
		"derivatives/truth/sub-01/perf/sub-01_acq-default_desc-truth_regions.tsv",
	} {
		if _, ok := files[filepath.FromSlash(want)]; !ok {
			t.Errorf("Demo wrote no %s", want)
		}
	}
}
