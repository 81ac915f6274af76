package cases

import (
	"fmt"
	"strings"
	"time"

	"pgregory.net/rapid"
)

// orderPrograms have every rule whose outcome no order may change: no limits, no
// budgets, no grants, nothing that looks at stats, and tiers alike in all versions
// (contract, the one promise).
const orderPrograms = `version: 1
exchange_rates:
  - {from: USD, to: EUR, valid_from: 2026-01-01T00:00:00Z, rate: "0.9213"}
  - {from: USD, to: EUR, valid_from: 2026-02-01T00:00:00Z, rate: "1.0071"}
  - {from: EUR, to: USD, valid_from: 2026-01-08T00:00:00Z, rate: "1.0825"}
orgs:
  - id: acme
    segments: [{id: staff}, {id: gold, when: 'member.attributes.plan == "gold"'}]
    templates:
      - id: both
        currency: EUR
        timezone: Europe/Berlin
        attribution: {model: linear, window: 480h, shadow: [first_click, time_decay]}
        rules:
          - {id: miles, type: tiers, metric: conversions, period: month, kinds: [sale, renewal], tiers: [{id: one, threshold: 1, rewards: [{id: c, type: cash, amount_minor: 100}]},
             {id: two, threshold: 2, rewards: [{id: c, type: cash, amount_minor: 200}, {id: mug, type: custom, quantity: 1, unit: mug}], repeat_every: 1}]}
          - {id: rich, type: tiers, metric: revenue, period: lifetime, except_segments: [staff], tiers: [{id: t, threshold: 3000, rewards: [{id: c, type: cash, amount_minor: 300}], repeat_every: 1500}]}
          - {id: first, type: per_conversion, kinds: [sale, signup], first_only: true, hold: 48h, rewards: [{id: get, to: referrer, type: credit, flat_minor: 1000}, {id: give, to: referee, type: credit, flat_minor: 500}]}
    programs:
      - id: shop
        template: both
        versions:
          - valid_from: 2026-01-01T00:00:00Z
            rules: [{id: share, type: per_conversion, rewards: [{id: get, to: referrer, type: cash, basis_points: 777, max_amount_minor: 300}]}]
          - valid_from: 2026-01-25T00:00:00Z
            rules: [{id: share, type: per_conversion, segments: [gold], rewards: [{id: get, to: referrer, type: cash, basis_points: 1500}]}]
      - id: club
        versions:
          - valid_from: 2026-01-03T00:00:00Z
            currency: EUR
            attribution: {model: position_based, binding: none, order: [touch, coupon, click]}
            rules:
              - {id: acc, type: per_conversion, period: month, when: 'member.attributes.plan != "trial"',
                 rewards: [{id: get, to: referrer, type: cash, brackets: [{from_minor: 0, basis_points: 333}, {from_minor: 2000, basis_points: 1777}]}]}
              - {id: points, type: tiers, metric: points, points: {lead: 1, sale: 20, custom: 3}, period: week, tiers: [{id: t, threshold: 21, rewards: [{id: c, type: points, quantity: 7, unit: points}]}]}
  - id: globex
    programs:
      - id: shop
        versions:
          - valid_from: 2026-01-01T00:00:00Z
            currency: USD
            attribution: {model: time_decay, half_life: 48h}
            rules: [{id: share, type: per_conversion, hold: 9000h, rewards: [{id: get, to: referrer, type: cash, basis_points: 1000}, {id: give, to: referee, type: points, quantity: 5, unit: points}]}]
`

// happening is a line of a history. The times of one wave lie before those of the
// next by more than any window of duplicates.
type happening struct {
	wave int
	text string
	word string
	key  string // whose order is part of the input
}

const (
	waves   = 3
	waveGap = 20 * 24 * time.Hour
)

// wholeDays are days of a wave after its first: few, so that some is within an hour.
var wholeDays = []time.Duration{0, 3 * 24 * time.Hour, 9 * 24 * time.Hour, 17 * 24 * time.Hour}

