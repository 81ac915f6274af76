package analytics

import (
	"cmp"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/reward"
	"github.com/grapevinehq/grapevine/pipeline/stage/conversions"
)

// credited is a credit as the figures know it.
type credited struct {
	org, program, conversion, who, role  string
	sequence, ppm, minor, conversionTime int64
	counts                               bool
}

func creditBlock(t testing.TB, b *Books, number uint64, credits []credited) {
	t.Helper()
	text, numbers := map[string][]string{}, map[string][]int64{}
	counts := make([]uint8, len(credits))
	for i, c := range credits {
		for name, v := range map[string]string{
			"org_id": c.org, "program_id": c.program, "conversion_id": c.conversion, "beneficiary_id": c.who, "role": c.role,
		} {
			text[name] = append(text[name], v)
		}
		for name, v := range map[string]int64{
			"sequence": c.sequence, "credit_ppm": c.ppm, "credited_minor": c.minor, "conversion_time": c.conversionTime,
		} {
			numbers[name] = append(numbers[name], v)
		}
		if c.counts {
			counts[i] = 1
		}
	}
	given := values{"counts": counts}
	for name, v := range text {
		given[name] = v
	}
	for name, v := range numbers {
		given[name] = v
	}
	write(t, b, batch(number, 0, 1), block(t, b, "credits", len(credits), given))
}

func drawCredited(t *rapid.T) credited {
	word := func(label string, n int) string {
		return fmt.Sprintf("%s%d", label, rapid.IntRange(0, n).Draw(t, label))
	}
	return credited{
		org: word("o", 1), program: word("p", 1), conversion: word("c", 3), who: word("m", 2),
		role: rapid.SampledFrom([]string{"referrer", "referrer", "referee"}).Draw(t, "role"),
		ppm:  rapid.Int64Range(0, 1_000_000).Draw(t, "ppm"), minor: rapid.Int64Range(-5, 100).Draw(t, "minor"),
		conversionTime: rapid.Int64Range(1, 20).Draw(t, "time"), counts: rapid.Bool().Draw(t, "counts"),
	}
}

// statsOf adds up by the book: of each conversion the last credit stands, and the
// newest is the newest that ever counted.
func statsOf(credits []credited, clicks []stand, q conversions.StatsQuery) (s conversions.Stats) {
	last := map[[2]string]credited{}
	for _, c := range credits {
		if c.org != q.OrgID || c.who != q.MemberID || c.role != "referrer" {
			continue
		}
		if c.counts {
			s.LastConversionAt = max(s.LastConversionAt, c.conversionTime)
		}
		key := [2]string{c.program, c.conversion}
		if l, ok := last[key]; !ok || c.sequence > l.sequence {
			last[key] = c
		}
	}
	for _, c := range last {
		if c.counts {
			s.ConversionsPPM += c.ppm
			s.RevenueMinor += c.minor
		}
	}
	for _, c := range clicks {
		if c.org == q.OrgID && c.referrer == q.MemberID && c.verdict == "unique" {
			s.UniqueClicks++
		}
	}
	return s
}

