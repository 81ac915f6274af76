package conversions

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

// drawn is an event of three programs and few ids, so that they meet.
func drawn(t *rapid.T, id string) (e sent, hours int64) {
	pick := func(what string, n int) string { return fmt.Sprint(what, rapid.IntRange(0, n-1).Draw(t, what)) }
	hours = rapid.Int64Range(-30, 80).Draw(t, "hours")
	more := data{"customer_id": pick("c", 2), "program": rapid.SampledFrom([]string{"p", "p", "p", "q", "q", "q", "r", "nope"}).Draw(t, "program")}
	maybe := func(field, value string) {
		if rapid.Bool().Draw(t, field) {
			more[field] = value
		}
	}
	switch rapid.IntRange(0, 6).Draw(t, "type") {
	case 0:
		more["visitor_id"] = pick("v", 2)
		return newRecord(event.TypeIdentityLink, id, hours, data{}, more), hours
	case 1, 2:
		more["kind"], more["conversion_id"] = rapid.SampledFrom([]string{"refund", "chargeback", "cancel", "correction", "correction"}).Draw(t, "kind"), pick("n", 5)
		if more["kind"] == "correction" {
			more["amount_minor"] = rapid.Int64Range(-3000, 3000).Draw(t, "amount")
		} else if rapid.Bool().Draw(t, "part") {
			more["amount_minor"] = rapid.Int64Range(1, 3000).Draw(t, "amount")
		}
		return newRecord(event.TypeAdjustment, id, hours, data{}, more), hours
	}
	more["kind"], more["conversion_id"] = rapid.SampledFrom([]string{"sale", "lead"}).Draw(t, "kind"), pick("n", 5)
	more["amount_minor"] = rapid.SampledFrom([]int64{0, 1, 99, 1001, 2000, 123457}).Draw(t, "amount")
	more["currency"] = rapid.SampledFrom([]string{"EUR", "EUR", "USD", "JPY", "KWD"}).Draw(t, "currency")
	maybe("visitor_id", pick("v", 2))
	maybe("order_id", pick("o", 3))
	maybe("click_id", pick("k", 30))
	maybe("coupon_code", rapid.SampledFrom([]string{"ANN", "BOB", "NONE"}).Draw(t, "coupon"))
	maybe("email_hash", rapid.SampledFrom([]string{"ha", "hb"}).Draw(t, "email"))
	return newRecord(event.TypeConversion, id, hours, data{}, more), hours
}

// populate draws touches and the histories of members.
func (s *scene) populate(t *rapid.T) {
	for i := range rapid.IntRange(8, 40).Draw(t, "touches") {
		c := clicked{org: "o", program: rapid.SampledFrom([]string{"p", "p", "q", "r"}).Draw(t, "program"), visitor: fmt.Sprint("v", rapid.IntRange(0, 1).Draw(t, "v"))}
		c.Time, c.ClickID = at(rapid.Int64Range(-40, 70).Draw(t, "hours")), fmt.Sprint("k", i)
		c.ReferrerID = rapid.SampledFrom([]string{"ann", "bob", "bob", "cal", "dan", "c0"}).Draw(t, "referrer")
		s.touches = append(s.touches, c)
	}
	for _, id := range []string{"ann", "bob"} {
		for i := range rapid.Int64Range(0, 3).Draw(t, "updates of "+id) {
			s.member(id, func(m *event.Member) {
				m.Time = at(40*i + rapid.Int64Range(-30, 9).Draw(t, "time"))
				m.Status = rapid.SampledFrom([]event.Status{event.Active, event.Active, event.Active, event.Banned}).Draw(t, "status")
				m.EmailHash = rapid.SampledFrom([]string{"", "h" + id[:1]}).Draw(t, "hash")
				if rapid.Bool().Draw(t, "coupon") {
					m.CouponCodes = []string{map[string]string{"ann": "ANN", "bob": "BOB"}[id]}
				}
			})
		}
	}
}

func TestStage_does_what_the_oracle_says(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := &scene{world: newWorld(t, []byte(oraclePrograms), 1)}
		s.populate(rt)
		o := newOracle(s)
		var events []sent
		var times []int64
		clock := int64(0)
		for i := range rapid.IntRange(12, 40).Draw(rt, "events") {
			if i > 0 && rapid.IntRange(0, 7).Draw(rt, "again") == 0 {
				again := rapid.IntRange(0, i-1).Draw(rt, "event")
				events, times = append(events, events[again]), append(times, times[again])
			} else {
				e, hours := drawn(rt, fmt.Sprint("e", i))
				events, times = append(events, e), append(times, hours)
			}
			clock += rapid.SampledFrom([]int64{0, 0, 0, 1, 30, 72}).Draw(rt, "clock")
			events[i].hours = clock
		}
		for i, e := range events {
			o.take(int64(i+1), e, times[i])
		}
		for rest := events; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(rt, "batch")
			s.send(rest[:n]...)
			rest = rest[n:]
		}
		o.compare(rt)
	})
}

func (o *oracle) compare(t *rapid.T) {
	same := func(what string, want []string, table string, line func(row map[string]any) string) {
		var got []string
		for _, r := range o.s.rows[table] {
			got = append(got, line(r))
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", what, got, want)
		}
	}
	same("conversions", o.rows, conversionsTable, func(r map[string]any) string {
		return fmt.Sprint(r["offset"], " ", r["verdict"], " ", r["amount_minor"], " ", r["currency"], " ", r["program_version"])
	})
	same("attributions", o.credits, attributionsTable, func(r map[string]any) string {
		return fmt.Sprint(r["event_id"], " ", r["referrer_id"], " ", r["model"], " ", r["paying"], " ", r["credit_ppm"], " ", r["amount_minor"], " ",
			r["touches"], " ", r["first_touch_at"], " ", r["last_touch_at"])
	})
	same("adjustments", o.adjustments, adjustmentsTable, func(r map[string]any) string {
		return fmt.Sprint(r["offset"], " ", r["amount_minor"], " ", r["counts_after"] == uint8(1))
	})
	same("waiting", o.waited, waitingTable, func(r map[string]any) string { return fmt.Sprint(r["offset"]) })
	letters := o.s.reasons()
	slices.Sort(letters)
	slices.Sort(o.letters)
	if !slices.Equal(letters, o.letters) || o.s.counts[redelivered] != o.redelivered {
		t.Errorf("dead letters %v, want %v; %d redelivered, want %d", letters, o.letters, o.s.counts[redelivered], o.redelivered)
	}
}
