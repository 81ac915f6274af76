package analytics

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/grapevinehq/grapevine/internal/engine"
	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/pipeline"
)

// smallReads are queries over views, and what of clicks they may read.
var smallReads = map[string][]string{
	"SELECT * FROM program_daily WHERE org_id = 'acme' AND program_id = 'p1' AND day = '1970-01-02'": {"by_hour", "by_visitor"},
	"SELECT * FROM program_totals WHERE program_id = 'p1'":                                           {"by_hour", "by_visitor"},
	"SELECT * FROM program_hourly WHERE program_id = 'p1'":                                           {"by_hour"},
	"SELECT * FROM referrer_totals WHERE program_id = 'p1'":                                          {"by_referrer"},
	"SELECT * FROM funnel_daily WHERE program_id = 'p1' AND day = '1970-01-02'":                      {"by_hour", "by_visitor"},
	"SELECT * FROM click_quality WHERE program_id = 'p1' AND day = '1970-01-02'":                     {"by_hour"},
}

func TestViews_answer_from_projections(t *testing.T) {
	b := opened(t)
	write(t, b, batch(1, 0, 200), clickBlock(t, b, 0, 200))
	for query, projections := range smallReads {
		plan := strings.Join(ask(t, b, "EXPLAIN "+query), "\n")
		for _, p := range projections {
			if !strings.Contains(plan, "ReadFromMergeTree ("+p+")") {
				t.Errorf("%s does not read %s:\n%s", query, p, plan)
			}
		}
		if strings.Contains(plan, ".clicks)") {
			t.Errorf("%s reads raw clicks:\n%s", query, plan)
		}
	}
}

// A person who may see one program sees that one alone, through the same
// projections.
func TestViews_keep_to_row_policies(t *testing.T) {
	dir := t.TempDir()
	config, users := filepath.Join(dir, "config.xml"), filepath.Join(dir, "users.xml")
	for name, text := range map[string]string{
		config: `<clickhouse><users_config>` + users + `</users_config></clickhouse>`,
		users: `<clickhouse><profiles><default/></profiles><quotas><default/></quotas><users>
			<default><password/><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota></default>
			<ana><password>a</password><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>
			<grants><query>GRANT SELECT ON referral.*</query></grants>
			<databases><referral><clicks><filter>program_id = 'p1'</filter></clicks></referral></databases></ana>
			</users></clickhouse>`,
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server := enginetest.ClickHouseAlone(t, engine.ClickHouseOptions{ConfigFile: config})
	all := openedAt(t, Options{Addr: []string{server.Addr}, Database: "referral"})
	write(t, all, batch(1, 0, 200), clickBlock(t, all, 0, 200))
	ana, err := Open(Options{Addr: []string{server.Addr}, Database: "referral", Username: "ana", Password: "a"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ana.Close() })
	for query, projections := range smallReads {
		query, _, _ = strings.Cut(query, " WHERE")
		query += " WHERE program_id %s ORDER BY ALL"
		want, got := ask(t, all, fmt.Sprintf(query, "= 'p1'")), ask(t, ana, fmt.Sprintf(query, "!= ''"))
		if len(want) == 0 || !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\ngot  %v\nwant %v", query, got, want)
		}
		plan := strings.Join(ask(t, ana, "EXPLAIN "+fmt.Sprintf(query, "!= ''")), "\n")
		if !strings.Contains(plan, "("+projections[0]+")") {
			t.Errorf("%s does not read %s:\n%s", query, projections[0], plan)
		}
	}
}

func TestViews_count_visitors_without_an_id_by_their_hash(t *testing.T) {
	b := opened(t)
	write(t, b, batch(1, 0, 6), block(t, b, "clicks", 6, values{
		"org_id": repeat("o", 6), "program_id": repeat("p", 6), "day": []int32{1, 1, 1, 1, 2, 2},
		"visitor_id": []string{"ann", "", "", "ann", "", "bob"}, "actor_hash": []string{"", "h1", "h2", "", "h1", ""},
		"verdict": []string{"unique", "unique", "unique", "duplicate", "unique", "bot"},
	}))
	if got := ask(t, b, "SELECT day, visitors FROM program_daily ORDER BY day"); !reflect.DeepEqual(got, []string{
		"1970-01-02 00:00:00 +0000 UTC 3", "1970-01-03 00:00:00 +0000 UTC 1",
	}) {
		t.Errorf("by day: %v", got)
	}
	if got := one(t, b, "SELECT visitors, bot_clicks FROM program_totals"); got != "3 1" {
		t.Errorf("in total: %s, want 3 visitors and 1 bot click", got)
	}
}

