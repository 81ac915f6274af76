package backtest_test

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/grapevinehq/grapevine/pipeline/backtest"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/offline"
)

// recorded is the history that a run in one process wrote.
type recorded struct {
	*offline.Run
	// early is by how much the batches of conversions were read before they were
	// decided, by batch: as happens to a worker that waits for clicks and members.
	early map[backtest.Origin]int64
	rows  map[string][]offline.Row
	// slow is by how much the clock of those who take credits is behind.
	slow int64
}

// Rows are those of a table; they are asked for often, and when all are there.
func (h *recorded) Rows(table string) []offline.Row {
	if h.rows == nil {
		h.rows = map[string][]offline.Row{}
	}
	if _, known := h.rows[table]; !known {
		h.rows[table] = h.Run.Rows(table)
	}
	return h.rows[table]
}

var _ backtest.History = (*recorded)(nil)

func text(r offline.Row, name string) string { s, _ := r[name].(string); return s }

func number(r offline.Row, name string) int64 { n, _ := r[name].(int64); return n }

func (h *recorded) origin(r offline.Row) backtest.Origin {
	o := backtest.Origin{
		Incarnation: text(r, "kafka_incarnation"), Partition: int(r["kafka_partition"].(int32)),
		Batch: r["batch"].(uint64), At: number(r, "ingested"), Offset: number(r, "kafka_offset"),
	}
	o.At -= h.early[backtest.Origin{Incarnation: o.Incarnation, Partition: o.Partition, Batch: o.Batch}]
	if text(r, "kafka_topic") == creditsTopic {
		o.At -= h.slow
	}
	return o
}

// each goes through the rows of a span.
func (h *recorded) each(table string, s backtest.Span, take func(offline.Row, backtest.Origin)) {
	for _, r := range h.Rows(table) {
		if o := h.origin(r); text(r, "org_id") == s.Org && s.From <= o.At && o.At < s.To {
			take(r, o)
		}
	}
}

func (h *recorded) Orgs(context.Context) ([]string, error) {
	orgs := map[string]bool{}
	for _, r := range slices.Concat(h.Rows("conversions"), h.Rows("members")) {
		orgs[text(r, "org_id")] = true
	}
	return slices.Sorted(maps.Keys(orgs)), nil
}

// Spans have the batches of three milliseconds each.
func (h *recorded) Spans(_ context.Context, org string, _ int, _ bool) (spans []backtest.Span, err error) {
	for at := int64(start - 1000); at <= h.Now(); at += 3 {
		spans = append(spans, backtest.Span{Org: org, From: at, To: at + 3, Rows: 1})
	}
	return spans, nil
}

func (h *recorded) Decided(_ context.Context, org string) (ids []string, err error) {
	for _, r := range h.Rows("fulfillments") {
		if text(r, "org_id") == org && text(r, "event_type") == "decided" {
			ids = append(ids, text(r, "reward_id"))
		}
	}
	return ids, nil
}

func everything(org string) backtest.Span { return backtest.Span{Org: org, From: 0, To: 1 << 60} }

func (h *recorded) MemberBatches(_ context.Context, org string) (list []backtest.Origin, err error) {
	h.each("members", everything(org), func(_ offline.Row, o backtest.Origin) {
		if !slices.ContainsFunc(list, func(b backtest.Origin) bool { return b.Partition == o.Partition && b.Batch == o.Batch }) {
			list = append(list, o)
		}
	})
	return list, nil
}

func envelope(r offline.Row) event.Envelope {
	return event.Envelope{ID: text(r, "event_id"), Source: text(r, "source"), Time: number(r, "time"), OrgID: text(r, "org_id"), ProgramID: text(r, "program_id")}
}

func (h *recorded) Members(_ context.Context, s backtest.Span) (list []backtest.Member, err error) {
	h.each("members", s, func(r offline.Row, o backtest.Origin) {
		m := event.Member{
			Envelope: envelope(r), MemberID: text(r, "member_id"), Status: event.Status(text(r, "status")), Forget: r["forgotten"].(uint8) == 1,
			ReferralCodes: r["referral_codes"].([]string), CouponCodes: r["coupon_codes"].([]string), Segments: r["segments"].([]string),
			EmailHash: text(r, "email_hash"),
		}
		var attributes map[string]string
		if json.Unmarshal([]byte(text(r, "attributes")), &attributes) == nil {
			for k, v := range attributes {
				m.Attributes = append(m.Attributes, event.Attribute{Key: k, Kind: 's', String: v})
			}
		}
		list = append(list, backtest.Member{Origin: o, Update: m})
	})
	return list, nil
}

