package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grapevinehq/grapevine/config"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// revisions keeps configurations by hash, for batches that an earlier revision
// decided (Redis).
type revisions interface {
	PutRevision(ctx context.Context, hash string, source []byte) error
	Revision(ctx context.Context, hash string) (source []byte, found bool, err error)
}

// revisionBooks keeps them for good (ClickHouse).
type revisionBooks interface {
	RecordConfiguration(ctx context.Context, revision string, source []byte) error
	Configuration(ctx context.Context, revision string) (source []byte, err error)
	TakeUp(ctx context.Context, catalog *program.Catalog) error
}

// decider is the catalog that decides new batches.
type decider struct {
	*program.Catalog
	grace   time.Duration // the longest attribution_grace: a partition holds conversions of many programs, in order
	maxWait time.Duration // the longest attribution_max_wait, 0 when any program waits without bound
}

// catalogs finds the configuration of any revision. The present one decides new
// batches; it is kept in Redis and in the books before it decides anything.
type catalogs struct {
	redis revisions
	books revisionBooks

	current atomic.Pointer[decider]
	mutex   sync.Mutex
	earlier []*program.Catalog // that were asked for, the last first
}

// keptEarlier is how many earlier configurations are kept: batches that were
// decided by one are carried out soon after a change, and one of ten thousand
// programs takes 100 MB.
const keptEarlier = 3

func newCatalogs(redis revisions, books revisionBooks) *catalogs {
	return &catalogs{redis: redis, books: books}
}

// put makes a catalog the present one.
func (c *catalogs) put(ctx context.Context, catalog *program.Catalog) error {
	if err := c.redis.PutRevision(ctx, catalog.Revision, catalog.Source); err != nil {
		return fmt.Errorf("keep configuration %s: %w", catalog.Revision, err)
	}
	if err := c.books.RecordConfiguration(ctx, catalog.Revision, catalog.Source); err != nil {
		return fmt.Errorf("keep configuration %s: %w", catalog.Revision, err)
	}
	if err := c.books.TakeUp(ctx, catalog); err != nil {
		return err
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if before := c.current.Swap(newDecider(catalog)); before != nil && before.Revision != catalog.Revision {
		c.keep(before.Catalog)
	}
	return nil
}

// keep puts a catalog before the earlier ones, and lets go of the one that was
// not asked for the longest.
func (c *catalogs) keep(catalog *program.Catalog) {
	c.earlier = slices.DeleteFunc(c.earlier, func(e *program.Catalog) bool { return e.Revision == catalog.Revision })
	c.earlier = slices.Insert(c.earlier, 0, catalog)
	if len(c.earlier) > keptEarlier {
		c.earlier[keptEarlier] = nil
		c.earlier = c.earlier[:keptEarlier]
	}
}

func newDecider(catalog *program.Catalog) *decider {
	d := &decider{Catalog: catalog}
	bounded := true
	for _, org := range catalog.Orgs {
		for _, p := range org.Programs {
			for _, v := range p.Versions {
				d.grace = max(d.grace, v.Attribution.Grace)
				d.maxWait = max(d.maxWait, v.Attribution.MaxWait)
				bounded = bounded && v.Attribution.MaxWait > 0
			}
		}
	}
	if !bounded {
		d.maxWait = 0
	}
	return d
}

// present decides new batches.
func (c *catalogs) present() *decider { return c.current.Load() }

// revision names the present configuration.
func (c *catalogs) revision() string { return c.current.Load().Revision }

// Revision finds a configuration by its hash.
func (c *catalogs) Revision(ctx context.Context, hash string) (*program.Catalog, error) {
	if now := c.current.Load(); now != nil && now.Revision == hash {
		return now.Catalog, nil
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if i := slices.IndexFunc(c.earlier, func(e *program.Catalog) bool { return e.Revision == hash }); i >= 0 {
		catalog := c.earlier[i]
		c.keep(catalog)
		return catalog, nil
	}
	source, found, err := c.redis.Revision(ctx, hash)
	if err != nil {
		return nil, fmt.Errorf("find configuration %s: %w", hash, err)
	}
	if !found {
		if source, err = c.books.Configuration(ctx, hash); err != nil {
			return nil, fmt.Errorf("find configuration %s, which decided a batch and is not in Redis: %w", hash, err)
		}
	}
	catalog, err := config.LoadSource(source)
	if err != nil {
		return nil, fmt.Errorf("load configuration %s again: %w", hash, err)
	}
	c.keep(catalog)
	return catalog, nil
}
