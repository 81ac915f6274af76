package failpoint

import (
	"context"

	"github.com/grapevinehq/grapevine/pipeline/program"
)

// Revisions keep configurations in Redis.
type Revisions interface {
	PutRevision(ctx context.Context, hash string, source []byte) error
	Revision(ctx context.Context, hash string) (source []byte, found bool, err error)
}

// RevisionBooks keep them in the books.
type RevisionBooks interface {
	RecordConfiguration(ctx context.Context, revision string, source []byte) error
	Configuration(ctx context.Context, revision string) (source []byte, err error)
	TakeUp(ctx context.Context, catalog *program.Catalog) error
}

// Reloads puts points around what is kept of a configuration before it decides.
func Reloads(r Revisions, b RevisionBooks) (Revisions, RevisionBooks) {
	if !On {
		return r, b
	}
	return revisions{r}, revisionBooks{b}
}

type revisions struct{ Revisions }

// PutRevision implements Revisions.
func (r revisions) PutRevision(ctx context.Context, hash string, source []byte) error {
	return around(ctx, "programs/keep in Redis", func(ctx context.Context) error { return r.Revisions.PutRevision(ctx, hash, source) })
}

type revisionBooks struct{ RevisionBooks }

// RecordConfiguration implements RevisionBooks.
func (b revisionBooks) RecordConfiguration(ctx context.Context, revision string, source []byte) error {
	return around(ctx, "programs/insert configurations", func(ctx context.Context) error {
		return b.RevisionBooks.RecordConfiguration(ctx, revision, source)
	})
}
