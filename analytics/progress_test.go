package analytics

import (
	"fmt"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/progress"
)

// creditRow is one row of credits.
type creditOf struct {
	org, program, conversion, who, role, kind string
	sequence, at, ppm, minor                  int64
	counts                                    uint8
	rules                                     []string
}

func writeCredits(t *testing.T, b *Books, number uint64, rows ...creditOf) {
	t.Helper()
	texts, numbers := map[string][]string{}, map[string][]int64{}
	var counts []uint8
	var rules [][]string
	for _, r := range rows {
		for name, v := range map[string]string{"org_id": r.org, "program_id": r.program, "conversion_id": r.conversion, "beneficiary_id": r.who, "role": r.role, "kind": r.kind} {
			texts[name] = append(texts[name], v)
		}
		for name, v := range map[string]int64{"sequence": r.sequence, "conversion_time": r.at, "credit_ppm": r.ppm, "credited_minor": r.minor} {
			numbers[name] = append(numbers[name], v)
		}
		counts, rules = append(counts, r.counts), append(rules, r.rules)
	}
	given := values{"counts": counts, "rules": rules}
	for name, v := range texts {
		given[name] = v
	}
	for name, v := range numbers {
		given[name] = v
	}
	write(t, b, batch(number, int64(number), int64(number)+1), block(t, b, "credits", len(rows), given))
}