func TestViews_follow_adjustments_in_their_order(t *testing.T) {
	b := opened(t)
	write(t, b, batch(1, 0, 2), block(t, b, "conversions", 2, values{
		"org_id": repeat("o", 2), "program_id": repeat("p", 2), "conversion_id": []string{"a", "b"}, "day": []int32{5, 5},
		"verdict": []string{"attributed", "unattributed"}, "amount_minor": []int64{1000, 500}, "currency": repeat("EUR", 2),
	}))
	states := []struct {
		change int64
		counts uint8
		want   string
	}{
		{-400, 1, "2 1 1100 600"},
		{-600, 0, "1 0 500 0"},
		{100, 1, "2 1 600 100"}, // used up and then corrected upwards
		{-100, 0, "1 0 500 0"},
	}
	at := batch(2, 10, 11).Time
	for i, s := range states {
		bounds := batch(uint64(i+2), 10, 11)
		bounds.Time = at // batches of one millisecond stand in the order of their numbers
		// the last one waited since long before: its offset is the smallest
		write(t, b, bounds, block(t, b, "adjustments", 1, values{
			"org_id": []string{"o"}, "program_id": []string{"p"}, "conversion_id": []string{"a"}, "day": []int32{5},
			"amount_minor": []int64{s.change}, "counts_after": []uint8{s.counts}, "currency": []string{"EUR"}, "kafka_offset": []int64{int64(20 - i)},
		}))
		got := one(t, b, "SELECT conversions, attributed_conversions, revenue_minor, attributed_revenue_minor FROM program_daily")
		if got != s.want {
			t.Errorf("after adjustment %d: %s, want %s", i+1, got, s.want)
		}
	}
}

