package report

import (
	"testing"
)

func TestGroupPage(t *testing.T) {
	page := renderGroup(t, standardTrial())
	keep(t, "group.html", page)
	wellFormed(t, page)
	t.Logf("%d bytes", len(page))
}
