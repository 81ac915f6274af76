package analytics

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/internal/golden"
	"github.com/grapevinehq/grapevine/internal/recount"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/money"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// Books as the stages could have written them, at random: refunds, cancellations and
// corrections, batches whose order is not that of their events, two versions of a
// program in two zones around their changes of the clocks. Every view is what a plain
// recount of the base tables tells.
func TestViews_are_what_a_recount_of_the_tables_tells(t *testing.T) {
	b := opened(t)
	s := newScribe(t)
	for _, s.org = range []string{"acme", "globex"} { // with the same ids
		s.fill()
	}
	s.write(b)
	s.targets(b)
	recounted(t, b)
}

// recounted compares every view with a recount of the tables.
func recounted(t *testing.T, b *Books) {
	t.Helper()
	views := recount.Read(func(query string) []golden.Row { return rowsOf(t, b, query) }).Views()
	for _, view := range slices.Sorted(maps.Keys(views)) {
		t.Run(view, func(t *testing.T) {
			compare(t, views[view], rowsOf(t, b, recount.Query(view)), recount.Keys[view]...)
		})
	}
}

// scribe writes books at random.
type scribe struct {
	t      *testing.T
	r      *rand.Rand
	org    string
	zones  [2]*time.Location
	tables map[string][][]golden.Row // by table, batches
	ids    int
}

func newScribe(t *testing.T) *scribe {
	s := &scribe{t: t, r: rand.New(rand.NewPCG(1, 7)), tables: map[string][][]golden.Row{}}
	for i, name := range []string{"America/New_York", "Europe/Berlin"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		s.zones[i] = zone
	}
	return s
}

// moved is when the second version begins, in another zone; the clocks go forward in
// the first one before it, and in the second one after it.
var moved = time.Date(2026, 3, 20, 0, 0, 0, 0, time.UTC).UnixMilli()

func (s *scribe) time() int64 {
	from := time.Date(2026, 2, 20, 0, 0, 0, 0, time.UTC).UnixMilli()
	return from + s.r.Int64N(50*86_400_000)
}

func (s *scribe) day(ms int64) string {
	return time.UnixMilli(ms).In(s.zones[flagOf(ms >= moved)]).Format(time.DateOnly)
}

func (s *scribe) version(ms int64) string {
	return []string{"2026-01-01T00:00:00Z", "2026-03-20T00:00:00Z"}[flagOf(ms >= moved)]
}

func flagOf(b bool) int { return map[bool]int{true: 1}[b] }

// one of the words.
func (s *scribe) one(words ...string) string { return words[s.r.IntN(len(words))] }

// note puts a row of the org in one of the batches of a table.
func (s *scribe) note(table string, batch int, program string, row golden.Row) {
	for len(s.tables[table]) <= batch {
		s.tables[table] = append(s.tables[table], nil)
	}
	s.ids++
	row["org_id"], row["program_id"], row["kafka_offset"] = s.org, program, s.r.IntN(1000)
	row["event_id"] = fmt.Sprint(s.ids)
	s.tables[table][batch] = append(s.tables[table][batch], row)
}

func (s *scribe) fill() {
	for _, program := range []string{"shop", "club"} {
		for range 300 {
			s.click(program)
		}
		for i := range 120 {
			s.conversion(program, fmt.Sprintf("c%03d", i))
		}
	}
	for _, segment := range []string{"vip", "staff"} {
		for m := range 15 { // three of them never refer anybody
			for i := range s.r.IntN(5) {
				s.note("segment_events", s.r.IntN(3), "", golden.Row{
					"time": s.time(), "segment_id": segment, "member_id": fmt.Sprintf("m%02d", m), "event_type": []string{"entered", "left"}[i%2], "sequence": i + 1,
				})
			}
		}
	}
}

// write writes all batches.
func (s *scribe) write(b *Books) {
	at := time.Now().UnixMilli() - 1000
	for _, table := range slices.Sorted(maps.Keys(s.tables)) {
		for i, rows := range s.tables[table] {
			if len(rows) == 0 {
				continue
			}
			bounds := batch(uint64(i+1), int64(i), int64(i+1))
			bounds.Time = at + int64(i/2) // two batches of one millisecond
			write(s.t, b, bounds, blockOf(s.t, b, table, rows))
		}
	}
}

func (s *scribe) click(program string) {
	at := s.time()
	row := golden.Row{
		"time": at, "day": s.day(at), "referrer_id": fmt.Sprintf("m%02d", s.r.IntN(12)), "visitor_id": "", "actor_hash": "", "currency": "EUR",
		"channel": s.one("email", "qr", ""), "verdict": s.one("unique", "unique", "unique", "duplicate", "bot", "inactive", "banned"), "reason": "",
	}
	row[s.one("visitor_id", "visitor_id", "actor_hash")] = fmt.Sprintf("v%02d", s.r.IntN(40))
	if row["verdict"] == "bot" {
		row["reason"] = s.one("crawler", "load-test")
	}
	s.note("clicks", s.r.IntN(4), program, row)
}

