// Package clicks is the stage of referral.clicks: every click gets its verdict
// (contract §3), is remembered, and becomes a row of the table clicks.
//
// It is the hot path: batches and columns, and no look-up for a click that
// nobody made before. It may know the rules of package click, the memory of
// package recall and the ports; no engine.
package clicks

import (
	"context"
	"fmt"
	"time"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/changelog"
	"github.com/grapevinehq/grapevine/pipeline/click"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/recall"
)

// Topic is the contract's name of the input.
const Topic = "referral.clicks"

// Table is what the stage writes.
const Table = "clicks"

// firstBuckets of a partition's memory: right for some 250,000 clicks, and it
// grows fourfold from there.
const firstBuckets = 1024

// Stage is the work on clicks, shared by all partitions of a worker.
type Stage struct {
	Catalogs  Catalogs
	Directory Directory
	Books     pipeline.Recorded
	Limits    event.Limits
	Recall    recall.Hasher
	// Secrets under which an ip and user agent are hashed: the one in force
	// first, then those of before that are still known.
	Secrets [][click.SecretBytes]byte
	// Retention of what was clicked, longest dedupe window included; asked for each
	// batch.
	Retention func() time.Duration
}

// Topic implements pipeline.Stage.
func (s *Stage) Topic() string { return Topic }

// WaitsFor implements pipeline.Stage: members must be known before a click of
// theirs is judged (§4).
func (s *Stage) WaitsFor() []string { return []string{"referral.members"} }

// Tables implements pipeline.Stage.
func (s *Stage) Tables() []string { return []string{Table} }

// Shared implements pipeline.Stage: nothing that clicks remember is read by
// another partition.
func (s *Stage) Shared() bool { return false }

// Claims is false: what clicks remember is their partition's own.
func (s *Stage) Claims() bool { return false }

// Retraces implements pipeline.Retraceable: what is remembered of a click follows
// from its row, see [Remembered].
func (s *Stage) Retraces(key string) bool { return recall.Retraces(key) && key != changelog.SinceKey }

var _ pipeline.Retraceable = (*Stage)(nil)

// TakeOver implements pipeline.Stage: it warms the memory of the partition.
func (s *Stage) TakeOver(ctx context.Context, p *pipeline.Session) (pipeline.Worker, error) {
	began := time.Now()
	memory, err := recall.Open(ctx, p.Memory, recall.Options{Retention: s.Retention, Buckets: firstBuckets})
	if err != nil {
		return nil, err
	}
	p.Log.Debug("the memory of clicks is warm", "clicks", memory.Len(), "took", time.Since(began))
	w := &worker{Stage: s, memory: memory}
	for _, secret := range s.Secrets {
		w.hashers = append(w.hashers, secretHasher{fingerprint(secret), click.NewHasher(secret)})
	}
	if len(w.hashers) == 0 {
		return nil, fmt.Errorf("no hash secret is set: set hash_secret")
	}
	return w, nil
}

// worker is the stage at work on one partition.
type worker struct {
	*Stage
	memory  *recall.Memory
	hashers []secretHasher

	// The bot rules of the catalog that decided last.
	catalog *program.Catalog
	agents  *click.AgentCache
	bots    *click.Bots
	// watching are its orgs whose rewards look at clicks; nil when none does.
	watching map[string]bool
}

// Decode implements pipeline.Worker. It runs ahead of the batch's other steps.
func (w *worker) Decode(bounds pipeline.Bounds, records []event.Record) (pipeline.Work, error) {
	b := &work{worker: w, bounds: bounds, records: records, clicks: make([]event.Click, len(records))}
	for i := range records {
		if problems := event.DecodeClick(&records[i], &b.clicks[i], w.Limits); len(problems) > 0 {
			if b.problems == nil {
				b.problems = make(map[int]string)
			}
			b.problems[i] = event.Detail(problems)
		}
	}
	return b, nil
}

// use makes ready what a catalog says for many batches.
func (w *worker) use(catalog *program.Catalog) error {
	if w.catalog == catalog {
		return nil
	}
	bots, err := click.NewBots(catalog.Bots)
	if err != nil {
		return fmt.Errorf("bot rules of revision %s: %w", catalog.Revision, err)
	}
	w.catalog, w.bots, w.agents = catalog, bots, click.NewAgentCache(bots)
	w.watching = watching(catalog)
	return nil
}