func TestProgress_adds_up_the_last_credit_of_each_conversion_by_window(t *testing.T) {
	b := opened(t)
	r, both := []string{"r"}, []string{"r", "s"}
	writeCredits(t, b, 1,
		creditOf{"o", "p", "a", "ann", "referrer", "sale", 0, 10, 600_000, 500, 1, both},
		creditOf{"o", "p", "a", "ann", "referrer", "sale", 1, 10, 600_000, 300, 1, both}, // refunded
		creditOf{"o", "p", "b", "ann", "referrer", "sale", 0, 19, 1_000_000, math.MaxInt64, 1, r},
		creditOf{"o", "p", "c", "ann", "referrer", "sale", 0, 19, 1_000_000, math.MaxInt64, 1, r},
		creditOf{"o", "p", "d", "ann", "referrer", "lead", 0, 15, 1_000_000, 0, 1, r},
		creditOf{"o", "p", "e", "ann", "referrer", "sale", 0, 15, 1_000_000, 70, 1, both},
		creditOf{"o", "p", "e", "ann", "referrer", "sale", 1, 15, 1_000_000, 70, 0, both}, // cancelled
		creditOf{"o", "p", "f", "ann", "referrer", "sale", 0, 9, 1_000_000, 1, 1, r},      // before the window
		creditOf{"o", "p", "g", "ann", "referrer", "sale", 0, 20, 1_000_000, 1, 1, r},     // after it
		creditOf{"o", "p", "h", "ann", "referrer", "sale", 0, 15, 1_000_000, 1, 1, nil},   // passed nothing
		creditOf{"o", "p", "i", "ann", "referee", "sale", 0, 15, 0, 1, 1, r},
		creditOf{"o", "p", "j", "ben", "referrer", "sale", 0, 15, 1_000_000, 1, 1, r},
		creditOf{"o", "q", "k", "ann", "referrer", "sale", 0, 15, 1_000_000, 1, 1, r},
		creditOf{"x", "p", "l", "ann", "referrer", "sale", 0, 15, 1_000_000, 1, 1, r},
	)
	answer, err := b.Progress(t.Context(), &progress.Question{OrgID: "o", ProgramID: "p", MemberID: "ann",
		Windows: []progress.Window{{RuleID: "r", From: 10, Until: 20}, {RuleID: "s", From: math.MinInt64, Until: math.MaxInt64}, {RuleID: "none", Until: 20}}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range answer.Sums {
		got = append(got, fmt.Sprint(s.Window, s.Kind, s.PPM, s.Minor))
	}
	most := new(big.Int).Add(new(big.Int).Mul(big.NewInt(2), big.NewInt(math.MaxInt64)), big.NewInt(300))
	equal(t, "sums", got, []string{"0lead1000000 0", "0sale2600000 " + most.String(), "1sale600000 300"})
}

// Ids are values, whatever they look like.
func TestProgress_takes_ids_as_they_are(t *testing.T) {
	b := opened(t)
	odd := []string{`' OR '1'='1`, `a\`, `?`, "ü/%2F", "{x:String}", "a\x00b"}
	for i, id := range odd {
		writeCredits(t, b, uint64(i+1), creditOf{org: id, program: id, conversion: "c", who: id, role: "referrer", kind: "sale", ppm: int64(i + 1), counts: 1, rules: []string{id}})
	}
	for i, id := range odd {
		q := &progress.Question{OrgID: id, ProgramID: id, MemberID: id, Windows: []progress.Window{{RuleID: id, Until: 1}}, Tiers: []progress.Tier{{RuleID: id, Period: id, TierID: id}}}
		answer, err := b.Progress(t.Context(), q)
		if err != nil || len(answer.Sums) != 1 || answer.Sums[0].PPM != int64(i+1) {
			t.Errorf("%q: %+v, %v", id, answer, err)
		}
		if found, err := b.ConversionPrograms(t.Context(), id, id, id); err != nil || len(found) != 0 {
			t.Errorf("%q: %v, %v", id, found, err)
		}
	}
}

func TestProgress_knows_the_member_s_newest_update(t *testing.T) {
	b := opened(t)
	write(t, b, batch(1, 0, 3), block(t, b, "members", 4, values{
		"org_id": []string{"o", "o", "o", "x"}, "member_id": []string{"ann", "ann", "gone", "ann"}, "time": []int64{20, 10, 10, 30},
		"status": []string{"banned", "active", "active", "active"}, "locale": []string{"de", "en", "en", "fr"}, "kafka_offset": []int64{1, 2, 3, 4},
	}))
	write(t, b, batch(2, 3, 4), block(t, b, "members", 1, values{"org_id": []string{"o"}, "member_id": []string{"gone"}, "time": []int64{11}, "forgotten": []uint8{1}}))
	for id, want := range map[string]progress.Member{"ann": {Known: true, Status: event.Banned, Locale: "de"}, "gone": {}, "nobody": {}} {
		answer, err := b.Progress(t.Context(), &progress.Question{OrgID: "o", ProgramID: "p", MemberID: id})
		if err != nil || answer.Member != want || len(answer.Sums)+len(answer.Rewards) != 0 {
			t.Errorf("%s: %+v, %v", id, answer, err)
		}
	}
}

// Whatever reward events there are, the sums are those of reward_balances, and
// the parts of the tiers that were asked for are in them.
func TestProgress_rewards_are_those_of_the_balances(t *testing.T) {
	b := opened(t)
	org := 0
	rapid.Check(t, func(r *rapid.T) {
		org++
		orgID, number := fmt.Sprint("o", org), uint64(2*org)
		var rows []map[string]any
		for i := range rapid.IntRange(1, 6).Draw(r, "rewards") {
			tier := rapid.SampledFrom([]string{"", "bronze", "gold"}).Draw(r, "tier")
			who, unit := rapid.SampledFrom([]string{"ann", "ann", "ben"}).Draw(r, "who"), rapid.SampledFrom([]string{"", "points"}).Draw(r, "unit")
			program := rapid.SampledFrom([]string{"p", "p", "q"}).Draw(r, "program")
			for n := range rapid.IntRange(1, 3).Draw(r, "events") {
				left := rapid.Int64Range(0, 100).Draw(r, "left")
				status := "reversed"
				if left > 0 {
					status = rapid.SampledFrom([]string{"pending", "approved"}).Draw(r, "status")
				}
				rows = append(rows, map[string]any{
					"org_id": orgID, "program_id": program, "reward_id": fmt.Sprint(program, i), "sequence": int64(n + 1), "status": status, "rule_id": "r", "tier_id": tier,
					"event_type": rapid.SampledFrom([]string{"earned", "increased", "reversed", "held"}).Draw(r, "type"), "period": rapid.SampledFrom([]string{"2026-11"}).Draw(r, "period"),
					"beneficiary_id": who, "currency": map[string]string{"": "EUR"}[unit], "unit": unit, "withheld": rapid.Int64Range(0, 9).Draw(r, "withheld"),
					"amount_minor": rapid.Int64Range(1, 100).Draw(r, "moved"), "remaining_minor": left,
				})
			}
		}
		write(t, b, batch(number, 0, 1), block(t, b, "rewards", len(rows), columns(rows)))
		write(t, b, batch(number+1, 1, 2), block(t, b, "fulfillments", 2, values{
			"org_id": []string{orgID, orgID}, "program_id": []string{"p", "p"}, "reward_id": []string{"p0", "p1"}, "beneficiary_id": []string{"", ""},
			"event_type": []string{"fulfilled", "fulfillment_failed"}, "amount_minor": []int64{50, 50},
		}))

		answer, err := b.Progress(t.Context(), &progress.Question{OrgID: orgID, ProgramID: "p", MemberID: "ann", Tiers: []progress.Tier{{RuleID: "r", Period: "2026-11", TierID: "gold"}}})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]progress.Balance{}
		for _, part := range answer.Rewards {
			key := part.Currency + part.Unit
			sum := got[key]
			sum.Earned, sum.Pending, sum.Approved, sum.Reversed = sum.Earned+part.Earned, sum.Pending+part.Pending, sum.Approved+part.Approved, sum.Reversed+part.Reversed
			sum.Fulfilled, sum.Net, sum.Held = sum.Fulfilled+part.Fulfilled, sum.Net+part.Net, sum.Held+part.Balance.Held
			sum.Overpaid = max(sum.Fulfilled-sum.Net, 0)
			got[key] = sum
			if part.Of.TierID != "" && part.Of.TierID != "gold" {
				r.Fatalf("part %+v was not asked for", part)
			}
		}
		balances, err := b.Balances(t.Context(), orgID, "p", 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range balances {
			if want.BeneficiaryID != "ann" {
				continue
			}
			have := got[want.Currency+want.Unit]
			delete(got, want.Currency+want.Unit)
			if have != (progress.Balance{Earned: want.Earned, Pending: want.Pending, Approved: want.Approved, Held: want.Held, Reversed: want.Reversed,
				Fulfilled: want.Fulfilled, Net: want.Net, Overpaid: want.Overpaid}) {
				r.Fatalf("got %+v, want %+v", have, want)
			}
		}
		if len(got) != 0 {
			r.Fatalf("%+v is in no balance", got)
		}
	})
}

// columns turns rows into columns.
func columns(rows []map[string]any) values {
	out := values{}
	for name, first := range rows[0] {
		switch first.(type) {
		case string:
			var all []string
			for _, row := range rows {
				all = append(all, row[name].(string))
			}
			out[name] = all
		default:
			var all []int64
			for _, row := range rows {
				all = append(all, row[name].(int64))
			}
			out[name] = all
		}
	}
	return out
}

func TestMemberPrograms_finds_who_has_credits_or_rewards(t *testing.T) {
	b := opened(t)
	writeCredits(t, b, 1, creditOf{org: "o", program: "p", conversion: "a", who: "ann"}, creditOf{org: "x", program: "p", conversion: "a", who: "ann"})
	write(t, b, batch(2, 2, 3), block(t, b, "rewards", 1, values{"org_id": []string{"o"}, "program_id": []string{"q"}, "beneficiary_id": []string{"ann"}}))
	for _, c := range []struct{ org, program, want string }{{"", "", "[o/p o/q x/p]"}, {"o", "", "[o/p o/q]"}, {"", "p", "[o/p x/p]"}, {"y", "", "[]"}} {
		found, err := b.MemberPrograms(t.Context(), c.org, c.program, "ann")
		if err != nil || fmt.Sprint(found) != c.want {
			t.Errorf("%+v: %v, %v", c, found, err)
		}
	}
}
