package backtest

import (
	"context"
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/archive"
	"github.com/grapevinehq/grapevine/pipeline/attribution"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/offline"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/reward"
	"github.com/grapevinehq/grapevine/pipeline/stage/conversions"
	"github.com/grapevinehq/grapevine/pipeline/stages"
)

// books are what the stages ask while one org runs. The memory of the run forgets
// nothing, so nothing has to be looked up that it does not know.
type books struct {
	offline.Standings // of rewards that people decided about
	decided           map[string]bool
	arrived           bool            // the first event of one of them
	figures           offline.Figures // nil where no rule looks at them
	unique            map[reward.Person]int64

	// Of the batch of conversions that is being worked.
	chapter *chapter
	sight   *sight
}

var _ stages.Books = (*books)(nil)

func newBooks(org *program.Org, decided []string) *books {
	b := &books{Standings: offline.Standings{}, decided: map[string]bool{}, unique: map[reward.Person]int64{}}
	for _, id := range decided {
		b.decided[id] = true
	}
	for _, p := range org.Programs {
		for _, v := range p.Versions {
			if v.SegmentStats != 0 {
				b.figures = offline.Figures{}
			}
		}
	}
	return b
}

// write keeps what may be asked of the rows of a batch.
func (b *books) write(blocks []pipeline.Block) error {
	for i := range blocks {
		c := offline.ColumnsOf(&blocks[i])
		switch {
		case blocks[i].Table == "credits" && b.figures != nil:
			b.figures.Take(c)
		case blocks[i].Table == "rewards" && len(b.decided) > 0:
			known := len(b.Standings)
			b.TakeRewards(c, b.decided)
			b.arrived = b.arrived || len(b.Standings) > known
		}
		if err := c.Err(); err != nil {
			return err
		}
	}
	return nil
}

// ByVisitor implements attribution.Touches.
func (b *books) ByVisitor(_ context.Context, queries []attribution.VisitorQuery) ([][]attribution.Touch, error) {
	answers := make([][]attribution.Touch, len(queries))
	for i, q := range queries {
		touches, read := b.chapter.visitors[Named{q.ProgramID, q.VisitorID}]
		if !read {
			return nil, fmt.Errorf("the touches of visitor %q of program %s were not read", q.VisitorID, q.ProgramID)
		}
		answers[i] = b.seen(touches, q.From, q.To)
	}
	return answers, nil
}

// ByClickID implements attribution.Touches.
func (b *books) ByClickID(_ context.Context, queries []attribution.ClickQuery) ([][]attribution.Touch, error) {
	answers := make([][]attribution.Touch, len(queries))
	for i, q := range queries {
		touches, read := b.chapter.clickIDs[Named{q.ProgramID, q.ClickID}]
		if !read {
			return nil, fmt.Errorf("the touches with click_id %q of program %s were not read", q.ClickID, q.ProgramID)
		}
		answers[i] = b.seen(touches, earliest, latest)
	}
	return answers, nil
}

// seen are the touches between two times that the batch could see.
func (b *books) seen(touches []Touch, from, to int64) (found []attribution.Touch) {
	for i := range touches {
		if t := &touches[i]; from <= t.Time && t.Time <= to && b.sight.sees(t) {
			found = append(found, attribution.Touch{Time: t.Time, ClickID: t.ClickID, ReferrerID: t.ReferrerID})
		}
	}
	return found
}

// Stats implements conversions.Books.
func (b *books) Stats(_ context.Context, of program.Stats, queries []conversions.StatsQuery) ([]conversions.Stats, error) {
	return offline.StatsOf(of, queries, b.figures, b.unique), nil
}

// UniqueClicks implements credits.Books.
func (b *books) UniqueClicks(_ context.Context, members []reward.Person) ([]int64, error) {
	answers := make([]int64, len(members))
	for i, m := range members {
		answers[i] = b.unique[m]
	}
	return answers, nil
}

// Conversions implements conversions.Books: those that the memory does not know are
// not there.
func (b *books) Conversions(_ context.Context, queries []conversions.ConversionQuery) ([]conversions.Stored, error) {
	return make([]conversions.Stored, len(queries)), nil
}

// Recorded implements pipeline.Recorded, likewise.
func (b *books) Recorded(_ context.Context, _ string, queries []pipeline.EventQuery) ([]bool, error) {
	return make([]bool, len(queries)), nil
}

// Claimed implements conversions.Books, likewise.
func (b *books) Claimed(_ context.Context, queries []conversions.ClaimQuery) ([]bool, error) {
	return make([]bool, len(queries)), nil
}

// Taken implements credits.Books, likewise.
func (b *books) Taken(_ context.Context, credits []*event.Credit) ([]bool, error) {
	return make([]bool, len(credits)), nil
}

// Archived implements archive.Books, likewise.
func (b *books) Archived(_ context.Context, queries []archive.Query) ([][]byte, error) {
	return make([][]byte, len(queries)), nil
}
