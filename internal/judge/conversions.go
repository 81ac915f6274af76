package judge

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
)

const (
	attributed   = "attributed"
	unattributed = "unattributed"
)

// conversion is one that was attributed or unattributed, and how it stands.
type conversion struct {
	place
	org, program, id, customer string
	kind, name                 string
	metadata                   map[string]string
	time                       int64
	version                    *version
	rate                       *big.Rat // nil where there is none
	currency                   string   // original
	original, amount           int64    // as decided: original, and in the program's currency
	net                        int64    // original
	cancelled                  bool
	states                     []state // after the decision and after each adjustment
	attributed                 bool
	parties                    []party
	locales                    []string // of the referee, likewise
}

// state is how a conversion stands, in the program's currency.
type state struct {
	net    int64
	counts bool
	told   bool  // rewards are told of it: something changed
	time   int64 // of the event
	turn   int   // counts all states in the order in which they came about
}

func (c *conversion) last() *state { return &c.states[len(c.states)-1] }

// party is a referrer with credit, and what the conversion may earn it.
type party struct {
	credited
	ppm     int64
	rules   []*rule  // whose filters it passed
	gated   []*rule  // whose filters look at stats: the books say
	locales []string // of the moments at which it may have been decided
}

// customer is what a partition knows of one.
type customer struct {
	visitors []string
	programs map[string]*custom
}

// custom is a customer's in one program.
type custom struct {
	bound   *allocation
	counted map[string]int // conversions that count, by kind
}

func (t *trial) customer(e *event) *customer {
	n := name(strconv.Itoa(e.partition), e.org, e.texts["customer_id"])
	c := t.customers[n]
	if c == nil {
		c = &customer{programs: map[string]*custom{}}
		t.customers[n] = c
	}
	return c
}

func (c *customer) in(program string) *custom {
	s := c.programs[program]
	if s == nil {
		s = &custom{counted: map[string]int{}}
		c.programs[program] = s
	}
	return s
}

func (c *customer) link(visitor string) {
	if visitor != "" && !slices.Contains(c.visitors, visitor) {
		c.visitors = append(c.visitors, visitor)
	}
}

// conversions judges the topic of conversions, in the order of its partitions.
func (t *trial) conversionEvents() error {
	table, credits, links := t.beside("conversions"), t.beside("attributions"), t.beside("identity_links")
	for r, err := range t.inputs(topicConversions) {
		if err != nil {
			return err
		}
		row, given, link := table.one(r.place()), credits.at(r.place()), links.one(r.place())
		t.expire(&r)
		e, ok := t.decode(topicConversions, &r)
		again := name(strconv.Itoa(e.partition), "conversions", e.org, e.source, e.id, e.program, e.key)
		stored := ""
		switch _, taken := t.taken[again]; {
		case !ok:
			t.letters.expect(topicConversions, e.place, r.digest(), "invalid")
		case t.unknownProgram(topicConversions, e):
			t.letters.expect(topicConversions, e.place, r.digest(), "unknown_program")
		case taken:
		case e.kind == typeConversion:
			stored = t.conversion(&r, e, row, given)
		case e.kind == typeAdjustment:
			stored = t.adjustment(&r, e)
		default:
			stored = typeLink
			t.customer(e).link(t.intern(e.texts["visitor_id"]))
			t.compare("identity_links", e.place.String(), e.textsOf(e.row(t.Topic(topicConversions)), "customer_id", "visitor_id"), link)
		}
		if stored != "" {
			t.taken[again] = struct{}{}
		}
		if stored != typeConversion {
			t.none("conversions", e.place.String(), "no conversion was stored", row)
		}
		if stored != typeLink {
			t.none("identity_links", e.place.String(), "no link", link)
		}
		if stored != typeConversion && len(given) > 0 {
			t.differ("attributions", e.place.String(), "no rows", fmt.Sprint(len(given)))
		}
	}
	t.conversionIDs.settle(t, "conversion_id")
	t.orderIDs.settle(t, "order_id")
	t.stillWaiting()
	for _, b := range []*beside{table, credits, links} {
		if err := b.finish(); err != nil {
			return err
		}
	}
	if err := t.adjustmentRows(); err != nil {
		return err
	}
	return t.attributedEvents()
}

