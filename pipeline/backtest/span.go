package backtest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

// chapter is a span as it was read, as long as a batch of it is to be worked.
type chapter struct {
	conversions [][]*Conversion // by batch, in the order in which they were read
	members     [][]*Member
	decisions   [][]*Decision
	clicks      [][]*Clicks
	takings     []CreditBatch
	credits     map[string]*Origin // by program and name
	others      map[otherKey]*Origin
	taken       []Credit
	moved       []Other
	visitors    map[Named][]Touch
	clickIDs    map[Named][]Touch
}

// read reads a span.
func (r *replay) read(ctx context.Context, s Span) (*chapter, error) {
	c := &chapter{credits: map[string]*Origin{}, others: map[otherKey]*Origin{}, visitors: map[Named][]Touch{}, clickIDs: map[Named][]Touch{}}
	if err := r.readEvents(ctx, s, c); err != nil {
		return nil, err
	}
	if err := r.readPlaces(ctx, s, c); err != nil {
		return nil, err
	}
	return c, r.readTouches(ctx, c)
}

// readEvents reads what happened.
func (r *replay) readEvents(ctx context.Context, s Span, c *chapter) (err error) {
	if c.conversions, err = inBatches(ctx, s, r.history.Conversions, func(v *Conversion) *Origin { return &v.Origin }); err != nil {
		return fmt.Errorf("read conversions: %w", err)
	}
	if c.members, err = inBatches(ctx, s, r.history.Members, func(v *Member) *Origin { return &v.Origin }); err != nil {
		return fmt.Errorf("read members: %w", err)
	}
	if c.decisions, err = inBatches(ctx, s, r.history.Decisions, func(v *Decision) *Origin { return &v.Origin }); err != nil {
		return fmt.Errorf("read decisions: %w", err)
	}
	if !r.org.WatchesClicks {
		return nil
	}
	if c.clicks, err = inBatches(ctx, s, r.history.Clicks, func(v *Clicks) *Origin { return &v.Origin }); err != nil {
		return fmt.Errorf("read clicks: %w", err)
	}
	return nil
}

// readPlaces reads where ledgers took what follows from it.
func (r *replay) readPlaces(ctx context.Context, s Span, c *chapter) (err error) {
	if c.taken, err = r.history.Credits(ctx, s); err != nil {
		return fmt.Errorf("read credits: %w", err)
	}
	for i := range c.taken {
		c.credits[creditKey(c.taken[i].ProgramID, c.taken[i].ID)] = &c.taken[i].Origin
	}
	if c.moved, err = r.history.Others(ctx, s); err != nil {
		return fmt.Errorf("read what else ledgers took: %w", err)
	}
	for i := range c.moved {
		o := &c.moved[i]
		key := otherKey{o.BeneficiaryID, o.DecidedAt}
		if first := c.others[key]; first == nil || o.Offset < first.Offset {
			c.others[key] = &o.Origin
		}
	}
	if c.takings, err = r.history.CreditBatches(ctx, s); err != nil {
		return fmt.Errorf("read batches of credits: %w", err)
	}
	return nil
}

// creditKey names a credit in its org.
func creditKey(program, id string) string { return program + "\x00" + id }

// otherKey names what a ledger hears of besides, as far as rows tell.
type otherKey struct {
	beneficiary string
	decidedAt   int64
}

// place is where a record was taken, nil where no row tells.
func (c *chapter) place(in *event.Inbound) *Origin {
	switch in.Type {
	case event.TypeCredit:
		return c.credits[creditKey(in.Credit.ProgramID, event.CreditID(&in.Credit))]
	case event.TypeMemberChanged:
		return c.others[otherKey{in.BeneficiaryID(), in.Changed.DecidedAt}]
	case event.TypeMemberClicked:
		return c.others[otherKey{in.BeneficiaryID(), in.Clicked.DecidedAt}]
	default:
		return c.others[otherKey{in.BeneficiaryID(), in.Decision.DecidedAt}]
	}
}

// inBatches reads rows in the order in which they were worked, batch by batch.
func inBatches[T any](ctx context.Context, s Span, read func(context.Context, Span) ([]T, error), of func(*T) *Origin) (list [][]*T, err error) {
	rows, err := read(ctx, s)
	if err != nil {
		return nil, err
	}
	order := make([]*T, len(rows))
	for i := range rows {
		order[i] = &rows[i]
	}
	slices.SortFunc(order, func(a, b *T) int { return before(of(a), of(b)) })
	for from := 0; from < len(order); {
		to := from + 1
		for to < len(order) && sameBatch(of(order[from]), of(order[to])) {
			to++
		}
		list = append(list, order[from:to:to])
		from = to
	}
	return list, nil
}

func before(a, b *Origin) int {
	return cmp.Or(
		cmp.Compare(a.At, b.At), cmp.Compare(a.Incarnation, b.Incarnation), cmp.Compare(a.Partition, b.Partition),
		cmp.Compare(a.Batch, b.Batch), cmp.Compare(a.Offset, b.Offset),
	)
}

func sameBatch(a, b *Origin) bool {
	return a.Incarnation == b.Incarnation && a.Partition == b.Partition && a.Batch == b.Batch
}

// readTouches reads those that the conversions may ask for: of every visitor whom
// anything so far, or in the chapter, links to their customers.
func (r *replay) readTouches(ctx context.Context, c *chapter) error {
	from, to := int64(math.MaxInt64), int64(math.MinInt64)
	for _, batch := range c.conversions {
		for i := range batch {
			r.links.add(&batch[i].Event)
		}
	}
	for _, batch := range c.conversions {
		for i := range batch {
			e := &batch[i].Event
			if r.org.Programs[e.Envelope().ProgramID] == nil || e.Type != event.TypeConversion {
				continue
			}
			from, to = min(from, e.Conversion.Time), max(to, e.Conversion.Time)
			for _, v := range r.links[e.CustomerID()] {
				c.visitors[Named{e.Conversion.ProgramID, v}] = nil
			}
			if e.Conversion.ClickID != "" {
				c.clickIDs[Named{e.Conversion.ProgramID, e.Conversion.ClickID}] = nil
			}
		}
	}
	if len(c.visitors) > 0 {
		touches, err := r.history.VisitorTouches(ctx, r.org.ID, from-r.catalog.LongestWindow.Milliseconds(), to, slices.Collect(maps.Keys(c.visitors)))
		if err != nil {
			return fmt.Errorf("read the touches of %d visitors: %w", len(c.visitors), err)
		}
		for _, t := range touches {
			v := Named{t.ProgramID, t.VisitorID}
			c.visitors[v] = append(c.visitors[v], t)
		}
	}
	if len(c.clickIDs) > 0 {
		touches, err := r.history.ClickTouches(ctx, r.org.ID, slices.Collect(maps.Keys(c.clickIDs)))
		if err != nil {
			return fmt.Errorf("read %d clicks that conversions name: %w", len(c.clickIDs), err)
		}
		for _, t := range touches {
			id := Named{t.ProgramID, t.ClickID}
			c.clickIDs[id] = append(c.clickIDs[id], t)
		}
	}
	return nil
}

// links are the visitors of each customer, by all that was read.
type links map[string][]string

func (l links) add(d *event.Decoded) {
	visitor := d.Conversion.VisitorID
	if d.Type == event.TypeIdentityLink {
		visitor = d.Link.VisitorID
	}
	if visitor != "" && d.Type != event.TypeAdjustment && !slices.Contains(l[d.CustomerID()], visitor) {
		l[d.CustomerID()] = append(l[d.CustomerID()], visitor)
	}
}
