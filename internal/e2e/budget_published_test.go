package e2e

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/pipeline"
)

// contested is a budget that a tenth of the sales uses up.
const contested = 15_000

// contestedPrograms pay two rewards a sale out of it.
var contestedPrograms = fmt.Sprintf(`
version: 1
orgs:
  - id: acme
    budgets: [{id: growth, period: lifetime, limit_minor: %d, currency: USD}]
    programs:
      - id: shop
        versions:
          - valid_from: 2026-01-01T00:00:00Z
            currency: USD
            attribution_grace: 0s
            attribution: {binding: none}
            rules:
              - {id: share, type: per_conversion, budget: growth, rewards: [{id: get, to: referrer, type: cash, basis_points: 1000}]}
              - {id: fee, type: per_conversion, budget: growth, rewards: [{id: get, to: referrer, type: cash, flat_minor: 150}]}
`, contested)

// Many sales and refunds of eight partitions, by workers that are killed and frozen:
// the topic of rewards has one partition here, so that its offsets are the order in
// which events were really published, and whoever adds them up never finds more than
// the budget. Nor does who asks the books meanwhile.
func TestBudget_is_not_exceeded_by_what_is_published_at_any_moment(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	w := newWorld(t, enginetest.Kafka(t).Addr, 8, []byte(contestedPrograms))
	w.settings["BATCH_MAX_EVENTS"], w.settings["BATCH_MAX_WAIT"] = "20", "10ms"
	w.createTopic(consumers.Rewards, 1)
	w.createTopics()
	c := &contest{world: w, refunded: map[string]bool{}, Rand: rand.New(rand.NewPCG(seed, 1)), workers: []*worker{w.launch("run"), w.launch("run"), w.launch("run")}}
	c.clicks()
	w.awaitDone(3*time.Minute, c.workers...)
	for round, began := 0, time.Now(); (c.kills < 2 || c.released() < 40) && time.Since(began) < 2*time.Minute; round++ {
		c.sell()
		c.refund()
		c.torment()
		if r := w.query(`SELECT sum(net) AS net FROM reward_standings`)[0]; number(r["net"]) > contested {
			t.Errorf("in round %d the books tell of %v", round, r["net"])
		}
		w.progresses()
	}
	for _, p := range c.workers {
		p.kill()
	}
	w.exitWhenIdle(3 * time.Minute)
	c.check()
	w.checkMessages()
}

const (
	contestSales = 300
	contestRound = 15 // sales, and as many refunds
)

// contest is who sells and gives back.
type contest struct {
	*world
	*rand.Rand
	workers  []*worker
	frozen   *worker
	next     time.Time // when the next fault is due
	kills    int
	sold     int
	refunded map[string]bool // conversions
}

// clicks bring a customer for each sale.
func (c *contest) clicks() {
	c.t.Helper()
	var clicks []pipeline.Message
	for i := range contestSales {
		visitor := fmt.Sprint("v", i)
		clicks = append(clicks, c.told(consumers.Clicks, visitor, "click.recorded", map[string]any{"referrer_id": fmt.Sprint("m", c.IntN(40)), "visitor_id": visitor}))
	}
	c.publish(clicks)
}

func (c *contest) sell() {
	c.t.Helper()
	var sales []pipeline.Message
	for range min(contestRound, contestSales-c.sold) {
		customer := fmt.Sprint("cu", c.sold)
		sales = append(sales, c.told(consumers.Conversions, customer, "conversion.recorded", map[string]any{
			"kind": "sale", "conversion_id": fmt.Sprint("co", c.sold), "customer_id": customer, "visitor_id": fmt.Sprint("v", c.sold),
			"amount_minor": 1000 + c.IntN(7000), "currency": "USD",
		}))
		c.sold++
	}
	c.publish(sales)
}

// released is how many rewards waited and were let through, by the books.
func (c *contest) released() int64 {
	c.t.Helper()
	return number(c.query(`SELECT countIf(event_type = 'earned' AND sequence > 1) AS n FROM rewards`)[0]["n"])
}

// refund gives sales back that have rewards by now, a part or all.
func (c *contest) refund() {
	c.t.Helper()
	var refunds []pipeline.Message
	for _, r := range c.query(`SELECT conversion_id FROM rewards GROUP BY conversion_id, reward_id HAVING argMax(remaining_minor, sequence) > 0 ORDER BY rand()`) {
		sale := r["conversion_id"].(string)
		if c.refunded[sale] || len(refunds) == contestRound {
			continue
		}
		c.refunded[sale] = true
		customer := "cu" + sale[len("co"):]
		data := map[string]any{"conversion_id": sale, "customer_id": customer, "kind": "cancel"}
		if c.IntN(3) == 0 {
			data["kind"], data["amount_minor"] = "refund", 500
		}
		refunds = append(refunds, c.told(consumers.Conversions, customer, "conversion.adjusted", data))
	}
	c.publish(refunds)
}

// torment freezes a worker beyond its session, and kills the others now and then.
func (c *contest) torment() {
	if time.Now().Before(c.next) {
		return
	}
	c.next = time.Now().Add(sessionTimeout + time.Second)
	if c.frozen == nil {
		c.frozen = c.workers[0]
		c.frozen.signal(syscall.SIGSTOP)
		return
	}
	c.frozen.signal(syscall.SIGCONT)
	i := 1 + c.kills%2
	c.workers[i].kill()
	c.workers[i] = c.launch("run")
	c.kills++
}

// check adds up the events in the order in which they were published, and compares
// what they come to with the books.
func (c *contest) check() {
	c.t.Helper()
	var used, most int64
	var released int
	of := map[string]int64{}
	c.fold(c.rewardsTold(), func(e *toldReward, rewards map[string]*standing) {
		now := rewards[e.Data.RewardID].net
		by := now - of[e.Data.RewardID]
		of[e.Data.RewardID] = now
		used += by
		if most = max(most, used); by > 0 && used > contested {
			c.t.Errorf("with %s, %d of %d are published", e.ID, used, contested)
		}
		if e.kind == "earned" && e.sequence > 1 {
			released++
		}
	})
	c.t.Logf("%d rewards, %d released, at most %d of %d", len(of), released, most, contested)
	if released < 10 || most < contested*9/10 {
		c.t.Errorf("only %d rewards were released, and %d was the most: nobody contested the budget", released, most)
	}
	if r := c.query(`SELECT sum(net) AS net FROM reward_standings`)[0]; number(r["net"]) != used {
		c.t.Errorf("the books end with %v, the events with %d", r["net"], used)
	}
	for _, r := range c.query(`SELECT reward_id, held FROM reward_standings WHERE held > 0 ORDER BY reward_id LIMIT 1`) { // of one time all
		if number(r["held"]) <= contested-used {
			c.t.Errorf("the oldest waits, though it fits: %v, used %d", r, used)
		}
	}
}

// createTopic makes one topic with partitions of its own.
func (w *world) createTopic(contract string, partitions int) {
	w.t.Helper()
	client := &kafka.Client{Addr: kafka.TCP(w.brokers), Timeout: 20 * time.Second}
	name := w.cluster.Names().Kafka(contract)
	answer, err := client.CreateTopics(w.t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{Topic: name, NumPartitions: partitions, ReplicationFactor: 1}}})
	if err == nil {
		err = answer.Errors[name]
	}
	if err != nil {
		w.t.Fatalf("create topic %s: %v", name, err)
	}
}
