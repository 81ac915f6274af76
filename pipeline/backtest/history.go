package backtest

import (
	"context"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

// History is what the books hold. A span is of one org, and of the times at which
// batches were read; what is in it comes in any order.
type History interface {
	// Orgs that anything was recorded of, sorted.
	Orgs(ctx context.Context) ([]string, error)
	// Spans cut an org's history into pieces of about so many rows, one after the
	// other, from the first batch to the last.
	Spans(ctx context.Context, org string, rows int, clicks bool) ([]Span, error)
	// Decided are the rewards of an org that people decided about.
	Decided(ctx context.Context, org string) ([]string, error)
	// MemberBatches are all batches that changed members of the org.
	MemberBatches(ctx context.Context, org string) ([]Origin, error)
	Members(ctx context.Context, s Span) ([]Member, error)
	// Conversions are the events of that topic: conversions, adjustments, links.
	// Adjustments that waited stand where they came, not where they were applied,
	// and those that waited in vain are left out.
	Conversions(ctx context.Context, s Span) ([]Conversion, error)
	// Decisions are those of people about rewards.
	Decisions(ctx context.Context, s Span) ([]Decision, error)
	// Clicks are batches that had unique clicks of members.
	Clicks(ctx context.Context, s Span) ([]Clicks, error)
	// Credits are those that conversions of the span led to.
	Credits(ctx context.Context, s Span) ([]Credit, error)
	// Others are records for ledgers that rewards moved by, decided in the span; those
	// that are credits may be among them.
	Others(ctx context.Context, s Span) ([]Other, error)
	// CreditBatches are the batches that took any of them.
	CreditBatches(ctx context.Context, s Span) ([]CreditBatch, error)
	// VisitorTouches are the unique clicks of visitors between two times, both
	// included.
	VisitorTouches(ctx context.Context, org string, from, to int64, visitors []Named) ([]Touch, error)
	// ClickTouches are the unique clicks with a click_id, whenever they were.
	ClickTouches(ctx context.Context, org string, clicks []Named) ([]Touch, error)
	// Rewards tells of each reward of an org what it is worth now.
	Rewards(ctx context.Context, org string, take func(*Paid) error) error
}

// Span is a part of the history of an org: what was read from From up to, and not
// at, To, in milliseconds since the epoch.
type Span struct {
	Org      string
	From, To int64
	Rows     int // about
}

// Origin is where a row came from: the batch that wrote it, and the record.
type Origin struct {
	Incarnation string // of the topic
	Partition   int
	Batch       uint64
	At          int64 // when the batch was read, ms
	Offset      int64 // of the record
}

// Member is an update of a member.
type Member struct {
	Origin
	Update event.Member
}

// Conversion is an event of the conversions topic, and what it is known to have
// seen.
type Conversion struct {
	Origin
	Event event.Decoded
	// Seen names, by partition, the last batches that were sure to be known; empty
	// for what was recorded before that was kept.
	Seen struct{ Clicks, Members []uint64 }
	// Candidates are the touches that the decision knew, as referrer and click_id
	// joined by event.JoinID.
	Candidates []string
	Revision   string // of the configuration that decided it
}

// Decision is a person's decision.
type Decision struct {
	Origin
	Event event.Fulfillment
}

// Clicks are the unique clicks of one member in one batch.
type Clicks struct {
	Origin   // the offset is the last click's
	MemberID string
	Time     int64 // of the newest of them
	Unique   int64
}

// Credit is where a credit was taken.
type Credit struct {
	Origin
	ProgramID string
	ID        string // as event.CreditID
	DecidedAt int64
}

// Other is where a record for a ledger was taken that is no credit.
type Other struct {
	Origin
	BeneficiaryID string
	DecidedAt     int64 // when the batch was read that it follows from
}

// CreditBatch is a batch of credits.
type CreditBatch struct {
	Origin            // without an offset
	LastDecided int64 // when the youngest of its records was decided, as far as rows tell
}

// Named is a visitor or a click of a program.
type Named struct{ ProgramID, ID string }

// Touch is a unique click.
type Touch struct {
	Origin
	ProgramID, VisitorID, ClickID, ReferrerID string
	Time                                      int64
}

// Paid is a reward as it stands in the books.
type Paid struct {
	RewardID, ProgramID, RuleID, BeneficiaryID string
	Currency, Unit                             string
	Time                                       int64 // of the conversion of its first event
	Net, Held                                  int64
}
