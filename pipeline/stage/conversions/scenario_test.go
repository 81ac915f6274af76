package conversions

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/grapevinehq/grapevine/internal/golden"
	"github.com/grapevinehq/grapevine/pipeline/attribution"
	"github.com/grapevinehq/grapevine/pipeline/event"
)

const programs = `
version: 1
exchange_rates:
  - {from: USD, to: EUR, valid_from: 2025-01-01T00:00:00Z, rate: "0.5"}
orgs:
  - id: o
    name: O
    segments:
      - {id: staff}
    programs:
      - id: p
        name: P
        versions:
          - valid_from: 2025-01-01T00:00:00Z
            valid_to: 2026-01-01T00:00:00Z
            currency: EUR
            attribution: {model: linear, window: 720h, order: [coupon, click, touch], shadow: [last_click]}
            rules:
              - id: both-sides
                type: per_conversion
                kinds: [sale]
                first_only: true
                rewards:
                  - {id: get, to: referrer, type: credit, flat_minor: 1000}
                  - {id: give, to: referee, type: discount, flat_minor: 500}
              - id: big
                type: per_conversion
                min_amount_minor: 1000
                except_segments: [staff]
                when: 'member.attributes.plan != "trial"'
                rewards: [{id: share, to: referrer, type: cash, basis_points: 500}]
              - id: steps
                type: tiers
                metric: conversions
                tiers: [{id: one, threshold: 1, rewards: [{id: bonus, type: cash, amount_minor: 100}]}]
`

// scene is a world with one partition and short ways to tell a story.
type scene struct {
	*world
	offset int64
}

func newScene(t *testing.T) *scene { return &scene{world: newWorld(t, []byte(programs), 1)} }

// at is a time in March 2025, in hours.
func at(hours int64) int64 { return 1740787200000 + hours*3600_000 }

func (s *scene) click(visitor, click, referrer string, hours int64) {
	s.touches = append(s.touches, clicked{"o", "p", visitor, attribution.Touch{Time: at(hours), ClickID: click, ReferrerID: referrer}})
}

func (s *scene) member(id string, change func(*event.Member)) {
	m := event.Member{Envelope: event.Envelope{OrgID: "o", Time: at(-1000)}, MemberID: id, Status: event.Active}
	change(&m)
	s.members = append(s.members, m)
}

// data is the data of an event, with what stands in every test filled in.
type data map[string]any

// sale is a sale of a customer "c" that is worth 20.00 EUR.
func sale(id string, hours int64, more data) sent {
	return newRecord(event.TypeConversion, id, hours, data{"kind": "sale", "customer_id": "c", "amount_minor": 2000, "currency": "EUR"}, more)
}

func adjusted(id string, hours int64, conversion string, more data) sent {
	return newRecord(event.TypeAdjustment, id, hours, data{"kind": "refund", "customer_id": "c", "conversion_id": conversion}, more)
}

func link(id, visitor string) sent {
	return newRecord(event.TypeIdentityLink, id, 0, data{"customer_id": "c", "visitor_id": visitor}, nil)
}

// sent is an event to be sent.
type sent struct {
	key   string
	body  map[string]any
	hours int64 // by which its Kafka time lies after that of the first
	again bool  // a dead letter that is replayed
}

func newRecord(kind event.Type, id string, hours int64, base, more data) sent {
	for k, v := range more {
		base[k] = v
	}
	program := "p"
	if p, ok := base["program"]; ok {
		program = p.(string)
		delete(base, "program")
	}
	return sent{key: base["customer_id"].(string), body: map[string]any{
		"specversion": "1.0", "id": id, "source": "s", "type": kind, "orgid": "o", "programid": program,
		"time": instant(at(hours)), "data": base,
	}}
}

// send writes events as one batch.
func (s *scene) send(events ...sent) *scene { return s.sendTo(s.parts[0], events...) }

func (s *scene) sendTo(p *partition, events ...sent) *scene {
	p.work(s.records(events...))
	return s
}

// records are events as they lie in Kafka.
func (s *scene) records(events ...sent) []event.Record {
	records := make([]event.Record, len(events))
	for i, e := range events {
		s.offset++
		value, err := json.Marshal(e.body)
		succeed(s.t, err)
		records[i] = event.Record{
			Offset: s.offset, Time: golden.WrittenAt + e.hours*hour, Key: []byte(e.key), Value: value,
			Headers: []event.Header{{Key: "any bytes \xff", Value: []byte{0xff}}},
		}
		if e.again {
			records[i].Headers = append(records[i].Headers, event.Header{Key: event.OriginOffset, Value: []byte("7")})
		}
	}
	return records
}

