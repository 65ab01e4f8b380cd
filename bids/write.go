package bids

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"

	"phasl/internal/atomicfile"
)

// Version is the version of BIDS that written datasets follow.
const Version = "1.10.0"

// WriteJSON writes v as indented JSON with a line end. Keys of maps are
// sorted, fields of structs stand in their order, so that the same value gives
// the same bytes. NaN and infinities are an error, as JSON has none.
func WriteJSON(path string, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		_, err := w.Write(b.Bytes())
		return err
	})
}

// dictionary is the data dictionary of a table. Its keys keep the order of
// the columns, which reads better than the alphabet.
type dictionary []Column

// MarshalJSON writes one object with a key for each column.
func (d dictionary) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, c := range d {
		if i > 0 {
			b = append(b, ',')
		}
		key, err := marshal(c.Name)
		if err != nil {
			return nil, err
		}
		value, err := marshal(struct {
			Description string            `json:",omitempty"`
			Units       string            `json:",omitempty"`
			Levels      map[string]string `json:",omitempty"`
		}{c.Description, c.Units, c.Levels})
		if err != nil {
			return nil, err
		}
		b = append(append(append(b, key...), ':'), value...)
	}
	return append(b, '}'), nil
}

// marshal is json.Marshal without the escapes meant for web pages.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

// A Generator is a program that made a derivative dataset.
type Generator struct {
	Name        string
	Version     string `json:",omitempty"`
	Description string `json:",omitempty"`
	CodeURL     string `json:",omitempty"`
}

// WriteDescription writes dataset_description.json of a derivative dataset
// into dir. name is the name of the dataset and version that of phasl, which is
// listed first in GeneratedBy; generatedBy are programs that worked before it.
// links are the DatasetLinks, by the name that BIDS URIs of this dataset use;
// may be nil.
func WriteDescription(dir, name, version string, links map[string]string, generatedBy ...Generator) error {
	return WriteJSON(filepath.Join(dir, descriptionFile), struct {
		Name         string
		BIDSVersion  string
		DatasetType  string
		DatasetLinks map[string]string `json:",omitempty"`
		GeneratedBy  []Generator
	}{name, Version, "derivative", links, append([]Generator{{Name: "phasl", Version: version}}, generatedBy...)})
}