// historian draws histories.
type historian struct {
	*rapid.T
	wave        int
	clicked     func() // the click before once more
	happenings  []happening
	conversions []string // org=… program=… of=… customer=…
}

// drawHistory draws members, clicks, and what customers do, wave by wave.
func drawHistory(t *rapid.T) []happening {
	h := &historian{T: t}
	for _, org := range []string{"acme", "globex"} {
		for _, m := range []string{"ana", "bob", "cleo"} { // each is known from the start
			h.add("member", org+m, "2026-01-01 member %s org=%s codes=%s coupons=%s email=%s plan=%s", m, org, m+"-code", m+"-coupon", m+"-mail", h.pick("gold", "trial", "none"))
		}
	}
	for h.wave = range waves {
		h.clicked = nil // what is a duplicate of the wave before is forgotten after a long pause
		for range rapid.IntRange(0, 3).Draw(t, "members") {
			h.member()
		}
		for range rapid.IntRange(2, 8).Draw(t, "clicks") {
			h.click()
		}
		for range rapid.IntRange(3, 12).Draw(t, "customers' events") {
			h.customer()
		}
	}
	return h.happenings
}

// add adds a line, with an id of its own; now and then it is delivered twice.
func (h *historian) add(word, key, format string, values ...any) {
	text := fmt.Sprintf(format, values...) + fmt.Sprintf(" id=%s%d", word, len(h.happenings))
	line := happening{h.wave, text, word, key}
	h.happenings = append(h.happenings, line)
	if h.seldom("again") {
		h.happenings = append(h.happenings, line)
	}
}

func (h *historian) pick(of ...string) string { return rapid.SampledFrom(of).Draw(h.T, "pick") }

// seldom is true once in a while. Small numbers are drawn more often than others.
func (h *historian) seldom(what string) bool { return rapid.IntRange(0, 20).Draw(h.T, what) == 19 }

// some is a value under a key, or nothing.
func (h *historian) some(key string, of ...string) string {
	if value := h.pick(append(of, "")...); value != "" {
		return " " + key + "=" + value
	}
	return ""
}

func (h *historian) at() string {
	days, minutes := rapid.SampledFrom(wholeDays).Draw(h.T, "day"), 20*rapid.IntRange(0, 24*3-1).Draw(h.T, "third of an hour")
	at := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC).Add(time.Duration(h.wave)*waveGap + days + time.Duration(minutes)*time.Minute)
	return at.Format(time.RFC3339)
}

// where is a program; now and then one that is not there.
func (h *historian) where() string {
	if h.seldom("nowhere") {
		return "org=acme program=nowhere"
	}
	return h.pick("org=acme program=shop", "org=acme program=club", "org=globex program=shop")
}

func (h *historian) member() {
	m, org := h.pick("ana", "bob", "cleo"), h.pick("acme", "globex")
	status := h.pick("", "", "", "banned ")
	h.add("member", org+m, "%s member %s %sorg=%s codes=%s coupons=%s email=%s plan=%s%s",
		h.at(), m, status, org, m+"-code", m+"-coupon", m+"-mail", h.pick("gold", "trial", "none"), h.some("segments", "staff"))
}

// click is a click, or once more the one before under another id.
func (h *historian) click() {
	if h.clicked != nil && h.pick("another", "another", "once more") == "once more" {
		h.clicked()
		return
	}
	visitor := h.pick("v0", "v1", "v2")
	who := h.pick("referrer=ana", "referrer=ana", "referrer=bob", "code=cleo-code", "referrer=stranger", "referrer=c0", "code=nobody")
	agent := ""
	if h.seldom("bot") {
		agent = " agent=Googlebot"
	}
	text := fmt.Sprintf("%s click %s visitor=%s %s%s%s", h.at(), h.where(), visitor, who, h.some("link", "l0", "l1"), agent)
	h.clicked = func() { h.add("click", visitor, "%s", text) }
	h.clicked()
}

