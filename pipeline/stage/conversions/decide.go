package conversions

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/recall"
)

// Verdicts of the events of this stage: those of a conversion (§4), then those
// of the other two, then what makes a dead letter.
const (
	attributed   = "attributed"
	unattributed = "unattributed"
	inactive     = "inactive"
	duplicate    = "duplicate"

	applied = "applied" // an adjustment found its conversion
	waits   = "waiting" // an adjustment waits for it
	linked  = "linked"

	// decidedEarly marks what attribution_max_wait decided: it is appended to the
	// reason, and counted beside the verdict.
	decidedEarly = "attribution_max_wait"

	redelivered    = "redelivered"
	invalid        = "invalid"
	unknownProgram = "unknown_program"
	noExchangeRate = "no_exchange_rate"
)

// Decide decides event by event in the order of the partition: what an event
// links, binds or counts holds for those after it, in the same batch too.
func (k *work) Decide() error {
	d := newDecider(k)
	for i := range k.events {
		k.record.Decisions = append(k.record.Decisions, d.next(i))
	}
	if len(k.events) == 0 {
		k.record.Letters = append(k.record.Letters, d.expire(k.bounds.Time)...)
	}
	writes, err := d.writes()
	if err != nil {
		return fmt.Errorf("encode the state of customers: %w", err)
	}
	lists, err := d.listWrites()
	if err != nil {
		return fmt.Errorf("encode who waits: %w", err)
	}
	k.record.Writes, k.record.Moves = append(writes, lists...), k.moves
	return nil
}

// decider is one pass over a batch. It changes the facts, which nobody reads
// after it, and remembers which ones it changed.
type decider struct {
	*work
	taken      recall.Found // events taken in this batch
	dirty      map[string]func() ([]byte, error)
	expiries   []expiry        // who waits, and may run out of time in this batch
	nextExpiry int64           // the earliest deadline of them
	pended     map[string]bool // what the books are to be asked about, by name
}

// newDecider begins a pass.
func newDecider(k *work) *decider {
	d := &decider{work: k, dirty: make(map[string]func() ([]byte, error)), nextExpiry: math.MaxInt64}
	k.record, k.encoded, k.begun = record{Seen: k.facts.Seen}, nil, nil // what follows changes the facts
	d.settle()
	for _, x := range k.facts.Expiring {
		d.expiries = append(d.expiries, x)
		d.nextExpiry = min(d.nextExpiry, x.deadline())
	}
	return d
}

// next decides the next event, and what its Kafka time ends.
func (d *decider) next(i int) decision {
	letters := d.expire(d.records[i].Time)
	made := d.decide(i)
	made.Letters = append(letters, made.Letters...)
	return made
}

// decide gives an event its verdict, in the order of §9 (15).
func (d *decider) decide(i int) decision {
	e := &d.events[i]
	if e.problems != nil {
		return dead(i, invalid, event.Detail(e.problems))
	}
	if e.program == nil {
		env := e.Envelope()
		return dead(i, unknownProgram, fmt.Sprintf("org %q has no program %q", env.OrgID, env.ProgramID))
	}
	if d.seen(i) {
		return decision{Index: i, Verdict: redelivered}
	}
	var made decision
	switch e.Type {
	case event.TypeConversion:
		made = d.conversion(i, e)
	case event.TypeAdjustment:
		made = d.adjustment(i, e)
	default:
		made = d.link(i, e)
	}
	if !made.Dead { // a dead letter takes nothing (§9 (4))
		d.take(i, made.Verdict == waits)
	}
	return made
}

func dead(i int, reason, detail string) decision {
	return decision{Index: i, Verdict: reason, Reason: detail, Dead: true}
}

// link applies an identity link.
func (d *decider) link(i int, e *entry) decision {
	d.linkVisitor(e, e.Link.VisitorID)
	return decision{Index: i, Verdict: linked}
}

// linkVisitor links a visitor to the customer of an event, from here on.
func (d *decider) linkVisitor(e *entry, visitor string) {
	n := e.customer
	c := d.facts.Customers[n]
	if c == nil {
		c = new(customer)
		d.facts.Customers[n] = c
	}
	if c.link(visitor) {
		d.dirty[memoryKey(customerPrefix, n)] = func() ([]byte, error) { return encode(c) }
	}
}

// standing is the customer's in the program, to be changed.
func (d *decider) standing(e *entry) *standing {
	n := e.standing
	s := d.facts.Standings[n]
	if s == nil {
		s = new(standing)
		d.facts.Standings[n] = s
	}
	return s
}

func (d *decider) saveStanding(e *entry) {
	s := d.facts.Standings[e.standing]
	d.dirty[memoryKey(standingPrefix, e.standing)] = func() ([]byte, error) { return encode(s) }
}

func (d *decider) saveConversion(n string, c *conversion) {
	d.facts.Conversions[n] = c
	d.dirty[memoryKey(conversionPrefix, n)] = func() ([]byte, error) { return encode(c) }
}

func (d *decider) saveWaiting(n string, list []waiting) {
	d.facts.Waiting[n] = list
	d.dirty[memoryKey(waitingPrefix, n)] = func() ([]byte, error) {
		if len(list) == 0 {
			return nil, nil // nobody waits: the key goes
		}
		return encode(list)
	}
}

// writes are what the batch changed in the partition's memory, in a fixed order.
func (d *decider) writes() ([]write, error) {
	var list []write
	for _, key := range slices.Sorted(maps.Keys(d.dirty)) {
		value, err := d.dirty[key]()
		if err != nil {
			return nil, err
		}
		list = append(list, write{Key: key, Value: value})
	}
	return list, nil
}
