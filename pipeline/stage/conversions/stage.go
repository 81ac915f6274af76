package conversions

import (
	"context"
	"fmt"
	"time"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/archive"
	"github.com/grapevinehq/grapevine/pipeline/attribution"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/recall"
)

// The contract's names of the topics that the stage reads, waits for and writes.
const (
	topic             = "referral.conversions"
	clicksTopic       = "referral.clicks"
	membersTopic      = "referral.members"
	attributionsTopic = "referral.attributions"
	creditsTopic      = "referral.credits"
)

// The tables that the stage writes.
const (
	conversionsTable  = "conversions"
	attributionsTable = "attributions"
	adjustmentsTable  = "adjustments"
	linksTable        = "identity_links"
	waitingTable      = "waiting_log"
)

// Options are what the stage is wired with.
type Options struct {
	Catalogs  Catalogs
	Touches   attribution.Touches
	Directory Directory
	Books     Books
	Hasher    recall.Hasher
	Recall    recall.Options
	Archive   archive.Books
	Recorded  pipeline.Recorded
	Limits    event.Limits
	// Hot is how long what is known of customers and conversions stays in the
	// partition's memory after a batch wrote it last, and claims after they were made.
	// Then the archive and the books know.
	Hot func() time.Duration
}

// Stage attributes conversions.
type Stage struct{ options Options }

var _ pipeline.Stage = (*Stage)(nil)

// New makes the stage.
func New(options Options) *Stage { return &Stage{options} }

// Topic is the contract's name of the input topic.
func (*Stage) Topic() string { return topic }

// WaitsFor names the topics that go before: no conversion is decided before the
// clicks and members that were in Kafka when it was read (§4).
func (*Stage) WaitsFor() []string { return []string{clicksTopic, membersTopic} }

// Tables names every table that the stage writes.
func (*Stage) Tables() []string {
	return []string{conversionsTable, attributionsTable, adjustmentsTable, linksTable, waitingTable, archive.Table}
}

// Shared is false: what other partitions read of this stage are claims alone.
func (*Stage) Shared() bool { return false }

// Claims is true: conversions and orders are claimed.
func (*Stage) Claims() bool { return true }

// TakeOver warms the memory of taken events, and opens the archive.
func (s *Stage) TakeOver(ctx context.Context, session *pipeline.Session) (pipeline.Worker, error) {
	taken, err := recall.Open(ctx, session.Memory, s.options.Recall)
	if err != nil {
		return nil, fmt.Errorf("take over conversions of %s: %w", session.Partition, err)
	}
	old, err := archive.Open(ctx, session, s.options.Archive, archive.Options{
		Moves:   func(key string) bool { return archived(key) || isOwned(key) },
		Forgets: isOwned, Hot: s.options.Hot,
	})
	if err != nil {
		return nil, fmt.Errorf("take over conversions of %s: %w", session.Partition, err)
	}
	return &worker{options: s.options, session: session, taken: taken, archive: old}, nil
}

// worker is the stage at work on one partition.
type worker struct {
	options Options
	session *pipeline.Session
	taken   *recall.Memory
	archive *archive.Archive
}

// Decode parses and validates.
func (w *worker) Decode(bounds pipeline.Bounds, records []event.Record) (pipeline.Work, error) {
	k := &work{worker: w, bounds: bounds, records: records, events: make([]entry, len(records))}
	for i := range records {
		e := &k.events[i]
		e.problems = event.DecodeConversions(&records[i], &e.Decoded, w.options.Limits)
	}
	return k, nil
}
