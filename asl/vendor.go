package asl

import (
	"strconv"
	"strings"

	"phasl/bids"
)

// vendor recognises sequences whose images need a scanner's own conventions.
//
// GE's product is a background-suppressed 3D spiral pCASL that writes one
// difference and one proton-density volume, the former scaled up. It is
// recognised by what the sidecar says of maker and readout together with
// deltam volumes, never by the number of volumes: a research sequence on a GE
// scanner that stores raw pairs is treated like any other.
func (r *reader) vendor(p *Protocol, opt Options) {
	p.Manufacturer, _ = r.text("Manufacturer")
	if v, ok := r.number("TotalAcquiredPairs"); ok {
		p.TotalAcquiredPairs = Optional{v, r.file("TotalAcquiredPairs"), true}
	}
	if !isGE(p.Manufacturer) || p.source() != bids.DeltaM {
		return
	}
	kind, _ := r.text("MRAcquisitionType")
	var words []string
	for _, f := range []string{"PulseSequenceType", "PulseSequenceDetails", "SequenceName", "ScanOptions", "ScanningSequence"} {
		if s, ok := r.sc.Text(f, nil); ok {
			words = append(words, strings.ToLower(s))
		}
	}
	all := strings.Join(words, " ")
	spiral := strings.Contains(all, "spiral") || strings.Contains(all, "3dasl")
	if !strings.EqualFold(kind, "3D") || !spiral {
		r.l.Warnf(r.sc.Path, "PulseSequenceType", "if this is GE's product sequence add --set PulseSequenceType=3D_spiral; otherwise check the size of CBF, or give "+M0Scale,
			"does not say spiral, so GE's scaling of deltam volumes is not applied")
		return
	}
	if p.M0Type != "Included" && p.M0Type != "Separate" {
		return // without the proton-density volume there is nothing to scale
	}
	p.GEProduct = true
	if s, ok := r.sc.Text("SoftwareVersions", nil); ok {
		if major, err := strconv.Atoi(strings.TrimLeft(s, "0")[:digits(strings.TrimLeft(s, "0"))]); err == nil && major > 0 && major < 16 {
			r.l.Warnf(r.file("SoftwareVersions"), "SoftwareVersions", "give "+M0Scale+" if the size of CBF is wrong",
				"%q is older than 16: the prototype of those years scaled by 45.24 × NEX, the product by 32 × NEX, which is used", s)
		}
	}
	_, scaled := opt.Set[M0Scale]
	_, nex := opt.Set[Averages]
	switch {
	case scaled || nex:
	case !p.TotalAcquiredPairs.Given:
		r.missing("TotalAcquiredPairs", "GE's product multiplies the difference by 32 × NEX, and NEX is the number of pairs", "TotalAcquiredPairs=3 (or give "+M0Scale+")")
	case !(p.TotalAcquiredPairs.Value >= 1):
		r.l.Errorf(r.file("TotalAcquiredPairs"), "TotalAcquiredPairs", "write the number of pairs that were averaged (NEX)", "%g is not a number of pairs", p.TotalAcquiredPairs.Value)
	}
}

// digits returns how many digits s begins with.
func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// isGE reports whether a Manufacturer names GE, as "GE", "GE MEDICAL SYSTEMS"
// or "GE HealthCare" do.
func isGE(maker string) bool {
	w := strings.FieldsFunc(strings.ToUpper(maker), func(r rune) bool { return r < 'A' || r > 'Z' })
	return len(w) > 0 && (w[0] == "GE" || w[0] == "GEMS" || len(w) > 1 && w[0] == "GENERAL" && w[1] == "ELECTRIC")
}
