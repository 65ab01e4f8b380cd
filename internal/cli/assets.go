package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"phasl/diag"
	"phasl/internal/assets"
	"phasl/internal/pipeline"
)

type assetsCmd struct {
	List   assetsListCmd   `cmd:"" help:"List what can be fetched, or describe files."`
	Pull   assetsPullCmd   `cmd:"" help:"Fetch files, once their licences are accepted."`
	Verify assetsVerifyCmd `cmd:"" help:"Check the SHA-256 of the files that are there."`
	Path   assetsPathCmd   `cmd:"" help:"Print where files are, for other verbs."`
}

func (assetsCmd) Help() string {
	return `Template brain, atlases and receptor maps are other groups' files, under their
licences; phasl ships none. It knows where each is published, at which revision,
and its SHA-256, and fetches what you ask for. This is phasl's only use of the
network; it is not needed again for what is there.

Example:
  phasl assets list
  phasl assets pull trial
  phasl run my_dataset out all --template "$(phasl assets path mni152-t1w-2mm)" --atlas "$(phasl assets path aal3-2mm)"

A NAME is a file, a set of files (trial, panel, receptors, …) or the target of
receptor maps (MOR).

` + exitCodesHelp
}

// assetsFlags say which files and where.
type assetsFlags struct {
	Dir      string `env:"PHASL_ASSETS_DIR" placeholder:"DIR" help:"Folder of the files; default: phasl/assets in the folder for your own data (~/.local/share on Linux, ~/Library/Application Support on macOS)."`
	Manifest string `type:"existingfile" placeholder:"FILE" help:"A list of files of your own in place of the built-in one (docs/formats/assets.md)."`
	jsonFlag
}

// open returns the manifest and the store.
func (c *assetsFlags) open() (*assets.Manifest, assets.Store, error) {
	var store assets.Store
	dir := c.Dir
	if dir == "" {
		var err error
		if dir, err = assets.DefaultDir(); err != nil {
			return nil, store, usageError{err.Error() + "; give it with --dir"}
		}
	}
	store.Dir = dir
	if c.Manifest == "" {
		return assets.Builtin(), store, nil
	}
	text, err := readAtMost(c.Manifest, 1<<20) // a manifest may have a quarter of that
	if err != nil {
		return nil, store, &diag.Problem{File: c.Manifest, Found: "it cannot be read: " + reason(err), Fix: "look at the path", Err: err}
	}
	m, l := assets.Parse(c.Manifest, text)
	if m == nil {
		return nil, store, l
	}
	return m, store, nil
}

// readAtMost reads a file, or its beginning if it is longer.
func readAtMost(path string, n int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, n))
}

// selected returns the manifest, the folder, and the files that names stand for,
// or all without names.
func (c *assetsFlags) selected(names []string) (*assets.Manifest, assets.Store, []*assets.File, error) {
	m, store, err := c.open()
	if err != nil {
		return nil, store, nil, err
	}
	files, err := choose(m, names)
	return m, store, files, err
}

// choose returns the files that names stand for, or all without names.
func choose(m *assets.Manifest, names []string) ([]*assets.File, error) {
	if len(names) == 0 {
		return m.Files, nil
	}
	files, err := m.Select(names)
	if err != nil {
		return nil, usageError{err.Error() + "\n  fix: see 'phasl assets list'"}
	}
	return files, nil
}

type assetsListCmd struct {
	Names []string `arg:"" optional:"" name:"name" placeholder:"NAME" help:"Files, sets or targets to describe in full; without: a table of everything."`
	assetsFlags
}

// Run lists or describes files.
func (c *assetsListCmd) Run(ctx context.Context, s streams) error {
	m, store, files, err := c.selected(c.Names)
	if err != nil {
		return err
	}
	states, faults, err := store.Verify(ctx, files)
	if err != nil {
		return err
	}
	if err := c.write(s, listedJSON(m, store, files, states, len(c.Names) == 0)); err != nil {
		return err
	}
	faults.Sort()
	for _, p := range faults { // a list is an answer all the same
		p.Severity = diag.Warning
	}
	printProblems(s.err, faults)
	if len(c.Names) == 0 {
		printAssets(c.summary(s), m, store, states)
	} else {
		describeAssets(c.summary(s), m, store, files, states)
	}
	return nil
}