// verdicts are those of the stored conversions, as id:verdict:reason.
func (s *scene) verdicts() []string {
	var list []string
	for _, r := range s.rows[conversionsTable] {
		list = append(list, fmt.Sprintf("%s:%s:%s", r["event_id"], r["verdict"], r["reason"]))
	}
	return list
}

func (s *scene) paying(conversion string) map[string]int64 {
	m := map[string]int64{}
	for _, r := range s.rows[attributionsTable] {
		if r["conversion_id"] == conversion && r["paying"] == uint8(1) {
			m[r["referrer_id"].(string)] = int64(r["credit_ppm"].(uint32))
		}
	}
	return m
}

func (s *scene) reasons() []string {
	var list []string
	for _, l := range s.letters {
		list = append(list, fmt.Sprintf("%d:%s", l["offset"], l["reason"]))
	}
	return list
}

// handed are the credits, as conversion/sequence/role/beneficiary net rules.
func (s *scene) handed() []string {
	var list []string
	for _, c := range s.credits {
		list = append(list, fmt.Sprintf("%s %d %v %s", event.CreditID(&c), c.NetMinor, c.Counts, strings.Join(c.Rules, ",")))
	}
	return list
}

func expect[T comparable](t *testing.T, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}

func TestStage_a_customer_converts_and_is_refunded(t *testing.T) {
	s := newScene(t)
	s.click("v", "k1", "ann", 1)
	s.click("v", "k2", "bob", 2)
	s.member("bob", func(m *event.Member) { m.Segments = []string{"staff"} })
	s.send(
		sale("a", 3, data{"visitor_id": "v"}),
		sale("b", 4, data{"amount_minor": 900}),
		adjusted("r", 5, "a", data{"amount_minor": 500}),
		adjusted("x", 6, "a", data{"kind": "cancel"}),
		adjusted("y", 7, "a", nil),
	)
	expect(t, "verdicts", s.verdicts(), []string{"a:attributed:", "b:attributed:bound"})
	if p := s.paying("b"); p["ann"] != 500000 || p["bob"] != 500000 {
		t.Errorf("credits of the bound conversion: %v", p)
	}
	expect(t, "credits", s.handed(), []string{
		"a/0/referrer/ann 2000 true big,both-sides,steps",
		"a/0/referrer/bob 2000 true both-sides,steps",
		"a/0/referee/c 2000 true both-sides",
		"b/0/referrer/ann 900 true steps",
		"b/0/referrer/bob 900 true steps",
		"a/1/referrer/ann 1500 true big,both-sides,steps",
		"a/1/referrer/bob 1500 true both-sides,steps",
		"a/1/referee/c 1500 true both-sides",
		"a/2/referrer/ann 0 false big,both-sides,steps",
		"a/2/referrer/bob 0 false both-sides,steps",
		"a/2/referee/c 0 false both-sides",
	})
	var moved []string
	for _, r := range s.rows[adjustmentsTable] {
		moved = append(moved, fmt.Sprint(r["event_id"], r["amount_minor"], r["counts_after"]))
	}
	expect(t, "adjustments", moved, []string{"r-500 1", "x-1500 0", "y0 0"})
}

func TestStage_first_only_goes_by_what_counts_at_that_moment(t *testing.T) {
	s := newScene(t)
	s.click("v", "k", "ann", 1)
	s.send(sale("a", 3, data{"visitor_id": "v"}))
	s.send(adjusted("x", 4, "a", data{"kind": "cancel"}), sale("b", 5, nil), sale("d", 6, nil))
	var first []string
	for _, c := range s.credits {
		if c.Sequence == 0 && slices.Contains(c.Rules, "both-sides") && c.Role == event.RoleReferrer {
			first = append(first, c.ConversionID)
		}
	}
	expect(t, "first conversions", first, []string{"a", "b"})
}

func TestStage_duplicates(t *testing.T) {
	s := newScene(t)
	s.send(
		sale("a", 1, data{"conversion_id": "one", "order_id": "n"}),
		sale("b", 2, data{"conversion_id": "one", "order_id": "m"}), // duplicate: its order is not claimed
		sale("d", 3, data{"conversion_id": "two", "order_id": "m"}),
		sale("e", 4, data{"conversion_id": "three", "order_id": "m"}), // keeps its conversion_id claimed
		sale("f", 5, data{"conversion_id": "three"}),
		sale("g", 6, data{"conversion_id": "four", "order_id": "m", "kind": "renewal"}), // another kind
		sale("a", 1, data{"conversion_id": "one", "order_id": "n"}),                     // redelivered
	)
	s.send(sale("a", 1, data{"conversion_id": "one", "order_id": "n"}), sale("h", 7, data{"conversion_id": "two", "customer_id": "d"}))
	expect(t, "verdicts", s.verdicts(), []string{
		"a:unattributed:no_candidate", "b:duplicate:conversion_id", "d:unattributed:no_candidate", "e:duplicate:order_id",
		"f:duplicate:conversion_id", "g:unattributed:no_candidate", "h:duplicate:conversion_id",
	})
}

