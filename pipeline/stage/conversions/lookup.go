package conversions

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/attribution"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/money"
	"github.com/grapevinehq/grapevine/pipeline/recall"
)

// LookUp reads all that the batch may be decided by, in a handful of round
// trips: taken events, the customers' state, touches by visitor and by click,
// coupon owners, members. What an event needs may follow from an event before it
// in the batch (a link, a binding), so it asks for all that could be needed.
func (k *work) LookUp(ctx context.Context, progress pipeline.Progress) (err error) {
	if err := k.configure(ctx); err != nil {
		return err
	}
	k.begun = nil
	k.facts, k.linked = facts{
		TimedOut: progress.TimedOut,
		Seen:     seen{slices.Clone(progress.Numbers[clicksTopic]), slices.Clone(progress.Numbers[membersTopic])},
	}, nil
	k.facts.init()
	if k.moves, err = k.archive.Plan(ctx, k.bounds, movesAtMost+movesAnEvent*len(k.records)); err != nil {
		return err
	}
	if err := k.findTaken(ctx); err != nil {
		return err
	}
	if err := k.findState(ctx); err != nil {
		return err
	}
	if err := k.findElsewhere(ctx); err != nil {
		return err
	}
	if err := k.findTouches(ctx); err != nil {
		return err
	}
	if err := k.findCoupons(ctx, progress); err != nil {
		return err
	}
	if err := k.findMembers(ctx, progress); err != nil {
		return err
	}
	return k.findStats(ctx)
}

