package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/internal/golden"
	"github.com/grapevinehq/grapevine/pipeline"
)

// example is the example configuration, moved to the present, with limits,
// budgets and holds that bind, in two orgs that call everything by the same names.
type example struct {
	*rand.Rand
	now      time.Time
	began    time.Time // the versions of long ago
	november time.Time // the second version of us-store
	later    time.Time // its third, which comes with the reload
	rate     time.Time // the second exchange rate of EUR
	raised   time.Time // when the file with more room was written
	banned   time.Time // when everybody knew that m2 was banned, for good
	made     int
	out      []pipeline.Message
	sales    []exampleSale
	returned map[string]bool // by org, program and conversion: they are cancelled in the end
}

type exampleSale struct {
	org, program, customer, id string
	amount                     int64
}

const (
	exampleHold      = 5 * time.Second
	exampleMembers   = 10
	exampleCustomers = 40
)

var exampleOrgs = []string{"acme", "zeta"}

// tight are what the reload raises: growth-monthly, emea-quarterly, the count and
// the amount of limits.
type tight struct{ growth, emea, count, amount int64 }

var (
	exampleBefore = tight{growth: 20000, emea: 15000, count: 2, amount: 5000}
	exampleAfter  = tight{growth: 90000, emea: 40000, count: 4, amount: 9000}
)

func newExample(seed uint64) *example {
	now := time.Now().UTC().Truncate(time.Second)
	return &example{
		Rand: rand.New(rand.NewPCG(seed, 2)), now: now, began: now.AddDate(0, 0, -200), november: now.Add(-36 * time.Hour),
		rate: now.Add(-50 * time.Hour), later: now.Add(time.Hour), returned: map[string]bool{},
	}
}

// programs is the configuration as a file; the reloaded one has a third version.
func (x *example) programs(t testing.TB, b tight, third bool) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "examples", "programs.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	replaced := func(text string, pairs ...string) string {
		for i := 0; i < len(pairs); i += 2 {
			if !strings.Contains(text, pairs[i]) {
				t.Fatalf("the example has no %q", pairs[i])
			}
		}
		return strings.NewReplacer(pairs...).Replace(text)
	}
	at := func(t time.Time) string { return t.Format(time.RFC3339) }
	out := replaced(string(text),
		"2026-01-01T00:00:00Z", at(x.began), "2026-11-01T00:00:00Z", at(x.november), "2026-10-01T00:00:00Z", at(x.rate), "2027-01-01T00:00:00Z", at(x.now.AddDate(1, 0, 0)),
		"hold: 336h", "hold: "+exampleHold.String(), "budget: emea-quarterly\n                hold: 720h", "budget: emea-quarterly\n                hold: "+exampleHold.String(),
		"limit_minor: 5000000", fmt.Sprint("limit_minor: ", b.growth), "limit_minor: 2000000", fmt.Sprint("limit_minor: ", b.emea),
		"count: 20", fmt.Sprint("count: ", b.count), "{period: month, amount_minor: 30000}", fmt.Sprintf("{period: month, amount_minor: %d}", b.amount))
	if third {
		from := strings.Index(out, "          - valid_from: "+at(x.november))
		to := from + strings.Index(out[from:], "        goals:")
		version := replaced(out[from:to], at(x.november), at(x.later), "flat_minor: 1500", "flat_minor: 1700", "flat_minor: 1000", "flat_minor: 1200")
		out = out[:to] + version + out[to:]
	}
	from, to := strings.Index(out, "  - id: acme"), strings.Index(out, "  - id: globex")
	zeta := replaced(out[from:to], "id: acme", "id: zeta", fmt.Sprintf("limit_minor: %d, currency: EUR", b.emea), fmt.Sprintf("limit_minor: %d, currency: USD", b.emea))
	return []byte(out[:to] + zeta + out[to:])
}

// write adds an event. Both orgs number theirs alike.
func (x *example) write(topic, key, what, org, program string, at time.Time, data map[string]any) {
	x.made++
	event := map[string]any{
		"specversion": "1.0", "id": fmt.Sprint("e", x.made), "source": "shop/web", "type": "referral." + what + ".v1",
		"time": at.Format(time.RFC3339Nano), "orgid": org, "data": data,
	}
	if program != "" {
		event["programid"] = program
	}
	x.out = append(x.out, pipeline.Message{Topic: topic, Key: []byte(key), Value: mustJSON(event)})
}

// written hands out what was made since the last time.
func (x *example) written() []pipeline.Message {
	out := x.out
	x.out = nil
	return out
}

// inEachOrg makes events of each org, with equal ids.
func (x *example) inEachOrg(make func(org string)) {
	n := x.made
	for _, org := range exampleOrgs {
		x.made = n
		make(org)
	}
}

func exampleMember(i int) string { return fmt.Sprintf("m%d", i) }