func (h *recorded) Conversions(_ context.Context, s backtest.Span) (list []backtest.Conversion, err error) {
	h.each("conversions", s, func(r offline.Row, o backtest.Origin) {
		c := backtest.Conversion{Origin: o, Revision: text(r, "config_revision"), Event: event.Decoded{Type: event.TypeConversion, Conversion: event.Conversion{
			Envelope: envelope(r), Kind: event.Kind(text(r, "kind")), CustomerID: text(r, "customer_id"), ConversionID: text(r, "conversion_id"),
			VisitorID: text(r, "visitor_id"), ClickID: text(r, "click_id"), CouponCode: text(r, "coupon_code"), OrderID: text(r, "order_id"),
			AmountMinor: number(r, "original_amount_minor"), Currency: text(r, "original_currency"), EmailHash: text(r, "email_hash"),
		}}}
		c.Seen.Clicks, c.Seen.Members = r["clicks_seen"].([]uint64), r["members_seen"].([]uint64)
		for _, candidate := range r["candidates"].([]string) {
			_, touch, _ := strings.Cut(candidate, "/")
			c.Candidates = append(c.Candidates, touch)
		}
		list = append(list, c)
	})
	h.each("identity_links", s, func(r offline.Row, o backtest.Origin) {
		list = append(list, backtest.Conversion{Origin: o, Event: event.Decoded{
			Type: event.TypeIdentityLink, Link: event.IdentityLink{Envelope: envelope(r), CustomerID: text(r, "customer_id"), VisitorID: text(r, "visitor_id")},
		}})
	})
	waited := map[[2]any]bool{}
	for _, r := range h.Rows("waiting_log") {
		waited[[2]any{r["kafka_partition"], r["kafka_offset"]}] = true
	}
	h.each("adjustments", s, func(r offline.Row, o backtest.Origin) {
		if took := number(r, "original_amount_minor"); !waited[[2]any{r["kafka_partition"], r["kafka_offset"]}] {
			a := adjustment(r)
			switch {
			case a.Kind == event.Correction:
				a.HasAmount, a.AmountMinor = true, took
			case took < 0:
				a.HasAmount, a.AmountMinor = true, -took
			}
			list = append(list, backtest.Conversion{Origin: o, Event: event.Decoded{Type: event.TypeAdjustment, Adjustment: a}})
		}
	})
	h.each("waiting_log", s, func(r offline.Row, o backtest.Origin) {
		if text(r, "kafka_topic") != conversionsTopic {
			return
		}
		a := adjustment(r)
		a.HasAmount, a.AmountMinor = r["has_amount"].(uint8) == 1, number(r, "amount_minor")
		list = append(list, backtest.Conversion{Origin: o, Event: event.Decoded{Type: event.TypeAdjustment, Adjustment: a}})
	})
	return list, nil
}

func adjustment(r offline.Row) event.Adjustment {
	return event.Adjustment{
		Envelope: envelope(r), ConversionID: text(r, "conversion_id"), CustomerID: text(r, "customer_id"), Kind: event.AdjustmentKind(text(r, "kind")), Reason: text(r, "reason"),
	}
}

func (h *recorded) Decisions(_ context.Context, s backtest.Span) (list []backtest.Decision, err error) {
	h.each("fulfillments", s, func(r offline.Row, o backtest.Origin) {
		if text(r, "event_type") == "decided" {
			list = append(list, backtest.Decision{Origin: o, Event: event.Fulfillment{
				Envelope: envelope(r), RewardID: text(r, "reward_id"), Decision: event.Decision(text(r, "decision")), Actor: text(r, "actor"), Reason: text(r, "reason"),
			}})
		}
	})
	return list, nil
}

func (h *recorded) Clicks(_ context.Context, s backtest.Span) (list []backtest.Clicks, err error) {
	h.each("clicks", s, func(r offline.Row, o backtest.Origin) {
		if text(r, "verdict") == "unique" {
			list = append(list, backtest.Clicks{Origin: o, MemberID: text(r, "referrer_id"), Time: number(r, "time"), Unique: 1})
		}
	})
	return list, nil
}

