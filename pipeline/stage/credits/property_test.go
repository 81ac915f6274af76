package credits

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/internal/golden"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/reward"
	"github.com/grapevinehq/grapevine/pipeline/volatile"
)

// bounds draws a catalog with a rule of each kind, under limits and budgets that a
// few conversions exhaust, and the same without any.
func bounds(t *rapid.T) (bounded, free *program.Catalog) {
	rules := func() []*program.Rule {
		get := func(r program.Reward) []program.Reward {
			r.ID, r.To, r.Type = "get", program.ToReferrer, "cash"
			return []program.Reward{r}
		}
		return []*program.Rule{
			{ID: "brackets", Type: program.PerConversion, Period: program.Lifetime, Rewards: get(program.Reward{Brackets: []program.Bracket{
				{FromMinor: 0, BasisPoints: 1000}, {FromMinor: 3000, BasisPoints: 3000},
			}})},
			{ID: "flat", Type: program.PerConversion, Period: program.Lifetime, Hold: time.Hour, Rewards: get(program.Reward{AmountMinor: 100})},
			{ID: "share", Type: program.PerConversion, Period: program.Lifetime, Rewards: get(program.Reward{HasBasisPoints: true, BasisPoints: 1000})},
			{ID: "tiers", Type: program.Tiers, Metric: program.Conversions, Period: program.Lifetime, Hold: 24 * time.Hour, Tiers: []program.Tier{
				{ID: "one", Threshold: 1, Rewards: []program.Reward{{ID: "get", Type: "cash", AmountMinor: 70}}},
				{ID: "two", Threshold: 2, Rewards: []program.Reward{{ID: "get", Type: "cash", AmountMinor: 150}, {ID: "mug", Type: "custom", Quantity: 1, Unit: "mug"}}, RepeatEvery: 1},
			}},
		}
	}
	ours := rules()
	for _, r := range ours {
		r.Budget = rapid.SampledFrom([]string{"", "one", "two"}).Draw(t, "budget of "+r.ID)
		r.Limit = rapid.SampledFrom([]*program.Limit{
			nil, {Period: program.Lifetime, Count: 2}, {Period: program.Month, AmountMinor: 300}, {Period: program.Month, Count: 3, AmountMinor: 500},
		}).Draw(t, "limit of "+r.ID)
	}
	bounded = catalogOf(ours...)
	bounded.Rates = []program.Rate{{From: "USD", To: "EUR", Numerator: 2, Denominator: 3}}
	bounded.Orgs["o"].Budgets = map[string]*program.Budget{
		"one": {ID: "one", Period: program.Month, LimitMinor: rapid.Int64Range(0, 1000).Draw(t, "one"), Currency: "USD"},
		"two": {ID: "two", Period: program.Lifetime, LimitMinor: rapid.Int64Range(0, 1000).Draw(t, "two"), Currency: "EUR"},
	}
	return bounded, catalogOf(rules()...)
}

// histories draws conversions with adjustments: for each its credits, in order.
func histories(t *rapid.T, n int) (all [][]event.Credit) {
	for i := range n {
		c := credit(fmt.Sprint("c", i), fmt.Sprint("m", rapid.IntRange(0, 3).Draw(t, "member")), "brackets", "flat", "share", "tiers")
		c.ConversionTime += rapid.Int64Range(0, 50).Draw(t, "day") * day
		c.NetMinor = rapid.Int64Range(0, 4000).Draw(t, "amount")
		credits := []event.Credit{c}
		for range rapid.IntRange(0, 2).Draw(t, "adjustments") {
			c.Sequence++
			c.NetMinor = rapid.Int64Range(0, 5000).Draw(t, "net")
			if c.Counts = rapid.Bool().Draw(t, "counts"); !c.Counts {
				c.NetMinor = 0
			}
			credits = append(credits, c)
		}
		all = append(all, credits)
	}
	return all
}

