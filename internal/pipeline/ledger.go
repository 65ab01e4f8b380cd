package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"phasl/diag"
	"phasl/internal/atomicfile"
)

// A record says that one participant is finished: what went in (Key), what
// came out (Outputs), and the numbers that tables over participants need. It
// is written last, so that a participant without a valid record is done anew.
type record struct {
	Key     string            `json:"key"`
	How     string            `json:"how"`     // digest of settings and program alone
	Outputs map[string]string `json:"outputs"` // path relative to the output folder → SHA-256
	Result  ParticipantResult `json:"result"`

	name string // of the record: the participant, and the sessions if only some were asked for
}

// recordPath returns where the record of that name lies.
func recordPath(work, name string) string {
	return filepath.Join(work, "participants", name+".json")
}

// oldOutputs returns what a record says was written, whether or not it holds.
func oldOutputs(work, name string) []string {
	b, err := os.ReadFile(recordPath(work, name))
	if err != nil {
		return nil
	}
	var r record
	if json.Unmarshal(b, &r) != nil {
		return nil
	}
	return slices.Sorted(maps.Keys(r.Outputs))
}

// readRecord returns the record of a participant if it has the key wanted and
// every output is still what was written.
func readRecord(work, out, name, key string) (*record, bool) {
	b, err := os.ReadFile(recordPath(work, name))
	if err != nil {
		return nil, false
	}
	var r record
	if json.Unmarshal(b, &r) != nil || r.Key != key {
		return nil, false
	}
	for name, want := range r.Outputs {
		if got, err := hashFile(filepath.Join(out, name)); err != nil || got != want {
			return nil, false
		}
	}
	return &r, true
}

// writeRecord hashes the outputs and writes the record.
func writeRecord(work, out string, r record, outputs []string) error {
	r.Outputs = map[string]string{}
	for _, name := range outputs {
		sum, err := hashFile(filepath.Join(out, name))
		if err != nil {
			return fmt.Errorf("check output: %w", err)
		}
		r.Outputs[filepath.ToSlash(name)] = sum
	}
	return atomicfile.Write(recordPath(work, r.name), func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", " ")
		return enc.Encode(r)
	})
}

// allRecords returns the records of every finished participant, by name, so
// that tables also hold those whom another process did.
func allRecords(work string) ([]record, error) {
	names, err := filepath.Glob(filepath.Join(work, "participants", "sub-*.json"))
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var out []record
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			return nil, err
		}
		var r record
		if err := json.Unmarshal(b, &r); err != nil {
			return nil, fmt.Errorf("read %s (remove it to have the participant done again): %w", n, err)
		}
		r.name = strings.TrimSuffix(filepath.Base(n), ".json")
		out = append(out, r)
	}
	return out, nil
}

func hashFile(path string) (string, error) {
	s, err := sourceOf(path)
	return s.SHA256, err
}

// sourceOf digests a file.
func sourceOf(path string) (Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return Source{}, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return Source{}, err
	}
	return Source{File: filepath.Base(path), SHA256: hex.EncodeToString(h.Sum(nil)), Bytes: n}, nil
}

// A keyer digests everything that can change a participant's numbers.
type keyer struct {
	h     hash.Hash
	files map[string]string // digests of files seen, by path: one T1w image serves many scans
	err   error
}

func newKeyer() *keyer { return &keyer{h: sha256.New(), files: map[string]string{}} }

// text adds a named value.
func (k *keyer) text(name, value string) {
	fmt.Fprintf(k.h, "%s\x00%d\x00%s\x00", name, len(value), value)
}

// file adds a named file by its content; an empty path counts as "none".
func (k *keyer) file(name, path string) {
	if path == "" {
		k.text(name, "")
		return
	}
	sum, ok := k.files[path]
	if !ok {
		var err error
		if sum, err = hashFile(path); err != nil && k.err == nil {
			k.err = err
		}
		k.files[path] = sum
	}
	k.text(name, sum)
}

