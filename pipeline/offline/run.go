package offline

import (
	"context"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
)

// RunOptions say how a run works.
type RunOptions struct {
	Options           // Books are the run's own
	Partitions  int   // of each topic; 0 is 1
	BatchEvents int   // the most records of a batch; 0 is 1000
	Now         int64 // when it begins, in milliseconds since the epoch
}

// Run is a pipeline, the records that wait for it, and what came of them.
type Run struct {
	*Pipeline
	*Tables
	options RunOptions
	logs    map[place]*log

	messages map[string][]pipeline.Message
	letters  []Letter
	counts   map[pipeline.Count]int
}

// Letter is a dead letter, and where its record came from.
type Letter struct {
	pipeline.DeadLetter
	Position pipeline.Position
}

// log is one partition of a topic: the records that are not worked yet.
type log struct {
	waiting []event.Record
	next    int64 // offset
}

// NewRun makes a run without records.
func NewRun(o RunOptions) *Run {
	o.Partitions, o.BatchEvents = max(o.Partitions, 1), max(o.BatchEvents, 0)
	if o.BatchEvents == 0 {
		o.BatchEvents = 1000
	}
	r := &Run{
		Tables: NewTables(), options: o, logs: map[place]*log{},
		messages: map[string][]pipeline.Message{}, counts: map[pipeline.Count]int{},
	}
	o.Books = r.Tables
	r.Pipeline = New(o.Options)
	return r
}

// Now is the time of the next batch, in milliseconds since the epoch.
func (r *Run) Now() int64 { return r.options.Now }

// Advance moves the time of the batches that follow, never back. What is due by it
// waits for [Run.Tick].
func (r *Run) Advance(now int64) { r.options.Now = max(r.options.Now, now) }

// Produce writes records to a topic, those of one key to one partition. It gives
// them their offsets.
func (r *Run) Produce(topic string, records ...event.Record) {
	for _, rec := range records {
		r.ProduceTo(topic, int(xxhash.Sum64(rec.Key)%uint64(r.options.Partitions)), rec) //nolint:gosec // a small number
	}
}

// ProduceTo writes records to one partition of a topic.
func (r *Run) ProduceTo(topic string, partition int, records ...event.Record) {
	l := r.logs[place{topic, partition}]
	if l == nil {
		l = &log{}
		r.logs[place{topic, partition}] = l
	}
	for _, rec := range records {
		rec.Offset = l.next
		l.next++
		l.waiting = append(l.waiting, rec)
	}
}

// Waiting is how many records of a partition are not worked yet.
func (r *Run) Waiting(topic string, partition int) int {
	if l := r.logs[place{topic, partition}]; l != nil {
		return len(l.waiting)
	}
	return 0
}

// Messages are all that was published to a topic, in that order.
func (r *Run) Messages(topic string) []pipeline.Message { return r.messages[topic] }

// Letters are all dead letters, in the order in which they were written.
func (r *Run) Letters() []Letter { return r.letters }

// Count is how many events of a type got a verdict.
func (r *Run) Count(of event.Type, verdict string) int {
	return r.counts[pipeline.Count{Type: of, Verdict: verdict}]
}

// Step works one batch of at most so many records of a partition, and tells how
// many it was; the run's own number for 0. All that its topic waits for is worked
// before.
func (r *Run) Step(ctx context.Context, topic string, partition, most int) (int, error) {
	if most <= 0 {
		most = r.options.BatchEvents
	}
	n := min(most, r.Waiting(topic, partition))
	if n == 0 {
		return 0, nil
	}
	if err := r.barrier(ctx, topic); err != nil {
		return 0, err
	}
	l := r.logs[place{topic, partition}]
	batch := Batch{Topic: topic, Partition: partition, Records: l.waiting[:n:n], Time: r.options.Now}
	l.waiting = l.waiting[n:]
	return n, r.work(ctx, batch)
}

// work works a batch and files what came of it.
func (r *Run) work(ctx context.Context, b Batch) error {
	done, err := r.Work(ctx, b)
	if err != nil {
		return err
	}
	if err := r.Write(done.Bounds, done.Blocks); err != nil {
		return fmt.Errorf("write batch %d of %s: %w", done.Bounds.Number, done.Bounds.Partition, err)
	}
	for _, m := range done.Messages {
		r.messages[m.Topic] = append(r.messages[m.Topic], m)
		if r.stages[m.Topic] != nil {
			r.Produce(m.Topic, recordOf(&m, r.options.Now))
		}
	}
	for _, d := range done.DeadLetters {
		r.letters = append(r.letters, letterOf(done, d))
	}
	for _, c := range done.Counts {
		n := c.N
		c.N = 0
		r.counts[c] += n
	}
	return nil
}

// recordOf is a message as it is read again.
func recordOf(m *pipeline.Message, now int64) event.Record {
	rec := event.Record{Time: now, Key: m.Key, Value: m.Value}
	for _, h := range m.Headers {
		rec.Headers = append(rec.Headers, event.Header{Key: h.Key, Value: h.Value})
	}
	return rec
}

func letterOf(done *Done, d pipeline.DeadLetter) Letter {
	if d.Original != nil {
		return Letter{d, d.Original.Position}
	}
	at := done.Bounds.Partition
	return Letter{d, pipeline.Position{Topic: at.Topic, Partition: at.ID, Offset: done.Records[d.Index].Offset}}
}
