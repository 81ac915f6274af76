package verify

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/grapevinehq/grapevine/analytics"
	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/archive"
	"github.com/grapevinehq/grapevine/pipeline/recall"
	"github.com/grapevinehq/grapevine/pipeline/state"
)

// memory is a partition's own memory, hot in Redis and archived in the books.
type memory struct {
	place place
	look  state.Look
	own   *state.Own
	books *analytics.Books
}

// memoryOf looks at a partition; nil where no worker has taken it over.
func (v *Verifier) memoryOf(ctx context.Context, p place) (*memory, error) {
	look, err := v.Redis.Look(ctx, p.partition)
	if err != nil {
		return nil, err
	}
	own := v.Redis.Own(look)
	if own == nil {
		return nil, nil
	}
	return &memory{p, look, own, v.Books}, nil
}

// values reads values that move to the archive when they are old, wherever they are.
func (m *memory) values(ctx context.Context, keys []string) ([][]byte, error) {
	values, err := m.own.Get(ctx, keys)
	if err != nil {
		return nil, err
	}
	var cold []archive.Query
	var at []int
	for i, value := range values {
		if value == nil {
			cold, at = append(cold, archive.Query{Partition: m.place.partition, Key: keys[i]}), append(at, i)
			continue
		}
		if values[i], err = archive.Unmark(value); err != nil {
			return nil, fmt.Errorf("%s: %w", keys[i], err)
		}
	}
	if len(cold) == 0 {
		return values, nil
	}
	archived, err := m.books.Archived(ctx, cold)
	if err != nil {
		return nil, err
	}
	for j, value := range archived {
		values[at[j]] = value
	}
	return values, nil
}

// installations looks whether Redis, on every shard, and the books are one
// installation's.
func (v *Verifier) installations(ctx context.Context) (f analytics.Findings, err error) {
	inBooks, err := v.Books.Installation(ctx)
	if err != nil {
		return f, err
	}
	inRedis, err := v.Redis.Installation(ctx)
	switch {
	case errors.Is(err, pipeline.ErrStateLost):
		found(&f, analytics.Finding{Text: err.Error()})
	case err != nil:
		return f, err
	case inRedis == "" && inBooks != "":
		found(&f, analytics.Finding{Text: fmt.Sprintf("Redis is empty, and the books belong to installation %s: run `grapevine rebuild`", inBooks)})
	case inRedis != inBooks:
		found(&f, analytics.Finding{Text: fmt.Sprintf("Redis belongs to installation %q, the books to %q", inRedis, inBooks)})
	}
	return f, nil
}

// journals holds marker, journal and visits in Redis against the group's commits and the
// accounts: what is acknowledged is known to every slot group, and was the same batch.
func (v *Verifier) journals(ctx context.Context, places []place, audit *analytics.Audit) (f analytics.Findings, err error) {
	accounts, err := audit.Accounts(ctx)
	if err != nil {
		return f, err
	}
	of := make(map[string]analytics.Account, len(accounts))
	for _, a := range accounts {
		of[a.Partition.String()] = a
	}
	for _, p := range places {
		if p.completed == 0 {
			continue
		}
		look, err := v.Redis.Look(ctx, p.partition)
		if err != nil {
			return f, err
		}
		for _, text := range disagrees(p, look, of[p.partition.String()]) {
			found(&f, analytics.Finding{Position: p.partition.String(), Text: text})
		}
	}
	return f, nil
}

// disagrees says what is wrong with what Redis has of a partition. It may be ahead of
// the commit, which was read before.
func disagrees(p place, look state.Look, account analytics.Account) (texts []string) {
	if !look.Known {
		return []string{fmt.Sprintf("Redis knows nothing of it, and the group has acknowledged batch %d", p.completed)}
	}
	if look.Filled < p.completed {
		texts = append(texts, fmt.Sprintf("Redis has journalled batch %d last, and the group has acknowledged batch %d", look.Filled, p.completed))
	}
	j := look.Journal
	if expected := look.Filled; look.Begun && j.Number != expected+1 || !look.Begun && j.Number != expected {
		texts = append(texts, fmt.Sprintf("its journal is of batch %d (begun: %t), its marker of batch %d", j.Number, look.Begun, look.Filled))
	}
	if account.Number > 0 && j.Number == account.Number && (j.First != account.First || j.End != account.End || j.Time != account.Time) {
		texts = append(texts, fmt.Sprintf("its journal says that batch %d is [%d, %d), the books [%d, %d)", j.Number, j.First, j.End, account.First, account.End))
	}
	for kind, visit := range map[string]*state.Visit{"claims": look.Claimed, "shared memory": look.Shared} {
		if visit != nil && visit.Number < p.completed {
			texts = append(texts, fmt.Sprintf("slot group %s has seen batch %d last in its %s, and the group has acknowledged batch %d", visit.Group, visit.Number, kind, p.completed))
		}
	}
	return texts
}

// remembered counts the events that a partition remembers against those that its
// batches took, since the oldest that it still remembers.
func (v *Verifier) remembered(ctx context.Context, places []place, scope analytics.Scope) (f analytics.Findings, err error) {
	for _, p := range append(of(places, consumers.Clicks), of(places, consumers.Conversions)...) {
		if p.completed == 0 {
			continue
		}
		m, err := v.memoryOf(ctx, p)
		if err != nil {
			return f, err
		}
		if m == nil {
			continue // journals tells
		}
		stock, ok, err := recall.Count(ctx, m.own)
		if err != nil {
			found(&f, analytics.Finding{Position: p.partition.String(), Text: err.Error()})
			continue
		}
		if !ok {
			found(&f, analytics.Finding{Position: p.partition.String(), Text: "Redis remembers no event of it at all"})
			continue
		}
		after, err := v.Redis.Look(ctx, p.partition) // what was appended meanwhile belongs to batches up to here
		if err != nil {
			return f, err
		}
		text, err := v.miscounted(ctx, p, stock, m.look.Filled, after.Filled, scope)
		if err != nil {
			return f, err
		}
		if text != "" {
			found(&f, analytics.Finding{Position: p.partition.String(), Text: text})
		}
		if len(stock.Damaged) > 0 {
			found(&f, analytics.Finding{Position: p.partition.String(), Text: "buckets of remembered events are damaged: " + strings.Join(stock.Damaged[:min(len(stock.Damaged), 10)], " ")})
		}
	}
	return f, nil
}

// miscounted compares a count of entries, taken while batches may have added to it, with
// the accounts. Of batches that were read in the very millisecond in which the oldest
// segment began, some may be before it.
func (v *Verifier) miscounted(ctx context.Context, p place, stock recall.Stock, from, to uint64, scope analytics.Scope) (string, error) {
	count := func(completed uint64) (least, most uint64, err error) {
		s := analytics.Standing{Partition: p.partition, Completed: completed}
		return v.Books.Audit([]analytics.Standing{s}, scope).Remembered(ctx, s, stock.Since.Batch)
	}
	least, _, err := count(p.completed)
	if err != nil {
		return "", err
	}
	_, most, err := count(to)
	if err != nil {
		return "", err
	}
	switch entries := uint64(max(stock.Entries, 0)); { //nolint:gosec // a count
	case entries < least:
		return fmt.Sprintf("Redis remembers %d events, and batches up to %d took %d since the oldest of them", entries, p.completed, least), nil
	case from == p.completed && to == p.completed && entries > most:
		return fmt.Sprintf("Redis remembers %d events, and batches up to %d took %d since the oldest of them", entries, p.completed, most), nil
	}
	return "", nil
}