// interleaved draws one order that keeps each conversion's own.
func interleaved(t *rapid.T, all [][]event.Credit) (order []event.Credit) {
	rest := slices.Clone(all)
	for len(rest) > 0 {
		i := rapid.IntRange(0, len(rest)-1).Draw(t, "next")
		order = append(order, rest[i][0])
		if rest[i] = rest[i][1:]; len(rest[i]) == 0 {
			rest = slices.Delete(rest, i, i+1)
		}
	}
	return order
}

// cluster is a few partitions that share a Redis.
type cluster struct {
	t          *rapid.T
	redis      *volatile.Store
	catalog    *program.Catalog
	partitions []*world
}

func newCluster(t *rapid.T, catalog *program.Catalog, partitions int) *cluster {
	c := &cluster{t: t, redis: volatile.New(), catalog: catalog}
	for i := range partitions {
		w := newPartition(t, catalog, c.redis, i)
		w.hot = rapid.SampledFrom([]time.Duration{0, time.Hour, 100_000 * time.Hour}).Draw(t, "hot") // what is cold is found, too
		c.partitions = append(c.partitions, w)
	}
	return c
}

// of is the partition of a beneficiary.
func (c *cluster) of(beneficiary string) *world {
	return c.partitions[int(beneficiary[len(beneficiary)-1])%len(c.partitions)]
}

// work works credits in batches of random sizes, with batches of timers between.
func (c *cluster) work(credits []event.Credit) {
	pending := map[*world][]event.Record{}
	flush := func(w *world) {
		if len(pending[w]) > 0 {
			w.work(pending[w])
			pending[w] = nil
			c.exceedsNothing()
		}
	}
	for _, cr := range credits {
		w := c.of(cr.BeneficiaryID)
		w.offset++
		pending[w] = append(pending[w], recordOf(c.t, w.offset, cr))
		if rapid.IntRange(0, 2).Draw(c.t, "flush") == 0 {
			flush(w)
		}
		if any := c.partitions[rapid.IntRange(0, len(c.partitions)-1).Draw(c.t, "timers")]; len(pending[any]) == 0 && rapid.Bool().Draw(c.t, "now") {
			any.bounds.Time = max(any.bounds.Time, golden.WrittenAt+rapid.Int64Range(0, 60).Draw(c.t, "at")*day)
			if any.due(any.bounds.Time) {
				any.work(nil)
				c.exceedsNothing()
			}
		}
	}
	for _, w := range c.partitions {
		flush(w)
	}
}

// settle works timers until nothing is due anywhere.
func (c *cluster) settle() {
	for range 200 {
		busy := false
		for _, w := range c.partitions {
			w.bounds.Time = golden.WrittenAt + 100*day
			for w.due(w.bounds.Time) {
				w.work(nil)
				c.exceedsNothing()
				busy = true
			}
		}
		if !busy {
			return
		}
	}
	c.t.Fatal("something is always due")
}

// standing is a reward after its last event.
type standing struct {
	row           map[string]any
	net, withheld int64
}

// standings are all rewards, by id.
func (c *cluster) standings() map[string]standing {
	all := map[string]standing{}
	for _, w := range c.partitions {
		for _, row := range w.rows[TableRewards] {
			all[row["reward_id"].(string)] = standingOf(row)
		}
	}
	return all
}

func standingOf(row map[string]any) standing {
	return standing{row: row, net: row["remaining_minor"].(int64) + row["remaining_quantity"].(int64), withheld: row["withheld"].(int64)}
}

func (c *cluster) rule(s *standing) *program.Rule {
	for _, r := range c.catalog.Orgs["o"].Programs["p"].Versions[0].Rules {
		if r.ID == s.row["rule_id"] {
			return r
		}
	}
	return nil
}

// account names the budget and period that a reward draws on; empty for none.
func (c *cluster) account(s *standing) string {
	id := s.row["budget_id"].(string)
	if id == "" || s.row["currency"] == "" {
		return ""
	}
	return id + "/" + reward.PeriodName(c.catalog.Orgs["o"].Budgets[id].Period, s.row["conversion_time"].(int64), time.UTC)
}

