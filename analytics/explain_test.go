package analytics

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/pipeline/program"
)

const day = int64(24 * time.Hour / time.Millisecond)

// story is a customer with two conversions: the first is shared by ann and ben
// and binds the second.
func story(t *testing.T) *Books {
	t.Helper()
	b := opened(t)
	two := func(s string) []string { return []string{s, s} }
	write(t, b, batch(1, 0, 2), block(t, b, "conversions", 2, values{
		"org_id": two("o"), "program_id": two("p"), "customer_id": two("c"), "visitor_id": two("v"), "kafka_offset": []int64{5, 6},
		"conversion_id": []string{"cv 1", "cv-2"}, "verdict": two("attributed"), "reason": []string{"", "bound"}, "time": []int64{40 * day, 41 * day},
		"amount_minor": []int64{100, 50}, "currency": two("EUR"), "original_amount_minor": []int64{110, 50}, "original_currency": []string{"USD", "EUR"},
		"candidates": [][]string{{"coupon//", "touch/a%2Fnn/k1", "touch/ben/k2", "touch/c/k3"}, {"bound/a%2Fnn/", "bound/ben/"}},
		"skipped":    [][]string{{"unknown_coupon", "", "", "self_referral"}, {"banned", ""}},
		"touched_at": [][]int64{{40 * day, 38 * day, 39 * day, 40*day - 1}, {38 * day, 39 * day}},
	}))
	write(t, b, batch(2, 2, 3), block(t, b, "conversions", 1, values{
		"org_id": []string{"o"}, "program_id": []string{"p"}, "conversion_id": []string{"cv 1"}, "customer_id": []string{"else"}, "verdict": []string{"duplicate"},
		"reason": []string{"conversion_id"}, "kafka_offset": []int64{9},
	}))
	write(t, b, batch(3, 3, 4), block(t, b, "attributions", 3, values{
		"org_id": []string{"o", "o", "o"}, "program_id": []string{"p", "p", "p"}, "conversion_id": []string{"cv 1", "cv 1", "cv 1"}, "referrer_id": []string{"a/nn", "ben", "ben"},
		"model": []string{"linear", "linear", "last_click"}, "paying": []uint8{1, 1, 0}, "credit_ppm": []uint32{400_000, 600_000, 1_000_000}, "amount_minor": []int64{40, 60, 100},
	}))
	write(t, b, batch(4, 4, 5), block(t, b, "attributions", 1, values{
		"org_id": []string{"o"}, "program_id": []string{"p"}, "conversion_id": []string{"cv-2"}, "referrer_id": []string{"ben"},
		"model": []string{"linear"}, "paying": []uint8{1}, "credit_ppm": []uint32{1_000_000}, "amount_minor": []int64{50},
	}))
	write(t, b, batch(5, 5, 6), block(t, b, "adjustments", 1, values{
		"org_id": []string{"o"}, "program_id": []string{"p"}, "conversion_id": []string{"cv 1"}, "kind": []string{"refund"}, "amount_minor": []int64{-30}, "counts_after": []uint8{1}, "day": []int32{0},
	}))
	write(t, b, batch(6, 6, 7), block(t, b, "identity_links", 2, values{
		"org_id": two("o"), "customer_id": two("c"), "visitor_id": []string{"w", "x"}, "kafka_offset": []int64{4, 8},
	}))
	return b
}