// decision is what the judge makes of a conversion.
type decision struct {
	letter, verdict string
	near            *version
	amount          int64
	rate            *big.Rat
	credit          *allocation
	bound           bool
	cut             int64
}

// conversion judges one; the answer is what was stored.
func (t *trial) conversion(r *Record, e *event, row Row, given []Row) string {
	c := t.deciding(e, row)
	d := t.decide(c, e, row)
	if d.letter != "" {
		t.letters.expect(topicConversions, e.place, r.digest(), d.letter)
		return ""
	}
	known := t.customer(e)
	known.link(t.intern(e.texts["visitor_id"]))
	id := t.intern(e.or("conversion_id", e.id))
	var made *conversion
	if d.verdict == "" {
		d.verdict = unattributed
		t.credit(c, e, &d, row, given)
		made = t.standing(c, e, &d, id)
	}
	t.compareConversion(e, &d, id, row)
	t.compareCredits(e, &d, given)
	t.candidates(e, &d, row)
	if made != nil {
		t.all = append(t.all, made)
		t.found[name(e.org, e.program, id)] = made
		known.in(e.program).counted[made.kind]++
		t.applyWaiting(made)
	}
	return typeConversion
}

// deciding is the catalog that decided a conversion: the one that its row names or,
// without a row, the last under which it is refused as the books have it.
func (t *trial) deciding(e *event, row Row) *catalog {
	if row != nil {
		if i := t.revisions[row.text("config_revision")]; i > 0 && t.catalogs[i-1].knows(e.org, e.program) {
			return t.catalogs[i-1]
		}
		t.differ("conversions", e.place.String()+" config_revision", "one of the programs given", row.text("config_revision"))
	}
	_, booked := t.booked[letter{topicConversions, e.place, "no_exchange_rate"}]
	for _, c := range slices.Backward(t.catalogs) {
		if !c.knows(e.org, e.program) {
			continue
		}
		v := c.orgs[e.org].programs[e.program].at(e.time)
		if booked == (v != nil && e.amount > 0 && c.rateOf(e.or("currency", v.Currency), v.Currency, e.time) == nil) {
			return c
		}
	}
	return t.knowing(e.org, e.program)
}

// decide goes through the verdicts in their order (§9 (15)), up to the question of
// credit, which is open while the verdict is empty.
func (t *trial) decide(c *catalog, e *event, row Row) decision {
	p := c.orgs[e.org].programs[e.program]
	d := decision{near: p.near(e.time)}
	v := p.at(e.time)
	if v == nil {
		d.verdict = inactive
		return d
	}
	if d.rate = c.rateOf(e.or("currency", v.Currency), v.Currency, e.time); d.rate != nil {
		amount, ok := converted(e.amount, d.rate)
		if !ok {
			d.letter = "invalid"
			return d
		}
		d.amount = amount
	}
	id := name(e.org, e.program, e.or("conversion_id", e.id))
	order := uint64(0)
	if text := e.texts["order_id"]; text != "" {
		order = name(e.org, e.program, e.texts["kind"], text)
	}
	if d.rate == nil && e.amount > 0 {
		t.withoutRate(e, &d, id, order, row)
		return d
	}
	isDuplicate := row.text("verdict") == duplicate
	byOrder := isDuplicate && row.text("reason") == "order_id"
	if !t.conversionIDs.take(t, "conversion_id", id, e.place, !isDuplicate || byOrder) || order != 0 && !t.orderIDs.take(t, "order_id", order, e.place, !isDuplicate) {
		d.verdict, d.amount = duplicate, 0
	}
	return d
}