func TestRewardBalances_tell_earned_reversed_held_and_overpaid(t *testing.T) {
	b := opened(t)
	n := 7
	write(t, b, batch(1, 0, 7), block(t, b, "rewards", n, values{
		"org_id": repeat("o", n), "program_id": repeat("p", n), "beneficiary_id": repeat("m", n), "beneficiary_role": repeat("referrer", n),
		"reward_id":  []string{"a", "a", "a", "b", "c", "c", "d"},
		"sequence":   []int64{1, 2, 3, 1, 1, 2, 1},
		"event_type": []string{"earned", "increased", "reversed", "held", "earned", "reversed", "earned"},
		"status":     []string{"pending", "pending", "pending", "held", "approved", "reversed", "approved"},
		"currency":   []string{"EUR", "EUR", "EUR", "EUR", "EUR", "EUR", ""}, "unit": []string{"", "", "", "", "", "", "points"},
		"amount_minor": []int64{100, 50, 30, 70, 40, 40, 0}, "remaining_minor": []int64{100, 150, 120, 0, 40, 0, 0},
		"quantity": []int64{0, 0, 0, 0, 0, 0, 9}, "remaining_quantity": []int64{0, 0, 0, 0, 0, 0, 9}, "withheld": []int64{0, 0, 0, 70, 0, 0, 0},
	}))
	write(t, b, batch(2, 0, 1), block(t, b, "fulfillments", 1, values{
		"org_id": []string{"o"}, "program_id": []string{"p"}, "reward_id": []string{"c"}, "event_type": []string{"fulfilled"}, "amount_minor": []int64{160}, // 120 of it are made up by a
	}))
	got := ask(t, b, "SELECT currency, unit, earned, pending, approved, reversed, fulfilled, net, held, overpaid FROM reward_balances ORDER BY currency")
	want := []string{" points 9 0 9 0 0 9 0 0", "EUR  190 120 0 70 160 120 70 40"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A day, an hour, a referrer, a program of which nothing is left: views tell of
// what counts, and a cancelled conversion leaves no trace in any of them.
func TestViews_have_no_row_of_what_was_cancelled(t *testing.T) {
	b := opened(t)
	write(t, b, batch(1, 0, 1), block(t, b, "conversions", 1, values{
		"org_id": []string{"o"}, "program_id": []string{"p"}, "conversion_id": []string{"a"}, "day": []int32{5},
		"verdict": []string{"attributed"}, "amount_minor": []int64{1000}, "currency": []string{"EUR"},
	}))
	credit := func(bounds pipeline.Bounds, sequence, net, credited int64, counts uint8) {
		write(t, b, bounds, block(t, b, "credits", 1, values{
			"org_id": []string{"o"}, "program_id": []string{"p"}, "conversion_id": []string{"a"}, "role": []string{"referrer"},
			"beneficiary_id": []string{"m"}, "sequence": []int64{sequence}, "credit_ppm": []int64{1_000_000}, "counts": []uint8{counts},
			"net_minor": []int64{net}, "credited_minor": []int64{credited},
		}))
	}
	credit(batch(1, 0, 1), 0, 1000, 1000, 1)
	views := []string{"program_daily", "program_hourly", "program_totals", "referrer_totals"}
	for _, view := range views {
		if n := len(ask(t, b, "SELECT * FROM "+view)); n != 1 {
			t.Errorf("%s has %d rows, want 1", view, n)
		}
	}
	write(t, b, batch(2, 1, 2), block(t, b, "adjustments", 1, values{
		"org_id": []string{"o"}, "program_id": []string{"p"}, "conversion_id": []string{"a"}, "day": []int32{5},
		"amount_minor": []int64{-1000}, "counts_after": []uint8{0}, "currency": []string{"EUR"},
	}))
	credit(batch(2, 1, 2), 1, 0, 0, 0)
	for _, view := range views {
		if got := ask(t, b, "SELECT * FROM "+view); len(got) != 0 {
			t.Errorf("%s: %v", view, got)
		}
	}
}

// Two versions of a program meet on one day, with another currency each: the
// answer does not depend on which row was written first.
func TestViews_name_one_currency_of_a_day_with_two(t *testing.T) {
	for _, currencies := range [][]string{{"EUR", "USD", ""}, {"USD", "EUR", ""}, {"", "EUR", "USD"}} {
		b := opened(t)
		for i, currency := range currencies {
			write(t, b, batch(uint64(i+1), int64(i), int64(i+1)), block(t, b, "clicks", 1, values{
				"org_id": []string{"o"}, "program_id": []string{"p"}, "verdict": []string{"unique"}, "visitor_id": []string{"v"},
				"currency": []string{currency}, "time": []int64{int64(i)},
			}))
		}
		for _, view := range []string{"program_daily", "program_hourly", "program_totals"} {
			if got := one(t, b, "SELECT currency FROM "+view); got != "USD" {
				t.Errorf("%s, written as %q: %s", view, currencies, got)
			}
		}
	}
}

func TestViews_count_every_digit_of_a_margin(t *testing.T) {
	b := opened(t)
	margin := 0.123456789
	write(t, b, batch(1, 0, 1), block(t, b, "conversions", 1, values{
		"org_id": []string{"o"}, "program_id": []string{"p"}, "conversion_id": []string{"a"}, "verdict": []string{"attributed"},
		"amount_minor": []int64{1_000_000_000}, "currency": []string{"EUR"}, "margin": []*float64{&margin},
	}))
	write(t, b, batch(1, 0, 1), block(t, b, "rewards", 1, values{
		"org_id": []string{"o"}, "program_id": []string{"p"}, "reward_id": []string{"r"}, "event_type": []string{"earned"}, "status": []string{"approved"},
		"beneficiary_id": []string{"m"}, "beneficiary_role": []string{"referrer"}, "currency": []string{"EUR"}, "sequence": []int64{1},
		"amount_minor": []int64{1}, "remaining_minor": []int64{1},
	}))
	for _, view := range []string{"program_daily", "program_totals"} {
		if got := one(t, b, "SELECT roi FROM "+view); got != "1.23456788e+08" {
			t.Errorf("%s: roi %s, want 123456788", view, got)
		}
	}
}
