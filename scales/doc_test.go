package scales

import (
	"os"
	"strings"
	"testing"
)

// Every instrument in the documentation of the format is sound.
func TestDocumentedInstruments(t *testing.T) {
	text, err := os.ReadFile("../docs/formats/instrument.md")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(text), "```toml\n")
	if len(parts) != 4 {
		t.Fatalf("%d examples, want 3", len(parts)-1)
	}
	for i, p := range parts[1:] {
		body, _, _ := strings.Cut(p, "```")
		if _, l := Parse("instrument.md", []byte(body)); l != nil {
			t.Errorf("example %d: %v", i+1, l)
		}
	}
}
