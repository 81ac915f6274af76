package pipeline

import (
	"context"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

// Stage is what the batch loop does with one input topic. There is one for
// each of clicks, conversions, members, fulfillments and credits.
type Stage interface {
	// Topic is the contract's name of the input topic.
	Topic() string
	// WaitsFor names the topics whose records must have been processed before a
	// batch of this one may be looked up (the barrier of contract §4).
	WaitsFor() []string
	// Tables names every table that the stage writes, for the question whether
	// the books hold a batch that Redis does not know.
	Tables() []string
	// Shared tells whether the stage writes memory that other partitions read:
	// then each of its batches visits every slot group.
	Shared() bool
	// Claims tells whether the stage claims ids that partitions share: then each of
	// its batches with a begin record visits every slot group. One that only draws
	// on budgets begins without.
	Claims() bool
	// TakeOver readies what the stage remembers of a partition in this process.
	TakeOver(ctx context.Context, p *Session) (Worker, error)
}

// Retraceable is a Stage of whose memory some can be made again from the rows that
// its batches write to the books. The changelog leaves that out.
type Retraceable interface {
	Stage
	// Retraces tells whether the value of a key can be made again.
	Retraces(key string) bool
}

// Worker is a stage at work on one partition, under one generation. Its calls
// come from one goroutine, but for Decode, which runs ahead of them.
type Worker interface {
	// Decode parses and validates; it is pure, and runs while the batch before
	// is still being written. It keeps the records.
	Decode(bounds Bounds, records []event.Record) (Work, error)
}

// Timekeeper is a Worker whose memory holds what is due by the clock. When a
// partition is consumed to its end and all of its batches are done, the loop asks
// it now and then, and makes a batch without records of what is due: bounded by a
// commit of the same offset, with a number and a time like any other, the time
// being the cut.
type Timekeeper interface {
	// Due tells whether a batch at this time, in milliseconds since the epoch,
	// would have anything to do.
	Due(ctx context.Context, now int64) (bool, error)
}

// Work is one batch on its way through the stages of the loop. The loop calls
// the methods in this order:
//
//	LookUp -> [Facts | TakeFacts -> Claim] -> Decide -> Record -> TakeRecord -> Outcome
//
// and on a replay of a journalled batch only TakeRecord -> Outcome.
type Work interface {
	// LookUp reads what Redis and the books remember of the batch's keys. It
	// writes nothing.
	LookUp(ctx context.Context, progress Progress) error
	// Facts returns what LookUp found, encoded, when the batch must claim ids
	// that several partitions share; nil when it claims nothing.
	Facts() ([]byte, error)
	// TakeFacts replaces what LookUp found by what the begin record holds.
	TakeFacts(facts []byte) error
	// Claim claims shared ids: set if absent, the owner being the record's
	// position. It is sent only after the begin record was answered.
	Claim(ctx context.Context) error
	// Decide computes verdicts and all that follows from them. It is pure.
	Decide() error
	// Record encodes what was decided: all that a replay by another worker needs
	// beside the input records.
	Record() ([]byte, error)
	// TakeRecord takes a journalled record, the own or another worker's: from
	// here on only the record counts.
	TakeRecord(record []byte) error
	// Outcome is what the record makes of the input. A replay may have to find
	// the configuration that decided it.
	Outcome(ctx context.Context) (Outcome, error)
}

// Outcome is what a decided batch does.
type Outcome struct {
	Writes      Writes       // the partition's own memory in Redis, atomic with the journal
	Shared      []SharedSet  // memory that other partitions read, by slot group
	Blocks      []Block      // the books, in this order
	Messages    []Message    // what is published, after the books
	DeadLetters []DeadLetter // published with the original bytes, and written to dead_letters
	Gives       []Draw       // what budgets get back, when all of the above is done
	Counts      []Count      // for the metrics: events by type and verdict
}

// Writes changes the partition's own memory, all in the partition's slot
// group. Keys are relative: the state adds its prefix.
type Writes struct {
	Set    []KeyValue // set a value
	Append []KeyValue // append to a packed bucket
	Delete []string
	// Queues, after all other writes: first who leaves one (Rank is not looked
	// at), then who joins one or moves in it.
	Dequeue []QueueMember
	Enqueue []QueueMember
}

// KeyValue is one write.
type KeyValue struct {
	Key   string
	Value []byte
}

// SharedSet sets one field of a hash in the slot group of its key (Value nil:
// removes it).
type SharedSet struct {
	Key, Field string
	Value      []byte
}

// Count adds N to the counter of a verdict.
type Count struct {
	Type    event.Type
	Verdict string
	N       int
}
