package assets

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"phasl/diag"
	"phasl/internal/keyfile"
)

// Kinds of files.
var kinds = []string{"template", "mask", "prior", "atlas", "labels", "receptor"}

// maxBytes is the largest size of a file in a manifest [byte].
const maxBytes = 16 << 30

// Keys of each table of a manifest.
var (
	topKeys     = []string{"licence", "set", "file"}
	licenceKeys = []string{"id", "name", "url", "terms"}
	setKeys     = []string{"name", "title", "files"}
	fileKeys    = []string{"name", "kind", "title", "target", "tracer", "n", "repository", "revision", "path", "file", "bytes", "sha256", "licences", "space", "citation", "note"}
)

// skeleton has the tables of a manifest and none of their keys.
type skeleton struct {
	Licence []struct{} `toml:"licence"`
	Set     []struct{} `toml:"set"`
	File    []struct{} `toml:"file"`
}

// Parse reads a manifest; docs/formats/assets.md describes the format. name is
// what problems call the file. Every fault is reported at once, with its line;
// the manifest is nil if there is an error.
func Parse(name string, text []byte) (*Manifest, diag.List) {
	r := &reader{
		Reader: keyfile.Reader{File: name, What: "a list of files, some pages of text", Example: "docs/formats/assets.md has an example"},
		m:      &Manifest{Name: name}, ids: map[string]bool{}, names: map[string]string{}, places: map[string]string{},
	}
	if root := r.Decode(text, &skeleton{}); root != nil {
		r.read(root)
	}
	l := r.Problems()
	if l.Err() != nil {
		return nil, l
	}
	return r.m, l
}

// A reader fills a manifest from its text.
type reader struct {
	keyfile.Reader
	m      *Manifest
	ids    map[string]bool   // of licences, in small letters
	names  map[string]string // who has a name, by the name in small letters
	places map[string]string // who has a place, likewise: folders of macOS and Windows do not tell cases apart
}

func (r *reader) read(root map[string]any) {
	r.Strangers("", root, topKeys, nil)
	for i, t := range r.Tables(root, "licence") {
		r.licence(fmt.Sprintf("licence[%d]", i), t)
	}
	for i, t := range r.Tables(root, "file") {
		r.file(fmt.Sprintf("file[%d]", i), t)
	}
	for i, t := range r.Tables(root, "set") {
		r.set(fmt.Sprintf("set[%d]", i), t)
	}
	if len(r.m.Files) == 0 {
		r.Fault("file", "add a [[file]]", "the manifest lists no file")
	}
	for i, f := range r.m.Files { // once all names are known
		if other, taken := r.names[strings.ToLower(f.Target)]; taken && f.Target != "" {
			r.Fault(fmt.Sprintf("file[%d].target", i), "rename one of them", "%q is the name of %s too", keyfile.Clip(f.Target), other)
		}
	}
}

// text reads a text of one line; "" if the key is not there.
func (r *reader) text(at string, t map[string]any, name string) string {
	v, ok := t[name]
	if !ok {
		return ""
	}
	s, ok := v.(string)
	if !ok {
		r.WrongType(at+"."+name, v, "text", `write it in quotation marks: `+name+` = "…"`)
		return ""
	}
	if s = strings.TrimSpace(s); strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		r.Fault(at+"."+name, "write it on one line, without tabulators", "it holds a tabulator, a line end or another control character")
		return ""
	}
	return s
}

// need is text for a key that has to be there.
func (r *reader) need(at string, t map[string]any, name, fix string) string {
	if _, ok := t[name]; !ok {
		r.Fault(at+"."+name, fix, "it is missing")
		return ""
	}
	return r.text(at, t, name)
}

// whole reads a whole number; 0 if the key is not there.
func (r *reader) whole(at string, t map[string]any, name string) int64 {
	v, ok := t[name]
	if !ok {
		return 0
	}
	n, ok := v.(int64)
	if !ok {
		r.WrongType(at+"."+name, v, "a whole number", "write a whole number, without quotation marks")
	}
	return n
}

func (r *reader) texts(at string, t map[string]any, name, fix string) []string {
	v, ok := t[name]
	if !ok {
		r.Fault(at+"."+name, fix, "it is missing")
		return nil
	}
	out, ok := r.Texts(at+"."+name, name, v)
	if ok && len(out) == 0 {
		r.Fault(at+"."+name, fix, "it is empty")
	}
	return out
}

// like reads a text that has to have a form.
func (r *reader) like(at string, t map[string]any, name, fix, noun string, ok func(string) bool) string {
	s := r.need(at, t, name, fix)
	if _, isText := t[name].(string); isText && !ok(s) {
		r.Fault(at+"."+name, fix, "%q is no %s", keyfile.Clip(s), noun)
	}
	return s
}

