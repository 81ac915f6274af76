package backtest

import (
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

// The events of the books, as their producers write them. Absent fields are left
// out, as an empty one is not valid.

type memberData struct {
	MemberID      string         `json:"member_id"`
	Status        event.Status   `json:"status,omitempty"`
	ReferralCodes []string       `json:"referral_codes,omitempty"`
	CouponCodes   []string       `json:"coupon_codes,omitempty"`
	Segments      []string       `json:"segments,omitempty"`
	Attributes    map[string]any `json:"attributes,omitempty"`
	Locale        string         `json:"locale,omitempty"`
	Currency      string         `json:"currency,omitempty"`
	EmailHash     string         `json:"email_hash,omitempty"`
}

func memberRecord(m *event.Member) (event.Record, error) {
	rec := event.Record{Time: m.Time, Key: []byte(m.OrgID + "/" + m.MemberID)}
	if m.Forget {
		return rec, nil
	}
	data := memberData{
		MemberID: m.MemberID, Status: m.Status, ReferralCodes: m.ReferralCodes, CouponCodes: m.CouponCodes, Segments: m.Segments,
		Locale: m.Locale, Currency: m.Currency, EmailHash: m.EmailHash,
	}
	if len(m.Attributes) > 0 {
		data.Attributes = make(map[string]any, len(m.Attributes))
	}
	for _, a := range m.Attributes {
		switch a.Kind {
		case 's':
			data.Attributes[a.Key] = a.String
		case 'n':
			data.Attributes[a.Key] = a.Number
		default:
			data.Attributes[a.Key] = a.Bool
		}
	}
	m.Type = event.TypeMember
	return encoded(rec, &m.Envelope, data)
}

type conversionData struct {
	Kind         event.Kind        `json:"kind"`
	CustomerID   string            `json:"customer_id"`
	ConversionID string            `json:"conversion_id,omitempty"`
	VisitorID    string            `json:"visitor_id,omitempty"`
	ClickID      string            `json:"click_id,omitempty"`
	CouponCode   string            `json:"coupon_code,omitempty"`
	OrderID      string            `json:"order_id,omitempty"`
	Name         string            `json:"name,omitempty"`
	AmountMinor  int64             `json:"amount_minor"`
	Currency     string            `json:"currency,omitempty"`
	EmailHash    string            `json:"email_hash,omitempty"`
	Metadata     map[string]string `json:"metadata,omitempty"`
}

type adjustmentData struct {
	ConversionID string               `json:"conversion_id"`
	CustomerID   string               `json:"customer_id"`
	Kind         event.AdjustmentKind `json:"kind"`
	AmountMinor  *int64               `json:"amount_minor,omitempty"`
	Reason       string               `json:"reason,omitempty"`
}

type linkData struct {
	CustomerID string `json:"customer_id"`
	VisitorID  string `json:"visitor_id"`
}

func conversionRecord(d *event.Decoded) (event.Record, error) {
	rec := event.Record{Time: written, Key: []byte(d.CustomerID())}
	env := d.Envelope()
	env.Type = d.Type
	switch d.Type {
	case event.TypeAdjustment:
		a := &d.Adjustment
		data := adjustmentData{ConversionID: a.ConversionID, CustomerID: a.CustomerID, Kind: a.Kind, Reason: a.Reason}
		if a.HasAmount {
			data.AmountMinor = &a.AmountMinor
		}
		return encoded(rec, env, data)
	case event.TypeIdentityLink:
		return encoded(rec, env, linkData{d.Link.CustomerID, d.Link.VisitorID})
	}
	c := &d.Conversion
	data := conversionData{
		Kind: c.Kind, CustomerID: c.CustomerID, ConversionID: c.ConversionID, VisitorID: c.VisitorID, ClickID: c.ClickID,
		CouponCode: c.CouponCode, OrderID: c.OrderID, Name: c.Name, AmountMinor: c.AmountMinor, Currency: c.Currency, EmailHash: c.EmailHash,
	}
	if len(c.Metadata) > 0 {
		data.Metadata = make(map[string]string, len(c.Metadata))
	}
	for _, p := range c.Metadata {
		data.Metadata[p.Key] = p.Value
	}
	return encoded(rec, env, data)
}

type decisionData struct {
	RewardID string         `json:"reward_id"`
	Decision event.Decision `json:"decision"`
	Actor    string         `json:"actor,omitempty"`
	Reason   string         `json:"reason,omitempty"`
}

func decisionRecord(f *event.Fulfillment) (event.Record, error) {
	f.Type = event.TypeDecided
	return encoded(event.Record{Time: written, Key: []byte(f.RewardID)}, &f.Envelope, decisionData{f.RewardID, f.Decision, f.Actor, f.Reason})
}

// encoded writes an event into a record.
func encoded[T any](rec event.Record, env *event.Envelope, data T) (event.Record, error) {
	var err error
	rec.Value, err = event.EncodeEvent(event.Out{
		ID: env.ID, Source: env.Source, Type: env.Type, Time: env.Time, OrgID: env.OrgID, ProgramID: env.ProgramID,
	}, data)
	if err != nil {
		return rec, fmt.Errorf("write event %q of %q again: %w", env.ID, env.Source, err)
	}
	return rec, nil
}

// written is the Kafka timestamp of all records, which the books do not keep: in
// 2100, so that no wait ends by it. What waited in vain is not among the events.
const written = 4102444800000
