package analytics

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/stage/conversions"
)

// Rows that say what they claimed, and rows of before that column, which follow
// from the verdict.
func TestClaimed_are_ids_that_a_row_claims(t *testing.T) {
	b := opened(t)
	number := uint64(0)
	rapid.Check(t, func(r *rapid.T) {
		number++
		word := func(label string, n int) string {
			return fmt.Sprintf("%s%d", label, rapid.IntRange(0, n).Draw(r, label))
		}
		kind := func() string { return rapid.SampledFrom([]string{"sale", "lead"}).Draw(r, "kind") }
		org := fmt.Sprint("run ", number) // each has an org of its own
		var orgs, programs, ids, kinds, orders, verdicts, reasons []string
		var claims []uint8
		want := map[conversions.ClaimQuery]bool{}
		before := rapid.Bool().Draw(r, "written before the column")
		for range rapid.IntRange(1, 10).Draw(r, "rows") {
			program, id, k, order := word("p", 1), word("c", 5), kind(), word("o", 3)
			if order == "o0" {
				order = ""
			}
			verdict, reason, claim := "attributed", "", uint8(3)
			if order == "" {
				claim = 1
			}
			switch rapid.IntRange(0, 4).Draw(r, "verdict") {
			case 0:
				verdict, claim = "inactive", 0
			case 1:
				verdict, reason, claim = "duplicate", "conversion_id", 0
			case 2:
				verdict, reason, claim = "duplicate", "order_id", 1
				if !before && rapid.Bool().Draw(r, "had no rate") {
					claim = 0
				}
			}
			orgs, programs, ids, kinds = append(orgs, org), append(programs, program), append(ids, id), append(kinds, k)
			orders, verdicts, reasons, claims = append(orders, order), append(verdicts, verdict), append(reasons, reason), append(claims, claim)
			if claim&1 != 0 {
				want[conversions.ClaimQuery{OrgID: org, ProgramID: program, ID: id}] = true
			}
			if claim&2 != 0 {
				want[conversions.ClaimQuery{OrgID: org, ProgramID: program, Kind: event.Kind(k), ID: order}] = true
			}
		}
		given := values{"org_id": orgs, "program_id": programs, "conversion_id": ids, "kind": kinds, "order_id": orders, "verdict": verdicts, "reason": reasons}
		if !before {
			given["claims"] = claims
		}
		write(t, b, batch(number, 0, 1), block(t, b, "conversions", len(ids), given))
		var queries []conversions.ClaimQuery
		for range rapid.IntRange(0, 12).Draw(r, "queries") {
			q := conversions.ClaimQuery{OrgID: org, ProgramID: word("p", 1), ID: word("c", 5)}
			if rapid.Bool().Draw(r, "order") {
				q.Kind, q.ID = event.Kind(kind()), word("o", 3)
			}
			queries = append(queries, q)
		}
		found, err := b.Claimed(t.Context(), queries)
		if err != nil {
			t.Fatal(err)
		}
		for i, q := range queries {
			if found[i] != want[q] {
				t.Fatalf("%+v is claimed: %v, want %v", q, found[i], want[q])
			}
		}
	})
}