// conversion writes one with all that follows of it.
func (s *scribe) conversion(program, id string) {
	at, amount := s.time(), s.r.Int64N(4)*s.r.Int64N(1000)
	verdict := s.one("attributed", "attributed", "attributed", "unattributed", "duplicate", "inactive")
	customer, kind := fmt.Sprintf("k%02d", s.r.IntN(40)), s.one("lead", "signup", "sale", "sale", "renewal", "custom")
	row := golden.Row{
		"time": at, "day": s.day(at), "conversion_id": id, "customer_id": customer, "kind": kind, "verdict": verdict, "reason": s.one("", "", "bound"),
		"amount_minor": amount, "currency": "EUR", "program_version": s.version(at), "margin": []float64{0.5, 0.3}[flagOf(at >= moved)],
	}
	s.note("conversions", s.r.IntN(4), program, row)
	if verdict == "duplicate" || verdict == "inactive" {
		return
	}
	steps := s.adjustments(program, row)
	if verdict == "attributed" {
		s.credits(program, row, steps)
	}
}

// step is how a conversion stands after the decision, or after an adjustment.
type step struct {
	net    int64
	counts bool
}

// adjustments take money back, cancel, and correct, also upwards once all is used up.
func (s *scribe) adjustments(program string, conversion golden.Row) []step {
	net := conversion["amount_minor"].(int64)
	steps := []step{{net, true}}
	for i := range s.r.IntN(4) {
		kind, change := s.one("refund", "chargeback", "correction", "cancel"), int64(0)
		switch kind {
		case "cancel":
			change = -net
		case "correction":
			change = s.r.Int64N(500) - min(net, 200)
		default:
			change = -s.r.Int64N(net + 1)
			if s.r.IntN(2) == 0 {
				change = -net
			}
		}
		net += change
		counts := kind != "cancel" && (net > 0 || conversion["amount_minor"] == int64(0))
		steps = append(steps, step{net, counts})
		s.note("adjustments", i, program, golden.Row{
			"time": conversion["time"].(int64) + s.r.Int64N(86_400_000), "day": conversion["day"], "conversion_id": conversion["conversion_id"],
			"customer_id": conversion["customer_id"], "kind": kind, "amount_minor": change, "counts_after": flagOf(counts), "currency": "EUR",
		})
		if kind == "cancel" {
			break
		}
	}
	return steps
}

// credits give a conversion to up to four referrers by the paying model and a shadow,
// and rewards to some of them.
func (s *scribe) credits(program string, conversion golden.Row, steps []step) {
	at, n := conversion["time"].(int64), s.r.IntN(4)+1
	who := s.r.Perm(12)[:n]
	for _, model := range []string{"linear", "last_click"} {
		weights := make([]int64, n)
		for i := range weights {
			weights[i] = 1 + s.r.Int64N(4)*int64(flagOf(model == "last_click"))
		}
		ppm := money.Split(1_000_000, weights)
		first := at - s.r.Int64N(10*86_400_000)
		for i, m := range who {
			first += s.r.Int64N(2) // touches of one millisecond
			s.note("attributions", s.r.IntN(3), program, golden.Row{
				"time": at, "day": conversion["day"], "conversion_id": conversion["conversion_id"], "referrer_id": fmt.Sprintf("m%02d", m), "model": model,
				"paying": flagOf(model == "linear"), "credit_ppm": ppm[i], "amount_minor": money.Split(steps[0].net, ppm)[i], "touches": 1 + s.r.IntN(3),
				"first_touch_at": min(first, at), "last_touch_at": at - s.r.Int64N(max(at-first, 0)+1), "place": i,
			})
			if model != "linear" {
				continue
			}
			for sequence, step := range steps {
				s.note("credits", sequence, program, golden.Row{
					"time": at, "conversion_time": at, "decided_at": at, "conversion_id": conversion["conversion_id"], "sequence": sequence, "role": "referrer",
					"beneficiary_id": fmt.Sprintf("m%02d", m), "customer_id": conversion["customer_id"], "kind": conversion["kind"], "currency": "EUR",
					"net_minor": step.net, "counts": flagOf(step.counts), "credit_ppm": ppm[i], "credited_minor": money.Split(step.net, ppm)[i], "share_index": i,
				})
			}
			s.reward(program, conversion, fmt.Sprintf("m%02d", m), "referrer")
		}
	}
	s.reward(program, conversion, conversion["customer_id"].(string), "referee")
}

