package analytics

import (
	"fmt"
	"testing"

	"github.com/grapevinehq/grapevine/internal/engine"
	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/stage/conversions"
)

// BenchmarkClaimed asks a million conversions for ids, half of which are there: a
// few, as a batch does whose new ids are seldom suspected, and all of a batch.
func BenchmarkClaimed(b *testing.B) {
	server := enginetest.ClickHouseAlone(b, engine.ClickHouseOptions{})
	books := openedAt(b, Options{Addr: []string{server.Addr}, Database: "bench"})
	const rows = 1_000_000
	for part := range 4 {
		if err := books.conn.Exec(b.Context(), `
			INSERT INTO conversions (org_id, program_id, time, conversion_id, customer_id, kind, order_id, verdict, claims, batch, ingested, lease_until)
			SELECT 'acme', 'us-store', now(), hex(sipHash64(number)), 'c', 'sale', hex(sipHash64(number, 1)), 'attributed', 3, 1, now(), now() + INTERVAL 1 DAY
			FROM numbers(?, ?)`, part*rows/4, rows/4); err != nil {
			b.Fatal(err)
		}
	}
	var known []string
	for _, kind := range []string{"", "sale"} {
		expression := map[string]string{"": "hex(sipHash64(number))", "sale": "hex(sipHash64(number, 1))"}[kind]
		if err := books.conn.QueryRow(b.Context(), `SELECT groupArray(`+expression+`) FROM numbers(1000)`).Scan(&known); err != nil {
			b.Fatal(err)
		}
		for _, n := range []int{10, 1000} {
			b.Run(fmt.Sprintf("kind=%q,ids=%d", kind, n), func(b *testing.B) {
				queries := make([]conversions.ClaimQuery, n)
				for b.Loop() {
					for i := range queries {
						queries[i] = conversions.ClaimQuery{OrgID: "acme", ProgramID: "us-store", Kind: event.Kind(kind), ID: known[i]}
						if i%2 == 1 {
							queries[i].ID += "?"
						}
					}
					found, err := books.Claimed(b.Context(), queries)
					if err != nil {
						b.Fatal(err)
					}
					for i := range found {
						if found[i] != (i%2 == 0) {
							b.Fatalf("%s is claimed: %v", queries[i].ID, found[i])
						}
					}
				}
			})
		}
	}
}
