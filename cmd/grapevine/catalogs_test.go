package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/grapevinehq/grapevine/config"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// keptRevisions are the revisions of Redis and of the books at once.
type keptRevisions struct {
	sources map[string][]byte
	asked   int
}

func (k *keptRevisions) PutRevision(_ context.Context, hash string, source []byte) error {
	k.sources[hash] = source
	return nil
}

func (k *keptRevisions) Revision(_ context.Context, hash string) ([]byte, bool, error) {
	k.asked++
	source, found := k.sources[hash]
	return source, found, nil
}

func (k *keptRevisions) RecordConfiguration(_ context.Context, hash string, source []byte) error {
	return k.PutRevision(context.Background(), hash, source)
}

func (k *keptRevisions) Configuration(_ context.Context, hash string) ([]byte, error) {
	return nil, fmt.Errorf("no revision %s", hash)
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
	kept := &keptRevisions{sources: map[string][]byte{}}
	c := newCatalogs(kept, kept)
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
	if kept.asked != 0 {
		t.Errorf("asked %d times for what is in memory", kept.asked)
	}
	find(0)
	find(0)
	find(8) // asked for later than 7 and 6
	if kept.asked != 1 || len(c.earlier) != keptEarlier {
		t.Errorf("asked %d times, %d kept", kept.asked, len(c.earlier))
	}
	find(7) // 0, 8 and 6 were asked for later
	if kept.asked != 2 {
		t.Errorf("asked %d times", kept.asked)
	}
	if _, err := c.Revision(t.Context(), "none"); err == nil {
		t.Error("a revision that nobody keeps")
	}
}