func TestStage_dead_letters_and_inactive_conversions_claim_nothing(t *testing.T) {
	s := newScene(t)
	s.send(
		sale("a", 1, data{"conversion_id": "one", "currency": "GBP"}),
		sale("b", -24*100, data{"conversion_id": "one"}),
		sale("d", 1, data{"conversion_id": "one", "program": "nope"}),
		sale("e", 1, data{"conversion_id": "one", "kind": "gift"}),
		sale("f", 2, data{"conversion_id": "one"}),
		sale("g", 3, data{"conversion_id": "one", "currency": "GBP"}), // duplicate goes before no_exchange_rate
		sale("a", 1, data{"conversion_id": "one", "currency": "GBP"}), // nothing was taken: decided anew
		sale("h", 4, data{"currency": "GBP", "amount_minor": 0}),      // needs no rate
	)
	expect(t, "verdicts", s.verdicts(), []string{
		"b:inactive:the program is not active at this time", "f:unattributed:no_candidate",
		"g:duplicate:conversion_id", "a:duplicate:conversion_id", "h:unattributed:no_candidate",
	})
	expect(t, "dead letters", s.reasons(), []string{"1:no_exchange_rate", "3:unknown_program", "4:invalid"})
}

func TestStage_a_link_counts_from_its_place_in_the_partition(t *testing.T) {
	s := newScene(t)
	s.click("v1", "k1", "ann", 1)
	s.click("v2", "k2", "bob", 2)
	s.click("v3", "k3", "cal", 3)
	s.send(
		link("l1", "v1"),
		sale("dead", 5, data{"visitor_id": "v3", "currency": "GBP"}), // dead letters do not link
		sale("a", 9, nil),
		link("l2", "v2"),
	)
	if p := s.paying("a"); len(p) != 1 || p["ann"] != 1000000 {
		t.Errorf("credits %v", p)
	}
	s2 := newScene(t)
	s2.touches = s.touches
	s2.send(link("l1", "v1"), link("l2", "v2"), sale("old", -24*100, data{"visitor_id": "v3"}), sale("a", 9, nil)) // inactive ones do
	if p := s2.paying("a"); len(p) != 3 {
		t.Errorf("credits %v", p)
	}
}

func TestStage_excluded_referrers(t *testing.T) {
	s := newScene(t)
	s.click("v", "k1", "c", 1) // the customer
	s.click("v", "k2", "same", 2)
	s.click("v", "k3", "banned", 3)
	s.click("v", "k4", "later", 4)
	s.member("same", func(m *event.Member) { m.EmailHash = "h" })
	s.member("banned", func(m *event.Member) { m.Status = event.Banned })
	s.member("later", func(m *event.Member) {})
	s.member("later", func(m *event.Member) { m.Status, m.Time = event.Banned, at(20) })
	s.send(sale("a", 10, data{"visitor_id": "v", "email_hash": "h"}), sale("b", 30, nil))
	if p := s.paying("a"); len(p) != 1 || p["later"] != 1000000 {
		t.Errorf("credits %v", p)
	}
	expect(t, "verdicts", s.verdicts(), []string{"a:attributed:", "b:unattributed:bound_referrers_excluded"})
	row := s.rows[conversionsTable][0]
	expect(t, "candidates", row["candidates"].([]string), []string{"touch/c/k1", "touch/same/k2", "touch/banned/k3", "touch/later/k4"})
	expect(t, "skipped", row["skipped"].([]string), []string{"self_referral", "same_email", "banned", ""})
	expect(t, "times", row["touched_at"].([]int64), []int64{at(1), at(2), at(3), at(4)})
	bound := s.rows[conversionsTable][1]
	expect(t, "candidates of a bound one", bound["candidates"].([]string), []string{"bound/later/"})
	expect(t, "skipped of a bound one", bound["skipped"].([]string), []string{"banned"})
}

