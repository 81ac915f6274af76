package e2e

import (
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/internal/enginetest"
)

// orderPrograms are those of the traffic, with a hold that is over by now and one that
// is not.
var orderPrograms = strings.NewReplacer(
	"- id: commission\n                type: per_conversion\n", "- id: commission\n                type: per_conversion\n                hold: 48h\n",
	"- id: turnover\n                type: tiers\n", "- id: turnover\n                type: tiers\n                hold: 876000h\n",
).Replace(trafficPrograms)

// byEvent are tables whose rows are equal wherever their records lie.
var byEvent = map[string][]string{
	"clicks": nil, "conversions": nil, "adjustments": nil, "identity_links": nil, "members": nil, "credits": nil,
	"attributions": {"model", "referrer_id"},
}

// The one promise, over processes: one worker of one partition, and three of eight
// partitions of which one is frozen and two are killed, come to the same books.
func TestBooks_do_not_depend_on_workers_and_partitions(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	kafka := enginetest.Kafka(t).Addr
	one, many := newWorld(t, kafka, 1, []byte(orderPrograms)), newWorld(t, kafka, 8, []byte(orderPrograms))
	g := newTraffic(seed)
	g.members()
	g.clicks(1500)
	first := g.messages
	g.messages = nil
	g.conversions(700)
	for _, w := range []*world{one, many} {
		w.smallBatches()
		w.createTopics()
		w.publish(first)
	}
	one.publish(g.messages)
	alone := one.launch("run", "--exit-when-idle")
	workers := []*worker{many.launch("run"), many.launch("run"), many.launch("run")}
	many.publish(g.messages)
	many.strike(workers)
	many.exitWhenIdle(3 * time.Minute)
	if code := alone.exit(3 * time.Minute); code != 0 {
		t.Fatalf("%s ended with %d", alone.name, code)
	}

	for table, key := range byEvent {
		rows := one.query("SELECT * FROM " + table)
		if len(rows) == 0 {
			t.Errorf("%s: no rows", table)
		}
		same(t, table, rows, many.query("SELECT * FROM "+table), slices.Concat([]string{"source", "event_id"}, key), slices.Concat(byWorker, own)...)
	}
	const refused = "SELECT reason, count() AS n FROM dead_letters GROUP BY reason"
	same(t, "dead letters", one.query(refused), many.query(refused), []string{"reason"})
	compareFigures(one, many)
}

// strike freezes a worker beyond its session and kills the others meanwhile, while
// there is work, and kills all in the end.
func (w *world) strike(workers []*worker) {
	w.t.Helper()
	w.progresses()
	workers[0].signal(syscall.SIGSTOP)
	thaw := time.After(sessionTimeout + time.Second)
	for i := range 2 {
		if !w.progresses() && i == 0 {
			w.t.Error("all was done before a worker was killed: there must be more traffic")
		}
		workers[1+i].kill()
		workers[1+i] = w.launch("run")
	}
	<-thaw
	workers[0].signal(syscall.SIGCONT)
	w.progresses()
	for _, p := range workers {
		p.kill()
	}
}
