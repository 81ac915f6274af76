package strict

import "slices"

// maxWord is the longest word that is worth a guess.
const maxWord = 64

// Nearest finds the word that somebody most likely meant; empty when none is
// near enough.
func Nearest(written string, words []string) string {
	best, least := "", max(1, len(written)/3)+1
	if len(written) > maxWord {
		return ""
	}
	words = slices.Sorted(slices.Values(words))
	for _, w := range words {
		if d := distance(written, w); d < least {
			best, least = w, d
		}
	}
	return best
}

// distance counts the letters to insert, delete, replace or swap with their
// neighbour, by bytes: keys are ASCII.
func distance(a, b string) int {
	table := make([][]int, len(a)+1)
	for i := range table {
		table[i] = make([]int, len(b)+1)
		table[i][0] = i
	}
	for j := range table[0] {
		table[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			least := min(table[i-1][j]+1, table[i][j-1]+1, table[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				least = min(least, table[i-2][j-2]+1)
			}
			table[i][j] = least
		}
	}
	return table[len(a)][len(b)]
}
