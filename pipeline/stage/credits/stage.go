package credits

import (
	"context"
	"fmt"
	"time"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/archive"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/reward"
)

// The topics that the stage reads and writes (contract §2).
const (
	TopicCredits  = "referral.credits"
	TopicRewards  = "referral.rewards"
	TopicSegments = "referral.segments"
)

// The tables that the stage writes (contract §6).
const (
	TableCredits  = "credits"
	TableRewards  = "rewards"
	TableSegments = "segment_events"
)

// Catalogs finds the program configuration of a revision, as the batch's bounds
// name it.
type Catalogs interface {
	Revision(ctx context.Context, hash string) (*program.Catalog, error)
}

// Books answer what the tables hold.
type Books interface {
	// Taken tells of each credit whether the table credits has it, by (org, program,
	// conversion, sequence, role, beneficiary).
	Taken(ctx context.Context, credits []*event.Credit) ([]bool, error)
	// UniqueClicks counts the unique clicks of each member in their org.
	UniqueClicks(ctx context.Context, members []reward.Person) ([]int64, error)
}

// Stage is [pipeline.Stage] for referral.credits.
type Stage struct {
	Catalogs Catalogs
	Books    Books
	// Present is the revision of the configuration that decides new batches.
	Present func() string
	// Retention is how long the memory is sure to know the credits it took. One
	// that was decided longer before its batch, and whose conversion the memory
	// does not know, is looked up in the books before it pays.
	Retention time.Duration
	Archive   archive.Books
	// Hot is how long what is known of conversions and repeated steps stays in the
	// partition's memory after a batch wrote it last. Then it moves to the archive.
	Hot func() time.Duration
}

var _ pipeline.Stage = (*Stage)(nil)

// Topic is referral.credits.
func (s *Stage) Topic() string { return TopicCredits }

// WaitsFor is nil: what a credit needs was decided with its conversion.
func (s *Stage) WaitsFor() []string { return nil }

// Tables are credits, rewards, segment_events and the archive.
func (s *Stage) Tables() []string {
	return []string{TableCredits, TableRewards, TableSegments, archive.Table}
}

// Shared is false: no other partition reads a ledger.
func (s *Stage) Shared() bool { return false }

// Claims is false: what is shared are budgets, and they notice by themselves when
// Redis lost them.
func (s *Stage) Claims() bool { return false }

// TakeOver returns a worker. It keeps nothing between batches but the rules, and
// what lists the archive has.
func (s *Stage) TakeOver(ctx context.Context, p *pipeline.Session) (pipeline.Worker, error) {
	old, err := archive.Open(ctx, p, s.Archive, archive.Options{Moves: reward.GrowsWithConversions, Hot: s.Hot})
	if err != nil {
		return nil, fmt.Errorf("take over credits of %s: %w", p.Partition, err)
	}
	return &worker{stage: s, session: p, archive: old}, nil
}

type worker struct {
	stage   *Stage
	session *pipeline.Session
	archive *archive.Archive

	decides *program.Catalog // the last batch, by these rules
	rules   *reward.Rules
}

// rulesOf are the rules of a catalog, those of the last batch while it decides on.
func (w *worker) rulesOf(catalog *program.Catalog) *reward.Rules {
	if w.rules == nil || w.decides != catalog {
		w.decides, w.rules = catalog, reward.RulesOf(catalog)
	}
	return w.rules
}

var _ pipeline.Timekeeper = (*worker)(nil)
