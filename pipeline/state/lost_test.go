package state_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/state"
)

// lossGroup is the slot group that loses its data where one does.
const lossGroup = "{g42}"

// snapshot remembers the value of every key, as a backup does.
func snapshot(t testing.TB, client *redis.Client) map[string]string {
	t.Helper()
	keys, err := client.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	values := make(map[string]string, len(keys))
	for _, key := range keys {
		if values[key], err = client.Dump(t.Context(), key).Result(); err != nil {
			t.Fatal(err)
		}
	}
	return values
}

// remove deletes every key of that prefix.
func remove(t testing.TB, client *redis.Client, prefix string) {
	t.Helper()
	keys, err := client.Keys(t.Context(), prefix+"*").Result()
	if err == nil && len(keys) > 0 {
		err = client.Del(t.Context(), keys...).Err()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// restore goes back to a snapshot, for the keys of that prefix.
func restore(t testing.TB, client *redis.Client, prefix string, values map[string]string) {
	t.Helper()
	remove(t, client, prefix)
	for key, value := range values {
		if !strings.HasPrefix(key, prefix) {
			continue
		}
		if err := client.Restore(t.Context(), key, 0, value).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// homeOf is the tag of the slot group of the partition's own memory.
func homeOf(t testing.TB, client *redis.Client, p pipeline.Partition) string {
	t.Helper()
	keys, err := client.Keys(t.Context(), "*:journal:"+p.Incarnation+"/*").Result()
	if err != nil || len(keys) != 1 {
		t.Fatalf("the journal's key: %v, %v", keys, err)
	}
	return keys[0][:5]
}

// conversions is a partition whose batches claim, journal and share.
type conversions struct {
	store  *state.Store
	client *redis.Client
	p      pipeline.Partition
	memory pipeline.Memory
	keys   []string
	// budgets that are drawn on in every batch, and never, in the group that is
	// lost and in the partition's own
	budgets, unused []string
}

func newConversions(t testing.TB) *conversions {
	store, client := alone(t)
	c := &conversions{store: store, client: client, p: somePartition()}
	for i := range 3000 { // some in every slot group
		c.keys = append(c.keys, fmt.Sprintf("k%d", i))
	}
	c.memory, _ = takeOver(t, store, c.p, 1)
	for _, tag := range []string{lossGroup, groupTag(fmt.Sprintf("%s/%d", c.p.Incarnation, c.p.ID))} {
		c.budgets = append(c.budgets, budgetIn(tag, "acme"))
		c.unused = append(c.unused, budgetIn(tag, "anew"))
	}
	return c
}

// budgetIn is the name of a budget that lies in a slot group.
func budgetIn(tag, org string) string {
	for i := 0; ; i++ {
		if name := fmt.Sprintf("%s/%d", org, i); groupTag(name) == tag {
			return name
		}
	}
}

// takes takes from each budget.
func takes(n, before uint64, budgets []string) []pipeline.Draw {
	var draws []pipeline.Draw
	for _, budget := range budgets {
		draws = append(draws, onBudget(budget, before, []pipeline.Draw{take("1", 2, 1, int64(n), fmt.Sprintf("r%d", n))})...)
	}
	return draws
}

func (c *conversions) work(t testing.TB, from, to uint64) {
	t.Helper()
	for n := from; n <= to; n++ {
		claim(t, c.memory, batch(c.p, n), nil)
		if _, err := c.memory.Begin(t.Context(), batch(c.p, n), nil); err != nil {
			t.Fatal(err)
		}
		if _, err := c.memory.Draw(t.Context(), batch(c.p, n), takes(n, n-1, c.budgets)); err != nil {
			t.Fatal(err)
		}
		fill(t, c.memory, c.p, n, n)
		share(t, c.memory, batch(c.p, n))
	}
}

func TestLost_data_is_noticed_by_every_step(t *testing.T) {
	const own, visits = "begin fill draw takeover ", "claim share read check late "
	losses := []struct {
		name    string
		lose    func(t *testing.T, c *conversions, old map[string]string)
		notices string // the steps that must notice
	}{
		{"everything flushed", func(t *testing.T, c *conversions, _ map[string]string) {
			remove(t, c.client, "")
		}, own + visits + "granted anew"},
		{"everything older", func(t *testing.T, c *conversions, old map[string]string) {
			restore(t, c.client, "", old)
		}, "begin fill draw " + visits}, // a takeover finds an older journal: only the commit tells
		{"another installation", func(t *testing.T, c *conversions, _ map[string]string) {
			remove(t, c.client, "")
			initialised(t, c.client)
		}, own + visits + "granted anew"},
		{"one group deleted", func(t *testing.T, c *conversions, _ map[string]string) {
			remove(t, c.client, lossGroup)
		}, visits + "granted anew"},
		{"one group older", func(t *testing.T, c *conversions, old map[string]string) {
			restore(t, c.client, lossGroup, old)
		}, visits},
		{"the own group deleted", func(t *testing.T, c *conversions, _ map[string]string) {
			remove(t, c.client, homeOf(t, c.client, c.p))
		}, own + visits + "granted anew"},
		{"the own group older", func(t *testing.T, c *conversions, old map[string]string) {
			restore(t, c.client, homeOf(t, c.client, c.p), old)
		}, "begin fill draw " + visits},
		{"the journal deleted", func(t *testing.T, c *conversions, _ map[string]string) {
			remove(t, c.client, homeOf(t, c.client, c.p)+":journal:")
		}, own},
	}
	for _, loss := range losses {
		t.Run(loss.name, func(t *testing.T) {
			c := newConversions(t)
			c.work(t, 1, 2)
			old := snapshot(t, c.client)
			c.work(t, 3, 4)
			loss.lose(t, c, old)
			for name, step := range c.steps(t, 5) {
				if strings.Contains(loss.notices, name) {
					wantError(t, name, step(), pipeline.ErrStateLost)
				}
			}
		})
	}
}

// steps are all that rests on what is remembered of the batches before n.
func (c *conversions) steps(t testing.TB, n uint64) map[string]func() error {
	ctx := t.Context()
	return map[string]func() error{
		"begin": func() error { _, err := c.memory.Begin(ctx, batch(c.p, n), nil); return err },
		"fill": func() error {
			_, err := c.memory.Fill(ctx, batch(c.p, n), nil, nil, pipeline.Writes{})
			return err
		},
		"claim": func() error { _, err := c.memory.Claim(ctx, batch(c.p, n), nil); return err },
		"draw":  func() error { _, err := c.memory.Draw(ctx, batch(c.p, n), takes(n, n-1, c.budgets)); return err },
		"late": func() error {
			_, err := state.DrawLate(ctx, c.memory, batch(c.p, n), takes(n, n-1, c.budgets))
			return err
		},
		"anew": func() error {
			_, err := state.DrawLate(ctx, c.memory, batch(c.p, n), takes(n, 0, c.unused))
			return err
		},
		"granted":  func() error { _, err := c.memory.Granted(ctx, c.budgets); return err },
		"share":    func() error { return c.memory.ApplyShared(ctx, batch(c.p, n), nil) },
		"read":     func() error { _, err := reader(c.store, c.p).ReadShared(ctx, progress(n-1), c.keys); return err },
		"check":    func() error { return c.store.CheckShared(ctx, c.p, n) },
		"takeover": func() error { _, _, err := c.store.TakeOver(ctx, c.p, 1, refuse); return err },
	}
}

func TestInstallation_tells_new_whole_and_lost_apart(t *testing.T) {
	store, client := alone(t)
	id, err := store.Installation(t.Context())
	if err != nil || id == "" {
		t.Fatalf("installation %q, %v", id, err)
	}
	if again, err := store.Initialise(t.Context(), uuid.NewString()); err != nil || again != id {
		t.Errorf("a second Initialise: %q, %v; want %q", again, err, id)
	}
	if err := client.Del(t.Context(), "{g07}:marker", "{gff}:marker").Err(); err != nil {
		t.Fatal(err)
	}
	_, err = store.Installation(t.Context())
	wantError(t, "two markers gone", err, pipeline.ErrStateLost)
	if err == nil || !strings.Contains(err.Error(), "no installation in {g07} {gff}") {
		t.Errorf("the error does not name the groups: %v", err)
	}
	_, err = store.Initialise(t.Context(), uuid.NewString())
	wantError(t, "Initialise over what is left", err, pipeline.ErrStateLost)
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if id, err := store.Installation(t.Context()); err != nil || id != "" {
		t.Errorf("an empty Redis: %q, %v; want none", id, err)
	}
}

func TestLost_takeover_is_noticed(t *testing.T) {
	store, client := alone(t)
	p := somePartition()
	first, _ := takeOver(t, store, p, 1)
	fill(t, first, p, 1, 1)
	old := snapshot(t, client)
	successor, _ := takeOver(t, store, p, 2)
	restore(t, client, "", old)
	_, err := successor.Begin(t.Context(), batch(p, 2), nil)
	wantError(t, "begin after the takeover was lost", err, pipeline.ErrStateLost)
	fill(t, first, p, 2, 2) // as far as Redis knows, nobody came after
}
