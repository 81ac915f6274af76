package main

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/grapevinehq/grapevine/config"
)

// kept keeps configurations by hash.
type kept map[string][]byte

var errNotKept = errors.New("not kept")

func (k kept) PutRevision(_ context.Context, hash string, source []byte) error {
	k[hash] = source
	return nil
}

func (k kept) Revision(_ context.Context, hash string) ([]byte, bool, error) {
	source, found := k[hash]
	return source, found, nil
}

func (k kept) RecordConfiguration(ctx context.Context, hash string, source []byte) error {
	return k.PutRevision(ctx, hash, source)
}

func (k kept) Configuration(_ context.Context, hash string) ([]byte, error) {
	source, found := k[hash]
	if !found {
		return nil, errNotKept
	}
	return source, nil
}

// What decided an old batch is found by a worker that never loaded it: in Redis, or
// else in the books.
func TestCatalogs_find_what_decided_before(t *testing.T) {
	file := t.TempDir() + "/programs.yaml"
	text := "version: 1\norgs:\n  - id: o\n    programs:\n      - id: p\n        versions: [{valid_from: 2026-01-01T00:00:00Z, currency: EUR}]\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	catalog, err := config.LoadPrograms(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, where := range map[string]struct{ redis, books kept }{
		"in Redis":     {kept{catalog.Revision: catalog.Source}, kept{}},
		"in the books": {kept{}, kept{catalog.Revision: catalog.Source}},
	} {
		found, err := newCatalogs(where.redis, where.books).Revision(t.Context(), catalog.Revision)
		if err != nil || found.Revision != catalog.Revision {
			t.Errorf("%s: %v, %v", name, found, err)
		}
	}
	if _, err := newCatalogs(kept{}, kept{}).Revision(t.Context(), catalog.Revision); !errors.Is(err, errNotKept) {
		t.Errorf("nowhere: %v", err)
	}
}
