package judge

import (
	"encoding/json"
	"fmt"
	"net/url"
	"time"
)

func (t *trial) compareConversion(e *event, d *decision, id string, row Row) {
	want := e.textsOf(e.row(t.Topic(topicConversions)), "customer_id", "visitor_id", "click_id", "email_hash", "kind", "name", "order_id", "coupon_code")
	want["conversion_id"], want["verdict"] = id, d.verdict
	want["original_amount_minor"], want["original_currency"] = e.amount, e.texts["currency"]
	want["amount_minor"], want["currency"] = d.amount, d.near.Currency
	want["day"], want["metadata"] = dayIn(e.time, d.near.zone), mapping(e.metadata)
	if d.verdict != inactive {
		want["program_version"] = d.near.ValidFrom.UTC().Format(time.RFC3339)
	}
	t.compare("conversions", e.place.String(), want, row)
	t.attributedWanted(e, d, id, row)
}

// creditRow is a row of attributions, as far as it can differ.
type creditRow struct {
	model, referrer               string
	paying, ppm, amount, touches  int64
	first, last                   int64
	conversion, org, program, day string
	time                          int64
}

func (c creditRow) key() string { return fmt.Sprint(c.model, "/", c.paying, "/", c.referrer) }

// creditRows are the rows that a decision makes: those that pay, then the shadow
// models'.
func (t *trial) creditRows(e *event, d *decision) map[string]creditRow {
	rows := map[string]creditRow{}
	if d.verdict != attributed {
		return rows
	}
	add := func(model, of string, paying int64) {
		amounts := split(d.amount, d.credit.ppm[of])
		for i, r := range d.credit.referrers {
			row := creditRow{
				model: model, referrer: r.referrer, paying: paying, ppm: d.credit.ppm[of][i], amount: amounts[i], touches: r.touches,
				first: r.first, last: r.last, conversion: e.or("conversion_id", e.id), org: e.org, program: e.program, day: dayIn(e.time, d.near.zone), time: e.time,
			}
			if row.ppm > 0 {
				rows[row.key()] = row
			}
		}
	}
	add(d.near.Attribution.Model, d.credit.paying, 1) // a bound one keeps the credits, by whichever model they were given
	for _, model := range d.near.Attribution.Shadow {
		add(model, model, 0)
	}
	return rows
}

func creditOf(row Row) creditRow {
	return creditRow{
		model: row.text("model"), referrer: row.text("referrer_id"), paying: row.number("paying"), ppm: row.number("credit_ppm"), amount: row.number("amount_minor"),
		touches: row.number("touches"), first: row.number("first_touch_at"), last: row.number("last_touch_at"), conversion: row.text("conversion_id"),
		org: row.text("org_id"), program: row.text("program_id"), day: row.text("day"), time: row.number("time"),
	}
}

// creditDifferences tells how the rows of a conversion differ from a decision.
func (t *trial) creditDifferences(e *event, d *decision, given []Row) (told []Difference) {
	want := t.creditRows(e, d)
	for _, row := range given {
		got := creditOf(row)
		w, ok := want[got.key()]
		switch {
		case !ok:
			told = append(told, Difference{"attributions", e.place.String() + " " + got.key(), "no row", row.String()})
		case w != got:
			told = append(told, Difference{"attributions", e.place.String() + " " + got.key(), fmt.Sprintf("%+v", w), fmt.Sprintf("%+v", got)})
		}
		delete(want, got.key())
	}
	for key, w := range want {
		told = append(told, Difference{"attributions", e.place.String() + " " + key, fmt.Sprintf("%+v", w), "no row"})
	}
	return told
}

func (t *trial) compareCredits(e *event, d *decision, given []Row) {
	for _, x := range t.creditDifferences(e, d, given) {
		t.differ(x.Where, x.Key, x.Expected, x.Found)
	}
}

// outgoing is an event on an outgoing topic.
type outgoing struct {
	SpecVersion, ID, Source, Type, Time, OrgID, ProgramID string
	Data                                                  json.RawMessage
}

// told is the data of referral.conversion.attributed.v1.
type told struct {
	ConversionID string `json:"conversion_id"`
	CustomerID   string `json:"customer_id"`
	Kind         string `json:"kind"`
	Verdict      string `json:"verdict"`
	Reason       string `json:"reason"`
	Model        string `json:"model"`
	AmountMinor  int64  `json:"amount_minor"`
	Currency     string `json:"currency"`
	Credits      []struct {
		ReferrerID  string `json:"referrer_id"`
		CreditPPM   int64  `json:"credit_ppm"`
		AmountMinor int64  `json:"amount_minor"`
	} `json:"credits"`
}

// attributedWanted notes what must be told of a conversion that was stored (§9 (7)).
// Its reason is the row's.
func (t *trial) attributedWanted(e *event, d *decision, id string, row Row) {
	w := told{ConversionID: id, CustomerID: e.texts["customer_id"], Kind: e.texts["kind"], Verdict: d.verdict, Reason: row.text("reason"), AmountMinor: d.amount, Currency: d.near.Currency}
	if d.verdict == attributed {
		w.Model = d.near.Attribution.Model
		ppm := d.credit.ppm[d.credit.paying]
		amounts := split(d.amount, ppm)
		for i, r := range d.credit.referrers {
			if ppm := ppm[i]; ppm > 0 {
				w.Credits = append(w.Credits, struct {
					ReferrerID  string `json:"referrer_id"`
					CreditPPM   int64  `json:"credit_ppm"`
					AmountMinor int64  `json:"amount_minor"`
				}{r.referrer, ppm, amounts[i]})
			}
		}
	}
	eventID := url.PathEscape(e.program) + "/" + url.PathEscape(e.source) + "/" + url.PathEscape(e.id) + "/attributed"
	t.attributedIDs["grapevine/"+e.org+"/"+e.program+" "+eventID] = fmt.Sprintf("%s %d %+v", e.texts["customer_id"], e.time, w)
}

// attributedEvents compares the topic with the stored conversions: one event each.
func (t *trial) attributedEvents() error {
	seen := map[string]bool{}
	for r, err := range t.Records(t.ctx, topicAttributions) {
		if err != nil {
			return err
		}
		var o outgoing
		var d told
		if json.Unmarshal(r.Value, &o) != nil || json.Unmarshal(o.Data, &d) != nil {
			continue // published tells
		}
		key := o.Source + " " + o.ID
		at, err := time.Parse(time.RFC3339Nano, o.Time)
		if err != nil || d.Verdict != attributed {
			d.Model = ""
		}
		if len(d.Credits) == 0 {
			d.Credits = nil
		}
		got := fmt.Sprintf("%s %d %+v", r.Key, at.UnixMilli(), d)
		want, ok := t.attributedIDs[key]
		if !ok {
			want = "no event"
		}
		if want != got || o.Type != "referral.conversion.attributed.v1" {
			t.differ(topicAttributions, key, want, got)
		}
		seen[key] = true
	}
	for key, want := range t.attributedIDs {
		if !seen[key] {
			t.differ(topicAttributions, key, want, "no event")
		}
	}
	return nil
}