var (
	plainName  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	hex40      = regexp.MustCompile(`^[0-9a-f]{40}$`)
	hex64      = regexp.MustCompile(`^[0-9a-f]{64}$`)
	repository = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*/[A-Za-z0-9_.-]*[A-Za-z0-9_-]$`)
)

const nameFix = "give a name of letters, digits, '.', '_' and '-', at most 64"

// claim reads a name that no other file or set may have.
func (r *reader) claim(at string, t map[string]any) string {
	name := r.like(at, t, "name", nameFix, "name", plainName.MatchString)
	key := strings.ToLower(name)
	if other, taken := r.names[key]; taken && name != "" {
		r.Fault(at+".name", "give each file and set a name of its own", "%q is the name of %s too", name, other)
	}
	r.names[key] = at
	return name
}

func (r *reader) licence(at string, t map[string]any) {
	r.Strangers(at, t, licenceKeys, nil)
	c := Licence{
		ID:    r.like(at, t, "id", nameFix, "id", plainName.MatchString),
		Name:  r.need(at, t, "name", "write its full name"),
		URL:   r.like(at, t, "url", "give the address of its text, https://…", "web address", isWeb),
		Terms: r.need(at, t, "terms", "say what it allows: a user has to know what to accept"),
	}
	if key := strings.ToLower(c.ID); r.ids[key] {
		r.Fault(at+".id", "list each licence once", "two licences have the id %q", c.ID)
	} else {
		r.ids[key] = true
	}
	r.m.Licences = append(r.m.Licences, c)
}

func isWeb(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

func (r *reader) set(at string, t map[string]any) {
	r.Strangers(at, t, setKeys, nil)
	s := Set{Name: r.claim(at, t), Title: r.need(at, t, "title", "say in a line what it is"), Files: r.texts(at, t, "files", "name its files")}
	for _, name := range s.Files {
		if r.m.file(name) == nil {
			r.Fault(at+".files", "name files of this manifest", "there is no file %q", keyfile.Clip(name))
		}
	}
	r.m.Sets = append(r.m.Sets, s)
}

func (r *reader) file(at string, t map[string]any) {
	r.Strangers(at, t, fileKeys, nil)
	f := &File{
		Name:       r.claim(at, t),
		Kind:       r.like(at, t, "kind", "write one of "+strings.Join(kinds, ", "), "kind of file", func(s string) bool { return slices.Contains(kinds, s) }),
		Title:      r.need(at, t, "title", "say in a line what it is"),
		Target:     r.text(at, t, "target"),
		Tracer:     r.text(at, t, "tracer"),
		N:          int(r.whole(at, t, "n")),
		Repository: r.like(at, t, "repository", "write owner/name", "repository", repository.MatchString),
		Revision:   r.like(at, t, "revision", "write the whole commit, 40 hexadecimal digits in small letters: branches and tags move", "commit", hex40.MatchString),
		Path:       r.like(at, t, "path", "write the path within the repository, with slashes", "path within a repository", local),
		File:       r.like(at, t, "file", "write a path below the folder of the assets, with slashes, and a name that is not hidden", "place below a folder", place),
		Bytes:      r.whole(at, t, "bytes"),
		SHA256:     r.like(at, t, "sha256", "write the file's SHA-256, 64 hexadecimal digits in small letters", "SHA-256", hex64.MatchString),
		Licences:   r.texts(at, t, "licences", "name its licences"),
		Space:      r.text(at, t, "space"),
		Citation:   r.need(at, t, "citation", "name the publication"),
		Note:       r.text(at, t, "note"),
	}
	if f.Bytes < 1 || f.Bytes > maxBytes {
		r.Fault(at+".bytes", "write the size of the file in bytes", "%d is no size from 1 byte to 16 GB", f.Bytes)
	}
	isMap := f.Kind == "receptor"
	if isMap && (f.Target == "" || f.Tracer == "" || f.N < 1) {
		r.Fault(at+".target", "write target, tracer and n", "a receptor map needs its target, tracer and number of people")
	}
	if !isMap && (f.Target != "" || f.Tracer != "" || f.N != 0) {
		r.Fault(at+".target", `remove target, tracer and n, or write kind = "receptor"`, "only a receptor map has a target, a tracer and a number of people")
	}
	for _, c := range f.Licences {
		if !r.ids[strings.ToLower(c)] {
			r.Fault(at+".licences", "add a [[licence]] with this id, or correct it", "there is no licence %q", keyfile.Clip(c))
		}
	}
	key := strings.ToLower(f.File)
	if other, taken := r.places[key]; taken && f.File != "" {
		r.Fault(at+".file", "give each file a place of its own", "%q is the place of %s too", f.File, other)
	}
	r.places[key] = at
	r.m.Files = append(r.m.Files, f)
}

// local reports whether p is a clean relative path with slashes that stays
// below its folder and can be made on every system.
func local(p string) bool {
	if p == "" || p == "." || len(p) > 500 || path.Clean(p) != p || path.IsAbs(p) || p == ".." || strings.HasPrefix(p, "../") {
		return false
	}
	return !strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r == 0x7f || strings.ContainsRune(`\:*?"<>|`, r) })
}

// place is local for a file of a store, which may not be hidden as parts are,
// nor be the table of receptor maps.
func place(p string) bool {
	base := path.Base(p)
	return local(p) && !strings.HasPrefix(base, ".") && !strings.EqualFold(base, TableName)
}
