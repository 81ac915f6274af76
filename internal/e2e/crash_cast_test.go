package e2e

import (
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/pipeline"
)

// cast are those who appear in one round, all on one partition of every topic.
// Nothing of them is known to any other cast.
type cast struct {
	name              string // of the round and partition
	partition, of     int
	ann, bob          string // members
	visitor, customer string
	at                time.Time // of a week of its own
	made              int
}

func newCast(round, partition, of int) *cast {
	c := &cast{name: fmt.Sprintf("%03d%c", round, 'a'+partition), partition: partition, of: of}
	c.at = time.Date(2012, 1, 3, 12, 0, 0, 0, time.UTC).AddDate(0, 0, 7*(of*round+partition))
	c.ann, c.bob = c.called("ann", "acme/"), c.called("bob", "acme/")
	c.visitor, c.customer = c.called("vic", ""), c.called("cleo", "")
	return c
}

var murmur2 = kafka.Murmur2Balancer{Consistent: true}

// partitionOf is where a key lies.
func partitionOf(key string, of int) int {
	partitions := make([]int, of)
	for i := range partitions {
		partitions[i] = i
	}
	return murmur2.Balance(kafka.Message{Key: []byte(key)}, partitions...)
}

// called finds an id that lies on the cast's partition, with what its key has before it.
func (c *cast) called(name, before string) string {
	for n := 0; ; n++ {
		if id := fmt.Sprintf("%s-%s-%d", name, c.name, n); partitionOf(before+id, c.of) == c.partition {
			return id
		}
	}
}

// event is one of the cast, some seconds after the one before.
func (c *cast) event(topic, key, what, program string, data map[string]any) pipeline.Message {
	c.made++
	e := map[string]any{
		"specversion": "1.0", "id": fmt.Sprint(c.name, "/", c.made), "source": "shop/web", "type": "referral." + what + ".v1",
		"time": c.at.Add(time.Duration(c.made) * time.Second).Format(time.RFC3339), "orgid": "acme", "data": data,
	}
	if program != "" {
		e["programid"] = program
	}
	return pipeline.Message{Topic: topic, Key: []byte(key), Value: mustJSON(e)}
}

func (c *cast) broken(topic, key string) pipeline.Message {
	return pipeline.Message{Topic: topic, Key: []byte(key), Value: []byte(`{"specversion":"1.0","of":"` + c.name + `"`)}
}

// members of whom the second wants a code of the first.
func (c *cast) members() []pipeline.Message {
	update := func(member, code string, more ...string) pipeline.Message {
		return c.event(consumers.Members, "acme/"+member, "member.updated", "", map[string]any{
			"member_id": member, "referral_codes": append(more, "R"+code+c.name), "coupon_codes": []string{"S" + code + c.name}, "email_hash": member, "segments": []string{"vip"},
		})
	}
	return []pipeline.Message{update(c.ann, "A"), update(c.bob, "B", "RA"+c.name), c.broken(consumers.Members, "acme/"+c.ann)}
}

func (c *cast) click(program string, data map[string]any) pipeline.Message {
	data["visitor_id"] = c.visitor
	return c.event(consumers.Clicks, c.visitor, "click.recorded", program, data)
}

// clicks of both members, and of every verdict.
func (c *cast) clicks() []pipeline.Message {
	first := c.click("shop", map[string]any{"referrer_id": c.ann})
	return []pipeline.Message{
		first, first, // redelivered
		c.click("shop", map[string]any{"referral_code": "RB" + c.name, "channel": "mail", "ip": "10.0.0.1", "user_agent": "Mozilla/5.0"}),
		c.click("shop", map[string]any{"referrer_id": c.ann}), // a duplicate
		c.click("shop", map[string]any{"referrer_id": c.ann, "user_agent": "Googlebot/2.1"}),
		c.click("club", map[string]any{"referrer_id": c.bob}),
		c.click("shop", map[string]any{"referral_code": "nobody's"}),
		c.broken(consumers.Clicks, c.visitor),
	}
}

func (c *cast) converted(program, kind, id string, amount int, data map[string]any) pipeline.Message {
	data["conversion_id"], data["customer_id"], data["visitor_id"], data["kind"] = id, c.customer, c.visitor, kind
	if data["amount_minor"] = amount; data["currency"] == nil {
		data["currency"] = "USD"
	}
	return c.event(consumers.Conversions, c.customer, "conversion.recorded", program, data)
}

// sale is the id of one of the sales.
func (c *cast) sale(n int) string { return fmt.Sprintf("sale-%s-%d", c.name, n) }

