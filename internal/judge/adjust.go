package judge

import (
	"fmt"
	"math"
	"strconv"
)

// patience is how long an adjustment waits for its conversion, by Kafka time, in
// milliseconds (§2).
const patience = 72 * 3600 * 1000

// pending is an adjustment that waits.
type pending struct {
	*event
	sum  digest
	done bool
}

// adjustment judges one; the answer is what became of it, empty for a dead letter.
func (t *trial) adjustment(r *Record, e *event) string {
	id := name(e.org, e.program, e.texts["conversion_id"])
	c := t.found[id]
	switch {
	case c != nil && c.customer != e.texts["customer_id"]:
		t.letters.expect(topicConversions, e.place, r.digest(), "invalid")
		return ""
	case c != nil:
		if reason := t.apply(c, e); reason != "" {
			t.letters.expect(topicConversions, e.place, r.digest(), reason)
			return ""
		}
		return typeAdjustment
	}
	w := &pending{event: e, sum: r.digest()}
	t.pending[id] = append(t.pending[id], w)
	t.queue = append(t.queue, w)
	return typeAdjustment
}

// apply adjusts a conversion (§2, §4, §9 (16)); the answer is why it cannot.
func (t *trial) apply(c *conversion, e *event) (refused string) {
	before := *c.last()
	net, cancelled := c.net, c.cancelled || e.texts["kind"] == "cancel"
	switch {
	case cancelled:
		net = 0
	case e.texts["kind"] == "correction":
		if e.amount > math.MaxInt64-net {
			return "invalid"
		}
		net = max(0, net+e.amount)
	case e.hasAmount:
		net -= min(net, e.amount)
	default:
		net = 0
	}
	if net != 0 && c.rate == nil {
		return "no_exchange_rate"
	}
	minor, ok := converted(net, c.rate)
	if !ok {
		return "invalid"
	}
	after := state{net: minor, counts: before.counts, time: e.time, turn: t.turn()}
	switch {
	case cancelled, net == 0 && c.net > 0:
		after.counts = false
	case net > 0:
		after.counts = true
	}
	after.told = after.net != before.net || after.counts != before.counts
	s := t.customer(e).in(e.program)
	if after.counts != before.counts {
		s.counted[c.kind] += map[bool]int{true: 1, false: -1}[after.counts]
	}
	row := e.textsOf(e.row(t.Topic(topicConversions)), "conversion_id", "customer_id", "kind", "reason")
	row["amount_minor"], row["original_amount_minor"], row["counts_after"] = minor-before.net, net-c.net, map[bool]int64{true: 1}[after.counts]
	row["currency"], row["day"] = c.version.Currency, dayIn(c.time, c.version.zone)
	t.adjustments[e.place] = row
	c.net, c.cancelled = net, cancelled
	c.states = append(c.states, after)
	return ""
}

// applyWaiting applies what waited for a conversion, in its order.
func (t *trial) applyWaiting(c *conversion) {
	for _, w := range t.pending[name(c.org, c.program, c.id)] {
		if w.done || w.partition != c.partition || w.texts["customer_id"] != c.customer {
			continue
		}
		w.done = true
		if reason := t.apply(c, w.event); reason != "" {
			t.letters.expect(topicConversions, w.place, w.sum, reason)
		}
	}
}

// expire ends the waiting of those for whom a record of their partition shows that
// the time is over.
func (t *trial) expire(r *Record) {
	kept := t.queue[:0]
	for _, w := range t.queue {
		switch {
		case w.done:
		case w.partition == r.Partition && r.Time-w.written >= patience:
			w.done = true
			t.letters.expect(topicConversions, w.place, w.sum, "unknown_conversion")
			delete(t.taken, name(strconv.Itoa(w.partition), "conversions", w.org, w.source, w.id, w.program, w.key))
		default:
			kept = append(kept, w)
		}
	}
	t.queue = kept
}

// stillWaiting settles what waits at the end: for a conversion of another customer
// it is invalid, else it waits on, until the clock says that it has waited long enough.
func (t *trial) stillWaiting() {
	for id, all := range t.pending {
		for _, w := range all {
			switch c := t.found[id]; {
			case w.done:
			case c != nil && c.customer != w.texts["customer_id"]:
				t.letters.expect(topicConversions, w.place, w.sum, "invalid")
			case t.rest != 0 && t.rest-w.written >= patience:
				t.letters.expect(topicConversions, w.place, w.sum, "unknown_conversion")
			default:
				t.waits[letter{topicConversions, w.place, ""}] = w.event
			}
		}
	}
}

// adjustmentRows compares the tables of adjustments and of what waits.
func (t *trial) adjustmentRows() error {
	for row, err := range t.rows("adjustments", byPlace...) {
		if err != nil {
			return err
		}
		want, ok := t.adjustments[row.place()]
		if !ok {
			t.differ("adjustments", row.place().String(), "no row, or one", "a row: "+row.String())
			continue
		}
		t.compare("adjustments", row.place().String(), want, row)
		delete(t.adjustments, row.place())
	}
	for p, want := range t.adjustments {
		t.differ("adjustments", p.String(), want, "no row")
	}
	return nil
}

// waitingRows compares the view of what waits for its conversion or its reward.
func (t *trial) waitingRows() error {
	for row, err := range t.rows("waiting") {
		if err != nil {
			return err
		}
		topic := topicConversions
		if row.text("kafka_topic") == t.Topic(topicFulfillments) {
			topic = topicFulfillments
		}
		l := letter{topic, row.place(), ""}
		e := t.waits[l]
		if e == nil {
			t.differ("waiting", l.String(), "nothing that waits, or once", row.String())
			continue
		}
		t.compare("waiting", l.String(), e.row(t.Topic(topic)), row)
		delete(t.waits, l)
	}
	for l := range t.waits {
		t.differ("waiting", l.String(), "one that waits", "none")
	}
	return nil
}

func (s state) String() string { return fmt.Sprintf("net %d, counts %v", s.net, s.counts) }
