package pipeline

import (
	"math"
	"strings"
	"testing"
)

func TestColumns(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		head       string
		names      string
		columns    int
		rows       int
		first      float64
		fault      string
	}{
		{"bare column", "1.5\n2\nNaN\n", "", "", 1, 3, 1.5, ""},
		{"header", "cbf\n1.5\n2\n", "cbf", "", 1, 2, 1.5, ""},
		{"tabs and names", "name\tx\ty\nA\t1\t2\nB\tn/a\t4\n", "x,y", "A,B", 2, 2, 1, ""},
		{"names without header", "L_1 -25.8 -33.9 -16.1\nL_2 -22.7 -77.2 -11.6\n", "", "L_1,L_2", 3, 2, -25.8, ""},
		{"R's row names", "x y\nA 1 2\nB 3 4\n", "x,y", "A,B", 2, 2, 1, ""},
		{"comments, blank lines, commas, CR", "# made by hand\r\nx,y\r\n\r\n1,2\r\n", "x,y", "", 2, 1, 1, ""},
		{"ragged", "1 2\n3\n", "", "", 0, 0, 0, "row 2: it has 1 cells, the first row 2"},
		{"words", "1 2\n3 four\n", "", "", 0, 0, 0, "\"four\" is no number"},
		{"infinite", "1\nInf\n", "", "", 0, 0, 0, "no numbers"},
		{"empty", "# nothing\n", "", "", 0, 0, 0, "it is empty"},
		{"header only", "x\ty\n", "", "", 0, 0, 0, "header only"},
		{"binary", "1\x002", "", "", 0, 0, 0, "it is not text"},
	} {
		c, err := parseColumns("f", []byte(tt.text))
		if tt.fault != "" {
			if err == nil || !strings.Contains(err.Error(), tt.fault) {
				t.Errorf("%s: %v, want %q", tt.name, err, tt.fault)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := strings.Join(c.head, ","); got != tt.head {
			t.Errorf("%s: header %q, want %q", tt.name, got, tt.head)
		}
		if got := strings.Join(c.names, ","); got != tt.names {
			t.Errorf("%s: names %q, want %q", tt.name, got, tt.names)
		}
		if len(c.v) != tt.columns || len(c.v[0]) != tt.rows || c.v[0][0] != tt.first {
			t.Errorf("%s: numbers %v", tt.name, c.v)
		}
	}
}

func FuzzColumns(f *testing.F) {
	for _, s := range []string{"1\n2\n", "x\ty\n1\t2\n", "a,1\nb,NA\n", "\"q\";2\n", "1 2 3\n4 5\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := parseColumns("f", raw)
		if err != nil {
			return
		}
		for _, v := range c.v {
			if len(v) != len(c.v[0]) || c.names != nil && len(c.names) != len(v) {
				t.Fatal("columns of unequal length")
			}
			for _, x := range v {
				if math.IsInf(x, 0) {
					t.Fatal("an infinite number was read")
				}
			}
		}
		if c.head != nil && len(c.head) != len(c.v) {
			t.Fatal("the header does not fit")
		}
		c.column("x", "--column")
		c.triplet()
	})
}