// customer is a conversion, an adjustment of one that may only come later, or a link.
func (h *historian) customer() {
	switch h.pick("convert", "convert", "convert", "adjust", "adjust", "link", "decide") {
	case "decide":
		of := "c0-0"
		if len(h.conversions) > 0 {
			of = strings.Fields(strings.Split(rapid.SampledFrom(h.conversions).Draw(h.T, "of"), "of=")[1])[0]
		}
		reward := fmt.Sprintf("first/get/%s/%s", of, h.pick("ana", "bob", "cleo"))
		h.add("decision", reward, "%s decide %s %s actor=olaf", h.at(), reward, h.pick("approve", "reject", "reverse"))
	case "link":
		c := h.pick("c0", "c1", "c2")
		h.add("link", c, "%s link %s customer=%s visitor=%s", h.at(), h.where(), c, h.pick("v0", "v1", "v2"))
	case "adjust":
		h.adjust()
	case "convert":
		h.convert()
	}
}

func (h *historian) convert() {
	c, where := h.pick("c0", "c1", "c2"), h.where()
	id := fmt.Sprintf("%s-%d", c, rapid.IntRange(0, 9).Draw(h.T, "conversion"))
	amount := rapid.IntRange(0, 4000).Draw(h.T, "amount")
	h.conversions = append(h.conversions, fmt.Sprintf("%s of=%s customer=%s", where, id, c))
	h.add("conversion", c, "%s %s %s conversion=%s customer=%s%s%s%s%s%s %d.%02d %s", h.at(), h.pick("sale", "sale", "renewal", "signup", "lead", "custom"), where, id, c,
		h.some("visitor", "v0", "v1", "v2"), h.some("coupon", "", "", "ana-coupon", "bob-coupon", "nobodys"), h.some("order", c+"-o0", c+"-o1", "", "", "", ""),
		h.some("email", "ana-mail", "another"), h.some("click", "click8", "click9", "click10"), amount/100, amount%100, h.pick("EUR", "EUR", "USD", h.pick("EUR", "USD")))
}

func (h *historian) adjust() {
	c := h.pick("c0", "c1", "c2")
	of := fmt.Sprintf("%s of=%s-%d customer=%s", h.where(), c, rapid.IntRange(0, 9).Draw(h.T, "unmatched"), c)
	if len(h.conversions) > 0 && rapid.IntRange(0, 5).Draw(h.T, "unmatched") < 5 {
		of = rapid.SampledFrom(h.conversions).Draw(h.T, "of")
		c = of[strings.LastIndex(of, "=")+1:]
	}
	kind := h.pick("refund", "refund", "cancel", "correction", "correction", "chargeback")
	amount := ""
	if kind == "correction" || rapid.Bool().Draw(h.T, "part") {
		n := rapid.IntRange(1, 3000).Draw(h.T, "amount")
		amount = fmt.Sprintf(" %s%d.%02d EUR", map[bool]string{true: "-"}[kind == "correction" && n%2 == 0], n/100, n%100)
	}
	h.add("adjustment", c, "%s %s %s%s", h.at(), kind, of, amount)
}

// ready tells whether a line may be written once those of done are: after the
// lines of its key before it, and after the clicks and members that it may need.
func ready(history []happening, done []bool, i int) bool {
	l := &history[i]
	for j := range history {
		if done[j] || j == i {
			continue
		}
		before := &history[j]
		if j < i && before.key == l.key && before.topic() == l.topic() {
			return false
		}
		if before.topic() < min(l.topic(), 2) && before.wave <= l.wave {
			return false
		}
	}
	return true
}

// topic orders the topics: those that others wait for first.
func (l *happening) topic() int {
	switch l.word {
	case "member":
		return 0
	case "click":
		return 1
	case "decision":
		return 3
	}
	return 2
}
