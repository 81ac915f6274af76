package conversions

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

// The oracle does with events what the contract says (§4, §9 (13) to (21), (37),
// (39)), one after the other, in fractions, with a memory without end, and by
// nothing of attribution's or money's own. It is a second reading of the same text.

const oraclePrograms = `
version: 1
exchange_rates:
  - {from: USD, to: EUR, valid_from: 2025-01-01T00:00:00Z, rate: "0.9137"}
  - {from: USD, to: EUR, valid_from: 2025-03-02T00:00:00Z, rate: "0.95"}
  - {from: EUR, to: USD, valid_from: 2025-01-01T00:00:00Z, rate: "1.0825"}
  - {from: EUR, to: JPY, valid_from: 2025-02-01T00:00:00Z, rate: "163.4"}
  - {from: JPY, to: KWD, valid_from: 2025-01-01T00:00:00Z, rate: "0.00203"}
orgs:
  - id: o
    programs:
      - id: p
        versions:
          - {valid_from: 2025-01-01T00:00:00Z, valid_to: 2025-03-01T20:00:00Z, currency: EUR,
             attribution: {model: linear, window: 40h, half_life: 5h, shadow: [last_click, time_decay]}}
          - {valid_from: 2025-03-02T00:00:00Z, currency: USD,
             attribution: {model: position_based, window: 30h, order: [touch, click], shadow: [linear, first_click]}}
      - id: q
        versions:
          - {valid_from: 2025-01-01T00:00:00Z, currency: JPY,
             attribution: {model: time_decay, half_life: 7h, binding: none, order: [click, coupon, touch], shadow: [linear]}}
          - {valid_from: 2025-03-02T12:00:00Z, currency: JPY}
      - id: r
        versions:
          - {valid_from: 2025-01-01T00:00:00Z, currency: KWD, attribution: {model: position_based, order: [coupon, touch]}}
`

type oracleVersion struct {
	from, to           int64 // hours after the first of March; to 0: open
	currency, name     string
	model              string
	window, half       int64 // hours
	order, shadow      []string
	binds              bool
	convertsAt, before map[string]*big.Rat // rates into the currency, since and before the second of March
}

func rat(text string) *big.Rat {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		panic(text)
	}
	return r
}

var (
	oracleOrder = []string{"coupon", "click", "touch"}
	oracleYear  = int64(-59 * 24) // the first of January
	oracleAll   = map[string][]oracleVersion{
		"p": {
			{from: oracleYear, to: 20, currency: "EUR", name: "2025-01-01T00:00:00Z", model: "linear", window: 40, half: 5, order: oracleOrder,
				shadow: []string{"last_click", "time_decay"}, binds: true, convertsAt: map[string]*big.Rat{"USD": rat("0.95")}, before: map[string]*big.Rat{"USD": rat("0.9137")}},
			{from: 24, currency: "USD", name: "2025-03-02T00:00:00Z", model: "position_based", window: 30, half: 168, order: []string{"touch", "click"},
				shadow: []string{"linear", "first_click"}, binds: true, convertsAt: map[string]*big.Rat{"EUR": rat("1.0825")}, before: map[string]*big.Rat{"EUR": rat("1.0825")}},
		},
		"q": {{from: oracleYear, currency: "JPY", name: "2025-01-01T00:00:00Z", model: "time_decay", window: 720, half: 7, order: []string{"click", "coupon", "touch"},
			shadow: []string{"linear"}, convertsAt: map[string]*big.Rat{"EUR": rat("163.4")}, before: map[string]*big.Rat{"EUR": rat("163.4")}},
			{from: 36, currency: "JPY", name: "2025-03-02T12:00:00Z", model: "last_click", window: 720, half: 168, order: oracleOrder,
				binds: true, convertsAt: map[string]*big.Rat{"EUR": rat("163.4")}, before: map[string]*big.Rat{"EUR": rat("163.4")}}},
		"r": {{from: oracleYear, currency: "KWD", name: "2025-01-01T00:00:00Z", model: "position_based", window: 720, half: 168, order: []string{"coupon", "touch"},
			binds: true, convertsAt: map[string]*big.Rat{"JPY": rat("0.00203")}, before: map[string]*big.Rat{"JPY": rat("0.00203")}}},
	}
	oracleUnits = map[string]int64{"EUR": 100, "USD": 100, "JPY": 1, "KWD": 1000}
)

