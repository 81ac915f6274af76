package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// A worker dies when it has recorded a batch in an encoding that its successor does
// not know: the successor is of an older release. It says so, carries nothing out, and
// the partition goes on when the newer release is back.
func TestTakeover_waits_for_the_release_that_knows_the_record(t *testing.T) {
	t.Parallel()
	m := newMatrix(t, crashPrograms)
	clicks := slices.IndexFunc(inputs, func(i input) bool { return i.name == "clicks" })
	rounds := m.cast([]death{{point{clicks, "clicks/journal/after"}, "once"}})
	m.publish(before(rounds))
	m.start()
	m.awaitRest()
	if !m.die(rounds[0]) {
		t.Fatal("the worker lives")
	}
	m.encode("2")
	rows := m.counts()
	older := m.launch("run")
	await(t, crashPatience, "the older release says why it waits", func() bool { return strings.Contains(older.said(), "recorded by a newer release") })
	older.kill()
	m.dropDead()
	if again := m.counts(); again != rows {
		t.Errorf("it wrote %s, before %s", again, rows)
	}
	m.encode("1")
	m.start()
	m.end()
	compareCrash(m.reference, m.world)
	m.agrees()
	m.checkMessages()
}

// encode changes of which encoding the journals say that they are.
func (w *world) encode(version string) {
	w.t.Helper()
	ctx := w.t.Context()
	client := redis.NewClient(&redis.Options{Addr: w.redis.Addr})
	defer client.Close()
	for each := client.Scan(ctx, 0, "*:journal:*", 1000).Iterator(); each.Next(ctx); {
		if client.HExists(ctx, each.Val(), "encoder").Val() {
			if err := client.HSet(ctx, each.Val(), "encoder", version).Err(); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}