func (k *keyer) sum() (string, error) { return hex.EncodeToString(k.h.Sum(nil)), k.err }

// executable is the digest of the running program: another program may
// compute other numbers, so it does not reuse this one's.
var executable = sync.OnceValues(func() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find own program file: %w", err)
	}
	return hashFile(path)
})

// sweep removes what killed writers left in dir and below: temporary files
// older than since. Younger ones may belong to another running process.
func sweep(dir string, since time.Time) error {
	return filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		if ok, _ := filepath.Match(atomicfile.TempPattern, d.Name()); !ok || !strings.HasPrefix(d.Name(), ".") {
			return nil
		}
		if info, err := d.Info(); err == nil && info.ModTime().Before(since) {
			os.Remove(p)
		}
		return nil
	})
}

// how digests all that can change numbers except the participant's own data:
// settings, template, atlas, and the program itself.
func (c *Config) how() (string, error) {
	k := newKeyer()
	exe, err := executable()
	if err != nil {
		return "", err
	}
	k.text("program", exe)
	set := c.Settings
	set.Workers = 0
	b, err := json.Marshal(set)
	if err != nil {
		return "", err
	}
	k.text("settings", string(b))
	std := c.Standard
	std.Template, std.TemplateMask, std.Atlas, std.Labels = "", "", "", ""
	std.TemplateGM, std.TemplateWM, std.TemplateCSF = "", "", ""
	if std.Registration == "" {
		std.Registration = registerSyN
	}
	if b, err = json.Marshal(std); err != nil {
		return "", err
	}
	k.text("standard", string(b))
	for _, f := range [][2]string{{"template", c.Template}, {"mask", c.TemplateMask}, {"atlas", c.Atlas}, {"labels", c.Labels},
		{"GM", c.TemplateGM}, {"WM", c.TemplateWM}, {"CSF", c.TemplateCSF}} {
		k.file(f[0], f[1])
		k.text(f[0]+" name", filepath.Base(f[1]))
	}
	return k.sum()
}

// placeRecords chooses the folder of the records. One work folder may serve
// many datasets and outputs, so each pair has its own place in it.
func (c *Config) placeRecords() error {
	if c.WorkDir == "" {
		c.WorkDir = filepath.Join(c.OutDir, ".phasl")
		return nil
	}
	k := newKeyer()
	for _, dir := range []string{c.BIDSDir, c.OutDir} {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return err
		}
		k.text("folder", abs)
	}
	sum, err := k.sum()
	c.WorkDir = filepath.Join(c.WorkDir, sum[:16])
	return err
}

// key digests everything that can change a participant's numbers.
func (w *worker) key() (string, error) {
	k := newKeyer()
	k.text("how", w.how)
	for _, sc := range w.scans {
		k.text("scan", sc.Path)
		k.file("image", sc.AbsPath)
		meta, err := json.Marshal(sc.Sidecar.Fields)
		if err != nil {
			return "", err
		}
		k.text("sidecar", string(meta))
		k.text("context", fmt.Sprint(sc.Context))
		row, err := json.Marshal(sc.ScansRow)
		if err != nil {
			return "", err
		}
		k.text("row", string(row))
		if sc.M0 != nil {
			k.file("m0", sc.M0.AbsPath)
			if meta, err = json.Marshal(sc.M0.Sidecar.Fields); err != nil {
				return "", err
			}
			k.text("m0 sidecar", string(meta))
		}
		for _, t := range sc.T1w {
			k.file("T1w", w.ds.Abs(t))
		}
		var l diag.List
		scan := w.c.givenScan(sc.Entities, w.c.spaceName(), &l)
		of := append(scan.masks(), scan.transforms()...)
		if len(sc.T1w) > 0 {
			a := w.c.givenAnatomy(sc.T1w[0], w.c.spaceName(), &l)
			of = append(append(of, a.masks()...), a.transforms()...)
		}
		for _, f := range of {
			k.file("given", f)
		}
	}
	return k.sum()
}
