package members

import (
	"context"
	"time"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/recall"
)

// Topic is the contract's name of the input.
const Topic = "referral.members"

// Table is what the stage writes.
const Table = "members"

// firstBuckets of a partition's memory of updates; it grows from there.
const firstBuckets = 16

// Catalogs finds the configuration that decides a batch, by its revision.
type Catalogs interface {
	Revision(ctx context.Context, hash string) (*program.Catalog, error)
}

// Stage is the work on members, shared by all partitions of a worker.
type Stage struct {
	Catalogs Catalogs
	Reader   SharedReader
	Books    pipeline.Recorded
	Limits   event.Limits
	Recall   recall.Hasher
	// Retention of the events that were applied, for redeliveries; asked for each
	// batch.
	Retention func() time.Duration
}

var _ pipeline.Stage = (*Stage)(nil)

// Topic implements pipeline.Stage.
func (s *Stage) Topic() string { return Topic }

// WaitsFor implements pipeline.Stage: members wait for nothing.
func (s *Stage) WaitsFor() []string { return nil }

// Tables implements pipeline.Stage.
func (s *Stage) Tables() []string { return []string{Table, "dead_letters"} }

// Shared implements pipeline.Stage: clicks and conversions read what is written.
func (s *Stage) Shared() bool { return true }

// Claims is true: of two partitions that find a code taken, one reports it.
func (s *Stage) Claims() bool { return true }

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
}

// Decode implements pipeline.Worker.
func (w *worker) Decode(bounds pipeline.Bounds, records []event.Record) (pipeline.Work, error) {
	k := &work{worker: w, bounds: bounds, records: records, events: make([]event.Member, len(records)), problems: make([]string, len(records))}
	for i := range records {
		k.problems[i] = event.Detail(event.DecodeMember(&records[i], &k.events[i], w.Limits))
	}
	return k, nil
}
