package backtest_test

import (
	"fmt"
	"testing"

	"github.com/cespare/xxhash/v2"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/offline"
)

// scene is a history told step by step, a millisecond each.
type scene struct {
	*testing.T
	*offline.Run
	made int
}

func newScene(t *testing.T, programs string, partitions int) *scene {
	return &scene{T: t, Run: offline.NewRun(offline.RunOptions{Options: offline.Options{Catalog: load(t, programs)}, Partitions: partitions, Now: start})}
}

// work works all that waits on a partition, as one batch.
func (s *scene) work(topic string, partition int) {
	s.Helper()
	s.Advance(s.Now() + 1)
	if _, err := s.Step(s.Context(), topic, partition, 0); err != nil {
		s.Fatal(err)
	}
}

func (s *scene) member(id string, hoursAgo int64, plan string) {
	s.made++
	s.Produce(membersTopic, record(event.TypeMember, "", fmt.Sprint("e", s.made), "member_id", start-hoursAgo*hour, fields{
		"member_id": id, "coupon_codes": []string{"CODE-" + id}, "attributes": map[string]string{"plan": plan},
	}))
}

func (s *scene) sale(customer, of string, hoursAgo int64) {
	s.made++
	s.Produce(conversionsTopic, record(event.TypeConversion, "shop", fmt.Sprint("e", s.made), "customer_id", start-hoursAgo*hour, fields{
		"kind": "sale", "customer_id": customer, "coupon_code": "CODE-" + of, "amount_minor": 1000, "currency": "EUR",
	}))
}

// equal runs the history by the programs that decided.
func (s *scene) equal(programs string) {
	s.Helper()
	if err := s.Tick(s.Context(), s.Now()+1); err != nil {
		s.Fatal(err)
	}
	for _, l := range run(s, &recorded{Run: s.Run}, load(s, programs)).Rules {
		if l.Changed != 0 || l.HeldWon != l.HeldPaid {
			s.Errorf("%+v", l)
		}
	}
}

// names are members whose ledgers lie in the partition 0 of two, and then in 1.
func names(t *testing.T, n int) (lists [2][]string) {
	t.Helper()
	for i := range 100 {
		name := fmt.Sprint("m", i)
		p := xxhash.Sum64String("acme/"+name) % 2
		lists[p] = append(lists[p], name)
	}
	if len(lists[0]) < n || len(lists[1]) < n {
		t.Fatal("too few names")
	}
	return lists
}

// A person rejects ann's reward, and her ledger hears of it late: bob and cid ask the
// budget before, and wait, so what it frees goes to the older of the two. Had it
// heard in time, bob had come first.
func TestRun_lets_a_decision_be_taken_when_it_was(t *testing.T) {
	programs := paying("{id: fee, type: per_conversion, budget: pot, rewards: [{id: part, to: referrer, type: cash, flat_minor: 250}]}")
	s, who := newScene(t, programs, 2), names(t, 2)
	ann, bob, cid := who[0][0], who[1][0], who[1][1]
	for _, id := range []string{ann, bob, cid} {
		s.member(id, 100, "basic")
	}
	step := func(topic string) { s.work(topic, 0); s.work(topic, 1) }
	s.sale("c1", ann, 1)
	step(conversionsTopic)
	step(creditsTopic)
	reward := s.Rows("rewards")[0]["reward_id"]
	s.Produce(fulfillmentsTopic, record(event.TypeDecided, "shop", "d", "reward_id", start, fields{"reward_id": reward, "decision": "reject", "actor": "eve"}))
	step(fulfillmentsTopic)
	s.sale("c2", bob, 1)
	step(conversionsTopic)
	s.work(creditsTopic, 1)
	s.sale("c3", cid, 2)
	step(conversionsTopic)
	s.work(creditsTopic, 1)
	s.work(creditsTopic, 0)
	s.equal(programs)
}

// Ann was gold long ago, and is not any more: the older update comes after the newer
// one, and tells nothing. Bob's update, of the same batch as her newer one, gave him a
// grant, so that it is known when that was taken; when hers was, is not.
func TestRun_lets_no_record_overtake_another_of_its_ledger(t *testing.T) {
	const programs = `
version: 1
orgs:
  - id: acme
    segments: [{id: gold, when: 'member.attributes.plan == "gold"'}]
    programs:
      - id: shop
        versions:
          - valid_from: 2026-01-01T00:00:00Z
            currency: EUR
            rules:
              - {id: thanks, type: grant, segment: gold, rewards: [{id: gift, type: gift_card, amount_minor: 1000}]}
              - {id: fee, type: per_conversion, rewards: [{id: part, to: referrer, type: cash, flat_minor: 250}]}
`
	s := newScene(t, programs, 1)
	s.member("bob", 50, "gold")
	s.member("ann", 50, "basic")
	s.work(membersTopic, 0)
	s.sale("c1", "ann", 1)
	s.work(conversionsTopic, 0)
	s.member("ann", 90, "gold")
	s.work(membersTopic, 0)
	s.work(creditsTopic, 0)
	s.equal(programs)
	if n := len(s.Rows("rewards")); n != 2 {
		t.Errorf("%d reward events, not bob's grant and ann's fee", n)
	}
}
