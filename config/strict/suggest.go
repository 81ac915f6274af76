package strict

import "slices"

// Nearest finds the word that somebody most likely meant; empty when none is
// near enough.
func Nearest(written string, words []string) string {
	best, least := "", max(1, len(written)/3)+1
	words = slices.Sorted(slices.Values(words))
	for _, w := range words {
		if d := distance(written, w); d < least {
			best, least = w, d
		}
	}
	return best
}

// distance is that of Levenshtein, by bytes: keys are ASCII.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