func (h *recorded) Credits(_ context.Context, s backtest.Span) (list []backtest.Credit, err error) {
	for _, r := range h.Rows("credits") {
		// Decided with the conversion or the adjustment, and so read as early.
		at := number(r, "decided_at") - h.decidedEarly(number(r, "decided_at"))
		if text(r, "org_id") == s.Org && s.From <= at && at < s.To {
			list = append(list, backtest.Credit{Origin: h.origin(r), ProgramID: text(r, "program_id"), ID: text(r, "event_id"), DecidedAt: at})
		}
	}
	return list, nil
}

// decidedEarly is how early the batch was read that was decided at a time: no two
// are at one.
func (h *recorded) decidedEarly(at int64) int64 {
	for _, table := range []string{"conversions", "adjustments"} {
		for _, r := range h.Rows(table) {
			if number(r, "ingested") == at {
				return at - h.origin(r).At
			}
		}
	}
	return 0
}

func (h *recorded) Others(_ context.Context, s backtest.Span) (list []backtest.Other, err error) {
	for _, r := range h.Rows("rewards") {
		at := number(r, "time")
		if s.From <= at && at < s.To {
			list = append(list, backtest.Other{Origin: h.origin(r), BeneficiaryID: text(r, "beneficiary_id"), DecidedAt: at})
		}
	}
	return list, nil
}

func (h *recorded) CreditBatches(_ context.Context, s backtest.Span) (list []backtest.CreditBatch, err error) {
	found := map[backtest.Origin]int{}
	h.each("credits", s, func(r offline.Row, o backtest.Origin) {
		o.Offset = 0
		i, known := found[o]
		if !known {
			i = len(list)
			found[o], list = i, append(list, backtest.CreditBatch{Origin: o})
		}
		at := number(r, "decided_at")
		list[i].LastDecided = max(list[i].LastDecided, at-h.decidedEarly(at))
	})
	h.each("rewards", s, func(r offline.Row, o backtest.Origin) {
		o.Offset = 0
		i, known := found[o]
		if !known {
			i = len(list)
			found[o], list = i, append(list, backtest.CreditBatch{Origin: o})
		}
		at := number(r, "time")
		list[i].LastDecided = max(list[i].LastDecided, at-h.decidedEarly(at))
	})
	return list, nil
}

func (h *recorded) touches(org string, is func(backtest.Touch) bool) (list []backtest.Touch) {
	h.each("clicks", everything(org), func(r offline.Row, o backtest.Origin) {
		t := backtest.Touch{
			Origin: o, ProgramID: text(r, "program_id"), VisitorID: text(r, "visitor_id"), ClickID: text(r, "click_id"),
			ReferrerID: text(r, "referrer_id"), Time: number(r, "time"),
		}
		if text(r, "verdict") == "unique" && is(t) {
			list = append(list, t)
		}
	})
	return list
}

func (h *recorded) VisitorTouches(_ context.Context, org string, from, to int64, visitors []backtest.Named) ([]backtest.Touch, error) {
	return h.touches(org, func(t backtest.Touch) bool {
		return from <= t.Time && t.Time <= to && slices.Contains(visitors, backtest.Named{ProgramID: t.ProgramID, ID: t.VisitorID})
	}), nil
}

func (h *recorded) ClickTouches(_ context.Context, org string, clicks []backtest.Named) ([]backtest.Touch, error) {
	return h.touches(org, func(t backtest.Touch) bool {
		return slices.Contains(clicks, backtest.Named{ProgramID: t.ProgramID, ID: t.ClickID})
	}), nil
}

func (h *recorded) Rewards(_ context.Context, org string, take func(*backtest.Paid) error) error {
	paid := map[string]*backtest.Paid{}
	for _, r := range h.Rows("rewards") { // in the order of their sequences
		if text(r, "org_id") != org {
			continue
		}
		id := text(r, "reward_id")
		if paid[id] == nil {
			paid[id] = &backtest.Paid{
				RewardID: id, ProgramID: text(r, "program_id"), RuleID: text(r, "rule_id"), BeneficiaryID: text(r, "beneficiary_id"),
				Currency: text(r, "currency"), Unit: text(r, "unit"), Time: number(r, "conversion_time"),
			}
		}
		paid[id].Net, paid[id].Held = number(r, "remaining_minor")+number(r, "remaining_quantity"), number(r, "withheld")
	}
	for _, id := range slices.Sorted(maps.Keys(paid)) {
		if err := take(paid[id]); err != nil {
			return err
		}
	}
	return nil
}
