package analytics

import (
	"context"
	"sync"
	"time"
)

// gatherTimeout bounds one gathered query.
const gatherTimeout = time.Minute

// gather asks what several partitions want to know at once in one query: while
// one is under way, questions gather for the next. A query for the touches of
// 20,000 visitors costs little more than one for 2,000 (docs/benchmarks.md).
type gather[Q, A any] struct {
	// query answers each question, in their order.
	query func(ctx context.Context, questions []Q) ([]A, error)

	mu      sync.Mutex
	busy    bool
	waiting []*asked[Q, A]
}

// asked is one call.
type asked[Q, A any] struct {
	questions []Q
	answers   []A
	err       error
	done      chan struct{}
}

// ask returns the answers to questions, in their order. A query sees what was
// written before any of its questions was asked.
func (g *gather[Q, A]) ask(ctx context.Context, questions []Q) ([]A, error) {
	if len(questions) == 0 {
		return nil, nil
	}
	a := &asked[Q, A]{questions: questions, done: make(chan struct{})}
	g.mu.Lock()
	g.waiting = append(g.waiting, a)
	if !g.busy {
		g.busy = true
		go g.work(context.WithoutCancel(ctx)) // it serves others too, who must not fail with this one
	}
	g.mu.Unlock()
	select {
	case <-a.done:
		return a.answers, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// work sends queries until nobody waits.
func (g *gather[Q, A]) work(ctx context.Context) {
	for {
		g.mu.Lock()
		calls := g.waiting
		g.waiting = nil
		g.busy = len(calls) > 0
		g.mu.Unlock()
		if len(calls) == 0 {
			return
		}
		g.answer(ctx, calls)
	}
}

func (g *gather[Q, A]) answer(ctx context.Context, calls []*asked[Q, A]) {
	ctx, cancel := context.WithTimeout(ctx, gatherTimeout)
	defer cancel()
	var all []Q
	for _, a := range calls {
		all = append(all, a.questions...)
	}
	answers, err := g.query(ctx, all)
	for _, a := range calls {
		if a.err = err; err == nil {
			n := len(a.questions)
			a.answers, answers = answers[:n:n], answers[n:]
		}
		close(a.done)
	}
}
