package access

import (
	"maps"
	"slices"
)

// Audience is who may see a table or view.
type Audience int

// The audiences.
const (
	Nobody   Audience = iota // the pipeline alone
	Owners                   // rows of an org, which are of no program
	Analysts                 // rows of programs; owners see those of all programs of their org
)

// Audiences says of every table of the schema who may see it: a table that is not
// here is not granted, and a test tells that it is missing.
var Audiences = map[string]Audience{
	"clicks":         Analysts,
	"conversions":    Analysts,
	"adjustments":    Analysts,
	"attributions":   Analysts,
	"rewards":        Analysts,
	"fulfillments":   Analysts,
	"waiting_log":    Analysts,
	"credits":        Analysts,
	"dead_letters":   Analysts,
	"identity_links": Analysts,
	"goals":          Analysts,

	// Whom an org knows, which segments they are in and what it may spend is of no
	// program.
	"members":        Owners,
	"segment_events": Owners,
	"budgets":        Owners,

	"configurations": Nobody, // the rules of all orgs
	"installation":   Nobody,
	"agreed":         Nobody,
	"archive":        Nobody,
	"batches":        Nobody,
	"changelog":      Nobody,
}

// ViewAudiences says of every view of the schema who may see it. Views read with the
// rights of the reader, so whatever one reads has the same audience, or a wider one.
var ViewAudiences = map[string]Audience{
	"conversion_standings": Analysts,
	"reward_standings":     Analysts,
	"waiting":              Analysts,

	"program_hourly":      Analysts,
	"program_figures":     Analysts,
	"program_daily":       Analysts,
	"program_totals":      Analysts,
	"referrer_totals":     Analysts,
	"reward_balances":     Analysts,
	"click_quality":       Analysts,
	"funnel_daily":        Analysts,
	"cohort_ltv":          Analysts,
	"repeat_purchases":    Analysts,
	"time_to_convert":     Analysts,
	"model_comparison":    Analysts,
	"present_goals":       Analysts,
	"goal_progress":       Analysts,
	"segment_performance": Owners, // segments are of the org
	"present_budgets":     Owners, // and so are budgets
	"budget_usage":        Owners,
}

// granted are the tables and views of an audience or of a wider one, sorted.
func granted(to Audience) []string {
	var out []string
	for _, all := range []map[string]Audience{Audiences, ViewAudiences} {
		for name, audience := range all {
			if audience >= to {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return out
}

// audience of a table or view.
func audience(name string) Audience {
	if a, ok := ViewAudiences[name]; ok {
		return a
	}
	return Audiences[name]
}

// viewNames are those of all views that somebody may see, sorted.
func viewNames() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(ViewAudiences)), func(name string) bool { return ViewAudiences[name] == Nobody })
}
