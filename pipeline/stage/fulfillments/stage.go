package fulfillments

import (
	"context"
	"time"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/recall"
)

// Topic is the contract's name of the input.
const Topic = "referral.fulfillments"

// The tables that the stage writes.
const (
	Table        = "fulfillments"
	TableWaiting = "waiting"
)

// Wait is how long an event waits for its reward, by Kafka time.
const Wait = 72 * time.Hour

// firstBuckets of a partition's memory of events; it grows from there.
const firstBuckets = 16

// Catalogs finds the configuration that decides a batch, by its revision.
type Catalogs interface {
	Revision(ctx context.Context, hash string) (*program.Catalog, error)
}

// RewardQuery names a reward.
type RewardQuery struct {
	OrgID, ProgramID, RewardID string
}

// Reward is what the books hold of a reward; the zero Reward is unknown. Value
// is in minor units of Currency, or else in Unit.
type Reward struct {
	Known         bool   `cbor:"1,keyasint,omitempty"`
	BeneficiaryID string `cbor:"2,keyasint,omitempty"`
	Currency      string `cbor:"3,keyasint,omitempty"` // empty for quantities
	Unit          string `cbor:"4,keyasint,omitempty"`
	Remaining     int64  `cbor:"5,keyasint,omitempty"` // after its last event
	Fulfilled     int64  `cbor:"6,keyasint,omitempty"` // sum of its fulfilled events so far

	// What names it in the ledger of its beneficiary.
	Role         event.Role `cbor:"7,keyasint,omitempty"`
	RuleID       string     `cbor:"8,keyasint,omitempty"`
	OwnID        string     `cbor:"9,keyasint,omitempty"` // in its rule or tier
	TierID       string     `cbor:"10,keyasint,omitempty"`
	Period       string     `cbor:"11,keyasint,omitempty"`
	Occurrence   int64      `cbor:"12,keyasint,omitempty"`
	ConversionID string     `cbor:"13,keyasint,omitempty"` // of its first event
}

// Rewards finds rewards in the books, a whole batch at once: answer i is that of
// query i.
type Rewards interface {
	Rewards(ctx context.Context, queries []RewardQuery) ([]Reward, error)
}

// Stage is the work on fulfilments, shared by all partitions of a worker.
type Stage struct {
	Catalogs Catalogs
	Rewards  Rewards
	Books    pipeline.Recorded
	Limits   event.Limits
	Recall   recall.Hasher
	// Retention of the events that were taken, for redeliveries; asked for each
	// batch.
	Retention func() time.Duration
}

var _ pipeline.Stage = (*Stage)(nil)

// Topic implements pipeline.Stage.
func (s *Stage) Topic() string { return Topic }

// WaitsFor implements pipeline.Stage: a reward's row is written before its event
// is published, so who answers to the event finds the row.
func (s *Stage) WaitsFor() []string { return nil }

// Tables implements pipeline.Stage.
func (s *Stage) Tables() []string { return []string{Table, TableWaiting} }

// Shared implements pipeline.Stage: no other partition reads what is remembered.
func (s *Stage) Shared() bool { return false }

// Claims is false: a reward's events are of one partition.
func (s *Stage) Claims() bool { return false }

// TakeOver implements pipeline.Stage: it warms the partition's memory.
func (s *Stage) TakeOver(ctx context.Context, p *pipeline.Session) (pipeline.Worker, error) {
	memory, err := recall.Open(ctx, p.Memory, recall.Options{Retention: s.Retention, Buckets: firstBuckets})
	if err != nil {
		return nil, err
	}
	return &worker{Stage: s, session: p, memory: memory}, nil
}

// worker is the stage at work on one partition.
type worker struct {
	*Stage
	session *pipeline.Session
	memory  *recall.Memory
	looking looking
}

var _ pipeline.Timekeeper = (*worker)(nil)

// Decode implements pipeline.Worker.
func (w *worker) Decode(bounds pipeline.Bounds, records []event.Record) (pipeline.Work, error) {
	k := &work{worker: w, bounds: bounds, records: records, events: make([]event.Fulfillment, len(records)), problems: make([]string, len(records))}
	for i := range records {
		k.problems[i] = event.Detail(event.DecodeFulfillment(&records[i], &k.events[i], w.Limits))
	}
	return k, nil
}
