package diag

import "strings"

// Nearest returns the candidate most like word, ignoring case, and whether it
// is like enough to suggest: at most a third of its letters differ (by
// insertion, deletion, substitution or the swap of two neighbours; the optimal
// string alignment distance). Of equally near candidates the first is taken.
func Nearest(word string, candidates []string) (string, bool) {
	best, dist := "", -1
	w := []rune(strings.ToLower(word))
	for _, c := range candidates {
		if d := editDistance(w, []rune(strings.ToLower(c))); dist < 0 || d < dist {
			best, dist = c, d
		}
	}
	return best, dist >= 0 && 3*dist <= max(len(w), len([]rune(best)))
}

func editDistance(a, b []rune) int {
	if len(a) > 64 || len(b) > 64 { // no name is that long: do not let input choose the cost
		return max(len(a), len(b))
	}
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range b {
		d[0][j+1] = j + 1
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