// oracleTouch is a touch; a referrer's credit comes of several.
type oracleTouch struct {
	hours           int64
	click, referrer string
}

type oracleConversion struct {
	customer       string
	version        *oracleVersion
	rate           *big.Rat // nil: none
	currency       string
	net, netMinor  int64
	counts, closed bool
}

type oracleWait struct {
	at, hours int64 // offset, and Kafka time
	sent
}

type oracleBinding struct {
	list   []string // in the order of ties
	touch  map[string][]oracleTouch
	model  string
	credit map[string][]int64 // by model
}

type oracle struct {
	s       *scene
	taken   map[string]bool
	links   map[string][]string
	bound   map[string]*oracleBinding
	counted map[string]*oracleConversion
	claims  map[string]bool
	waits   map[string][]oracleWait

	rows, credits, adjustments, letters, waited []string
	redelivered                                 int
}

func newOracle(s *scene) *oracle {
	return &oracle{s: s, taken: map[string]bool{}, links: map[string][]string{}, bound: map[string]*oracleBinding{},
		counted: map[string]*oracleConversion{}, claims: map[string]bool{}, waits: map[string][]oracleWait{}}
}

func (e sent) text(field string) string { s, _ := e.body["data"].(data)[field].(string); return s }

func (e sent) number(field string) (int64, bool) {
	n, ok := e.body["data"].(data)[field].(int64)
	return n, ok
}

func (e sent) program() string { return e.body["programid"].(string) }

func (e sent) identity() string { return fmt.Sprint(e.program(), "|", e.key, "|", e.body["id"]) }

// take does with one event what the contract says.
func (o *oracle) take(offset int64, e sent, hours int64) {
	o.expire(e.hours)
	if oracleAll[e.program()] == nil {
		o.letter(offset, unknownProgram)
		return
	}
	if o.taken[e.identity()] {
		o.redelivered++
		return
	}
	dead := ""
	switch e.body["type"] {
	case event.TypeIdentityLink:
		o.link(e.key, e.text("visitor_id"))
	case event.TypeAdjustment:
		dead = o.adjust(offset, e)
	default:
		dead = o.convert(offset, e, hours)
	}
	if dead != "" {
		o.letter(offset, dead)
		return
	}
	o.taken[e.identity()] = true
}

func (o *oracle) letter(offset int64, reason string) {
	o.letters = append(o.letters, fmt.Sprintf("%d:%s", offset, reason))
}

// expire ends the waits of 72 hours, oldest first.
func (o *oracle) expire(now int64) {
	var up []oracleWait
	for id, list := range o.waits {
		var left []oracleWait
		for _, w := range list {
			if w.hours+72 <= now {
				up = append(up, w)
			} else {
				left = append(left, w)
			}
		}
		o.waits[id] = left
	}
	slices.SortFunc(up, func(a, b oracleWait) int { return cmp.Compare(a.at, b.at) })
	for _, w := range up {
		o.letter(w.at, unknownConversion)
		delete(o.taken, w.identity())
	}
}

func (o *oracle) link(customer, visitor string) {
	if visitor != "" && !slices.Contains(o.links[customer], visitor) {
		o.links[customer] = append(o.links[customer], visitor)
	}
}

// versionAt is the version of a time, or the latest before it.
func versionAt(program string, hours int64) (v *oracleVersion, active bool) {
	all := oracleAll[program]
	for i := range all {
		if all[i].from <= hours {
			v = &all[i]
		}
	}
	if v == nil {
		return &all[0], false
	}
	return v, v.to == 0 || hours < v.to
}

// rateInto is the rate of a time, nil for none.
func (v *oracleVersion) rateInto(from string, hours int64) *big.Rat {
	switch {
	case from == "" || from == v.currency:
		return rat("1")
	case hours >= 24:
		return v.convertsAt[from]
	}
	return v.before[from]
}

// inMinor converts minor units, half up.
func inMinor(amount int64, from, to string, rate *big.Rat) int64 {
	if amount == 0 {
		return 0
	}
	exact := new(big.Rat).Mul(new(big.Rat).SetInt64(amount), rate)
	exact.Mul(exact, big.NewRat(oracleUnits[to], oracleUnits[from]))
	return floorOf(exact.Add(exact, big.NewRat(1, 2)))
}

