package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/pipeline"
)

// trafficPrograms reward in every way that does not depend on who comes first,
// and in ways that do, whose net alone is promised (contract §1).
const trafficPrograms = `
version: 1
exchange_rates:
  - {from: EUR, to: USD, valid_from: 2026-01-01T00:00:00Z, rate: "1.0825"}
orgs:
  - id: acme
    name: Acme
    programs:
      - id: shop # rewards of single conversions
        name: Shop
        versions:
          - valid_from: 2026-01-01T00:00:00Z
            currency: USD
            timezone: America/New_York
            attribution: {model: linear, window: 720h, order: [coupon, click, touch], binding: none, shadow: [last_click]}
            attribution_grace: 0s
            margin: 0.5
            rules:
              - id: both-sides
                type: per_conversion
                kinds: [signup, sale]
                first_only: true
                rewards:
                  - {id: get, to: referrer, type: credit, flat_minor: 1000}
                  - {id: give, to: referee, type: discount, flat_minor: 500}
              - id: commission
                type: per_conversion
                kinds: [sale]
                rewards: [{id: share, to: referrer, type: cash, basis_points: 725, max_amount_minor: 4000}]
      - id: club # rewards that depend on sums
        name: Club
        versions:
          - valid_from: 2026-01-01T00:00:00Z
            currency: USD
            attribution: {model: last_click, window: 720h, binding: customer}
            attribution_grace: 0s
            rules:
              - id: milestones
                type: tiers
                metric: conversions
                period: month
                tiers:
                  - {id: three, threshold: 3, rewards: [{id: pts, type: points, quantity: 500, unit: points}]}
                  - {id: ten, threshold: 10, rewards: [{id: cash, type: cash, amount_minor: 10000}], repeat_every: 5}
              - id: turnover
                type: tiers
                metric: revenue
                period: lifetime
                tiers: [{id: k1, threshold: 100000, rewards: [{id: cash, type: cash, amount_minor: 2500}]}]
              - id: accelerator
                type: per_conversion
                kinds: [sale]
                period: quarter
                rewards:
                  - id: share
                    to: referrer
                    type: cash
                    brackets: [{from_minor: 0, basis_points: 100}, {from_minor: 50000, basis_points: 250}]
`

// traffic makes up events. Equal seeds make equal traffic.
type traffic struct {
	*rand.Rand
	made      int
	step      time.Duration // from one event to the next
	chaos     bool          // some events are of programs that chaosPrograms alone have, and persons decide
	visitors  int
	customers int
	messages  []pipeline.Message
	converted map[int][]sold // by customer
	settled   []settled      // sales that persons have not decided about yet
}

type sold struct {
	program, id string
	kind        string
	amount      int64
	settled     bool // nothing is changed any more
}

const (
	trafficMembers   = 24
	trafficVisitors  = 400
	trafficCustomers = 250
)

// trafficBegins is the time of the first event. Time goes on by some seconds an
// event, with a little disorder.
var trafficBegins = time.Date(2026, 2, 20, 12, 0, 0, 0, time.UTC)

func newTraffic(seed uint64) *traffic {
	return &traffic{
		step: 70 * time.Second, visitors: trafficVisitors, customers: trafficCustomers,
		Rand: rand.New(rand.NewPCG(seed, 1)), converted: map[int][]sold{},
	}
}

func (g *traffic) at() time.Time {
	g.made++
	return trafficBegins.Add(time.Duration(g.made)*g.step + time.Duration(g.IntN(3600_000))*time.Millisecond)
}

// chance is true once in n times.
func (g *traffic) chance(n int) bool { return g.IntN(n) == 0 }

// write adds an event, in either of the two modes, and now and then once more,
// or something that is no event at all.
func (g *traffic) write(topic, key, kind, program string, at time.Time, data map[string]any) {
	id := fmt.Sprintf("e%06d", g.made)
	attributes := map[string]string{
		"specversion": "1.0", "id": id, "source": "shop/web", "type": kind, "time": at.Format(time.RFC3339Nano), "orgid": "acme",
	}
	if program != "" {
		attributes["programid"] = program
	}
	m := pipeline.Message{Topic: topic, Key: []byte(key)}
	if g.chance(2) {
		m.Value = mustJSON(data)
		for _, name := range []string{"specversion", "id", "source", "type", "time", "orgid", "programid"} {
			if attributes[name] != "" {
				m.Headers = append(m.Headers, pipeline.MessageHeader{Key: "ce_" + name, Value: []byte(attributes[name])})
			}
		}
	} else {
		event := map[string]any{"data": data}
		for name, value := range attributes {
			event[name] = value
		}
		m.Value = mustJSON(event)
	}
	g.messages = append(g.messages, m)
	if topic == consumers.Members {
		return
	}
	if g.chance(20) {
		g.messages = append(g.messages, m)
	}
	if g.chance(60) {
		g.messages = append(g.messages, pipeline.Message{Topic: topic, Key: []byte(key), Value: []byte(`{"specversion":"1.0"`)})
	}
}

func mustJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of text and numbers cannot fail
	}
	return text
}

func (g *traffic) program() string {
	if g.chaos && g.chance(5) {
		return []string{"later", "later", "fame"}[g.IntN(3)]
	}
	switch g.IntN(40) {
	case 0:
		return "no-such-program"
	case 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15:
		return "club"
	}
	return "shop"
}

func memberID(i int) string { return fmt.Sprintf("m%02d", i) }

