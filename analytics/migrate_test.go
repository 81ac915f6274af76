package analytics

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMigrate_can_be_repeated(t *testing.T) {
	b := opened(t)
	write(t, b, batch(1, 0, 2), block(t, b, "clicks", 2, nil))
	if err := b.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := one(t, b, "SELECT count() FROM clicks"); n != "2" {
		t.Errorf("%s clicks after the second migration, want 2", n)
	}
}

func TestMigrate_by_several_workers_at_once(t *testing.T) {
	b := opened(t)
	done := make(chan error)
	for range 4 {
		go func() { done <- b.Migrate(t.Context()) }()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if err := b.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestSchema_explains_every_column_and_table(t *testing.T) {
	b := opened(t)
	for _, c := range ask(t, b, `SELECT table, name FROM system.columns WHERE database = currentDatabase() AND comment = ''
		AND table != 'schema_version'`) {
		t.Errorf("no comment: %s", c)
	}
	for _, name := range ask(t, b, `SELECT name FROM system.tables WHERE database = currentDatabase() AND comment = '' AND name != 'schema_version'`) {
		t.Errorf("no comment: %s", name)
	}
}

func TestSchema_has_the_contract_s_tables_and_views(t *testing.T) {
	b := opened(t)
	have := ask(t, b, `SELECT name FROM system.tables WHERE database = currentDatabase()`)
	for _, want := range []string{
		"clicks", "conversions", "adjustments", "attributions", "rewards", "fulfillments", "members", "identity_links",
		"segment_events", "waiting", "credits", "configurations", "dead_letters",
		"program_hourly", "program_daily", "program_totals", "referrer_totals", "reward_balances", "click_quality",
		"funnel_daily", "cohort_ltv", "repeat_purchases", "time_to_convert", "model_comparison", "segment_performance", "goals", "goal_progress", "budgets", "budget_usage",
	} {
		if !slices.Contains(have, want) {
			t.Errorf("no table or view %s", want)
		}
	}
}

func TestSkewed_allows_two_seconds_and_the_time_of_the_question(t *testing.T) {
	began := time.UnixMilli(1_000_000)
	for _, c := range []struct {
		there, took time.Duration
		want        bool
	}{
		{0, 0, false},
		{maxSkew, 0, false},
		{-maxSkew, 0, false},
		{maxSkew + time.Millisecond, 0, true},
		{-maxSkew - time.Millisecond, 0, true},
		{5 * time.Second, 4 * time.Second, false}, // it may have been read at the end
		{7 * time.Second, 4 * time.Second, true},
	} {
		if got := len(skewed(began, began.Add(c.there), began.Add(c.took))) > 0; got != c.want {
			t.Errorf("%s off after %s: skewed %v, want %v", c.there, c.took, got, c.want)
		}
	}
}

func TestCheckClock_of_this_machine(t *testing.T) {
	if err := opened(t).CheckClock(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestCheck_says_what_to_change(t *testing.T) {
	for _, c := range []struct{ name, change, want string }{
		{"small window", "ALTER TABLE clicks MODIFY SETTING non_replicated_deduplication_window = 99999", "ALTER TABLE clicks MODIFY SETTING non_replicated_deduplication_window = 100000"},
		{"no lease", "ALTER TABLE rewards DROP CONSTRAINT lease", "ALTER TABLE rewards ADD CONSTRAINT lease CHECK lease_until > nowInBlock64()"},
		{"no table", "DROP TABLE credits", "table credits is missing: run `grapevine migrate`"},
		{"foreign view", "CREATE MATERIALIZED VIEW mine ENGINE = MergeTree ORDER BY n AS SELECT count() AS n FROM clicks", "remembers 0 tokens"},
		{"foreign view to a table", "CREATE MATERIALIZED VIEW theirs TO mine_t AS SELECT count() AS n FROM clicks", "mine_t, which remembers 0 tokens"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := opened(t)
			if err := b.Check(t.Context()); err != nil {
				t.Fatalf("before the change: %v", err)
			}
			if strings.Contains(c.change, "mine_t") {
				if err := b.conn.Exec(t.Context(), "CREATE TABLE mine_t (n UInt64) ENGINE = MergeTree ORDER BY n"); err != nil {
					t.Fatal(err)
				}
			}
			if err := b.conn.Exec(t.Context(), c.change); err != nil {
				t.Fatal(err)
			}
			err := b.Check(t.Context())
			if !errors.Is(err, ErrSettings) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want ErrSettings with %q", err, c.want)
			}
		})
	}
}