func floorOf(r *big.Rat) int64 { return new(big.Int).Quo(r.Num(), r.Denom()).Int64() }

func (o *oracle) convert(offset int64, e sent, hours int64) (dead string) {
	v, active := versionAt(e.program(), hours)
	amount, _ := e.number("amount_minor")
	currency := cmp.Or(e.text("currency"), v.currency)
	id := e.program() + "|" + e.text("conversion_id")
	verdict := ""
	switch order := e.program() + "|" + e.text("kind") + "|" + e.text("order_id"); {
	case !active:
		verdict = inactive
	case o.claims["c|"+id]:
		verdict = duplicate
	case amount > 0 && v.rateInto(currency, hours) == nil:
		if e.text("order_id") == "" || !o.claims["o|"+order] {
			return noExchangeRate
		}
		verdict = duplicate
	default:
		o.claims["c|"+id] = true
		if e.text("order_id") != "" {
			if o.claims["o|"+order] {
				verdict = duplicate
			}
			o.claims["o|"+order] = true
		}
	}
	o.link(e.key, e.text("visitor_id"))
	minor := int64(0)
	if verdict == "" {
		rate := v.rateInto(currency, hours)
		minor = inMinor(amount, currency, v.currency, rate)
		verdict = o.attribute(e, v, hours, minor)
		o.counted[id] = &oracleConversion{customer: e.key, version: v, rate: rate, currency: currency, net: amount, netMinor: minor, counts: true}
	}
	o.rows = append(o.rows, fmt.Sprintf("%d %s %d %s %s", offset, verdict, minor, v.currency, v.name))
	if verdict == attributed || verdict == unattributed {
		list := o.waits[id]
		delete(o.waits, id)
		for _, w := range list {
			if dead := o.adjust(w.at, w.sent); dead != "" {
				o.letter(w.at, dead)
				delete(o.taken, w.identity())
			}
		}
	}
	return ""
}

func (o *oracle) adjust(offset int64, e sent) (dead string) {
	id := e.program() + "|" + e.text("conversion_id")
	c := o.counted[id]
	switch {
	case c == nil:
		o.waits[id] = append(o.waits[id], oracleWait{offset, e.hours, e})
		o.waited = append(o.waited, fmt.Sprint(offset))
		return ""
	case c.customer != e.key:
		return invalid
	}
	net, given, kind := c.net, false, e.text("kind")
	by := int64(0)
	by, given = e.number("amount_minor")
	closed := c.closed || kind == "cancel"
	switch {
	case closed:
		net = 0
	case kind == "correction":
		net = max(0, net+by)
	case given:
		net = max(0, net-by)
	default:
		net = 0
	}
	if net > 0 && c.rate == nil {
		return noExchangeRate
	}
	minor := inMinor(net, c.currency, c.version.currency, c.rate)
	counts := c.counts
	switch {
	case closed || net == 0 && c.net > 0:
		counts = false
	case net > 0:
		counts = true
	}
	o.adjustments = append(o.adjustments, fmt.Sprintf("%d %d %v", offset, minor-c.netMinor, counts))
	c.net, c.netMinor, c.counts, c.closed = net, minor, counts, closed
	return ""
}

// excluded tells whether a referrer may have no credit.
func (o *oracle) excluded(e sent, hours int64, referrer string) bool {
	m := o.s.asOf("o", referrer, at(hours))
	return referrer == e.key || m != nil && (m.Status == event.Banned || m.EmailHash != "" && m.EmailHash == e.text("email_hash"))
}

func (o *oracle) attribute(e sent, v *oracleVersion, hours, minor int64) (verdict string) {
	key := e.program() + "|" + e.key
	b := o.bound[key]
	if b != nil && v.binds {
		return o.keep(e, v, b, hours, minor)
	}
	touches := o.candidates(e, v, hours)
	if len(touches) == 0 {
		return unattributed
	}
	made := &oracleBinding{model: v.model, touch: map[string][]oracleTouch{}, credit: map[string][]int64{}}
	for _, t := range touches {
		if made.touch[t.referrer] == nil {
			made.list = append(made.list, t.referrer)
		}
		made.touch[t.referrer] = append(made.touch[t.referrer], t)
	}
	for _, model := range []string{"last_click", "first_click", "linear", "position_based", "time_decay"} {
		credit := make([]int64, len(made.list))
		for i, ppm := range splitBy(1_000_000, weights(model, touches, v.half)) {
			credit[slices.Index(made.list, touches[i].referrer)] += ppm
		}
		made.credit[model] = credit
	}
	if b == nil {
		o.bound[key] = made
	}
	o.pay(e, v, made, made.credit, made.credit[v.model], minor)
	return attributed
}

