package offline

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/click"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/recall"
	"github.com/grapevinehq/grapevine/pipeline/stages"
	"github.com/grapevinehq/grapevine/pipeline/volatile"
)

// Options say how a pipeline works.
type Options struct {
	// Catalog decides until [Pipeline.Decide] names another.
	Catalog *program.Catalog
	// Books answer what stages ask of the tables.
	Books stages.Books
	// Retention is how long clicks and event ids are remembered; 0 is 72 hours
	// beyond the longest dedupe window of the catalog.
	Retention time.Duration
	// Limits of events; the zero value is event.DefaultLimits.
	Limits event.Limits
	// Replay lets every batch be carried out a second time, from its journal and by
	// a worker that has just taken over, as after a crash.
	Replay bool
	// Log gets what stages tell; nil is nowhere.
	Log *slog.Logger
}

// Pipeline is the stages at work on partitions, all in this process.
type Pipeline struct {
	options  Options
	stages   map[string]pipeline.Stage // by the topic's name in the contract
	topics   []string                  // those that others wait for first
	store    *volatile.Store
	catalogs catalogs
	parts    map[place]*partition
	done     map[string][]uint64 // by topic and partition, the last batch: how far the barrier lets others see
}

// place is a partition of a topic.
type place struct {
	topic     string
	partition int
}

// New makes a pipeline that has worked nothing yet.
func New(o Options) *Pipeline {
	if o.Limits == (event.Limits{}) {
		o.Limits = event.DefaultLimits
	}
	if o.Retention == 0 {
		o.Retention = o.Catalog.LongestDedupeWindow + 72*time.Hour
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	p := &Pipeline{
		options: o, stages: map[string]pipeline.Stage{}, store: volatile.New(),
		catalogs: catalogs{}, parts: map[place]*partition{}, done: map[string][]uint64{},
	}
	p.Decide(o.Catalog)
	for _, s := range stages.New(stages.Options{
		Catalogs: p.catalogs, Present: func() string { return p.options.Catalog.Revision },
		Books: o.Books, Members: p.store, Limits: o.Limits,
		Hasher: recall.NewHasher([16]byte{}), Secrets: [][click.SecretBytes]byte{{}}, // nobody sees them
		Retention: func() time.Duration { return o.Retention },
	}) {
		p.stages[s.Topic()] = s
		p.topics = append(p.topics, s.Topic())
	}
	return p
}

// catalogs are the configurations that have decided, by revision.
type catalogs map[string]*program.Catalog

// Revision implements stages.Catalogs.
func (c catalogs) Revision(_ context.Context, hash string) (*program.Catalog, error) {
	if found := c[hash]; found != nil {
		return found, nil
	}
	return nil, fmt.Errorf("configuration %s has not decided here", hash)
}

// Decide makes a catalog decide from the next batch on.
func (p *Pipeline) Decide(catalog *program.Catalog) {
	p.options.Catalog = catalog
	p.catalogs[catalog.Revision] = catalog
}

// Remembered tells all that the partitions remember: two pipelines that came to the
// same end have equal ones.
func (p *Pipeline) Remembered() string { return p.store.String() }

// progress is what the barrier tells a stage: all that was worked of the topics
// that it waits for.
func (p *Pipeline) progress(of pipeline.Stage) pipeline.Progress {
	numbers := map[string][]uint64{}
	for _, topic := range of.WaitsFor() {
		numbers[topic] = p.done[topic]
	}
	return pipeline.Progress{Numbers: numbers}
}

// worked notes a batch that is done.
func (p *Pipeline) worked(b pipeline.Bounds) {
	done := p.done[b.Partition.Topic]
	for len(done) <= b.Partition.ID {
		done = append(done, 0)
	}
	done[b.Partition.ID] = b.Number
	p.done[b.Partition.Topic] = done
}
