package backtest

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/offline"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// The contract's names of the topics that are worked.
const (
	membersTopic      = "referral.members"
	conversionsTopic  = "referral.conversions"
	fulfillmentsTopic = "referral.fulfillments"
	creditsTopic      = "referral.credits"
)

const (
	earliest = math.MinInt64
	latest   = math.MaxInt64
	// unforgotten is a retention that nothing outlives.
	unforgotten = 100 * 365 * 24 * time.Hour
)

// replay is one org on its way through its history. All partitions of a topic are
// one here: what goes to a ledger, or to a customer, comes in the order in which it
// came, and what partitions share, budgets and claims, in the order of the batches.
type replay struct {
	history  History
	catalog  *program.Catalog
	org      *program.Org
	now      int64
	rewards  *rewards
	refused  map[string]int // conversions, by reason
	decided  map[string]int // conversions, by the revision that decided them
	pipeline *offline.Pipeline
	books    *books
	schedule *schedule
	members  log
	links    links
	last     map[part]int64 // by partition of conversions, when the batch before was decided
	written  map[string]int64
	taken    map[part]uint64 // by partition of credits, the batch that was worked last
	opened   map[part]map[uint64]*taking
	tails    map[string]tail // by beneficiary
}

func newReplay(history History, catalog *program.Catalog, org *program.Org, now int64, rewards *rewards) *replay {
	return &replay{
		history: history, catalog: catalog, org: org, now: now, rewards: rewards, refused: map[string]int{}, decided: map[string]int{},
		schedule: newSchedule(), links: links{}, last: map[part]int64{}, written: map[string]int64{},
		taken: map[part]uint64{}, opened: map[part]map[uint64]*taking{}, tails: map[string]tail{},
	}
}

// run works all spans. told hears how many rows are done.
func (r *replay) run(ctx context.Context, spans []Span, told func(rows int)) error {
	decided, err := r.history.Decided(ctx, r.org.ID)
	if err != nil {
		return fmt.Errorf("read which rewards people decided about: %w", err)
	}
	members, err := r.history.MemberBatches(ctx, r.org.ID)
	if err != nil {
		return fmt.Errorf("read the batches of members: %w", err)
	}
	r.members, r.books = logOf(members), newBooks(r.org, decided)
	r.pipeline = offline.New(offline.Options{
		Catalog: r.catalog, Books: r.books, Retention: unforgotten, Limits: event.Limits{MaxFutureSkew: unforgotten},
	})
	for _, s := range spans {
		c, err := r.read(ctx, s)
		if err != nil {
			return err
		}
		r.plan(c)
		r.schedule.unknown = s.To
		if err := r.work(ctx, s.To); err != nil {
			return err
		}
		told(s.Rows)
	}
	r.schedule.unknown = latest
	if err := r.work(ctx, latest); err != nil {
		return err
	}
	return r.settle(ctx)
}

// plan plans the batches of a chapter.
func (r *replay) plan(c *chapter) {
	for _, batch := range c.members {
		r.schedule.decide(batch[0].At, batch[0].At, ofMembers, func(ctx context.Context) error { return r.change(ctx, c, batch) })
	}
	for _, batch := range c.clicks {
		r.schedule.decide(batch[0].At, batch[0].At, ofClicks, func(context.Context) error { return r.click(c, batch) })
	}
	for _, batch := range c.conversions {
		sight := sightOf(batch)
		r.schedule.decide(batch[0].At, r.decidedAt(batch), ofConversions, func(ctx context.Context) error {
			r.books.chapter, r.books.sight = c, sight
			defer func() { r.books.chapter, r.books.sight = nil, nil }()
			return r.convert(ctx, batch)
		})
	}
	for _, batch := range c.decisions {
		r.schedule.decide(batch[0].At, batch[0].At, ofPeople, func(ctx context.Context) error { return r.judge(ctx, c, batch) })
	}
	for i := range c.taken {
		r.open(&c.taken[i].Origin).follows(c.taken[i].DecidedAt)
	}
	for i := range c.moved {
		r.open(&c.moved[i].Origin).follows(c.moved[i].DecidedAt)
	}
	var takings []*taking
	for _, b := range c.takings {
		t := r.open(&b.Origin)
		t.CreditBatch = b
		takings = append(takings, t)
	}
	r.schedule.arrange(takings)
}

// decidedAt is when a batch of conversions was decided: not before the members were
// there that it saw, nor before the batch before it.
func (r *replay) decidedAt(batch []*Conversion) int64 {
	at, p := batch[0].At, partOf(&batch[0].Origin)
	for i := range batch {
		at = max(at, r.members.known(batch[0].At, batch[i].Seen.Members))
	}
	r.last[p] = max(r.last[p], at)
	return r.last[p]
}

// open finds a batch of credits, whether its own row was read or one of its credits.
func (r *replay) open(o *Origin) *taking {
	p := partOf(o)
	if r.opened[p] == nil {
		r.opened[p] = map[uint64]*taking{}
	}
	t := r.opened[p][o.Batch]
	if t == nil {
		t = &taking{CreditBatch: CreditBatch{Origin: *o}}
		r.opened[p][o.Batch] = t
	}
	return t
}

// work works all that was read before a time.
func (r *replay) work(ctx context.Context, before int64) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		step, taking := r.schedule.next(before)
		var err error
		switch {
		case step != nil:
			err = step.work(ctx)
		case taking != nil:
			err = r.take(ctx, taking)
		default:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// settle takes what was left, and does what is due by now.
func (r *replay) settle(ctx context.Context) error {
	for _, t := range r.left() {
		if err := r.take(ctx, t); err != nil {
			return err
		}
	}
	for _, topic := range []string{creditsTopic, fulfillmentsTopic, creditsTopic} {
		if err := r.clock(ctx, topic, r.now); err != nil {
			return err
		}
		if err := r.work(ctx, latest); err != nil {
			return err
		}
	}
	return nil
}

// left are batches of credits that no row tells of, though their credits do.
func (r *replay) left() (list []*taking) {
	for _, open := range r.opened {
		list = slices.AppendSeq(list, maps.Values(open))
	}
	slices.SortFunc(list, func(a, b *taking) int { return before(&a.Origin, &b.Origin) })
	return list
}