// update tells of a member: m1 is gold, m3 of the staff, m4 on trial.
func (x *example) update(org string, i int, at time.Time, status string) {
	data := map[string]any{
		"member_id": exampleMember(i), "status": status, "coupon_codes": []string{fmt.Sprint("SAVE", i)}, "locale": []string{"de", "en"}[i%2],
		"attributes": map[string]any{"plan": map[bool]string{true: "gold", false: "basic"}[i == 1], "tier": map[bool]string{true: "trial", false: "full"}[i == 4]},
	}
	if i == 3 {
		data["segments"] = []string{"staff"}
	}
	x.write(consumers.Members, org+"/"+exampleMember(i), "member.updated", org, "", at, data)
}

// clicks has every visitor click links of two members in each program.
func (x *example) clicks() {
	x.inEachOrg(func(org string) {
		for i := range exampleMembers {
			x.update(org, i, x.now.Add(-100*time.Hour), "active")
		}
		for c := range exampleCustomers {
			for p, program := range []string{"us-store", "eu-store", "partners"} {
				for n := range 2 {
					visitor, by := fmt.Sprint("v", c), (c*(n+1)+p+len(org)*int(org[0])*n)%exampleMembers
					x.write(consumers.Clicks, visitor, "click.recorded", org, program, x.now.Add(-90*time.Hour+time.Duration(x.IntN(36_000_000))*time.Millisecond), map[string]any{
						"referrer_id": exampleMember(by), "visitor_id": visitor, "link_id": fmt.Sprint("l", n), "user_agent": []string{"Mozilla/5.0", "PingBot/1"}[x.IntN(20)/19],
					})
				}
			}
		}
	})
}

// conversions has customers buy in all programs, up to a time.
func (x *example) conversions(from, to int, begin, end time.Time) {
	x.inEachOrg(func(org string) {
		for c := from; c < to; c++ {
			for _, sold := range []struct{ program, kind, currency string }{
				{"us-store", "signup", ""}, {"us-store", "sale", []string{"USD", "EUR", "JPY"}[x.IntN(3)]}, {"eu-store", "sale", "EUR"},
				{"partners", "sale", "EUR"}, {"partners", []string{"lead", "signup"}[x.IntN(2)], ""},
			} {
				if x.IntN(6) == 0 {
					continue
				}
				at := begin.Add(time.Duration(x.Int64N(int64(end.Sub(begin))))).Truncate(time.Millisecond)
				s := exampleSale{org: org, program: sold.program, customer: fmt.Sprint("c", c), id: fmt.Sprint(sold.program, "-", sold.kind, "-", c)}
				data := map[string]any{"kind": sold.kind, "customer_id": s.customer, "visitor_id": fmt.Sprint("v", c), "conversion_id": s.id, "order_id": fmt.Sprint("o", c)}
				if sold.currency != "" {
					s.amount = int64(300 + x.IntN(200_000))
					data["amount_minor"], data["currency"] = s.amount, sold.currency
				}
				if x.IntN(9) == 0 {
					data["coupon_code"] = fmt.Sprint("SAVE", x.IntN(exampleMembers))
				}
				x.sales = append(x.sales, s)
				x.write(consumers.Conversions, s.customer, "conversion.recorded", org, sold.program, at, data)
			}
		}
	})
}

// adjustments concern about a third of all that was sold.
func (x *example) adjustments() {
	for _, s := range x.sales {
		if x.IntN(3) > 0 {
			continue
		}
		data := map[string]any{"conversion_id": s.id, "customer_id": s.customer, "kind": []string{"cancel", "refund", "correction"}[x.IntN(3)]}
		switch {
		case s.amount == 0:
			data["kind"] = "cancel"
		case data["kind"] == "refund":
			data["amount_minor"] = 1 + x.Int64N(s.amount)
		case data["kind"] == "correction":
			data["amount_minor"] = x.Int64N(s.amount) - s.amount/3
		}
		x.write(consumers.Conversions, s.customer, "conversion.adjusted", s.org, s.program, x.now, data)
	}
}

// returns cancels what was paid for.
func (x *example) returns() {
	for _, s := range x.sales {
		if x.returned[keyed(s.org, s.program, s.id)] {
			x.write(consumers.Conversions, s.customer, "conversion.adjusted", s.org, s.program, x.now, map[string]any{"conversion_id": s.id, "customer_id": s.customer, "kind": "cancel"})
		}
	}
}

// decided is what a person says of a reward.
func (x *example) decided(org, program, reward, decision string) {
	x.write(consumers.Fulfillments, reward, "reward.decided", org, program, x.now, map[string]any{"reward_id": reward, "decision": decision, "actor": "eve"})
}

// paid is what became of a reward outside.
func (x *example) paid(org, program, reward string) {
	x.write(consumers.Fulfillments, reward, "reward.fulfilled", org, program, x.now, map[string]any{"reward_id": reward})
}

// keyed joins what names something.
func keyed(parts ...string) string { return strings.Join(parts, "|") }

// text is a column as text.
func text(row golden.Row, column string) string { return fmt.Sprint(row[column]) }