type assetsVerifyCmd struct {
	Names []string `arg:"" optional:"" name:"name" placeholder:"NAME" help:"Files, sets or targets that must be there; without: whatever is there."`
	assetsFlags
}

// Run hashes the files. Those that were named have to be there.
func (c *assetsVerifyCmd) Run(ctx context.Context, s streams) error {
	_, store, files, err := c.selected(c.Names)
	if err != nil {
		return err
	}
	states, faults, err := store.Verify(ctx, files)
	if err != nil {
		return err
	}
	if len(c.Names) > 0 {
		faults = append(faults, absent(store, files, states)...)
	}
	if err := c.write(s, verifiedJSON(store, files, states, faults)); err != nil {
		return err
	}
	if faults.Err() != nil {
		return faults
	}
	n := map[assets.State]int{}
	for _, state := range states {
		n[state]++
	}
	w := c.summary(s)
	fmt.Fprintf(w, "%s: %d %s, each with the SHA-256 of the manifest", store.Dir, n[assets.Good], plural(n[assets.Good], "file", "files"))
	if n[assets.Absent] > 0 {
		fmt.Fprintf(w, "; %d not there", n[assets.Absent])
	}
	fmt.Fprintln(w)
	return nil
}

// absent reports the files that are not there.
func absent(store assets.Store, files []*assets.File, states []assets.State) diag.List {
	var l diag.List
	for i, f := range files {
		if states[i] == assets.Absent {
			l.Errorf(store.Path(f), "", "phasl assets pull "+f.Name, "%s is not there", f.Name)
		}
	}
	return l
}

type assetsPathCmd struct {
	Names []string `arg:"" name:"name" placeholder:"NAME" help:"Files, sets or targets."`
	assetsFlags
}

// Run prints the path of each file, one a line, once all are there and right.
func (c *assetsPathCmd) Run(ctx context.Context, s streams) error {
	_, store, files, err := c.selected(c.Names)
	if err != nil {
		return err
	}
	states, faults, err := store.Verify(ctx, files)
	if err != nil {
		return err
	}
	faults = append(faults, absent(store, files, states)...)
	if err := c.write(s, verifiedJSON(store, files, states, faults)); err != nil {
		return err
	}
	if faults.Err() != nil {
		return faults
	}
	for _, f := range files {
		fmt.Fprintln(c.summary(s), store.Path(f))
	}
	return nil
}

type assetsPullCmd struct {
	Names    []string      `arg:"" optional:"" name:"name" placeholder:"NAME" help:"Files, sets or targets: trial, receptors, mor-carfentanil, MOR, …"`
	Accept   []string      `placeholder:"LICENCE" help:"Accept a licence by its id (repeatable, or with commas). Without it you are asked, on a terminal."`
	BaseURL  string        `name:"base-url" env:"PHASL_ASSETS_URL" placeholder:"URL" help:"Mirror with the same layout, URL/REPOSITORY/REVISION/PATH; default ${assets_base}."`
	Parallel int           `default:"4" placeholder:"N" help:"Files at a time, 1 to 16; default ${default}."`
	Timeout  time.Duration `default:"30s" placeholder:"T" help:"Longest wait for the next bytes; default ${default}."`
	assetsFlags
}

func (assetsPullCmd) Help() string {
	return `Fetches what is not there yet. The licences are shown first; each has to be
accepted, and if one is not, nothing is fetched. A file gets its name once its
SHA-256 is right. Interrupted or cut off, the same command carries on.

Example:
  phasl assets pull trial
  phasl assets pull MOR mGluR5 --accept CC-BY-NC-SA-4.0 --dir study/assets

A proxy is taken from HTTPS_PROXY, HTTP_PROXY and NO_PROXY. Exit code 2 also
means that a licence was not accepted, 1 that a file could not be fetched.

` + exitCodesHelp
}

