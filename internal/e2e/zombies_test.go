package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// zombies fall asleep right before an effect, and wake up when somebody else has
// carried out their batch and all that came after it.
var zombies = []struct {
	sink, point string
	over        string // the kind of input
	repeats     bool   // nothing fences it: what it sends is what stands already
}{
	{"Kafka, a bound", "conversions/bound/before", "conversions and holds due", false},
	{"Kafka, an acknowledgement", "clicks/acknowledge/before", "clicks", false},
	{"Kafka, messages", "conversions/publish attributions/before", "conversions and holds due", true},
	{"Redis, a begin record", "conversions/begin/before", "conversions and holds due", false},
	{"Redis, claims", "conversions/claim/middle", "conversions and holds due", false},
	{"Redis, draws", "credits/draw/before", "conversions and holds due", false},
	{"Redis, a journal", "clicks/journal/before", "clicks", false},
	{"Redis, what others read", "members/share/middle", "members", false},
	{"ClickHouse, rows", "conversions/insert conversions/before", "conversions and holds due", false},
}

// A worker that wakes up after its session writes nothing, anywhere, though what it was
// about to do when it fell asleep goes on as a request does that was on its way: what was in
// ClickHouse, Redis and Kafka when it woke up is there still, but for messages
// that it sends again byte for byte.
func TestZombie_changes_nothing(t *testing.T) {
	t.Parallel()
	m := newMatrix(t, crashPrograms)
	m.settings["KAFKA_SESSION_TIMEOUT"], m.settings["KAFKA_REBALANCE_TIMEOUT"] = zombieSession.String(), zombieSession.String()
	var deaths []death
	for _, z := range zombies {
		input := slices.IndexFunc(inputs, func(i input) bool { return i.name == z.over })
		deaths = append(deaths, death{point: point{input, z.point}})
	}
	rounds := m.cast(deaths)
	m.publish(before(rounds))
	m.start()
	m.awaitRest()
	m.replace(true)
	stays := m.worker
	for i, z := range zombies {
		m.start(stays)
		m.sleep(rounds[i], stays)
		books, topics, memory := m.counts(), m.ends(), m.memory()
		m.worker.signal(syscall.SIGCONT)
		m.worker.awaitJoined(2) // it is a member again, and knows better
		m.awaitDone(crashPatience, stays)
		if again := m.counts(); again != books && !z.repeats { // credits that come again are a batch of their own
			t.Errorf("%s: ClickHouse holds %s, before %s", z.sink, again, books)
		}
		if again := m.ends(); !maps.Equal(again, topics) && !z.repeats {
			t.Errorf("%s: Kafka ends at %v, before %v", z.sink, again, topics)
		} else if maps.Equal(again, topics) && z.repeats {
			t.Errorf("%s: nothing was sent again, though nothing stops it", z.sink)
		}
		if again := m.memory(); !maps.Equal(again, memory) && !z.repeats {
			t.Errorf("%s: Redis has changed: %s", z.sink, changed(memory, again))
		}
		m.worker.kill()
		m.dropDead(stays)
	}
	m.worker = stays
	m.end()
	compareCrash(m.reference, m.world)
	m.checkMessages()
}

// zombieSession is how long a worker may be silent: less than it sleeps.
const zombieSession = 2500 * time.Millisecond

// sleep plays a round, sees the worker fall asleep at its point, and waits until
// the other one has done all of it, and what is due.
func (m *matrix) sleep(r *round, other *worker) {
	m.t.Helper()
	m.arm(r.name + " asleep")
	m.begin(r)
	await(m.t, crashPatience, r.String(), func() bool { return !m.armed() })
	m.awaitDone(crashPatience, other)
	time.Sleep(zombieSession)
	m.awaitDone(crashPatience, other)
}

// memory is everything in Redis, by key, but who may write there and who is at work.
func (w *world) memory() map[string]string {
	w.t.Helper()
	ctx := w.t.Context()
	client := redis.NewClient(&redis.Options{Addr: w.redis.Addr})
	defer client.Close()
	memory := map[string]string{}
	for each := client.Scan(ctx, 0, "*", 1000).Iterator(); each.Next(ctx); {
		if key := each.Val(); !strings.HasSuffix(key, ":marker") && !strings.HasSuffix(key, ":workers") {
			memory[key] = client.Dump(ctx, key).Val()
		}
	}
	return memory
}

// changed names some keys that are not as they were.
func changed(before, after map[string]string) string {
	var keys []string
	for key := range after {
		if before[key] != after[key] {
			keys = append(keys, key)
		}
	}
	for key := range before {
		if _, ok := after[key]; !ok {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return fmt.Sprint(keys[:min(len(keys), 8)])
}
