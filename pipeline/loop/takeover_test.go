package loop

import (
	"context"
	"errors"
	"testing"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
)

// A batch of records begins where one by the clock was made, and so do that one's
// rows: they are no sign of a lost journal.
func TestTakeOver_finds_a_bound_batch_after_one_by_the_clock(t *testing.T) {
	stage := wordStage{timers: true}
	w := newWorld([]string{"a"})
	w.budget = 1 << 30
	if err := work(t.Context(), &worker{world: w, generation: 1}, stage, 3); err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if len(rows(w, "told")) != 1 {
		t.Fatal("nothing was done by the clock")
	}
	w.log = append(w.log, event.Record{Offset: 1, Time: 1, Value: []byte("b")})
	w.budget, w.after = 1, true // after the bound
	if err := work(t.Context(), &worker{world: w, generation: 2}, stage, 3); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	w.budget = 1 << 30
	if err := work(t.Context(), &worker{world: w, generation: 3}, stage, 3); err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if got := rows(w, "words"); len(got) != 2 {
		t.Errorf("the books hold %v", got)
	}
}

// sleeper is a worker that sleeps in its takeover, while another one works.
type sleeper struct {
	*worker
	asked  int // how often it asked for its commit
	sleep  func()
	before bool // it sleeps before it asks the books, not before it asks for the commit again
}

func (s *sleeper) Committed(ctx context.Context) (int64, string, error) {
	if s.asked++; s.asked == 2 && !s.before {
		s.sleep()
	}
	return s.worker.Committed(ctx)
}

func (s *sleeper) Has(ctx context.Context, b pipeline.Bounds, tables []string) (bool, error) {
	if s.before {
		s.sleep()
	}
	return s.worker.Has(ctx, b, tables)
}

// Commit refuses whose generation is over, as Kafka does.
func (s *sleeper) Commit(ctx context.Context, offset int64, metadata string) error {
	if s.world.fence > s.generation {
		return pipeline.ErrFenced
	}
	return s.worker.Commit(ctx, offset, metadata)
}

// Who slept between the journal and the commit, or the books, finds what others did
// meanwhile. It has lost the partition, and nobody has lost data.
func TestTakeOver_takes_the_work_of_others_for_no_loss(t *testing.T) {
	for name, before := range map[string]bool{"the commit": false, "the books": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld([]string{"a", "b"})
			w.budget = 1 << 30
			w.offset, w.metadata = 0, boundMetadata(pipeline.Bounds{Number: 1, End: 1})
			s := &sleeper{worker: &worker{world: w, generation: 2}, before: before}
			s.sleep = func() {
				if err := work(t.Context(), &worker{world: w, generation: 3}, wordStage{}, 1); err != nil && !errors.Is(err, context.Canceled) {
					t.Fatal(err)
				}
			}
			l := newLoop(s.worker, wordStage{}, 1)
			l.Books = s
			if err := l.runOnce(t.Context(), s, l.Log); !errors.Is(err, pipeline.ErrFenced) || errors.Is(err, pipeline.ErrStateLost) {
				t.Errorf("it says: %v", err)
			}
			if got := rows(w, "words"); len(got) != 2 {
				t.Errorf("the books hold %v", got)
			}
		})
	}
}