// reward writes the events of one, or none.
func (s *scribe) reward(program string, conversion golden.Row, to, role string) {
	if s.r.IntN(3) == 0 {
		return
	}
	id := fmt.Sprintf("%s-%s-%s-%s", program, conversion["conversion_id"], role, to)
	currency, unit := "EUR", ""
	if s.r.IntN(4) == 0 {
		currency, unit = "", "points"
	}
	budget := s.one("", "monthly", "weekly", "gone")
	drawnIn, drawnOf := "", ""
	if budget != "" && unit == "" && s.r.IntN(3) > 0 {
		at := time.UnixMilli(conversion["time"].(int64)).UTC()
		drawnIn, drawnOf = s.one("EUR", "USD"), s.one(at.Format("2006-01"), "lifetime", at.Format("2006"))
	}
	var net, held int64
	event := func(sequence int, kind, status string, moved int64) {
		row := golden.Row{
			"time": conversion["time"], "day": conversion["day"], "reward_id": id, "sequence": sequence, "event_type": kind, "status": status, "rule_id": "share",
			"beneficiary_id": to, "beneficiary_role": role, "currency": currency, "unit": unit, "conversion_id": conversion["conversion_id"],
			"conversion_time": conversion["time"], "withheld": held, "budget_id": budget, "drawn_minor": 2 * net * int64(flagOf(drawnIn != "")),
			"drawn_currency": drawnIn, "drawn_period": drawnOf,
		}
		if unit == "" {
			row["amount_minor"], row["remaining_minor"] = moved, net
		} else {
			row["quantity"], row["remaining_quantity"] = moved, net
		}
		s.note("rewards", s.r.IntN(4), program, row)
	}
	status := s.one("pending", "approved")
	net = 1 + s.r.Int64N(300)
	sequence := 1
	if s.r.IntN(5) == 0 {
		net, held = 0, net
		event(sequence, "held", "held", held)
		if s.r.IntN(2) == 0 {
			return
		}
		net, held, sequence = held, 0, sequence+1
	}
	event(sequence, "earned", status, net)
	if s.r.IntN(3) == 0 {
		more := s.r.Int64N(50) + 1
		net, sequence = net+more, sequence+1
		event(sequence, "increased", status, more)
	}
	if s.r.IntN(3) == 0 {
		s.note("fulfillments", 0, program, golden.Row{
			"time": conversion["time"], "reward_id": id, "event_type": "fulfilled", "beneficiary_id": to, "currency": currency, "unit": unit,
			"amount_minor": net * int64(flagOf(unit == "")), "quantity": net * int64(flagOf(unit != "")),
		})
	}
	if s.r.IntN(3) == 0 {
		less := net - s.r.Int64N(net)*int64(s.r.IntN(2))
		net -= less
		if net == 0 {
			status = "reversed"
		}
		event(sequence+1, "reversed", status, less)
	}
}

// targets takes up two configurations, one after the other.
func (s *scribe) targets(b *Books) {
	from, to := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).UnixMilli(), time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	catalog := func(revision string, target int64) *program.Catalog {
		shop := &program.Program{
			OrgID: "acme", ID: "shop",
			Versions: []*program.Version{
				{ValidFromRaw: s.version(0), Rules: []*program.Rule{{}, {PointsOf: map[event.Kind]int64{"lead": 1, "sale": 20}}}},
				{ValidFromRaw: s.version(moved), Rules: []*program.Rule{{PointsOf: map[event.Kind]int64{"sale": 30, "signup": 5}}}},
			},
		}
		for i, metric := range []program.Metric{program.Conversions, program.Revenue, program.Points} {
			shop.Goals = append(shop.Goals, program.Goal{ID: string(metric), Metric: metric, Target: target + int64(i), From: from, To: to})
		}
		budgets := map[string]*program.Budget{
			"monthly": {ID: "monthly", Team: "growth", Period: program.Month, LimitMinor: target, Currency: "EUR"},
			"weekly":  {ID: "weekly", Period: program.Week, LimitMinor: 10 * target, Currency: "USD"},
			"unused":  {ID: "unused", Period: program.Quarter, LimitMinor: target, Currency: "USD"},
			"whole":   {ID: "whole", LimitMinor: target, Currency: "USD"},
		}
		return &program.Catalog{Revision: revision, Orgs: map[string]*program.Org{
			"acme":   {ID: "acme", Budgets: budgets, Programs: map[string]*program.Program{"shop": shop, "club": {OrgID: "acme", ID: "club"}}},
			"globex": {ID: "globex"},
		}}
	}
	first, second := catalog("r1", 100), catalog("r2", 700)
	first.Orgs["globex"].Budgets = first.Orgs["acme"].Budgets // which it loses
	first.Orgs["acme"].Programs["club"].Goals = first.Orgs["acme"].Programs["shop"].Goals
	for _, c := range []*program.Catalog{second, first, first, second, second} {
		if err := b.TakeUp(s.t.Context(), c); err != nil {
			s.t.Fatal(err)
		}
		time.Sleep(2 * time.Millisecond) // of two in one millisecond neither is the later one
	}
	if got := one(s.t, b, "SELECT count(), uniqExact(taken_at) FROM goals"); got != "18 3" {
		s.t.Errorf("%s goals and times of them, want 18 and 3", got)
	}
}