// keep gives a later conversion what binds its customer.
func (o *oracle) keep(e sent, v *oracleVersion, b *oracleBinding, hours, minor int64) (verdict string) {
	without := func(credit []int64) []int64 {
		left := make([]*big.Rat, len(credit))
		for i := range credit {
			left[i] = new(big.Rat)
			if !o.excluded(e, hours, b.list[i]) {
				left[i].SetInt64(credit[i])
			}
		}
		return splitBy(1_000_000, left)
	}
	all := map[string][]int64{}
	for model, credit := range b.credit {
		all[model] = without(credit)
	}
	paying := without(b.credit[b.model])
	if sum(paying) == 0 {
		return unattributed
	}
	o.pay(e, v, b, all, paying, minor)
	return attributed
}

func sum(list []int64) (total int64) {
	for _, n := range list {
		total += n
	}
	return total
}

// pay writes the credits down: the paying ones, then those of the shadow models.
func (o *oracle) pay(e sent, v *oracleVersion, b *oracleBinding, all map[string][]int64, paying []int64, minor int64) {
	write := func(model string, credit []int64, pays int) {
		shares := make([]*big.Rat, len(credit))
		for i := range credit {
			shares[i] = new(big.Rat).SetInt64(credit[i])
		}
		for i, part := range splitBy(minor, shares) {
			if credit[i] > 0 {
				t := b.touch[b.list[i]]
				o.credits = append(o.credits, fmt.Sprintf("%s %s %s %d %d %d %d %d %d", e.body["id"], b.list[i], model, pays, credit[i], part,
					len(t), at(t[0].hours), at(t[len(t)-1].hours)))
			}
		}
	}
	write(v.model, paying, 1)
	for _, model := range v.shadow {
		write(model, all[model], 0)
	}
}

