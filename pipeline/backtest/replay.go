package backtest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/offline"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/reward"
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

// change works a batch of members.
func (r *replay) change(ctx context.Context, c *chapter, batch []*Member) error {
	records := make([]event.Record, len(batch))
	for i := range batch {
		var err error
		if records[i], err = memberRecord(&batch[i].Update); err != nil {
			return err
		}
	}
	return r.batch(ctx, membersTopic, batch[0].At, records, c)
}

// convert works a batch of conversions.
func (r *replay) convert(ctx context.Context, batch []*Conversion) error {
	records := make([]event.Record, len(batch))
	for i := range batch {
		if batch[i].Event.Type == event.TypeConversion {
			r.decided[batch[i].Revision]++
		}
		var err error
		if records[i], err = conversionRecord(&batch[i].Event); err != nil {
			return err
		}
	}
	return r.batch(ctx, conversionsTopic, batch[0].At, records, r.books.chapter)
}

// judge works a batch of people's decisions.
func (r *replay) judge(ctx context.Context, c *chapter, batch []*Decision) error {
	records := make([]event.Record, len(batch))
	for i := range batch {
		var err error
		if records[i], err = decisionRecord(&batch[i].Event); err != nil {
			return err
		}
	}
	return r.batch(ctx, fulfillmentsTopic, batch[0].At, records, c)
}

// click lets ledgers hear of unique clicks.
func (r *replay) click(c *chapter, batch []*Clicks) error {
	records := make([]event.Record, len(batch))
	for i := range batch {
		b := batch[i]
		r.books.unique[reward.Person{OrgID: r.org.ID, ID: b.MemberID}] += b.Unique
		key, value, err := event.EncodeMemberClicked(&event.MemberClicked{
			OrgID: r.org.ID, MemberID: b.MemberID, Time: b.Time, Partition: b.Partition, Offset: b.Offset, DecidedAt: b.At,
		})
		if err != nil {
			return err
		}
		records[i] = event.Record{Time: written, Key: key, Value: value}
	}
	return r.handOver(records, batch[0].At, c)
}

// take works a batch of credits: those of its credits that there still are.
func (r *replay) take(ctx context.Context, t *taking) error {
	p := partOf(&t.Origin)
	r.taken[p] = max(r.taken[p], t.Batch)
	delete(r.opened[p], t.Batch)
	if len(t.credits) == 0 {
		return nil
	}
	slices.SortStableFunc(t.credits, func(a, b *placed) int { return cmp.Compare(a.offset, b.offset) })
	return r.batch(ctx, creditsTopic, t.At, r.took(t.credits, t), nil)
}

// batch works one batch of a topic, and plans what follows from it. Its chapter
// tells where that was taken; a batch for ledgers has none.
func (r *replay) batch(ctx context.Context, topic string, at int64, records []event.Record, c *chapter) error {
	for i := range records {
		records[i].Offset = r.written[topic]
		r.written[topic]++
	}
	done, err := r.pipeline.Work(ctx, offline.Batch{Topic: topic, Records: records, Time: at})
	if err != nil {
		return err
	}
	if err := r.file(done); err != nil {
		return err
	}
	if err := r.handOver(handed(done), at, c); err != nil {
		return err
	}
	if !r.books.arrived {
		return nil
	}
	r.books.arrived = false
	return r.clock(ctx, fulfillmentsTopic, at)
}

// file keeps what became of a batch.
func (r *replay) file(done *offline.Done) error {
	if err := r.books.write(done.Blocks); err != nil {
		return err
	}
	for _, c := range done.Counts {
		if c.Type == event.TypeConversion && refusals[c.Verdict] {
			r.refused[c.Verdict] += c.N
		}
	}
	for i := range done.Blocks {
		if done.Blocks[i].Table != "rewards" {
			continue
		}
		if err := r.rewards.won(offline.ColumnsOf(&done.Blocks[i])); err != nil {
			return err
		}
	}
	return nil
}

// refusals make dead letters of conversions that were stored once.
var refusals = map[string]bool{"unknown_program": true, "no_exchange_rate": true, "invalid": true}

