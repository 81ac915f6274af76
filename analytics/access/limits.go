package access

import (
	"fmt"
	"strconv"
	"time"

	"github.com/grapevinehq/grapevine/analytics/quote"
)

// Limits keep a query of somebody from harming the others. A person may ask for less,
// never for more.
type Limits struct {
	Time       time.Duration // of a query
	Memory     int64         // bytes of a query; all queries of a person together have twice that
	ResultRows int64         // of a query
	Queries    int           // of a person at once
}

// limit is a setting, and what may become of it.
type limit struct {
	name, value string
	least, most string // bounds, where there are any: 0 means unlimited to most settings, so the least is 1
	fixed       bool   // nobody changes it
}

// settings are the limits as ClickHouse has them. readonly is 2, not 1: clients such as
// Grafana send settings along, and 1 refuses them.
func (l Limits) settings() []limit {
	bounded := func(name string, value int64) limit {
		n := strconv.FormatInt(value, 10)
		return limit{name: name, value: n, least: "1", most: n}
	}
	fixed := func(name, value string) limit { return limit{name: name, value: value, fixed: true} }
	return []limit{
		{name: "readonly", value: "2"},
		fixed("allow_ddl", "0"),
		fixed("allow_introspection_functions", "0"),
		bounded("max_execution_time", max(1, int64(l.Time/time.Second))),
		fixed("timeout_overflow_mode", "throw"),
		bounded("max_memory_usage", l.Memory),
		fixed("max_memory_usage_for_user", strconv.FormatInt(2*l.Memory, 10)),
		fixed("max_temporary_data_on_disk_size_for_user", strconv.FormatInt(4*l.Memory, 10)),
		bounded("max_result_rows", l.ResultRows),
		fixed("result_overflow_mode", "throw"),
		{name: "max_threads", least: "1", most: "32"},
		fixed("max_concurrent_queries_for_user", strconv.Itoa(l.Queries)),
		fixed("log_queries", "1"),
		fixed("query_cache_share_between_users", "0"),
	}
}

// sql is the setting as it stands in a settings profile.
func (l limit) sql() string {
	out := l.name
	if l.value != "" {
		out += " = " + quote.Text(l.value)
	}
	if l.most != "" {
		out += fmt.Sprintf(" MIN %s MAX %s", quote.Text(l.least), quote.Text(l.most))
	}
	if l.fixed {
		out += " CONST"
	}
	return out
}
