package access

import "maps"

// Row policies hold for what a table is called, and a table function makes one of its
// own: mergeTreeProjection and mergeTreeIndex read a table past the policies of that
// table. What a table function returns is called _table_function.<name>, and has
// policies as any table: those that are not known to be harmless show nothing.
const functionDatabase = "_table_function"

// harmlessFunctions make rows of nothing, or read tables with the reader's rights and
// policies. A table function that takes the grant of a source, such as file or url, needs
// none of this: nobody is given that.
var harmlessFunctions = set(
	"SQLStandardValues", "generateRandom", "generateSeries", "generate_series", "merge", "null", "numbers", "numbers_mt",
	"primes", "values", "view", "viewIfPermitted", "zeros", "zeros_mt",
)

// harmlessSystem are the tables of database system that tell nothing of what others
// do or have. Of tables and columns see shownTables.
var harmlessSystem = set(
	"aggregate_function_combinators", "collations", "columns", "completions", "contributors", "current_roles", "data_type_families",
	"database_engines", "databases", "dictionary_layouts", "disk_types", "enabled_roles", "formats", "functions", "keywords",
	"licenses", "numbers", "numbers_mt", "one", "privileges", "quota_usage", "settings", "table_engines", "table_functions",
	"tables", "time_zones", "zeros", "zeros_mt",
)

// embeddedFunctions are the table functions of the embedded ClickHouse that can be called
// without a grant; a test holds the list against it.
var embeddedFunctions = set(
	"SQLStandardValues", "cluster", "clusterAllReplicas", "eval", "fuzzJSON", "fuzzQuery", "generateRandom", "generateSeries",
	"generate_series", "input", "merge", "mergeTreeAnalyzeIndexes", "mergeTreeAnalyzeIndexesUUID", "mergeTreeIndex",
	"mergeTreeProjection", "mergeTreeTextIndex", "null", "numbers", "numbers_mt", "primes", "values", "view",
	"viewIfPermitted",
)

func set(names ...string) map[string]bool {
	out := make(map[string]bool, len(names))
	for _, name := range names {
		out[name] = true
	}
	return out
}

// but are the names that are not in the other set.
func but(names, other map[string]bool) map[string]bool {
	out := maps.Clone(names)
	maps.DeleteFunc(out, func(name string, _ bool) bool { return other[name] })
	return out
}
