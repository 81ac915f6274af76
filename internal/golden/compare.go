package golden

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Differences compares rows with those that must come out. Rows are matched by
// the columns of key; of a matched pair every column of the wanted row is
// compared, but for those that are null there or in ignore. Values are compared
// as text, so that numbers of any type are equal when they look the same. The
// answer tells every difference, nil when there is none.
func Differences(want, got []Row, key []string, ignore ...string) []string {
	var told []string
	left := make(map[string][]Row)
	for _, row := range got {
		k := row.key(key)
		left[k] = append(left[k], row)
	}
	for _, w := range want {
		k := w.key(key)
		if len(left[k]) == 0 {
			told = append(told, fmt.Sprintf("missing: %s: %v", k, w))
			continue
		}
		g := left[k][0]
		left[k] = left[k][1:]
		for _, column := range slices.Sorted(maps.Keys(w)) {
			if w[column] == nil || slices.Contains(ignore, column) || text(w[column]) == text(g[column]) {
				continue
			}
			told = append(told, fmt.Sprintf("%s: %s is %s, not %s", k, column, text(g[column]), text(w[column])))
		}
	}
	for _, k := range slices.Sorted(maps.Keys(left)) {
		for _, row := range left[k] {
			told = append(told, fmt.Sprintf("too many: %s: %v", k, row))
		}
	}
	return told
}

func (r Row) key(columns []string) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = text(r[c])
	}
	return strings.Join(parts, " ")
}

func text(v any) string {
	if v == nil {
		return "null"
	}
	return fmt.Sprint(v)
}
