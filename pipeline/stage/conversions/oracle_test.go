package conversions

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

// The oracle does with events what the contract says (§4, §9 (13) to (21), (37),
// (39)), one after the other, in fractions, with a memory without end, and by
// nothing of attribution's or money's own. It is a second reading of the same text.

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
