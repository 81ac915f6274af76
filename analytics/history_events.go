package analytics

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/grapevinehq/grapevine/pipeline/backtest"
	"github.com/grapevinehq/grapevine/pipeline/event"
)

// Conversions implements backtest.History.
func (h *History) Conversions(ctx context.Context, s backtest.Span) ([]backtest.Conversion, error) {
	var list []backtest.Conversion
	for _, read := range []func(context.Context, backtest.Span, []backtest.Conversion) ([]backtest.Conversion, error){
		h.conversions, h.adjustments, h.waited, h.links,
	} {
		var err error
		if list, err = read(ctx, s, list); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (h *History) conversions(ctx context.Context, s backtest.Span, list []backtest.Conversion) ([]backtest.Conversion, error) {
	query := "SELECT " + originOf + `, program_id, event_id, source, toUnixTimestamp64Milli(time), conversion_id, customer_id, visitor_id, click_id,
			email_hash, kind, name, order_id, coupon_code, original_amount_minor, original_currency, metadata, candidates, clicks_seen, members_seen, config_revision
		FROM conversions WHERE ` + inSpan
	err := h.each(ctx, "conversions", query, func(rows driver.Rows) error {
		r := backtest.Conversion{Event: event.Decoded{Type: event.TypeConversion, Conversion: event.Conversion{Envelope: event.Envelope{OrgID: s.Org}}}}
		c := &r.Event.Conversion
		var kind string
		var metadata map[string]string
		err := scanOrigin(rows, &r.Origin, &c.ProgramID, &c.ID, &c.Source, &c.Time, &c.ConversionID, &c.CustomerID, &c.VisitorID, &c.ClickID,
			&c.EmailHash, &kind, &c.Name, &c.OrderID, &c.CouponCode, &c.AmountMinor, &c.Currency, &metadata, &r.Candidates, &r.Seen.Clicks, &r.Seen.Members, &r.Revision)
		c.Kind = event.Kind(kind)
		for _, key := range slices.Sorted(maps.Keys(metadata)) {
			c.Metadata = append(c.Metadata, event.Pair{Key: key, Value: metadata[key]})
		}
		for i := range r.Candidates { // kind/referrer/click
			_, r.Candidates[i], _ = strings.Cut(r.Candidates[i], "/")
		}
		list = append(list, r)
		return err
	}, s.Org, s.From, s.To)
	return list, err
}

// adjustments are those that found their conversion at once. What they took says
// more than what they asked for.
func (h *History) adjustments(ctx context.Context, s backtest.Span, list []backtest.Conversion) ([]backtest.Conversion, error) {
	query := "SELECT " + originOf + `, program_id, event_id, source, toUnixTimestamp64Milli(time), conversion_id, customer_id, kind, original_amount_minor, reason
		FROM adjustments WHERE ` + inSpan + `
		AND (kafka_topic, kafka_partition, kafka_offset, event_id) NOT IN (SELECT kafka_topic, kafka_partition, kafka_offset, event_id FROM waiting_log WHERE org_id = ?)`
	err := h.each(ctx, "adjustments", query, func(rows driver.Rows) error {
		r, a := adjustment(s.Org)
		var kind string
		var took int64
		err := scanOrigin(rows, &r.Origin, &a.ProgramID, &a.ID, &a.Source, &a.Time, &a.ConversionID, &a.CustomerID, &kind, &took, &a.Reason)
		switch a.Kind = event.AdjustmentKind(kind); {
		case a.Kind == event.Correction:
			a.HasAmount, a.AmountMinor = true, took
		case took < 0:
			a.HasAmount, a.AmountMinor = true, -took
		}
		r.Event.Adjustment = *a
		list = append(list, r)
		return err
	}, s.Org, s.From, s.To, s.Org)
	return list, err
}

func adjustment(org string) (backtest.Conversion, *event.Adjustment) {
	return backtest.Conversion{Event: event.Decoded{Type: event.TypeAdjustment}}, &event.Adjustment{Envelope: event.Envelope{OrgID: org}}
}

// waited are adjustments that came before their conversion. Those that became dead
// letters changed nothing.
func (h *History) waited(ctx context.Context, s backtest.Span, list []backtest.Conversion) ([]backtest.Conversion, error) {
	query := "SELECT " + originOf + `, program_id, event_id, source, toUnixTimestamp64Milli(time), conversion_id, customer_id, kind, has_amount, amount_minor, reason
		FROM waiting_log WHERE ` + inSpan + ` AND kind IN ('refund', 'chargeback', 'cancel', 'correction')
		AND (kafka_topic, kafka_partition, kafka_offset, event_id) NOT IN (SELECT kafka_topic, kafka_partition, kafka_offset, event_id FROM dead_letters WHERE org_id = ?)`
	err := h.each(ctx, "adjustments that waited", query, func(rows driver.Rows) error {
		r, a := adjustment(s.Org)
		var kind string
		var hasAmount uint8
		err := scanOrigin(rows, &r.Origin, &a.ProgramID, &a.ID, &a.Source, &a.Time, &a.ConversionID, &a.CustomerID, &kind, &hasAmount, &a.AmountMinor, &a.Reason)
		a.Kind, a.HasAmount = event.AdjustmentKind(kind), hasAmount == 1
		r.Event.Adjustment = *a
		list = append(list, r)
		return err
	}, s.Org, s.From, s.To, s.Org)
	return list, err
}

func (h *History) links(ctx context.Context, s backtest.Span, list []backtest.Conversion) ([]backtest.Conversion, error) {
	query := "SELECT " + originOf + ", program_id, event_id, source, toUnixTimestamp64Milli(time), customer_id, visitor_id FROM identity_links WHERE " + inSpan
	err := h.each(ctx, "identity links", query, func(rows driver.Rows) error {
		r := backtest.Conversion{Event: event.Decoded{Type: event.TypeIdentityLink, Link: event.IdentityLink{Envelope: event.Envelope{OrgID: s.Org}}}}
		l := &r.Event.Link
		err := scanOrigin(rows, &r.Origin, &l.ProgramID, &l.ID, &l.Source, &l.Time, &l.CustomerID, &l.VisitorID)
		list = append(list, r)
		return err
	}, s.Org, s.From, s.To)
	return list, err
}

// Members implements backtest.History.
func (h *History) Members(ctx context.Context, s backtest.Span) (list []backtest.Member, err error) {
	query := "SELECT " + originOf + `, event_id, source, toUnixTimestamp64Milli(time), member_id, status, forgotten, referral_codes, coupon_codes,
			segments, attributes, locale, currency, email_hash
		FROM members WHERE ` + inSpan
	err = h.each(ctx, "members", query, func(rows driver.Rows) error {
		r := backtest.Member{Update: event.Member{Envelope: event.Envelope{OrgID: s.Org}}}
		m := &r.Update
		var status, attributes string
		var forgotten uint8
		err := scanOrigin(rows, &r.Origin, &m.ID, &m.Source, &m.Time, &m.MemberID, &status, &forgotten, &m.ReferralCodes, &m.CouponCodes,
			&m.Segments, &attributes, &m.Locale, &m.Currency, &m.EmailHash)
		if err != nil {
			return err
		}
		m.Status, m.Forget = event.Status(status), forgotten == 1
		if m.Attributes, err = attributesOf(attributes); err != nil {
			return fmt.Errorf("attributes of member %q: %w", m.MemberID, err)
		}
		list = append(list, r)
		return nil
	}, s.Org, s.From, s.To)
	return list, err
}

// attributesOf reads attributes as the table has them: an object.
func attributesOf(text string) (list []event.Attribute, err error) {
	if text == "" {
		return nil, nil
	}
	var values map[string]any
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	if err := d.Decode(&values); err != nil {
		return nil, err
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		switch v := values[key].(type) {
		case string:
			list = append(list, event.Attribute{Key: key, Kind: 's', String: v})
		case float64:
			list = append(list, event.Attribute{Key: key, Kind: 'n', Number: v})
		case bool:
			list = append(list, event.Attribute{Key: key, Kind: 'b', Bool: v})
		}
	}
	return list, nil
}