// withoutRate is a conversion whose money has no rate: a duplicate or else a dead
// letter, which claims nothing.
func (t *trial) withoutRate(e *event, d *decision, id, order uint64, row Row) {
	free, certain := t.conversionIDs.free(id, e.partition)
	if order != 0 {
		orderFree, orderCertain := t.orderIDs.free(order, e.partition)
		free, certain = free && orderFree, certain || orderCertain
	}
	_, booked := t.booked[letter{topicConversions, e.place, "no_exchange_rate"}]
	switch {
	case certain || row != nil && row.text("verdict") == duplicate:
		d.verdict = duplicate
		if free { // then another partition has it
			t.conversionIDs.lost[id] = append(t.conversionIDs.lost[id], e.place)
		}
	case free || booked:
		d.letter = "no_exchange_rate"
	default:
		d.verdict = duplicate
	}
}

// credit finds who gets credit: as of everything that is known or, if the books
// have it otherwise, as of a moment since the conversion was written.
func (t *trial) credit(c *catalog, e *event, d *decision, row Row, given []Row) {
	customer := t.customer(e)
	p := c.orgs[e.org].programs[e.program]
	q := &question{event: e, version: p.at(e.time), models: t.models[e.org+"/"+e.program], visitors: customer.visitors, bound: customer.in(e.program).bound, cut: always}
	answer := func() bool {
		d.credit, d.bound = t.attribute(q)
		d.cut, d.verdict = q.cut, unattributed
		if d.credit.pays() {
			d.verdict = attributed
		}
		return row != nil && row.text("verdict") == d.verdict && len(t.creditDifferences(e, d, given)) == 0
	}
	if answer() {
		return
	}
	for _, cut := range t.moments(q) {
		if q.cut = cut; answer() {
			return
		}
	}
	q.cut = always
	answer()
}

// moments are those at which knowledge grew since a conversion was written.
func (t *trial) moments(q *question) []int64 {
	after := q.written - t.onItsWay
	who := []string{}
	var all []int64
	note := func(x touch) {
		who = append(who, x.referrer)
		if x.written > after {
			all = append(all, x.written)
		}
	}
	for _, visitor := range q.visitors {
		for _, x := range t.touches.find(name("visitor", q.org, q.program, visitor), 0) {
			note(x)
		}
	}
	for _, x := range t.touches.find(name("click", q.org, q.program, q.texts["click_id"]), 1) {
		note(x)
	}
	for _, h := range t.directory(q.org).listing[code{"coupon_codes", q.texts["coupon_code"]}] {
		who = append(who, h.id)
	}
	if q.bound != nil {
		for _, r := range q.bound.referrers {
			who = append(who, r.referrer)
		}
	}
	all = append(all, t.cuts(q.org, after, who...)...)
	slices.Sort(all)
	return slices.Compact(all)
}

// standing makes the conversion that counts of a decision.
func (t *trial) standing(c *catalog, e *event, d *decision, id string) *conversion {
	made := &conversion{
		place: e.place, org: t.intern(e.org), program: t.intern(e.program), id: id, customer: t.intern(e.texts["customer_id"]),
		kind: t.intern(e.texts["kind"]), name: t.intern(e.texts["name"]), metadata: e.metadata, time: e.time, version: d.near,
		rate: d.rate, currency: t.intern(e.texts["currency"]), original: e.amount, amount: d.amount, net: e.amount, attributed: d.verdict == attributed,
		states: []state{{net: d.amount, counts: true, told: true, time: e.time, turn: t.turn()}},
	}
	s := t.customer(e).in(e.program)
	if !made.attributed {
		return made
	}
	for i, r := range d.credit.referrers {
		if ppm := d.credit.ppm[d.credit.paying][i]; ppm > 0 {
			made.parties = append(made.parties, t.party(c, e, made, s, r, ppm))
		}
	}
	for _, cut := range append(t.cuts(e.org, e.written-t.onItsWay, made.customer), always) {
		made.locales = append(made.locales, t.memberAt(e.org, made.customer, e.time, cut).locale())
	}
	if s.bound == nil {
		s.bound = d.credit
	}
	return made
}

func (t *trial) turn() int {
	t.turns++
	return t.turns
}
