package consumers

import (
	"context"
	"sync"
	"time"

	"github.com/grapevinehq/grapevine/pipeline"
)

// BarrierOptions say how a barrier reads commits, and who is told of waits.
type BarrierOptions struct {
	// Completed reads the number of the last completed batch from a commit's metadata.
	Completed func(metadata string) uint64
	// Waited is told how long each wait took, if it is set.
	Waited func(time.Duration)
}

// Barrier makes a batch wait until everything that lay in other topics has been
// processed, by whichever worker (contract §4: causality before speed).
//
// What lay there is a snapshot of the last stable offsets, taken after the wait
// began. It is processed when the group's commit of every partition has reached
// it, for a commit follows all effects of what it acknowledges.
//
// All waits of a process share one poller: as long as anybody waits it asks for
// the group's commits, all in one request, and for a snapshot when somebody new
// has come.
type Barrier struct {
	cluster *Cluster
	options BarrierOptions
	mu      sync.Mutex
	waiting map[*waiter]struct{}
	wake    chan struct{}
}

var _ pipeline.Barrier = (*Barrier)(nil)

// waiter is one wait.
type waiter struct {
	topics  []string // contract's names
	targets map[topicPartition]int64
	opened  chan pipeline.Progress
	latest  pipeline.Progress // as of the last look
}

// NewBarrier makes a barrier. [Barrier.Run] must run for waits to end.
func NewBarrier(cluster *Cluster, o BarrierOptions) *Barrier {
	if o.Completed == nil {
		o.Completed = func(string) uint64 { return 0 }
	}
	if o.Waited == nil {
		o.Waited = func(time.Duration) {}
	}
	return &Barrier{cluster: cluster, options: o, waiting: make(map[*waiter]struct{}), wake: make(chan struct{}, 1)}
}

// Wait waits as long as ctx lasts (see [pipeline.Barrier]).
func (b *Barrier) Wait(ctx context.Context, topics []string) (pipeline.Progress, error) {
	return b.WaitAtMost(ctx, topics, 0)
}

// WaitAtMost waits for at most so long (0: without bound). When that ends the
// wait, the progress tells how far partitions are nevertheless, and TimedOut is set.
func (b *Barrier) WaitAtMost(ctx context.Context, topics []string, most time.Duration) (pipeline.Progress, error) {
	if len(topics) == 0 {
		return pipeline.Progress{}, nil
	}
	began := time.Now()
	defer func() { b.options.Waited(time.Since(began)) }()
	w := &waiter{topics: topics, opened: make(chan pipeline.Progress, 1)}
	b.add(w)
	var late <-chan time.Time
	if most > 0 {
		timer := time.NewTimer(most)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case progress := <-w.opened:
		return progress, nil
	case <-ctx.Done():
		b.remove(w)
		return pipeline.Progress{}, context.Cause(ctx)
	case <-late:
		progress := b.remove(w)
		progress.TimedOut = true
		return progress, nil
	}
}

func (b *Barrier) add(w *waiter) {
	b.mu.Lock()
	b.waiting[w] = struct{}{}
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// remove takes a waiter off, and returns what it saw last.
func (b *Barrier) remove(w *waiter) pipeline.Progress {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.waiting, w)
	return w.latest
}

// all lists who waits, and the new ones among them.
func (b *Barrier) all() (waiting, fresh []*waiter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for w := range b.waiting {
		waiting = append(waiting, w)
		if w.targets == nil {
			fresh = append(fresh, w)
		}
	}
	return waiting, fresh
}

// complainEvery keeps a barrier that waits for Kafka from filling the log.
const complainEvery = 5 * time.Second

// Run polls for those who wait, until ctx ends. A Kafka that is away is waited for.
func (b *Barrier) Run(ctx context.Context) error {
	between := backoff{first: 4 * time.Millisecond, most: 100 * time.Millisecond}
	var complained time.Time
	for {
		waiting, fresh := b.all()
		if len(waiting) > 0 {
			err := b.look(ctx, waiting, fresh)
			if err != nil && ctx.Err() == nil && time.Since(complained) > complainEvery {
				complained = time.Now()
				b.cluster.options.Log.Warn("the barrier waits for Kafka", "error", err)
			}
			waiting, _ = b.all()
		}
		if !b.rest(ctx, len(waiting) > 0, &between) {
			return nil
		}
	}
}

// rest waits for the next look: a while, or until somebody comes. False when ctx ended.
func (b *Barrier) rest(ctx context.Context, anyone bool, between *backoff) bool {
	var again <-chan time.Time
	if anyone {
		timer := time.NewTimer(between.next())
		defer timer.Stop()
		again = timer.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-b.wake:
		between.reset()
	case <-again:
	}
	return true
}

// look takes a snapshot for the new waiters, reads the commits, and opens for
// those whose snapshot has been reached.
func (b *Barrier) look(ctx context.Context, waiting, fresh []*waiter) error {
	if err := b.snapshot(ctx, fresh); err != nil {
		return err
	}
	partitions, err := b.cluster.partitionsOf(ctx, union(waiting))
	if err != nil {
		return err
	}
	commits, err := b.cluster.committed(ctx, partitions)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range waiting {
		if _, still := b.waiting[w]; !still {
			continue
		}
		w.latest = b.progress(w, commits)
		if w.reached(commits) {
			w.opened <- w.latest
			delete(b.waiting, w)
		}
	}
	return nil
}

// snapshot asks how far the topics that new waiters wait for reach now.
func (b *Barrier) snapshot(ctx context.Context, fresh []*waiter) error {
	if len(fresh) == 0 {
		return nil
	}
	partitions, err := b.cluster.partitionsOf(ctx, union(fresh))
	if err != nil {
		return err
	}
	ends, err := b.cluster.logOffsets(ctx, partitions, logEnd)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range fresh {
		w.targets = make(map[topicPartition]int64)
		for _, topic := range w.topics {
			name := b.cluster.options.Names.Kafka(topic)
			for p, end := range ends {
				if p.topic == name {
					w.targets[p] = end
				}
			}
		}
	}
	return nil
}

// reached tells whether every commit has reached the snapshot. Where nothing was
// ever written nothing needs to be committed.
func (w *waiter) reached(commits map[topicPartition]Commit) bool {
	for p, target := range w.targets {
		if target > 0 && commits[p].Offset < target {
			return false
		}
	}
	return true
}

// progress reads the completed batches of the topics of a waiter.
func (b *Barrier) progress(w *waiter, commits map[topicPartition]Commit) pipeline.Progress {
	numbers := make(map[string][]uint64, len(w.topics))
	for _, topic := range w.topics {
		name := b.cluster.options.Names.Kafka(topic)
		count := 0
		for p := range w.targets {
			if p.topic == name {
				count++
			}
		}
		of := make([]uint64, count)
		for i := range of {
			if commit := commits[topicPartition{name, i}]; commit.Offset >= 0 && commit.Metadata != "" {
				of[i] = b.options.Completed(commit.Metadata)
			}
		}
		numbers[topic] = of
	}
	return pipeline.Progress{Numbers: numbers}
}

// union lists the contract's names of all topics that are waited for.
func union(waiting []*waiter) []string {
	var topics []string
	seen := make(map[string]bool)
	for _, w := range waiting {
		for _, topic := range w.topics {
			if !seen[topic] {
				seen[topic] = true
				topics = append(topics, topic)
			}
		}
	}
	return topics
}
