package loop

import (
	"context"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/pipeline"
)

// gate is a barrier that the test opens.
type gate struct{ asked, open chan struct{} }

func (g gate) Wait(ctx context.Context, _ []string) (pipeline.Progress, error) {
	g.asked <- struct{}{}
	select {
	case <-g.open:
		return pipeline.Progress{}, nil
	case <-ctx.Done():
		return pipeline.Progress{}, ctx.Err()
	}
}

// Where no further batch shall be begun, the one at the barrier is finished if what it
// waits for is; else it is left, bound and nothing more, to whoever has the partition
// next.
func TestLoop_finishes_the_batch_in_flight_and_begins_no_other(t *testing.T) {
	for name, opens := range map[string]bool{"the barrier opens": true, "the barrier does not open": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld([]string{"a", "b", "c", "d"})
			w.budget = 1 << 30
			one := &worker{world: w, generation: 1, ending: make(chan struct{})}
			g := gate{make(chan struct{}), make(chan struct{})}
			l := newLoop(one, wordStage{}, 2)
			l.Barrier = g
			ended := make(chan error)
			go func() { ended <- l.Run(t.Context(), one) }()
			<-g.asked
			close(one.ending)
			if opens {
				time.Sleep(linger / 4)
				close(g.open)
			}
			select {
			case <-g.asked:
				t.Fatal("another batch was begun")
			case err := <-ended:
				if err != nil {
					t.Fatal(err)
				}
			case <-time.After(20 * linger):
				t.Fatal("the work does not end")
			}
			m, _ := ParseMetadata(w.metadata)
			if n := len(rows(w, "words")); opens && (!w.acknowledged(2) || n != 2) || !opens && (!m.Bound || m.Number != 1 || n != 0) {
				t.Errorf("%d rows; the commit at %d says %s", n, w.offset, w.metadata)
			}
			if err := work(t.Context(), &worker{world: w, generation: 2}, wordStage{}, 2); err != nil && t.Context().Err() != nil {
				t.Fatal(err)
			}
			if n := len(rows(w, "words")); n != 4 || !w.acknowledged(4) {
				t.Errorf("%d rows after the successor; the commit at %d says %s", n, w.offset, w.metadata)
			}
		})
	}
}