// members updates every member twice: some are banned for a while, and some want
// the code of another.
func (g *traffic) members() {
	for round := range 2 {
		for i := range trafficMembers {
			g.made++
			at := trafficBegins.Add(time.Duration(round*10*24)*time.Hour + time.Duration(i)*time.Minute)
			status := "active"
			if i%8 == 5 && round == 1 {
				status = "banned"
			}
			codes := []string{fmt.Sprintf("CODE%02d", i)}
			if i%7 == 3 && round == 1 {
				codes = append(codes, fmt.Sprintf("CODE%02d", (i+1)%trafficMembers))
			}
			g.write(consumers.Members, "acme/"+memberID(i), "referral.member.updated.v1", "", at, map[string]any{
				"member_id": memberID(i), "status": status, "referral_codes": codes, "coupon_codes": []string{fmt.Sprintf("SAVE%02d", i)},
				"locale": "en", "email_hash": fmt.Sprintf("h%02d", i),
			})
		}
	}
}

func (g *traffic) clicks(n int) {
	for range n {
		visitor := g.IntN(g.visitors)
		member := g.referrer(visitor)
		at := g.at()
		data := map[string]any{
			"visitor_id": fmt.Sprintf("v%d", visitor), "link_id": fmt.Sprintf("l%d", g.IntN(3)), "channel": []string{"mail", "social", ""}[g.IntN(3)],
			"user_agent": "Mozilla/5.0", "ip": fmt.Sprintf("10.0.%d.%d", g.IntN(200), g.IntN(200)), "metadata": map[string]string{"ü": "ß"},
		}
		switch g.IntN(12) {
		case 0, 1, 2:
			data["referral_code"] = fmt.Sprintf("CODE%02d", member)
		case 3:
			data["referral_code"] = fmt.Sprintf("CODE%02d", member+g.IntN(20)) // some belong to nobody
		case 4:
			data["referrer_id"], data["user_agent"] = memberID(member), "Googlebot/2.1"
		default:
			data["referrer_id"] = memberID(member)
		}
		program := g.program()
		g.write(consumers.Clicks, fmt.Sprintf("v%d", visitor), "referral.click.recorded.v1", program, at, data)
		if g.chaos && g.chance(12) { // a nervous finger
			g.made++
			g.write(consumers.Clicks, fmt.Sprintf("v%d", visitor), "referral.click.recorded.v1", program, at.Add(time.Second), data)
		}
	}
}

// referrer is one of the few whose links a visitor follows.
func (g *traffic) referrer(visitor int) int { return (visitor*7 + g.IntN(3)) % trafficMembers }

// conversions come from customers; some are adjusted later, or before.
func (g *traffic) conversions(n int) {
	for range n {
		customer := g.IntN(g.customers)
		switch g.IntN(10) {
		case 0, 1:
			g.adjustment(customer)
		case 2:
			g.link(customer)
		default:
			g.conversion(customer)
		}
	}
}

func customerID(i int) string { return fmt.Sprintf("c%d", i) }

// conversionID is never that of another customer: which of two comes first is
// not promised.
func conversionID(customer, n int) string { return fmt.Sprintf("cv-%d-%d", customer, n) }

func (g *traffic) conversion(customer int) {
	at := g.at()
	s := sold{program: g.program(), id: conversionID(customer, len(g.converted[customer])), kind: []string{"sale", "sale", "sale", "signup", "lead"}[g.IntN(5)]}
	data := map[string]any{"customer_id": customerID(customer), "visitor_id": fmt.Sprintf("v%d", customer), "kind": s.kind}
	if before := g.converted[customer]; len(before) > 0 && g.chance(12) {
		if one := before[g.IntN(len(before))]; !one.settled {
			s.id = one.id // once more
		}
	} else if s.settled = s.program == "later" && s.kind == "sale"; s.settled {
		g.settled = append(g.settled, settled{s.id, memberID(g.referrer(customer))})
	}
	data["conversion_id"] = s.id
	if s.kind == "sale" {
		s.amount = int64(500 + g.IntN(20000))
		data["amount_minor"], data["currency"] = s.amount, []string{"USD", "USD", "EUR"}[g.IntN(3)]
		if g.chance(3) {
			data["order_id"] = fmt.Sprintf("o%d-%d", customer, g.IntN(4))
		}
	}
	if g.chance(10) {
		data["coupon_code"] = fmt.Sprintf("SAVE%02d", g.IntN(trafficMembers))
	}
	if g.chance(15) {
		data["email_hash"] = fmt.Sprintf("h%02d", g.IntN(trafficMembers))
	}
	g.converted[customer] = append(g.converted[customer], s)
	g.write(consumers.Conversions, customerID(customer), "referral.conversion.recorded.v1", s.program, at, data)
}

func (g *traffic) adjustment(customer int) {
	at := g.at()
	s := sold{program: "shop", id: conversionID(customer, len(g.converted[customer])+g.IntN(3))} // may come later, or never
	if before := g.converted[customer]; len(before) > 0 && !g.chance(8) {
		if one := before[g.IntN(len(before))]; !one.settled {
			s = one
		}
	}
	data := map[string]any{"conversion_id": s.id, "customer_id": customerID(customer), "reason": "changed my mind"}
	switch data["kind"] = []string{"refund", "chargeback", "cancel", "correction"}[g.IntN(4)]; data["kind"] {
	case "correction":
		data["amount_minor"] = g.IntN(4000) - 2000
	case "refund", "chargeback":
		if g.chance(2) {
			data["amount_minor"] = 1 + g.IntN(9000)
		}
	}
	g.write(consumers.Conversions, customerID(customer), "referral.conversion.adjusted.v1", s.program, at, data)
}

func (g *traffic) link(customer int) {
	at := g.at()
	g.write(consumers.Conversions, customerID(customer), "referral.identity.linked.v1", "shop", at, map[string]any{
		"customer_id": customerID(customer), "visitor_id": fmt.Sprintf("v%d", g.customers+g.IntN(g.visitors-g.customers)),
	})
}
