package access

import (
	"maps"
	"slices"
	"strings"
)

// Harmless says whether a system table may be read.
func Harmless(name string) bool {
	table, ok := strings.CutPrefix(name, systemDatabase+".")
	return ok && harmlessSystem[table]
}

// EmbeddedFunctions are the names, sorted.
func EmbeddedFunctions() []string { return slices.Sorted(maps.Keys(embeddedFunctions)) }
