// Package stages makes the five stages of the pipeline out of what they ask for:
// the same ones for a worker on its engines and for a run in one process.
//
// It may know every stage and the ports; no engine.
package stages

import (
	"context"
	"time"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/archive"
	"github.com/grapevinehq/grapevine/pipeline/attribution"
	"github.com/grapevinehq/grapevine/pipeline/click"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/recall"
	"github.com/grapevinehq/grapevine/pipeline/stage/clicks"
	"github.com/grapevinehq/grapevine/pipeline/stage/conversions"
	"github.com/grapevinehq/grapevine/pipeline/stage/credits"
	"github.com/grapevinehq/grapevine/pipeline/stage/fulfillments"
	"github.com/grapevinehq/grapevine/pipeline/stage/members"
)

// Catalogs finds the configuration that decides a batch, by its revision.
type Catalogs interface {
	Revision(ctx context.Context, hash string) (*program.Catalog, error)
}

// Books are all that stages ask of the tables.
type Books interface {
	pipeline.Recorded
	archive.Books
	attribution.Touches
	conversions.Books
	credits.Books
	fulfillments.Rewards
}

// Options are what the stages are made of.
type Options struct {
	Catalogs Catalogs
	// Present is the revision of the configuration that decides new batches.
	Present func() string
	Books   Books
	Members members.SharedReader // of the memory that partitions share
	Hasher  recall.Hasher        // of the events that were taken
	Secrets [][click.SecretBytes]byte
	Limits  event.Limits
	// Retention is how long clicks and event ids are remembered.
	Retention func() time.Duration
}

// buckets of what a partition of conversions has taken; they grow from there.
const buckets = 64

// New makes the stages, those that others wait for first.
func New(o Options) []pipeline.Stage {
	directory := directory{members.NewDirectory(o.Members, members.DefaultDirectoryLimit)}
	memory := recall.Options{Retention: o.Retention, Buckets: buckets}
	return []pipeline.Stage{
		&members.Stage{Catalogs: o.Catalogs, Reader: o.Members, Books: o.Books, Limits: o.Limits, Recall: o.Hasher, Retention: o.Retention},
		&clicks.Stage{Catalogs: o.Catalogs, Directory: directory, Books: o.Books, Limits: o.Limits, Recall: o.Hasher, Secrets: o.Secrets, Retention: o.Retention},
		conversions.New(conversions.Options{
			Catalogs: o.Catalogs, Touches: o.Books, Directory: directory, Books: o.Books, Hasher: o.Hasher, Recall: memory, Archive: o.Books, Recorded: o.Books, Hot: o.Retention, Limits: o.Limits,
		}),
		&credits.Stage{Catalogs: o.Catalogs, Books: o.Books, Present: o.Present, Retention: o.Retention(), Archive: o.Books, Hot: o.Retention},
		&fulfillments.Stage{Catalogs: o.Catalogs, Rewards: o.Books, Books: o.Books, Limits: o.Limits, Recall: o.Hasher, Retention: o.Retention},
	}
}
