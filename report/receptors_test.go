package report

import (
	"testing"

	"phasl/receptor"
)

func TestReceptorsPage(t *testing.T) {
	g := fakeTrial{people: 26, others: 4, seed: 3}.group()
	g.Receptors = fakePanel{places: 60, receptors: 7, people: 20, method: receptor.Spearman, seed: 2}.make(t).withLabels(3)
	g.Methods, g.References = GroupMethods(g)
	page := renderGroup(t, g)
	keep(t, "receptors.html", page)
	wellFormed(t, page)
}
