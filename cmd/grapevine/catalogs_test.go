package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/grapevinehq/grapevine/config"
	"github.com/grapevinehq/grapevine/pipeline/program"
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

func (k kept) TakeUp(context.Context, *program.Catalog) error { return nil }

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

// counted counts how often it is asked.
type counted struct {
	kept
	asked int
}

func (c *counted) Revision(ctx context.Context, hash string) ([]byte, bool, error) {
	c.asked++
	return c.kept.Revision(ctx, hash)
}

func revisionOf(t *testing.T, n int) *program.Catalog {
	t.Helper()
	path := filepath.Join(t.TempDir(), "programs.yaml")
	if err := os.WriteFile(path, fmt.Appendf(nil, "version: 1\norgs: [{id: o%d}]\n", n), 0o600); err != nil {
		t.Fatal(err)
	}
	catalog, err := config.LoadPrograms(path)
	if err != nil {
		t.Fatal(err)
	}
	return catalog
}

// However often the programs change, a few revisions stay in memory; any other
// is found again.
func TestCatalogs_keep_the_present_and_a_few_earlier_ones(t *testing.T) {
	redis := &counted{kept: kept{}}
	c := newCatalogs(redis, kept{})
	var all []*program.Catalog
	for n := range 10 {
		all = append(all, revisionOf(t, n))
		if err := c.put(t.Context(), all[n]); err != nil {
			t.Fatal(err)
		}
	}
	find := func(n int) {
		t.Helper()
		found, err := c.Revision(t.Context(), all[n].Revision)
		if err != nil || found.Revision != all[n].Revision || found.Orgs[fmt.Sprintf("o%d", n)] == nil {
			t.Errorf("revision %d: %+v, %v", n, found, err)
		}
	}
	for _, n := range []int{9, 8, 7, 6, 8} { // the present one, then those before it
		find(n)
	}
	if redis.asked != 0 {
		t.Errorf("asked %d times for what is in memory", redis.asked)
	}
	find(0)
	find(0)
	find(8) // asked for later than 7 and 6
	if redis.asked != 1 || len(c.earlier) != keptEarlier {
		t.Errorf("asked %d times, %d kept", redis.asked, len(c.earlier))
	}
	find(7) // 0, 8 and 6 were asked for later
	if redis.asked != 2 {
		t.Errorf("asked %d times", redis.asked)
	}
	if _, err := c.Revision(t.Context(), "none"); err == nil {
		t.Error("a revision that nobody keeps")
	}
}