// price is an amount in the currency of a reward's budget.
func (c *cluster) price(s *standing, amount int64) int64 {
	if c.catalog.Orgs["o"].Budgets[s.row["budget_id"].(string)].Currency == "USD" {
		return amount
	}
	return (amount*2*2 + 3) / 6 // two thirds, half up
}

// limit names the limit of a reward; empty for none.
func (c *cluster) limit(s *standing) string {
	r := c.rule(s)
	if r.Limit == nil {
		return ""
	}
	return r.ID + "/" + s.row["beneficiary_id"].(string) + "/" + reward.PeriodName(r.Limit.Period, s.row["conversion_time"].(int64), time.UTC)
}

// sums are what accounts and limits have come to.
func (c *cluster) sums(all map[string]standing) (spent, counted, paid map[string]int64) {
	spent, counted, paid = map[string]int64{}, map[string]int64{}, map[string]int64{}
	for _, s := range all {
		if account := c.account(&s); account != "" {
			spent[account] += c.price(&s, s.net)
		}
		if s.net > 0 {
			counted[c.limit(&s)]++
		}
		if s.row["currency"] != "" {
			paid[c.limit(&s)] += s.net
		}
	}
	return spent, counted, paid
}

// exceedsNothing: no budget and no limit is exceeded, not by a minor unit.
func (c *cluster) exceedsNothing() { c.within(c.standings()) }

func (c *cluster) within(all map[string]standing) {
	spent, counted, paid := c.sums(all)
	for _, s := range all {
		if account := c.account(&s); account != "" {
			if most := c.catalog.Orgs["o"].Budgets[s.row["budget_id"].(string)].LimitMinor; spent[account] > most {
				c.t.Fatalf("budget %s: %d of %d", account, spent[account], most)
			}
		}
		if limit := c.rule(&s).Limit; limit != nil {
			key := c.limit(&s)
			if limit.Count > 0 && counted[key] > limit.Count || limit.AmountMinor > 0 && paid[key] > limit.AmountMinor {
				c.t.Fatalf("limit %s: %d rewards, %d", key, counted[key], paid[key])
			}
		}
	}
}

// holdsOnlyWhatDoesNotFit: of those that a limit or budget holds back, the oldest
// does not fit.
func (c *cluster) holdsOnlyWhatDoesNotFit() {
	all := c.standings()
	spent, counted, paid := c.sums(all)
	var held []standing
	for _, s := range all {
		if s.withheld > 0 {
			held = append(held, s)
		}
	}
	slices.SortFunc(held, func(a, b standing) int {
		return cmp.Or(cmp.Compare(a.row["conversion_time"].(int64), b.row["conversion_time"].(int64)),
			cmp.Compare(a.row["reward_id"].(string), b.row["reward_id"].(string)))
	})
	stuck := map[string]bool{} // limits and budgets whose oldest does not fit
	for _, s := range held {
		key, account, limit := c.limit(&s), c.account(&s), c.rule(&s).Limit
		admitted := limit == nil || (limit.Count == 0 || s.net > 0 || counted[key] < limit.Count) &&
			(limit.AmountMinor == 0 || s.row["currency"] == "" || paid[key]+s.withheld <= limit.AmountMinor)
		switch {
		case !admitted:
			stuck[key] = true
		case stuck[key] && key != "": // behind an older one
		case account == "":
			c.t.Fatalf("%v is held by nothing", s.row)
		case stuck[account]:
		case spent[account]+c.price(&s, s.net+s.withheld)-c.price(&s, s.net) > c.catalog.Orgs["o"].Budgets[s.row["budget_id"].(string)].LimitMinor:
			stuck[account] = true
		default:
			c.t.Fatalf("%v is held, though it fits in %s: spent %d", s.row, account, spent[account])
		}
	}
}

// given adds up what the rules give, released and held, by what no order changes.
func (c *cluster) given() map[string]int64 {
	nets := map[string]int64{}
	for id, s := range c.standings() {
		key := id
		switch s.row["rule_id"] {
		case "tiers":
			key = fmt.Sprint("tiers ", s.row["beneficiary_id"], s.row["tier_id"], s.row["reward"])
		case "brackets":
			key = fmt.Sprint("brackets ", s.row["beneficiary_id"])
		}
		nets[key] += s.net + s.withheld
	}
	maps.DeleteFunc(nets, func(_ string, n int64) bool { return n == 0 })
	return nets
}