func TestStage_coupon_and_click(t *testing.T) {
	s := newScene(t)
	s.click("v", "k", "ann", 1)
	s.member("cal", func(m *event.Member) { m.CouponCodes = []string{"SAVE"} })
	s.send(
		sale("a", 2, data{"coupon_code": "SAVE", "click_id": "k"}),
		sale("b", 2, data{"customer_id": "d", "click_id": "k"}),
		sale("e", 2, data{"customer_id": "e", "coupon_code": "NOPE", "click_id": "none"}),
	)
	if a, b := s.paying("a"), s.paying("b"); a["cal"] != 1000000 || b["ann"] != 1000000 {
		t.Errorf("credits %v, %v", a, b)
	}
	expect(t, "verdicts", s.verdicts(), []string{"a:attributed:", "b:attributed:", "e:unattributed:excluded:unknown_click,unknown_coupon"})
	for i, want := range [][2][]string{
		{{"coupon/cal/", "click/ann/k"}, {"", "outranked"}},
		{{"click/ann/k"}, {""}},
		{{"coupon//", "click//none"}, {"unknown_coupon", "unknown_click"}},
	} {
		row := s.rows[conversionsTable][i]
		expect(t, "candidates", row["candidates"].([]string), want[0])
		expect(t, "skipped", row["skipped"].([]string), want[1])
	}
}

func TestStage_knows_a_click_outside_of_the_window(t *testing.T) {
	s := newScene(t)
	s.click("v", "old", "ann", 1)
	s.send(sale("a", 1+31*24, data{"click_id": "old"}))
	expect(t, "verdicts", s.verdicts(), []string{"a:unattributed:excluded:outside_window"})
	expect(t, "candidates", s.rows[conversionsTable][0]["candidates"].([]string), []string{"click/ann/old"})
}

func TestStage_adjustments_wait_for_their_conversion(t *testing.T) {
	s := newScene(t)
	s.click("v", "k", "ann", 1)
	s.send(adjusted("r1", 2, "a", data{"amount_minor": 100}), adjusted("other", 2, "a", data{"customer_id": "d"}))
	s.send(adjusted("r2", 3, "a", data{"amount_minor": 200}))
	s.send(adjusted("r2", 3, "a", data{"amount_minor": 200})) // redelivered
	s.send(sale("a", 4, data{"visitor_id": "v"}))
	s.send(adjusted("wrong", 5, "a", data{"customer_id": "d"}))
	var moved []string
	for _, r := range s.rows[adjustmentsTable] {
		moved = append(moved, fmt.Sprint(r["event_id"], r["amount_minor"], "@", r["offset"]))
	}
	expect(t, "adjustments", moved, []string{"r1-100@1", "r2-200@3"})
	expect(t, "dead letters", s.reasons(), []string{"2:invalid", "6:invalid"})
	if n := len(s.rows[waitingTable]); n != 3 {
		t.Errorf("%d adjustments waited; want 3", n)
	}
	if last := s.credits[len(s.credits)-1]; last.NetMinor != 1700 || last.Sequence != 2 {
		t.Errorf("last credit %+v", last)
	}
}

func TestStage_converts_at_the_rate_of_the_conversion(t *testing.T) {
	s := newScene(t)
	s.send(sale("a", 1, data{"currency": "USD", "amount_minor": 1001}), adjusted("r", 9, "a", data{"amount_minor": 1}))
	row := s.rows[conversionsTable][0]
	if row["amount_minor"] != int64(501) || row["currency"] != "EUR" || row["original_amount_minor"] != int64(1001) || row["original_currency"] != "USD" {
		t.Errorf("row %v", row)
	}
	if r := s.rows[adjustmentsTable][0]; r["amount_minor"] != int64(-1) { // 500.5 -> 501, 500 -> 500
		t.Errorf("adjustment %v", r)
	}
}

func TestStage_tells_what_became_of_each_stored_conversion(t *testing.T) {
	s := newScene(t)
	s.click("v", "k", "ann", 1)
	s.send(sale("a/1", 2, data{"visitor_id": "v"}), sale("dead", 2, data{"currency": "GBP"}), sale("b", -24*100, nil))
	if len(s.told) != 2 {
		t.Fatalf("%d messages: %s", len(s.told), s.told)
	}
	var m struct {
		ID   string
		Data event.Attributed
	}
	succeed(t, json.Unmarshal([]byte(s.told[0]), &m))
	if m.ID != "p/s/a%2F1/attributed" || m.Data.Verdict != attributed || len(m.Data.Credits) != 1 ||
		m.Data.Credits[0] != (event.AttributedTo{ReferrerID: "ann", CreditPPM: 1000000, AmountMinor: 2000}) {
		t.Errorf("message %s", s.told[0])
	}
}
