package e2e

import (
	"maps"
	"slices"

	"github.com/grapevinehq/grapevine/internal/golden"
	"github.com/grapevinehq/grapevine/internal/recount"
)

// compared are all tables and views, and what finds a row in each. A column that
// may differ between two runs is ignored by name: when and in which batches the
// work was done, and where records lie that the pipeline itself wrote.
var compared = map[string]struct{ key, ignore []string }{
	"clicks":               {key: position},
	"members":              {key: position},
	"conversions":          {key: position},
	"adjustments":          {key: position},
	"identity_links":       {key: position},
	"fulfillments":         {key: position},
	"waiting":              {key: position},
	"dead_letters":         {key: append([]string{"reason"}, position...), ignore: []string{"time"}},
	"attributions":         {key: append([]string{"model", "referrer_id"}, position...)},
	"credits":              {key: []string{"source", "event_id"}, ignore: own},
	"rewards":              {key: []string{"source", "event_id"}, ignore: append([]string{"time"}, own...)},
	"segment_events":       {key: []string{"source", "event_id"}, ignore: append([]string{"time"}, own...)},
	"archive":              {},
	"program_hourly":       {key: []string{"org_id", "program_id", "hour"}},
	"program_daily":        {key: []string{"org_id", "program_id", "day"}},
	"program_totals":       {key: []string{"org_id", "program_id"}},
	"program_figures":      {key: []string{"org_id", "program_id", "day"}},
	"referrer_totals":      {key: []string{"org_id", "program_id", "referrer_id"}},
	"click_quality":        {key: []string{"org_id", "program_id", "day", "channel", "verdict", "reason"}},
	"reward_balances":      {key: []string{"org_id", "program_id", "beneficiary_id", "currency", "unit"}},
	"reward_standings":     {key: []string{"org_id", "program_id", "reward_id"}},
	"funnel_daily":         {key: recount.Keys["funnel_daily"]},
	"cohort_ltv":           {key: recount.Keys["cohort_ltv"]},
	"repeat_purchases":     {key: recount.Keys["repeat_purchases"]},
	"time_to_convert":      {key: recount.Keys["time_to_convert"]},
	"model_comparison":     {key: recount.Keys["model_comparison"]},
	"segment_performance":  {key: recount.Keys["segment_performance"]},
	"goal_progress":        {key: recount.Keys["goal_progress"], ignore: []string{"elapsed", "heading"}}, // the clock goes on
	"budget_usage":         {key: recount.Keys["budget_usage"]},
	"present_goals":        {key: []string{"org_id", "program_id", "goal_id"}},
	"present_budgets":      {key: []string{"org_id", "budget_id"}},
	"conversion_standings": {key: []string{"org_id", "program_id", "conversion_id"}},
}

// notCompared hold what is of an installation and not of its events, rows that leave
// what the contract calls the table, or where batches end, which is up to fetches.
var notCompared = []string{"installation", "configurations", "agreed", "changelog", "waiting_log", "schema_version", "batches", "goals", "budgets"}

// compareCrash compares everything that stands in the books but some tables, and names
// what is empty.
func compareCrash(want, got *world, but ...string) (empty []string) {
	got.t.Helper()
	for _, r := range got.query("SELECT name FROM system.tables WHERE database = currentDatabase() ORDER BY name") {
		name := r["name"].(string)
		if slices.Contains(notCompared, name) || slices.Contains(but, name) {
			continue
		}
		how, known := compared[name]
		if !known {
			got.t.Errorf("%s is not compared", name)
			continue
		}
		rows := positions(want.query("SELECT * FROM " + name))
		if len(rows) == 0 {
			empty = append(empty, name)
		}
		same(got.t, name, rows, positions(got.query("SELECT * FROM "+name)), how.key, slices.Concat(byWorker, how.ignore, []string{"config_revision"})...)
	}
	return empty
}

// recounted compares every view with a plain recount of the base tables.
func (w *world) recounted() {
	w.t.Helper()
	views := recount.Read(func(query string) []golden.Row { return w.query(query) }).Views()
	for _, view := range slices.Sorted(maps.Keys(views)) {
		for _, r := range views[view] {
			for column, v := range r {
				r[column] = rounded(v)
			}
		}
		same(w.t, "recounted "+view, views[view], w.query(recount.Query(view)), recount.Keys[view], "starts_on", "ends_on")
	}
}
