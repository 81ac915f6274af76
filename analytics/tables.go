package analytics

import (
	"io/fs"
	"path"
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
