package analytics

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// tableNames are the tables of the schema, by the names of their migrations.
var tableNames = func() map[string]bool {
	files, err := fs.Glob(schema, "schema/tables/*.sql")
	if err != nil {
		panic(err) // the pattern is constant
	}
	names := make(map[string]bool, len(files))
	for _, f := range files {
		_, name, _ := strings.Cut(strings.TrimSuffix(path.Base(f), ".sql"), "_")
		names[name] = true
	}
	return names
}()

// TableNames are the tables of the schema.
func TableNames() []string { return slices.Sorted(maps.Keys(tableNames)) }

// ViewNames are the views of the schema, by the names of their files.
func ViewNames() []string {
	files, err := fs.Glob(schema, "schema/views/*.sql")
	if err != nil {
		panic(err) // the pattern is constant
	}
	for i, f := range files {
		_, files[i], _ = strings.Cut(strings.TrimSuffix(path.Base(f), ".sql"), "_")
	}
	return files
}