// candidates are the touches that count, of the first kind that has any.
func (o *oracle) candidates(e sent, v *oracleVersion, hours int64) []oracleTouch {
	for _, kind := range v.order {
		var found []oracleTouch
		switch kind {
		case "coupon":
			for _, m := range []string{"ann", "bob", "cal"} {
				now := o.s.asOf("o", m, at(hours))
				if e.text("coupon_code") != "" && now != nil && slices.Contains(now.CouponCodes, e.text("coupon_code")) {
					found = append(found, oracleTouch{hours, "", m})
				}
			}
		case "click":
			for _, c := range o.s.touches {
				if c.program == e.program() && e.text("click_id") == c.ClickID {
					found = append(found, oracleTouch{(c.Time - at(0)) / hour, c.ClickID, c.ReferrerID})
				}
			}
		default:
			for _, c := range o.s.touches {
				if c.program == e.program() && slices.Contains(o.links[e.key], c.visitor) {
					found = append(found, oracleTouch{(c.Time - at(0)) / hour, c.ClickID, c.ReferrerID})
				}
			}
		}
		found = slices.DeleteFunc(found, func(t oracleTouch) bool {
			return t.hours > hours || t.hours < hours-v.window || o.excluded(e, hours, t.referrer)
		})
		slices.SortFunc(found, func(a, b oracleTouch) int {
			return cmp.Or(cmp.Compare(a.hours, b.hours), cmp.Compare(a.click, b.click))
		})
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

// weights are what each touch weighs by a model.
func weights(model string, touches []oracleTouch, half int64) []*big.Rat {
	n := len(touches)
	list := make([]*big.Rat, n)
	for i, t := range touches {
		list[i] = new(big.Rat)
		switch {
		case model == "linear", model == "first_click" && i == 0, model == "last_click" && i == n-1, n == 1:
			list[i].SetInt64(1)
		case model == "position_based" && n == 2:
			list[i].SetInt64(1)
		case model == "position_based" && (i == 0 || i == n-1):
			list[i] = big.NewRat(2, 5)
		case model == "position_based":
			list[i] = big.NewRat(1, 5*int64(n-2))
		case model == "time_decay":
			if rootsOfHalf[half] == nil {
				rootsOfHalf[half] = rootOfHalf(half)
			}
			power(rootsOfHalf[half], touches[n-1].hours-t.hours).Rat(list[i])
		}
	}
	return list
}

const oracleBits = 400

var rootsOfHalf = map[int64]*big.Float{}

// rootOfHalf is the n-th root of 1/2, by halving the interval that it lies in.
func rootOfHalf(n int64) *big.Float {
	low, high, half := new(big.Float).SetPrec(oracleBits).SetFloat64(0.5), new(big.Float).SetPrec(oracleBits).SetInt64(1), big.NewFloat(0.5)
	for range oracleBits - 20 {
		middle := new(big.Float).SetPrec(oracleBits).Add(low, high)
		middle.Mul(middle, half)
		if power(middle, n).Cmp(half) < 0 {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}

func power(x *big.Float, n int64) *big.Float {
	y := new(big.Float).SetPrec(oracleBits).SetInt64(1)
	for range n {
		y.Mul(y, x)
	}
	return y
}

// splitBy gives each the floor of its exact part, and what is left one by one by
// the largest remainder, the earlier first.
func splitBy(total int64, weights []*big.Rat) []int64 {
	all := new(big.Rat)
	for _, w := range weights {
		all.Add(all, w)
	}
	parts, left := make([]int64, len(weights)), total
	if all.Sign() == 0 {
		return parts
	}
	rest := make([]*big.Rat, len(weights))
	order := make([]int, len(weights))
	for i, w := range weights {
		exact := new(big.Rat).Mul(new(big.Rat).SetInt64(total), w)
		exact.Quo(exact, all)
		parts[i], order[i] = floorOf(exact), i
		rest[i] = exact.Sub(exact, new(big.Rat).SetInt64(parts[i]))
		left -= parts[i]
	}
	slices.SortStableFunc(order, func(a, b int) int { return rest[b].Cmp(rest[a]) })
	for _, i := range order[:left] {
		parts[i]++
	}
	return parts
}

// drawn is an event of three programs and few ids, so that they meet.
func drawn(t *rapid.T, id string) (e sent, hours int64) {
	pick := func(what string, n int) string { return fmt.Sprint(what, rapid.IntRange(0, n-1).Draw(t, what)) }
	hours = rapid.Int64Range(-30, 80).Draw(t, "hours")
	more := data{"customer_id": pick("c", 2), "program": rapid.SampledFrom([]string{"p", "p", "p", "q", "q", "q", "r", "nope"}).Draw(t, "program")}
	maybe := func(field, value string) {
		if rapid.Bool().Draw(t, field) {
			more[field] = value
		}
	}
	switch rapid.IntRange(0, 6).Draw(t, "type") {
	case 0:
		more["visitor_id"] = pick("v", 2)
		return newRecord(event.TypeIdentityLink, id, hours, data{}, more), hours
	case 1, 2:
		more["kind"], more["conversion_id"] = rapid.SampledFrom([]string{"refund", "chargeback", "cancel", "correction", "correction"}).Draw(t, "kind"), pick("n", 5)
		if more["kind"] == "correction" {
			more["amount_minor"] = rapid.Int64Range(-3000, 3000).Draw(t, "amount")
		} else if rapid.Bool().Draw(t, "part") {
			more["amount_minor"] = rapid.Int64Range(1, 3000).Draw(t, "amount")
		}
		return newRecord(event.TypeAdjustment, id, hours, data{}, more), hours
	}
	more["kind"], more["conversion_id"] = rapid.SampledFrom([]string{"sale", "lead"}).Draw(t, "kind"), pick("n", 5)
	more["amount_minor"] = rapid.SampledFrom([]int64{0, 1, 99, 1001, 2000, 123457}).Draw(t, "amount")
	more["currency"] = rapid.SampledFrom([]string{"EUR", "EUR", "USD", "JPY", "KWD"}).Draw(t, "currency")
	maybe("visitor_id", pick("v", 2))
	maybe("order_id", pick("o", 3))
	maybe("click_id", pick("k", 30))
	maybe("coupon_code", rapid.SampledFrom([]string{"ANN", "BOB", "NONE"}).Draw(t, "coupon"))
	maybe("email_hash", rapid.SampledFrom([]string{"ha", "hb"}).Draw(t, "email"))
	return newRecord(event.TypeConversion, id, hours, data{}, more), hours
}

// populate draws touches and the histories of members.
func (s *scene) populate(t *rapid.T) {
	for i := range rapid.IntRange(8, 40).Draw(t, "touches") {
		c := clicked{org: "o", program: rapid.SampledFrom([]string{"p", "p", "q", "r"}).Draw(t, "program"), visitor: fmt.Sprint("v", rapid.IntRange(0, 1).Draw(t, "v"))}
		c.Time, c.ClickID = at(rapid.Int64Range(-40, 70).Draw(t, "hours")), fmt.Sprint("k", i)
		c.ReferrerID = rapid.SampledFrom([]string{"ann", "bob", "bob", "cal", "dan", "c0"}).Draw(t, "referrer")
		s.touches = append(s.touches, c)
	}
	for _, id := range []string{"ann", "bob"} {
		for i := range rapid.Int64Range(0, 3).Draw(t, "updates of "+id) {
			s.member(id, func(m *event.Member) {
				m.Time = at(40*i + rapid.Int64Range(-30, 9).Draw(t, "time"))
				m.Status = rapid.SampledFrom([]event.Status{event.Active, event.Active, event.Active, event.Banned}).Draw(t, "status")
				m.EmailHash = rapid.SampledFrom([]string{"", "h" + id[:1]}).Draw(t, "hash")
				if rapid.Bool().Draw(t, "coupon") {
					m.CouponCodes = []string{map[string]string{"ann": "ANN", "bob": "BOB"}[id]}
				}
			})
		}
	}
}

func TestStage_does_what_the_oracle_says(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := &scene{world: newWorld(t, []byte(oraclePrograms), 1)}
		s.populate(rt)
		o := newOracle(s)
		var events []sent
		var times []int64
		clock := int64(0)
		for i := range rapid.IntRange(12, 40).Draw(rt, "events") {
			if i > 0 && rapid.IntRange(0, 7).Draw(rt, "again") == 0 {
				again := rapid.IntRange(0, i-1).Draw(rt, "event")
				events, times = append(events, events[again]), append(times, times[again])
			} else {
				e, hours := drawn(rt, fmt.Sprint("e", i))
				events, times = append(events, e), append(times, hours)
			}
			clock += rapid.SampledFrom([]int64{0, 0, 0, 1, 30, 72}).Draw(rt, "clock")
			events[i].hours = clock
		}
		for i, e := range events {
			o.take(int64(i+1), e, times[i])
		}
		for rest := events; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(rt, "batch")
			s.send(rest[:n]...)
			rest = rest[n:]
		}
		o.compare(rt)
	})
}

func (o *oracle) compare(t *rapid.T) {
	same := func(what string, want []string, table string, line func(row map[string]any) string) {
		var got []string
		for _, r := range o.s.rows[table] {
			got = append(got, line(r))
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", what, got, want)
		}
	}
	same("conversions", o.rows, conversionsTable, func(r map[string]any) string {
		return fmt.Sprint(r["offset"], " ", r["verdict"], " ", r["amount_minor"], " ", r["currency"], " ", r["program_version"])
	})
	same("attributions", o.credits, attributionsTable, func(r map[string]any) string {
		return fmt.Sprint(r["event_id"], " ", r["referrer_id"], " ", r["model"], " ", r["paying"], " ", r["credit_ppm"], " ", r["amount_minor"], " ",
			r["touches"], " ", r["first_touch_at"], " ", r["last_touch_at"])
	})
	same("adjustments", o.adjustments, adjustmentsTable, func(r map[string]any) string {
		return fmt.Sprint(r["offset"], " ", r["amount_minor"], " ", r["counts_after"] == uint8(1))
	})
	same("waiting", o.waited, waitingTable, func(r map[string]any) string { return fmt.Sprint(r["offset"]) })
	letters := o.s.reasons()
	slices.Sort(letters)
	slices.Sort(o.letters)
	if !slices.Equal(letters, o.letters) || o.s.counts[redelivered] != o.redelivered {
		t.Errorf("dead letters %v, want %v; %d redelivered, want %d", letters, o.letters, o.s.counts[redelivered], o.redelivered)
	}
}