func TestExplain_tells_all_that_is_known_of_a_conversion(t *testing.T) {
	b := story(t)
	clicks := []struct {
		click, referrer, visitor, verdict string
		time                              int64
	}{
		{"k1", "a/nn", "v", "unique", 38 * day}, // a candidate
		{"o1", "me", "v", "unique", 5 * day},
		{"o2", "me", "v", "duplicate", 39 * day},
		{"o3", "me", "w", "unique", 45 * day},
		{"o4", "me", "x", "unique", 37 * day},
		{"o5", "me", "w", "unique", 36 * day},
		{"no", "me", "stranger", "unique", 39 * day},
	}
	var click, referrer, visitor, verdict, orgs, programs []string
	var times []int64
	for _, c := range clicks {
		click, referrer, visitor, verdict, times = append(click, c.click), append(referrer, c.referrer), append(visitor, c.visitor), append(verdict, c.verdict), append(times, c.time)
		orgs, programs = append(orgs, "o"), append(programs, "p")
	}
	write(t, b, batch(7, 7, 8), block(t, b, "clicks", len(clicks), values{
		"org_id": orgs, "program_id": programs, "click_id": click, "referrer_id": referrer, "visitor_id": visitor, "verdict": verdict, "time": times,
	}))
	write(t, b, batch(8, 8, 9), block(t, b, "credits", 1, values{
		"org_id": []string{"o"}, "program_id": []string{"p"}, "conversion_id": []string{"cv 1"}, "beneficiary_id": []string{"ben"}, "role": []string{"referrer"}, "rules": [][]string{{"r"}},
	}))
	write(t, b, batch(9, 9, 10), block(t, b, "rewards", 3, values{
		"org_id": []string{"o", "o", "o"}, "program_id": []string{"p", "p", "p"}, "conversion_id": []string{"cv 1", "cv 1", "cv-2"}, "reward_id": []string{"R", "R", "S"}, "sequence": []int64{1, 2, 1},
		"event_type": []string{"earned", "reversed", "earned"}, "status": []string{"approved", "reversed", "approved"}, "amount_minor": []int64{7, 7, 9}, "currency": []string{"EUR", "EUR", "EUR"},
	}))
	write(t, b, batch(10, 10, 11), block(t, b, "fulfillments", 2, values{
		"org_id": []string{"o", "o"}, "program_id": []string{"p", "p"}, "reward_id": []string{"R", "S"}, "event_type": []string{"fulfilled", "fulfilled"}, "amount_minor": []int64{7, 9},
	}))

	e, err := b.Explain(t.Context(), "o", "p", "cv 1")
	if err != nil {
		t.Fatal(err)
	}
	e.Explain(&program.Attribution{Model: program.Linear, Window: 30 * 24 * time.Hour})
	if c := e.Conversion; c.Verdict != "attributed" || c.NetMinor != 70 || !c.Counts || c.OriginalAmountMinor != 110 || e.Cause != nil {
		t.Errorf("conversion %+v, cause %v", c, e.Cause)
	}
	var got []string
	for _, c := range e.Candidates {
		got = append(got, fmt.Sprint(c.Kind, " ", c.ReferrerID, " ", c.ClickID, " ", c.TouchedAt != nil, " ", c.CreditPPM, " ", c.Why))
	}
	equal(t, "candidates", got, []string{
		"coupon   false 0 nobody held this coupon code at that time",
		"touch a/nn k1 true 400000 shares the credit, by linear",
		"touch ben k2 true 600000 shares the credit, by linear",
		"touch c k3 true 0 the referrer is the customer",
	})
	got = nil
	for _, c := range e.Clicks {
		got = append(got, c.ClickID+" "+c.Why)
	}
	equal(t, "other clicks", got, []string{
		"o2 repeats a click within the dedupe window", "o4 its visitor was linked to the customer only later",
		"o5 reached Kafka after the conversion was decided", "o3 after the conversion", "o1 more than 720h before the conversion",
	})
	if len(e.Credits) != 3 || !e.Credits[0].Paying || e.Credits[0].ReferrerID != "ben" || e.Credits[2].Paying || len(e.Adjusted) != 1 || e.Adjusted[0].AmountMinor != -30 {
		t.Errorf("credits %+v, adjustments %+v", e.Credits, e.Adjusted)
	}
	if len(e.Passed) != 1 || !slices.Equal(e.Passed[0].Rules, []string{"r"}) || len(e.Again) != 1 || e.Again[0].CustomerID != "else" {
		t.Errorf("passed %+v, again %+v", e.Passed, e.Again)
	}
	if len(e.Rewards) != 1 || len(e.Rewards[0].Events) != 2 || e.Rewards[0].Status != "reversed" || len(e.Rewards[0].Outside) != 1 || e.Rewards[0].Outside[0].AmountMinor != 7 {
		t.Errorf("rewards %+v", e.Rewards)
	}
}

func TestExplain_names_the_conversion_that_binds(t *testing.T) {
	b := story(t)
	write(t, b, batch(7, 7, 8), block(t, b, "clicks", 1, values{
		"org_id": []string{"o"}, "program_id": []string{"p"}, "click_id": []string{"o1"}, "referrer_id": []string{"me"}, "visitor_id": []string{"v"}, "verdict": []string{"unique"}, "time": []int64{40 * day},
	}))
	e, err := b.Explain(t.Context(), "o", "p", "cv-2")
	if err != nil {
		t.Fatal(err)
	}
	e.Explain(nil)
	if e.Cause == nil || e.Cause.ConversionID != "cv 1" {
		t.Errorf("cause %+v", e.Cause)
	}
	equal(t, "candidates", []string{e.Candidates[0].Why, e.Candidates[1].Why}, []string{"the referrer was banned at that time", "bound to the customer by conversion cv 1"})
	equal(t, "clicks", []string{e.Clicks[0].Why}, []string{"the customer was bound by conversion cv 1"})
	if _, err := b.Explain(t.Context(), "other", "p", "cv-2"); !errors.Is(err, ErrNoConversion) {
		t.Errorf("of another org: %v", err)
	}
}

func TestConversionPrograms_finds_an_id_anywhere(t *testing.T) {
	b := story(t)
	write(t, b, batch(7, 7, 8), block(t, b, "conversions", 1, values{"org_id": []string{"q"}, "program_id": []string{"p"}, "conversion_id": []string{"cv-2"}}))
	for _, c := range []struct{ org, program, id, want string }{
		{"", "", "cv-2", "[o/p q/p]"}, {"q", "", "cv-2", "[q/p]"}, {"", "p", "cv 1", "[o/p]"}, {"q", "x", "cv-2", "[]"}, {"", "", "cv-3", "[]"},
	} {
		found, err := b.ConversionPrograms(t.Context(), c.org, c.program, c.id)
		if err != nil || fmt.Sprint(found) != c.want {
			t.Errorf("%+v: %v, %v", c, found, err)
		}
	}
}

// The query of the docs runs as it stands there.
func TestDocs_the_one_query(t *testing.T) {
	page, err := os.ReadFile("../docs/explain.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```sql\n")
	query, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("the page has no query")
	}
	query = strings.NewReplacer("referral.", "", "'acme'", "'o'", "'us-store'", "'p'", "'cv-17'", "'cv 1'").Replace(query)
	equal(t, "rows", ask(t, story(t), query), []string{
		"attributed  touch a/nn k1 1970-02-08 00:00:00 +0000 UTC  400000 40 EUR",
		"attributed  touch ben k2 1970-02-09 00:00:00 +0000 UTC  600000 60 EUR",
		"attributed  touch c k3 1970-02-09 23:59:59.999 +0000 UTC self_referral 0 0 EUR",
		"attributed  coupon   1970-02-10 00:00:00 +0000 UTC unknown_coupon 0 0 EUR",
		"duplicate conversion_id    1970-01-01 00:00:00 +0000 UTC  0 0 ",
	})
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}
