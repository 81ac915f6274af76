package analytics

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/pipeline/attribution"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/stage/conversions"
)

// stand is a click as the look-ups know it.
type stand struct {
	org, program, visitor, click, referrer, verdict string
	time                                            int64
}

func drawStand(t *rapid.T) stand {
	word := func(label string, n int) string {
		return fmt.Sprintf("%s%d", label, rapid.IntRange(0, n).Draw(t, label))
	}
	return stand{
		org: word("o", 1), program: word("p", 1), visitor: word("v", 3), click: word("c", 9), referrer: word("m", 2),
		verdict: rapid.SampledFrom([]string{"unique", "unique", "duplicate", "bot", "inactive", "banned"}).Draw(t, "verdict"),
		time:    rapid.Int64Range(-5, 20).Draw(t, "time"),
	}
}

func sortTouches(touches []attribution.Touch) []attribution.Touch {
	slices.SortFunc(touches, func(a, b attribution.Touch) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.ClickID, b.ClickID), cmp.Compare(a.ReferrerID, b.ReferrerID))
	})
	return touches
}

func TestTouches_are_the_unique_clicks_of_the_program_in_the_window(t *testing.T) {
	b := opened(t)
	number := uint64(0)
	rapid.Check(t, func(r *rapid.T) {
		number++
		mine := func(s stand) stand { // each run has orgs of its own
			s.org = fmt.Sprintf("%s of run %d", s.org, number)
			return s
		}
		clicks := rapid.SliceOfN(rapid.Custom(drawStand), 1, 40).Draw(r, "clicks")
		var org, program, visitor, click, referrer, verdict []string
		var at []int64
		for i, c := range clicks {
			c = mine(c)
			clicks[i] = c
			org, program, visitor = append(org, c.org), append(program, c.program), append(visitor, c.visitor)
			click, referrer, verdict, at = append(click, c.click), append(referrer, c.referrer), append(verdict, c.verdict), append(at, c.time)
		}
		write(t, b, batch(number, 0, 1), block(t, b, "clicks", len(clicks), values{
			"org_id": org, "program_id": program, "visitor_id": visitor, "click_id": click, "referrer_id": referrer, "verdict": verdict, "time": at,
		}))
		var visitors []attribution.VisitorQuery
		var ids []attribution.ClickQuery
		for range rapid.IntRange(0, 6).Draw(r, "queries") {
			like := mine(drawStand(r))
			from := rapid.Int64Range(-5, 20).Draw(r, "from")
			to := from + rapid.Int64Range(0, 10).Draw(r, "span")
			visitors = append(visitors, attribution.VisitorQuery{OrgID: like.org, ProgramID: like.program, VisitorID: like.visitor, From: from, To: to})
			ids = append(ids, attribution.ClickQuery{OrgID: like.org, ProgramID: like.program, ClickID: like.click})
		}
		byVisitor, err := b.ByVisitor(t.Context(), visitors)
		if err != nil {
			t.Fatal(err)
		}
		byClick, err := b.ByClickID(t.Context(), ids)
		if err != nil {
			t.Fatal(err)
		}
		for i, q := range visitors {
			var wantVisitor, wantClick []attribution.Touch
			for _, c := range clicks {
				if c.verdict != "unique" || c.org != q.OrgID || c.program != q.ProgramID {
					continue
				}
				touch := attribution.Touch{Time: c.time, ClickID: c.click, ReferrerID: c.referrer}
				if c.visitor == q.VisitorID && q.From <= c.time && c.time <= q.To {
					wantVisitor = append(wantVisitor, touch)
				}
				if c.click == ids[i].ClickID {
					wantClick = append(wantClick, touch)
				}
			}
			if got, want := sortTouches(byVisitor[i]), sortTouches(wantVisitor); !reflect.DeepEqual(got, want) {
				r.Fatalf("visitor %v: got %v, want %v", q, got, want)
			}
			if got, want := sortTouches(byClick[i]), sortTouches(wantClick); !reflect.DeepEqual(got, want) {
				r.Fatalf("click %v: got %v, want %v", ids[i], got, want)
			}
		}
	})
}

func TestTouches_of_many_ids_are_one_query(t *testing.T) {
	b := opened(t)
	write(t, b, batch(1, 0, 100), clickBlock(t, b, 0, 100))
	queries := make([]attribution.ClickQuery, 20_000)
	for i := range queries {
		queries[i] = attribution.ClickQuery{OrgID: "acme", ProgramID: fmt.Sprintf("p%d", i%2), ClickID: fmt.Sprintf("c%d", i)}
	}
	answers, err := b.ByClickID(t.Context(), queries)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, a := range answers {
		found += len(a)
	}
	if found != 75 {
		t.Errorf("found %d touches, want 75", found)
	}
}

func TestConversions_tells_what_is_stored(t *testing.T) {
	b := opened(t)
	write(t, b, batch(1, 0, 6), block(t, b, "conversions", 6, values{
		"org_id": repeat("acme", 6), "program_id": []string{"p", "p", "p", "p", "p", "q"},
		"conversion_id": []string{"counted", "counted", "order", "inactive", "unattributed", "elsewhere"},
		"customer_id":   []string{"ann", "bob", "cyd", "dan", "eve", "fay"},
		"verdict":       []string{"attributed", "duplicate", "duplicate", "inactive", "unattributed", "attributed"},
	}))
	want := map[string]conversions.Stored{
		"counted": {Claimed: true, CustomerID: "ann"}, "order": {Claimed: true}, "inactive": {},
		"unattributed": {Claimed: true, CustomerID: "eve"}, "elsewhere": {}, "unknown": {},
	}
	var queries []conversions.ConversionQuery
	for id := range want {
		queries = append(queries, conversions.ConversionQuery{OrgID: "acme", ProgramID: "p", ConversionID: id})
	}
	got, err := b.Conversions(t.Context(), queries)
	if err != nil {
		t.Fatal(err)
	}
	for i, q := range queries {
		if got[i] != want[q.ConversionID] {
			t.Errorf("%s: %+v, want %+v", q.ConversionID, got[i], want[q.ConversionID])
		}
	}
}

func TestTaken_goes_by_the_whole_id_of_a_credit(t *testing.T) {
	b := opened(t)
	write(t, b, batch(1, 0, 1), block(t, b, "credits", 1, values{
		"org_id": []string{"acme"}, "program_id": []string{"p"}, "conversion_id": []string{"c"}, "sequence": []int64{2},
		"role": []string{"referrer"}, "beneficiary_id": []string{"m"},
	}))
	taken := event.Credit{OrgID: "acme", ProgramID: "p", ConversionID: "c", Sequence: 2, Role: event.RoleReferrer, BeneficiaryID: "m"}
	changes := []func(*event.Credit){
		func(*event.Credit) {},
		func(c *event.Credit) { c.OrgID = "x" },
		func(c *event.Credit) { c.ProgramID = "x" },
		func(c *event.Credit) { c.ConversionID = "x" },
		func(c *event.Credit) { c.Sequence = 1 },
		func(c *event.Credit) { c.Role = event.RoleReferee },
		func(c *event.Credit) { c.BeneficiaryID = "x" },
	}
	var asked []*event.Credit
	for _, change := range changes {
		c := taken
		change(&c)
		asked = append(asked, &c)
	}
	got, err := b.Taken(t.Context(), asked)
	if err != nil {
		t.Fatal(err)
	}
	if want := []bool{true, false, false, false, false, false, false}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