// handed is what a batch publishes for ledgers.
func handed(done *offline.Done) (records []event.Record) {
	for i := range done.Messages {
		if m := &done.Messages[i]; m.Topic == creditsTopic {
			records = append(records, event.Record{Time: written, Key: m.Key, Value: m.Value, Headers: headersOf(m)})
		}
	}
	return records
}

// handOver brings what is published for ledgers to where it was taken. What no row
// tells of, as it is new or moved nothing then, goes behind what its ledger is to
// take already, with the others of its batch, or else at once.
func (r *replay) handOver(records []event.Record, at int64, c *chapter) error {
	var loose []*placed
	when := int64(latest)
	for _, rec := range records {
		var in event.Inbound
		if problems := event.DecodeCredits(&rec, &in); problems != nil {
			return fmt.Errorf("what a batch hands over is not valid: %s", event.Detail(problems))
		}
		var place *Origin
		if c != nil {
			place = c.place(&in)
		}
		p := &placed{ledger: strings.Clone(in.BeneficiaryID()), record: rec}
		if place == nil || place.Batch <= r.taken[partOf(place)] {
			loose = append(loose, p)
			continue
		}
		when, p.offset = min(when, place.At), place.Offset
		r.put(r.open(place), p)
	}
	if when == latest {
		when = at
	}
	r.loosen(loose, max(when, at))
	return nil
}

// put lets a batch take a record, and before it those that were planned by
// themselves for its ledger.
func (r *replay) put(t *taking, p *placed) {
	for _, before := range r.tails[p.ledger].loose {
		before.moved = true
		t.credits = append(t.credits, &placed{ledger: p.ledger, offset: p.offset, record: before.record})
	}
	t.credits = append(t.credits, p)
	r.tails[p.ledger] = tail{taking: t, offset: p.offset}
}

// loosen plans records by themselves, all at one time, but for those whose ledger is
// to take others before.
func (r *replay) loosen(list []*placed, when int64) {
	later := map[int64][]*placed{}
	for _, p := range list {
		last := r.tails[p.ledger]
		if last.taking != nil {
			p.offset = last.offset
			r.put(last.taking, p)
			continue
		}
		at := max(when, last.at)
		later[at] = append(later[at], p)
		r.tails[p.ledger] = tail{at: at, loose: append(last.loose, p)}
	}
	for _, at := range slices.Sorted(maps.Keys(later)) {
		r.schedule.plan(at, ofLedgers, func(ctx context.Context) error {
			records := r.took(later[at], nil)
			if len(records) == 0 {
				return nil
			}
			return r.batch(ctx, creditsTopic, at, records, nil)
		})
	}
}

// took are the records of a batch, or of none, which nothing has to stand behind any
// more.
func (r *replay) took(list []*placed, t *taking) (records []event.Record) {
	for _, p := range list {
		if p.moved {
			continue
		}
		records = append(records, p.record)
		last, pending := r.tails[p.ledger]
		if !pending || last.taking != t {
			continue
		}
		if last.loose = slices.DeleteFunc(last.loose, func(q *placed) bool { return q == p }); len(last.loose) > 0 {
			r.tails[p.ledger] = last
			continue
		}
		delete(r.tails, p.ledger)
	}
	return records
}

func headersOf(m *pipeline.Message) (headers []event.Header) {
	for _, h := range m.Headers {
		headers = append(headers, event.Header{Key: h.Key, Value: h.Value})
	}
	return headers
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

// clock does what is due on a topic.
func (r *replay) clock(ctx context.Context, topic string, at int64) error {
	for {
		due, err := r.pipeline.Due(ctx, topic, 0, at)
		if err != nil || !due {
			return err
		}
		done, err := r.pipeline.Work(ctx, offline.Batch{Topic: topic, Time: at})
		if err != nil {
			return err
		}
		if err := r.file(done); err != nil {
			return err
		}
		if err := r.handOver(handed(done), at, nil); err != nil {
			return err
		}
	}
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
