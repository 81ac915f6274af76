package analytics

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// Rows that contradict one another are told by the check that reads them, each by its id,
// and no others are.
func TestAudit_finds_what_contradicts_itself(t *testing.T) {
	b := opened(t)
	for _, statement := range []string{
		`INSERT INTO rewards (org_id, program_id, reward_id, sequence, event_type, status, beneficiary_id, amount_minor, currency, remaining_minor, lease_until)
		SELECT 'o', 'p', c1, c2, c3, c4, 'ann', c5, 'USD', c6, now64(3) + INTERVAL 1 DAY
		FROM values('c1 String, c2 Int64, c3 String, c4 String, c5 Int64, c6 Int64',
			('whole', 1, 'earned', 'pending', 500, 500), ('whole', 2, 'approved', 'approved', 500, 500), ('whole', 3, 'reversed', 'approved', 200, 300),
			('paid to another', 1, 'earned', 'approved', 500, 500), ('overpaid', 1, 'earned', 'approved', 500, 500), ('of another program', 1, 'earned', 'approved', 500, 500),
			('gap', 1, 'earned', 'approved', 500, 500), ('gap', 3, 'reversed', 'reversed', 500, 0),
			('sum', 1, 'earned', 'approved', 500, 501), ('status', 1, 'earned', 'reversed', 500, 500))`,
		`INSERT INTO fulfillments (org_id, program_id, reward_id, event_type, beneficiary_id, amount_minor, currency, lease_until)
		SELECT 'o', c1, c2, c3, c4, c5, 'USD', now64(3) + INTERVAL 1 DAY
		FROM values('c1 String, c2 String, c3 String, c4 String, c5 Int64',
			('p', 'whole', 'fulfilled', 'ann', 500), ('p', 'nobody''s', 'fulfilled', 'ann', 1), ('p', 'nobody''s, and failed', 'fulfillment_failed', 'ann', 1),
			('p', 'paid to another', 'fulfilled', 'bob', 500), ('p', 'overpaid', 'fulfilled', 'ann', 400), ('p', 'overpaid', 'fulfilled', 'ann', 101), ('q', 'of another program', 'fulfilled', 'ann', 500))`,
		`INSERT INTO segment_events (org_id, segment_id, member_id, sequence, event_type, lease_until)
		SELECT 'o', c1, 'ann', c2, c3, now64(3) + INTERVAL 1 DAY
		FROM values('c1 String, c2 Int64, c3 String', ('in and out', 1, 'entered'), ('in and out', 2, 'left'), ('in', 1, 'entered'),
			('twice in', 1, 'entered'), ('twice in', 2, 'entered'), ('only out', 1, 'left'), ('gone between', 1, 'entered'), ('gone between', 3, 'entered'))`,
	} {
		if err := b.conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	for check, want := range map[string]map[string]string{
		"rewards": {"gap": "its events have the sequences [1,3]", "sum": "after event 1 remains 501", "status": "after event 1 its status is reversed"},
		"fulfillments": {
			"nobody's": "no such reward stands", "paid to another": "bob in USD", "overpaid": "501 was fulfilled of 500", "of another program": "no such reward stands",
		},
		"segments": {"twice in of ann": "(2,'entered')", "only out of ann": "(1,'left')", "gone between of ann": "(3,'entered')"},
	} {
		f, err := b.Audit(nil, Scope{Limit: 20}).Invariant(t.Context(), check)
		if err != nil {
			t.Fatal(err)
		}
		told := map[string]string{}
		for _, one := range f.Found {
			told[one.ID] = one.Text
		}
		if got, all := slices.Sorted(maps.Keys(told)), slices.Sorted(maps.Keys(want)); !slices.Equal(got, all) {
			t.Errorf("%s tells of %q, want %q", check, got, all)
		}
		for id, text := range want {
			if !strings.Contains(told[id], text) {
				t.Errorf("%s says of %s: %q, want %q in it", check, id, told[id], text)
			}
		}
	}
}

// Ids may have anything in them, and where a page ends is an id.
func TestAudit_reads_on_after_any_id(t *testing.T) {
	b := opened(t)
	p := batch(1, 0, 1).Partition
	ids := []string{"a\tb", `c\d'`, "e\nf\r\x00", `g\N`}
	for _, id := range ids { // one a page: each is the last so far when it is read
		for table, columns := range map[string]string{"conversions": "conversion_id, verdict, claims", "rewards": "reward_id, status, sequence"} {
			statement := "INSERT INTO " + table + " (org_id, program_id, " + columns + ", kafka_incarnation, kafka_partition, batch, lease_until) VALUES (?, 'p', ?, 'attributed', 1, ?, ?, 1, now64(3) + INTERVAL 1 DAY)"
			if err := b.conn.Exec(t.Context(), statement, id, id, p.Incarnation, p.ID); err != nil {
				t.Fatal(err)
			}
		}
		audit, standing := b.Audit(nil, Scope{Limit: 20, OrgID: id}), Standing{Partition: p, Completed: 1}
		for _, only := range [][]string{nil, {id}} {
			var conversions, rewards []string
			err := audit.EachConversion(t.Context(), standing, only, func(list []ClaimingConversion) error {
				for _, c := range list {
					conversions = append(conversions, c.ID)
				}
				return nil
			})
			if err == nil {
				err = audit.EachReward(t.Context(), standing, only, func(list []BookedReward) error {
					for _, r := range list {
						rewards = append(rewards, r.ID)
					}
					return nil
				})
			}
			if err != nil || !slices.Equal(conversions, []string{id}) || !slices.Equal(rewards, []string{id}) {
				t.Errorf("of %q: conversions %q, rewards %q (%v)", id, conversions, rewards, err)
			}
		}
		if err := audit.EachReward(t.Context(), standing, []string{"another"}, func(list []BookedReward) error { t.Errorf("found %+v", list); return nil }); err != nil {
			t.Error(err)
		}
	}
}
