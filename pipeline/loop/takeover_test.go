package loop

import (
	"context"
	"errors"
	"testing"

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