// conversions of every verdict, more than the budget has room for.
func (c *cast) conversions() []pipeline.Message {
	return []pipeline.Message{
		c.converted("shop", "sale", c.sale(1), 10000, map[string]any{"order_id": "order-" + c.name}),
		c.converted("shop", "sale", c.sale(2), 3000, map[string]any{"currency": "EUR"}),
		c.converted("shop", "sale", c.sale(3), 3001, map[string]any{"order_id": "order-" + c.name}), // a duplicate
		c.converted("shop", "signup", c.sale(4), 0, map[string]any{"coupon_code": "SB" + c.name}),
		c.converted("club", "sale", c.sale(5), 7000, map[string]any{}),
		c.converted("club", "sale", c.sale(6), 7000, map[string]any{}),
		c.converted("nowhere", "sale", c.sale(7), 100, map[string]any{}),
		c.event(consumers.Conversions, c.customer, "identity.linked", "shop", map[string]any{"customer_id": c.customer, "visitor_id": "also " + c.visitor}),
		c.broken(consumers.Conversions, c.customer),
	}
}

// adjustments take back, correct, make room in the budget, and come too early.
func (c *cast) adjustments() []pipeline.Message {
	adjusted := func(program, id, kind string, amount any) pipeline.Message {
		return c.event(consumers.Conversions, c.customer, "conversion.adjusted", program, map[string]any{
			"conversion_id": id, "customer_id": c.customer, "kind": kind, "amount_minor": amount, "reason": "changed my mind",
		})
	}
	return []pipeline.Message{
		adjusted("shop", c.sale(2), "refund", 1000),
		adjusted("shop", c.sale(1), "cancel", nil),
		adjusted("club", c.sale(5), "correction", -2500),
		adjusted("club", c.sale(6), "chargeback", nil),
		adjusted("club", c.sale(8), "refund", 500), // comes before its conversion
		c.converted("club", "sale", c.sale(8), 2000, map[string]any{}),
		adjusted("shop", c.sale(9), "refund", 500), // waits for one that does not come
	}
}

// fulfillments of rewards that are known, and what a person decides. Their keys are
// made, so they lie where they lie: each round has some on every partition.
func (c *cast) fulfillments() []pipeline.Message {
	told := func(what, rule, reward, conversion string, data map[string]any) pipeline.Message {
		id := named("acme", "shop", rule, reward, conversion, c.ann)
		data["reward_id"] = id
		return c.event(consumers.Fulfillments, id, what, "shop", data)
	}
	return []pipeline.Message{
		told("reward.decided", "patience", "late", c.sale(1), map[string]any{"decision": "approve", "actor": "eve"}),
		told("reward.decided", "patience", "late", c.sale(2), map[string]any{"decision": "reject", "actor": "eve", "reason": "no customer"}),
		told("reward.fulfilled", "commission", "share", c.sale(1), map[string]any{"external_id": "tx-" + c.name}),
		told("reward.fulfillment_failed", "commission", "share", c.sale(2), map[string]any{"reason": "no account"}),
		told("reward.fulfilled", "both-sides", "get", c.sale(1), map[string]any{"external_id": "ty-" + c.name}),
		told("reward.fulfilled", "commission", "share", "unheard-of", map[string]any{"external_id": "tz-" + c.name}), // waits
		c.broken(consumers.Fulfillments, "acme/"+c.ann),
	}
}

// epilogue tells of everybody once more, so that the answer shows what is
// remembered of them: clicks that repeat, sales that are not the first, a budget
// that is drawn on further, refunds of what is left, a ban.
func (c *cast) epilogue() []pipeline.Message {
	messages := []pipeline.Message{
		c.click("shop", map[string]any{"referrer_id": c.ann}),
		c.click("club", map[string]any{"referrer_id": c.bob}),
		c.converted("shop", "sale", c.sale(1), 10000, map[string]any{}),
		c.converted("shop", "sale", c.sale(11), 4000, map[string]any{"order_id": "order-" + c.name}),
		c.converted("shop", "sale", c.sale(12), 4000, map[string]any{}),
		c.converted("club", "sale", c.sale(13), 4000, map[string]any{}),
	}
	for _, n := range []int{2, 5, 6, 8, 9, 13} {
		program := "shop"
		if n > 4 && n != 9 {
			program = "club"
		}
		messages = append(messages, c.event(consumers.Conversions, c.customer, "conversion.adjusted", program, map[string]any{
			"conversion_id": c.sale(n), "customer_id": c.customer, "kind": "refund",
		}))
	}
	return messages
}