func TestStats_add_up_what_stands_of_credits_and_clicks(t *testing.T) {
	b := opened(t)
	number := uint64(0)
	rapid.Check(t, func(r *rapid.T) {
		number += 4
		mine := func(org string) string { return fmt.Sprintf("%s of run %d", org, number) } // each run has orgs of its own
		credits := rapid.SliceOfN(rapid.Custom(drawCredited), 1, 30).Draw(r, "credits")
		for i := range credits {
			credits[i].org, credits[i].sequence = mine(credits[i].org), int64(i) // sequences rise, with gaps
		}
		clicks := rapid.SliceOfN(rapid.Custom(drawStand), 1, 30).Draw(r, "clicks")
		var org, who, verdict []string
		for i := range clicks {
			clicks[i].org = mine(clicks[i].org)
			org, who, verdict = append(org, clicks[i].org), append(who, clicks[i].referrer), append(verdict, clicks[i].verdict)
		}
		write(t, b, batch(number, 0, 1), block(t, b, "clicks", len(clicks), values{
			"org_id": org, "program_id": repeated("p", len(org)), "referrer_id": who, "verdict": verdict,
		}))
		shuffled := slices.Clone(credits)
		slices.SortFunc(shuffled, func(a, b credited) int { return cmp.Compare(a.ppm, b.ppm) })
		cut := rapid.IntRange(0, len(credits)).Draw(r, "cut") // over two parts, in any order
		for i, part := range [][]credited{shuffled[:cut], shuffled[cut:]} {
			if len(part) > 0 {
				creditBlock(t, b, number+uint64(i), part)
			}
		}
		var queries []conversions.StatsQuery
		var all, clicked, sold []conversions.Stats
		for _, o := range []string{"o1", "o0", "o1"} {
			for _, m := range []string{"m2", "m0", "m1", "nobody"} {
				q := conversions.StatsQuery{OrgID: mine(o), MemberID: m}
				s := statsOf(credits, clicks, q)
				queries, all = append(queries, q), append(all, s)
				clicked = append(clicked, conversions.Stats{UniqueClicks: s.UniqueClicks})
				s.UniqueClicks = 0
				sold = append(sold, s)
			}
		}
		for of, want := range map[program.Stats][]conversions.Stats{
			program.AllStats: all, program.StatUniqueClicks: clicked, program.StatRevenue: sold, 0: make([]conversions.Stats, len(queries)),
		} {
			got, err := b.Stats(t.Context(), of, queries)
			if err != nil {
				r.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				r.Fatalf("%04b: got %+v\nwant %+v", of, got, want)
			}
		}
		people, want := make([]reward.Person, len(queries)), make([]int64, len(queries))
		for i, q := range queries {
			people[i], want[i] = reward.Person{OrgID: q.OrgID, ID: q.MemberID}, all[i].UniqueClicks
		}
		if got, err := b.UniqueClicks(t.Context(), people); err != nil || !slices.Equal(got, want) {
			r.Fatalf("clicks %v, %v, want %v", got, err, want)
		}
	})
}

// What no integer of 64 bits holds ends at the greatest one.
func TestStats_of_more_revenue_than_numbers_have(t *testing.T) {
	b := opened(t)
	var credits []credited
	for i := range 3 {
		credits = append(credits, credited{org: "o", program: "p", conversion: fmt.Sprint(i), who: "m", role: "referrer", ppm: 1, minor: math.MaxInt64 - 1, counts: true})
	}
	creditBlock(t, b, 1, credits)
	got, err := b.Stats(t.Context(), program.AllStats, []conversions.StatsQuery{{OrgID: "o", MemberID: "m"}})
	if err != nil || got[0].RevenueMinor != math.MaxInt64 || got[0].ConversionsPPM != 3 {
		t.Errorf("%+v, %v", got, err)
	}
}

// The figures of a member are read from what lies side by side, not from the
// whole tables.
func TestStats_read_projections(t *testing.T) {
	b := opened(t)
	var credits []credited
	for i := range 20_000 {
		credits = append(credits, credited{org: "o", program: "p", conversion: fmt.Sprint("c", i), who: fmt.Sprint("m", i%1000), role: "referrer", ppm: 1, counts: true})
	}
	creditBlock(t, b, 1, credits)
	n := 20_000
	var who []string
	for i := range n {
		who = append(who, fmt.Sprint("m", i%1000))
	}
	write(t, b, batch(2, 0, 1), block(t, b, "clicks", n, values{"org_id": repeated("o", n), "program_id": repeated("p", n), "referrer_id": who}))
	for query, projection := range map[string]string{ofCredits: "by_beneficiary", ofClicks: "by_referrer"} {
		query = strings.ReplaceAll(query, "SELECT o, id FROM wanted", "SELECT 'o' AS o, 'm7' AS id")
		plan := strings.Join(ask(t, b, "EXPLAIN indexes = 1, projections = 1 "+query), "\n")
		if !strings.Contains(plan, projection) {
			t.Errorf("%s is not read:\n%s", projection, plan)
		}
	}
}
