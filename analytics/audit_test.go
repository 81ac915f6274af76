package analytics

import (
	"slices"
	"testing"
)

// audited are the findings of every check of the books.
func audited(t *testing.T, b *Books, cut []Standing, scope Scope) (all []Finding) {
	t.Helper()
	scope.Limit = max(scope.Limit, 20)
	scope.Clicks = "referral.clicks"
	a := b.Audit(cut, scope)
	for _, table := range SealedTables() {
		f, err := a.Rows(t.Context(), table)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f.Found...)
	}
	for _, name := range Invariants() {
		f, err := a.Invariant(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f.Found...)
	}
	return all
}

func TestAudit_of_empty_books_finds_nothing(t *testing.T) {
	b := opened(t)
	cut := []Standing{{Partition: batch(1, 0, 1).Partition}}
	if found := audited(t, b, cut, Scope{}); len(found) > 0 {
		t.Errorf("found %+v", found)
	}
}

func TestAudit_names_the_rows_by_which_a_batch_differs(t *testing.T) {
	b := opened(t)
	bounds := batch(1, 0, 5)
	write(t, b, bounds, block(t, b, "clicks", 4, values{
		"org_id": []string{"acme", "acme", "other", "acme"}, "program_id": []string{"p", "p", "p", "p"},
		"event_id": []string{"e0", "e1", "e2", "e3"}, "kafka_topic": []string{"referral.clicks", "referral.clicks", "referral.clicks", "referral.clicks"},
		"kafka_partition": []int32{3, 3, 3, 3}, "kafka_offset": []int64{0, 1, 2, 3}, "verdict": []string{"unique", "unique", "unique", "unique"},
	}), accountOf(bounds, 4))
	cut := []Standing{{Partition: bounds.Partition, Completed: 1, Committed: 5}}
	if found := audited(t, b, cut, Scope{}); len(found) > 0 {
		t.Fatalf("found %+v", found)
	}
	if found := audited(t, b, []Standing{{Partition: bounds.Partition, Completed: 2, Committed: 9}}, Scope{}); len(found) != 1 || found[0].Text != "no account stands of this batch, which is acknowledged" {
		t.Errorf("without batch 2: %+v", found)
	}
	for _, change := range []string{
		"ALTER TABLE clicks DELETE WHERE kafka_offset = 0 SETTINGS mutations_sync = 2",
		"ALTER TABLE clicks UPDATE verdict = 'bot' WHERE kafka_offset = 1 SETTINGS mutations_sync = 2",
		"INSERT INTO clicks SELECT * REPLACE (now64(3) + INTERVAL 1 HOUR AS lease_until) FROM clicks WHERE kafka_offset = 2",
	} {
		if err := b.conn.Exec(t.Context(), change); err != nil {
			t.Fatal(err)
		}
	}
	want := []Finding{
		{Position: "referral.clicks/3/0", Text: "a row that batch 1 wrote to clicks is missing"},
		{OrgID: "acme", ProgramID: "p", Day: "1970-01-01", ID: "e1", Position: "referral.clicks/3/1", Text: "the row in clicks is not what batch 1 wrote"},
		{OrgID: "other", ProgramID: "p", Day: "1970-01-01", ID: "e2", Position: "referral.clicks/3/2", Text: "the row in clicks stands more often than batch 1 wrote it"},
	}
	if found := audited(t, b, cut, Scope{}); !slices.Equal(found, want) {
		t.Errorf("found %+v, want %+v", found, want)
	}
	if found := audited(t, b, cut, Scope{OrgID: "acme"}); !slices.Equal(found, want[:2]) {
		t.Errorf("of acme: %+v, want %+v", found, want[:2])
	}
	f, err := b.Audit(cut, Scope{Limit: 1}).Rows(t.Context(), "clicks")
	if err != nil || len(f.Found) != 1 || f.Total != 3 {
		t.Errorf("with room for one: %+v, %v", f, err)
	}
}