// findTaken marks the events that were taken before this batch, and finds out
// whether they still are.
func (k *work) findTaken(ctx context.Context) error {
	var keys []recall.Key
	for i := range k.events {
		if k.events[i].program != nil {
			key, _ := k.identity(i)
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	found, err := k.taken.LookUp(ctx, keys)
	if err != nil {
		return fmt.Errorf("look up %d events that may have been taken: %w", len(keys), err)
	}
	if err := k.findRecorded(ctx); err != nil {
		return err
	}
	var reads reads
	for i := range k.events {
		if k.events[i].program == nil {
			continue
		}
		if found.Seen(k.identity(i)) {
			k.facts.Redelivered[i] = true
		} else if !k.records[i].Replayed() { // one may wait for longer than the memory reaches
			continue
		}
		reads.add(identityPrefix, k.nameOf(i))
	}
	return k.read(ctx, &reads)
}

// live goes through the events that may have an effect: a redelivery of an
// adjustment that waits may be none by the time that it is decided.
func (k *work) live(yield func(i int, e *entry) bool) {
	for i := range k.events {
		e := &k.events[i]
		if e.program == nil || k.facts.Recorded[i] || k.facts.Redelivered[i] && k.facts.Takings[k.nameOf(i)] == asRemembered {
			continue
		}
		if !yield(i, e) {
			return
		}
	}
}

// findState reads the partition's own memory of customers and conversions, and
// the archive where that has none. A conversion_id that comes for the first time
// can have no old conversion: so only those of adjustments are looked for there.
func (k *work) findState(ctx context.Context) error {
	var hot, cold reads
	adjusted := make(map[string]bool)
	for _, e := range k.live {
		hot.add(customerPrefix, e.customer)
		if e.Type != event.TypeIdentityLink {
			hot.add(standingPrefix, e.standing)
			hot.add(conversionPrefix, e.conversion)
			hot.add(waitingPrefix, e.conversion)
		}
		if e.Type == event.TypeAdjustment {
			adjusted[e.conversion] = true
		}
	}
	hot.addWaits()
	values, err := k.archive.Get(ctx, hot.keys)
	if err != nil {
		return fmt.Errorf("look up the state of customers, %d keys: %w", len(hot.keys), err)
	}
	if err := k.facts.takeAll(&hot, values); err != nil {
		return err
	}
	for i, value := range values {
		if value == nil && archived(hot.keys[i]) && (hot.prefixes[i] != conversionPrefix || adjusted[hot.names[i]]) {
			cold.add(hot.prefixes[i], hot.names[i])
		}
	}
	if values, err = k.archive.Cold(ctx, cold.keys); err != nil {
		return err
	}
	if err := k.facts.takeAll(&cold, values); err != nil {
		return err
	}
	return k.findWaiting(ctx)
}

// read reads values of the memory into the facts: those that never leave it.
func (k *work) read(ctx context.Context, reads *reads) error {
	if len(reads.keys) == 0 {
		return nil
	}
	values, err := k.session.Memory.Get(ctx, reads.keys)
	if err != nil {
		return fmt.Errorf("look up who waits, %d keys: %w", len(reads.keys), err)
	}
	return k.facts.takeAll(reads, values)
}

// takeAll decodes what was read.
func (f *facts) takeAll(reads *reads, values [][]byte) error {
	for i, value := range values {
		if value == nil {
			continue
		}
		if err := f.take(reads.prefixes[i], reads.names[i], value); err != nil {
			return fmt.Errorf("decode %s (%s): %w", reads.keys[i], reads.names[i], err)
		}
	}
	return nil
}

// reads collects keys of the memory, each once.
type reads struct {
	prefixes, names, keys []string
	seen                  map[read]bool
}

// read is one key, as it is asked for.
type read struct{ prefix, name string }

func (r *reads) add(prefix, name string) {
	if r.seen == nil {
		r.seen = make(map[read]bool)
	}
	if r.seen[read{prefix, name}] {
		return
	}
	r.seen[read{prefix, name}] = true
	r.prefixes = append(r.prefixes, prefix)
	r.names = append(r.names, name)
	r.keys = append(r.keys, memoryKey(prefix, name))
}

// addWaits adds what is known of adjustments that wait as a whole.
func (r *reads) addWaits() {
	r.key(pendingKey)
	r.key(hoursKey)
}

// key adds a key that stands for itself.
func (r *reads) key(key string) {
	r.prefixes, r.names, r.keys = append(r.prefixes, ""), append(r.names, key), append(r.keys, key)
}

// take decodes one value of the memory.
func (f *facts) take(prefix, name string, value []byte) error {
	switch prefix {
	case "": // a key that stands for itself
		if name == hoursKey {
			return decode(value, &f.Hours)
		}
		return decode(value, &f.Pending)
	case customerPrefix:
		f.Customers[name] = new(customer)
		return decode(value, f.Customers[name])
	case standingPrefix:
		f.Standings[name] = new(standing)
		return decode(value, f.Standings[name])
	case identityPrefix:
		var t taking
		if err := decode(value, &t); err != nil {
			return err
		}
		f.Takings[name] = t
		return nil
	case conversionPrefix:
		f.Conversions[name] = new(conversion)
		return decode(value, f.Conversions[name])
	default:
		var list []waiting
		if err := decode(value, &list); err != nil {
			return err
		}
		f.Waiting[name] = list
		return nil
	}
}

// findElsewhere asks the books about conversions that this partition's memory
// does not hold: an adjustment's may be another customer's on another partition.
func (k *work) findElsewhere(ctx context.Context) error {
	var queries []ConversionQuery
	var names []string
	asked := make(map[string]bool)
	for n, query := range k.settling {
		if !asked[n] {
			asked[n] = true
			names, queries = append(names, n), append(queries, query)
		}
	}
	for _, e := range k.live {
		n := e.conversion
		if e.Type != event.TypeAdjustment || k.facts.Conversions[n] != nil || asked[n] {
			continue
		}
		asked[n] = true
		names = append(names, n)
		queries = append(queries, ConversionQuery{e.Adjustment.OrgID, e.Adjustment.ProgramID, e.Adjustment.ConversionID})
	}
	if len(queries) == 0 {
		return nil
	}
	found, err := k.options.Books.Conversions(ctx, queries)
	if err != nil {
		return fmt.Errorf("look %d conversions up in the books: %w", len(queries), err)
	}
	for i, stored := range found {
		if stored.Claimed {
			k.facts.Elsewhere[names[i]] = stored
		}
	}
	return nil
}

// priced is a conversion's amount in the program's currency, and the rate. No
// rate is needed for 0 (§9 (17)); then the rate may have no numerator.
func (k *work) priced(c *event.Conversion, currency string) (money.Rate, int64, error) {
	from := c.Currency
	if from == "" {
		from = currency // of an amount of 0; a correction is in the program's then
	}
	rate, err := money.RateAt(k.catalog.Rates, from, currency, c.Time)
	if c.AmountMinor == 0 {
		if err != nil {
			rate = money.Rate{From: from, To: currency}
		}
		return rate, 0, nil
	}
	if err != nil {
		return rate, 0, err
	}
	amount, err := rate.Convert(c.AmountMinor)
	return rate, amount, err
}

// findCoupons asks who held the coupon codes of the batch.
func (k *work) findCoupons(ctx context.Context, progress pipeline.Progress) error {
	var queries []CouponQuery
	var names []string
	for _, e := range k.live {
		c := &e.Conversion
		if e.Type != event.TypeConversion || c.CouponCode == "" {
			continue
		}
		n := couponName(c)
		if _, ok := k.facts.Coupons[n]; ok {
			continue
		}
		k.facts.Coupons[n] = ""
		names = append(names, n)
		queries = append(queries, CouponQuery{c.OrgID, c.CouponCode, c.Time})
	}
	if len(queries) == 0 {
		return nil
	}
	owners, err := k.options.Directory.CouponOwners(ctx, progress, queries)
	if err != nil {
		return fmt.Errorf("look up the owners of %d coupon codes: %w", len(queries), err)
	}
	for i, owner := range owners {
		k.facts.Coupons[names[i]] = owner
	}
	return nil
}

func couponName(c *event.Conversion) string {
	return name(c.OrgID, c.CouponCode, strconv.FormatInt(c.Time, 10))
}

func memberName(orgID, memberID string, at int64) string {
	return name(orgID, memberID, strconv.FormatInt(at, 10))
}

// findMembers asks for every referrer that a conversion may credit, as of its
// time, and for its customer, whose locale the referee's reward is told in.
func (k *work) findMembers(ctx context.Context, progress pipeline.Progress) error {
	var queries []MemberQuery
	var names []string
	for e, referrers := range k.referrers {
		c := &e.Conversion
		ask := func(id string) {
			n := memberName(c.OrgID, id, c.Time)
			if _, ok := k.facts.Members[n]; ok {
				return
			}
			k.facts.Members[n] = Member{}
			names = append(names, n)
			queries = append(queries, MemberQuery{c.OrgID, id, c.Time})
		}
		ask(c.CustomerID)
		for id := range referrers {
			ask(id)
		}
	}
	if len(queries) == 0 {
		return nil
	}
	found, err := k.options.Directory.Members(ctx, progress, queries)
	if err != nil {
		return fmt.Errorf("look up %d members: %w", len(queries), err)
	}
	for i, m := range found {
		k.facts.Members[names[i]] = m
	}
	return nil
}

// referrers goes through the conversions, each with every referrer that it may
// credit. It may be bound to those of one before it in the batch.
func (k *work) referrers(yield func(e *entry, ids map[string]bool) bool) {
	possible := make(map[string]map[string]bool) // by standing: referrers so far
	for _, e := range k.live {
		if e.Type != event.TypeConversion {
			continue
		}
		ids := possible[e.standing]
		if ids == nil {
			ids = make(map[string]bool)
			possible[e.standing] = ids
		}
		k.candidates(e, ids)
		if !yield(e, ids) {
			return
		}
	}
}

// candidates adds every referrer that a conversion's own touches, coupon and
// binding name.
func (k *work) candidates(e *entry, to map[string]bool) {
	c := &e.Conversion
	if s := k.facts.Standings[e.standing]; s != nil && s.Binding != nil {
		for _, r := range s.Binding.Referrers {
			to[r.ID] = true
		}
	}
	if owner := k.facts.Coupons[couponName(c)]; c.CouponCode != "" && owner != "" {
		to[owner] = true
	}
	add := func(touches []attribution.Touch) {
		for _, t := range touches {
			to[t.ReferrerID] = true
		}
	}
	if c.ClickID != "" {
		add(k.facts.Clicks[name(c.OrgID, c.ProgramID, c.ClickID)])
	}
	for v := range k.visitors(e) {
		add(k.facts.Visitors[name(c.OrgID, c.ProgramID, v)])
	}
}