// Run asks for the licences, fetches, and prints what became of each file.
func (c *assetsPullCmd) Run(ctx context.Context, s streams) error {
	m, store, err := c.open()
	if err != nil {
		return err
	}
	if err := c.usage(m); err != nil {
		return err
	}
	files, err := choose(m, c.Names)
	if err != nil {
		return err
	}
	states, _, err := store.Verify(ctx, files)
	if err != nil {
		return err
	}
	var missing []*assets.File
	for i, f := range files {
		if states[i] != assets.Good {
			missing = append(missing, f)
		}
	}
	if err := c.licences(ctx, s, m, missing); err != nil {
		return err
	}
	p := &assets.Puller{Store: store, Base: c.BaseURL, Parallel: c.Parallel, Stall: c.Timeout}
	bar := newProgress(s.err)
	p.Progress = func(e assets.Event) { showPull(bar, e) }
	outcomes, err := p.Pull(ctx, files)
	bar.end()
	var l diag.List
	if len(missing) > 0 && outcomes != nil {
		warnings, tableErr := store.WriteTables(context.WithoutCancel(ctx), m)
		l.Add(warnings...)
		if tableErr != nil {
			l.Warnf(store.Dir, assets.TableName, "look at the folder", "the table of the receptor maps was not written: %v", tableErr)
		}
	}
	for _, o := range outcomes {
		if o.Aside != "" {
			l.Warnf(o.Path, "", "remove that if you do not need it", "it held other bytes and was set aside as %s", o.Aside)
		}
	}
	if jsonErr := c.write(s, pulledJSON(store, c.BaseURL, outcomes, l)); jsonErr != nil && err == nil {
		err = jsonErr
	}
	printProblems(s.err, l)
	failed := printFailures(s.err, outcomes)
	if err != nil {
		return err
	}
	printPulled(c.summary(s), store, outcomes)
	if failed > 0 {
		return fmt.Errorf("%d of %d %s could not be fetched; run the same command to try again", failed, len(files), plural(len(files), "file", "files"))
	}
	return nil
}

// usage refuses flags that make no sense.
func (c *assetsPullCmd) usage(m *assets.Manifest) error {
	var sets []string
	for _, set := range m.Sets {
		sets = append(sets, set.Name)
	}
	switch {
	case len(c.Names) == 0 && len(sets) > 0:
		return usageError{"phasl assets pull: name files or sets: " + strings.Join(sets, ", ") + "\n  fix: see 'phasl assets list'"}
	case len(c.Names) == 0:
		return usageError{"phasl assets pull: name files\n  fix: see 'phasl assets list'"}
	case c.Parallel < 1 || c.Parallel > 16:
		return usageError{fmt.Sprintf("--parallel %d: give a number of files from 1 to 16", c.Parallel)}
	case c.Timeout < 100*time.Millisecond || c.Timeout > time.Hour:
		return usageError{fmt.Sprintf("--timeout %v: give a time from 0.1s to 1h, such as 30s", c.Timeout)}
	}
	if c.BaseURL != "" {
		if err := assets.CheckBase(c.BaseURL); err != nil {
			return usageError{fmt.Sprintf("--base-url %s: %v", assets.Redacted(c.BaseURL), err)}
		}
	}
	var ids []string
	for _, l := range m.Licences {
		ids = append(ids, l.ID)
	}
	for _, id := range c.Accept {
		if m.Licence(id) == nil {
			fix := "the licences are " + strings.Join(ids, ", ")
			if near, ok := diag.Nearest(id, ids); ok {
				fix = "did you mean " + near + "?"
			}
			return usageError{fmt.Sprintf("--accept %s: there is no such licence; %s", id, fix)}
		}
	}
	return nil
}

// showPull draws one event: every one on a terminal, elsewhere only what ended
// or waits.
func showPull(bar *progress, e assets.Event) {
	if e.Step == string(assets.Present) {
		return
	}
	v := pipeline.Event{Unit: e.File.Name, Step: e.Step, Done: e.Done, Total: e.Total, Share: e.Share}
	if e.Ended {
		v.Done--
	} else if e.Bytes > 0 {
		v.Step = fmt.Sprintf("%s, %.1f of %.1f MB", e.Step, float64(e.Bytes)/1e6, float64(e.File.Bytes)/1e6)
		if !bar.tty {
			return
		}
	}
	bar.show(v)
}
