package pipeline

import "context"

// Memory reads and journals the state of one partition, all of it in one slot
// group, under the fence taken at takeover (state).
type Memory interface {
	Queues
	Budgets
	// Get reads values of the partition's own keys, nil where there is none.
	Get(ctx context.Context, keys []string) ([][]byte, error)
	// Tails reads the ends of values, from a byte on; nil where there is none.
	Tails(ctx context.Context, asks []TailAsk) ([][]byte, error)
	// Begin sets the begin record of a batch unless a record of it or of a later
	// batch stands, and returns what stands: bounds, facts, and the record when
	// it is filled.
	Begin(ctx context.Context, bounds Bounds, facts []byte) (Journal, error)
	// Fill journals what was decided and applies writes in the same atomic step,
	// unless a filled record of this batch stands: then that one is returned and
	// nothing is written. ErrFenced for an older generation or a batch older than
	// the one recorded; ErrStateLost when the batch before is not known.
	Fill(ctx context.Context, bounds Bounds, facts, record []byte, writes Writes) (Journal, error)
	// ApplyShared sets shared fields, by slot group, idempotent by batch number:
	// every slot group is visited by every batch, so that a lost or older shard
	// is noticed. all: visit groups without writes too.
	ApplyShared(ctx context.Context, bounds Bounds, sets []SharedSet) error
	// Claim sets each key to the record's position if absent, and tells of each
	// whether the owner is this very position. In the order of claims: of several
	// with one key the first is asked first.
	Claim(ctx context.Context, bounds Bounds, claims []Claim) ([]Claimed, error)
	// Release forgets claims of this partition whose rows the books hold, in a batch
	// that has claimed. It can be repeated: of what is released the books tell who
	// owns it. A claim of another position stays.
	Release(ctx context.Context, bounds Bounds, owned []Owned) error
}

// TailAsk asks for the bytes of a value from a place on.
type TailAsk struct {
	Key  string
	From int // bytes
}

// Queues are sorted sets of the partition's own memory: what is due by the clock,
// or waits in an order. They change with the journal ([Writes.Enqueue]).
type Queues interface {
	// Heads reads the first members of each queue, by rank and then by member.
	Heads(ctx context.Context, asks []QueueAsk) ([][]QueueMember, error)
}

// QueueAsk asks for the first members of a queue.
type QueueAsk struct {
	Key   string
	UpTo  int64 // the greatest rank that is read; math.MaxInt64 for any
	Limit int   // the most members that are read
}

// QueueMember is one member of a queue.
type QueueMember struct {
	Key    string
	Member string
	Rank   int64 // orders the queue: milliseconds since the epoch; at most 2^53 from 0
}

// Journal is the record of a partition's latest batch.
type Journal struct {
	Exists bool
	Filled bool
	Bounds Bounds
	Facts  []byte
	Record []byte
	// Encoder is the version of the record's encoding.
	Encoder int
}
