package pipeline

import "context"

// Budgets are amounts that several partitions draw on, each under one atomic
// script, so that none is ever exceeded. What does not fit waits in the budget's
// queue, oldest first (contract §5, §9 (28), (29)).
type Budgets interface {
	// Draw carries out draws in their order, those of one budget one after
	// another, and answers each. The batch has begun: its begin record makes sure
	// that any other worker makes the same draws. It is idempotent: a draw that this batch made
	// before, by its ID, gets the answer that it got then. ErrFenced for an older
	// generation or batch than recorded; ErrStateLost when a budget does not know
	// the partition's draw before, or less was taken than is given back. After an
	// error some draws may have been carried out: the batch, worked again, makes
	// them again.
	Draw(ctx context.Context, bounds Bounds, draws []Draw) ([]Drawn, error)
	// Give gives back, each by a [DrawGive], what a journalled batch took from rewards.
	// It is called when the books and the topics tell of that, and not before: until
	// then the room counts as used, so what partitions have published at any moment adds
	// up to no more than the budget. It is idempotent, and refuses, as Draw does.
	Give(ctx context.Context, bounds Bounds, gives []Draw) error
	// Granted tells of each budget whether it has given room to rewards of this
	// partition that waited, and nobody has collected that yet. It writes nothing.
	Granted(ctx context.Context, budgets []string) ([]bool, error)
}

// DrawOp is what a draw does.
type DrawOp byte

// The draws. After each the budget gives its room to those who wait, oldest
// first, as long as the oldest fits. The room of a limit that is higher than
// before goes to them first, so that a draw does not take it from them.
const (
	// DrawTake takes an amount if it fits, or else joins the queue. A reward that
	// waits already leaves first.
	DrawTake DrawOp = iota + 1
	// DrawGive gives back an amount that was taken: in Draw one of which nothing was
	// ever published, else in Give.
	DrawGive
	// DrawLeave leaves the queue with what was not collected, room that was given
	// meanwhile included.
	DrawLeave
	// DrawCollect asks which rewards of this partition have been given room, of
	// [MostCollected] at most: Granted tells that there are more.
	DrawCollect
)

// MostCollected is how many grants one draw collects, so that a limit which is
// raised does not make one batch of all who waited.
const MostCollected = 1000

// Draw is one call on a budget.
type Draw struct {
	ID     string // tells the draws of a batch apart
	Budget string // whole name, with its org and period
	Limit  int64  // what the budget may come to, by the batch's configuration; minor units
	// Before is the number of the batch in which this partition last drew on the
	// budget; 0 for never. It is how a budget that Redis lost is noticed.
	Before uint64
	Op     DrawOp
	Amount int64  // above 0, in minor units of the budget's currency; DrawTake and DrawGive
	Time   int64  // of the conversion, ms: orders the queue, then Reward does; DrawTake and DrawLeave
	Reward string // the reward's id; DrawTake and DrawLeave
	Ref    string // what DrawCollect tells of the reward: where its ledger finds it; DrawTake
}

// Drawn answers a draw.
type Drawn struct {
	Taken     bool    // DrawTake: it fitted; else it waits
	Collected []Grant // DrawCollect: since the last time, in the order that they were given room
}

// Grant is room that a reward which waited was given.
type Grant struct {
	Ref    string
	Amount int64
}