func TestProperty_limits_and_budgets_are_never_exceeded_and_hold_only_what_does_not_fit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bounded, free := bounds(t)
		all := histories(t, rapid.IntRange(1, 9).Draw(t, "conversions"))
		c := newCluster(t, bounded, rapid.IntRange(1, 3).Draw(t, "partitions"))
		c.work(interleaved(t, all))
		c.settle()
		c.holdsOnlyWhatDoesNotFit()
		unbounded := newCluster(t, free, 1)
		unbounded.work(interleaved(t, all))
		if got, want := c.given(), unbounded.given(); !maps.Equal(got, want) {
			t.Fatalf("released and held: %v\nthe rules give: %v", got, want)
		}
	})
}

func TestProperty_conversions_and_their_cancels_leave_nothing_behind(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bounded, _ := bounds(t)
		all := histories(t, rapid.IntRange(1, 7).Draw(t, "conversions"))
		for i, credits := range all {
			last := credits[len(credits)-1]
			last.Sequence, last.NetMinor, last.Counts = last.Sequence+1, 0, false
			all[i] = append(credits, last)
		}
		c := newCluster(t, bounded, rapid.IntRange(1, 3).Draw(t, "partitions"))
		c.work(interleaved(t, all))
		c.settle()
		if left := c.given(); len(left) > 0 {
			t.Fatalf("left: %v", left)
		}
		for line := range strings.Lines(c.redis.String()) {
			switch {
			case strings.Contains(line, " q/"):
				t.Fatalf("a queue is left: %s", line)
			case strings.HasPrefix(line, "budget ") && !strings.Contains(line, "used 0, waiting [], granted map[]"):
				t.Fatalf("a budget is left: %s", line)
			}
		}
	})
}

// Updates that ban and unban, and decisions about whatever there is, come between.
func TestProperty_bans_and_decisions_keep_limits_and_budgets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bounded, _ := bounds(t)
		c := newCluster(t, bounded, rapid.IntRange(1, 3).Draw(t, "partitions"))
		final, banned := map[string]bool{}, map[string]bool{}
		for i, cr := range interleaved(t, histories(t, rapid.IntRange(1, 7).Draw(t, "conversions"))) {
			c.work([]event.Credit{cr})
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				member := cr.BeneficiaryID
				m := event.MemberChanged{OrgID: "o", MemberID: member, Time: int64(i), Status: event.Banned}
				if banned[member] = rapid.Bool().Draw(t, "ban"); !banned[member] {
					m.Status = event.Active
				}
				w := c.of(member)
				w.offset++
				w.work([]event.Record{changeOf(t, w.offset, m)})
			case 1:
				c.decides(final)
			}
			c.exceedsNothing()
		}
		c.settle()
		c.holdsOnlyWhatDoesNotFit()
		for id, s := range c.standings() {
			member := s.row["beneficiary_id"].(string)
			switch {
			case final[id] && s.net+s.withheld > 0:
				t.Fatalf("%v was taken back for good", s.row)
			case s.row["status"] == "pending" && !banned[member]:
				t.Fatalf("%v is pending for ever", s.row)
			}
		}
	})
}

// decides takes a person's decision about one of the rewards, and notes those that
// are taken back.
func (c *cluster) decides(final map[string]bool) {
	all := c.standings()
	if len(all) == 0 {
		return
	}
	reward := rapid.SampledFrom(slices.Sorted(maps.Keys(all))).Draw(c.t, "reward")
	decision := rapid.SampledFrom([]event.Decision{event.Approve, event.Reject, event.Reverse}).Draw(c.t, "decision")
	final[reward] = final[reward] || decision != event.Approve
	row := all[reward].row
	w := c.of(row["beneficiary_id"].(string))
	w.offset++
	w.work([]event.Record{decisionOf(c.t, w.offset, row, decision)})
}
