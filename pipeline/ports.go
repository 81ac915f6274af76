package pipeline

import (
	"context"
	"errors"
	"time"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

// Errors that end the work on a partition.
var (
	// ErrFenced means that the partition belongs to another worker now: stop,
	// and write nothing more.
	ErrFenced = errors.New("partition is owned by another worker")
	// ErrStateLost means that Redis is empty, older than the books, or another
	// installation's: stop before anything wrong is written; `grapevine rebuild`
	// is the remedy.
	ErrStateLost = errors.New("redis lost data")
	// ErrOffsetsLost means that Kafka no longer has the offsets that a batch
	// was bound to, or that the topic was made anew or repartitioned.
	ErrOffsetsLost = errors.New("kafka lost offsets")
)

// Chunk is what one fetch brought.
type Chunk struct {
	Records []event.Record // committed records only, in order of offset
	Next    int64          // the offset to read on from, past control records, aborted transactions and compacted gaps
	Stable  int64          // the partition's last stable offset at the time of the fetch
	ReadAt  time.Time      // when the fetch was answered
}

// Source is one assigned partition under one group generation (consumers).
type Source interface {
	Partition() Partition
	// Generation is the consumer group's generation of this assignment.
	Generation() int32
	// Start is the earliest offset that Kafka still has.
	Start(ctx context.Context) (int64, error)
	// Fetch reads on from an offset: it waits up to wait for the first record
	// and then returns what is there, at most about maxBytes. An empty chunk
	// with Next == from means that nothing is there. An offset that Kafka does
	// not have (any more) is ErrOffsetsLost.
	Fetch(ctx context.Context, from int64, maxBytes int, wait time.Duration) (Chunk, error)
	// Commit commits an offset with metadata under the generation and member id;
	// ErrFenced when the group has moved on.
	Commit(ctx context.Context, offset int64, metadata string) error
	// Committed returns the group's commit of the partition; offset -1 when
	// there is none.
	Committed(ctx context.Context) (offset int64, metadata string, err error)
	// Lease is the time until which no other worker can own the partition: the
	// last acknowledged heartbeat plus the session timeout less a margin.
	Lease() time.Time
	// Ending is closed when no further batch shall be begun: the worker stops, or
	// the group rebalances. There is a while to finish the batch in flight.
	Ending() <-chan struct{}
}

// Barrier makes one topic wait for others: it returns when everything that
// lay in the named topics when it was called has been processed and
// acknowledged, by whichever worker (contract §4, causality).
type Barrier interface {
	Wait(ctx context.Context, topics []string) (Progress, error)
}

// Progress says how far partitions were processed when a barrier opened:
// batch numbers by partition, by topic, from the metadata of the commits.
type Progress struct {
	Numbers  map[string][]uint64 // contract's topic name -> by partition, the last number known complete
	TimedOut bool                // attribution_max_wait ended the wait
}

// Publisher writes messages to Kafka, acknowledged by all replicas, messages
// with equal keys in the order given.
type Publisher interface {
	Publish(ctx context.Context, messages []Message) error
}

// Books are the tables in ClickHouse (analytics).
type Books interface {
	// Write inserts a batch's blocks, each exactly once: one native block a
	// table with a deduplication token of the bounds, under a lease that
	// ClickHouse itself checks. It retries with the same token until ctx ends.
	// boundAt is the first bound's time: when it is older than half of the
	// deduplication window the table is asked for its own offsets first.
	Write(ctx context.Context, bounds Bounds, lease func() time.Time, blocks []Block) error
	// Has tells whether any table holds rows of the bounds.
	Has(ctx context.Context, bounds Bounds, tables []string) (bool, error)
}
