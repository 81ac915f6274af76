package analytics

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// ErrNoConversion means that the books hold no conversion of an id.
var ErrNoConversion = errors.New("no such conversion is stored")

// mostClicks bounds the clicks of an explanation: those nearest to it in time.
const mostClicks = 100

// Explain reads all that concerns one conversion of a program.
func (b *Books) Explain(ctx context.Context, orgID, programID, conversionID string) (*Explanation, error) {
	stored, err := b.storedAs(ctx, orgID, programID, conversionID)
	if err != nil {
		return nil, err
	}
	if len(stored) == 0 {
		return nil, fmt.Errorf("conversion %s of %s/%s: %w", conversionID, orgID, programID, ErrNoConversion)
	}
	e := &Explanation{Conversion: stored[0], Again: stored[1:]}
	id := []any{orgID, programID, conversionID}
	if e.Cause, err = b.cause(ctx, &e.Conversion); err != nil {
		return nil, err
	}
	if !e.Conversion.Counted() {
		e.Candidates, e.Clicks, e.Credits = []Candidate{}, []OtherClick{}, []CreditRow{}
		e.Passed, e.Rewards, e.Adjusted = []Passed{}, []Reward{}, []Adjustment{}
		return e, nil
	}
	if e.Credits, err = selected[CreditRow](ctx, b, "attributions", `
		SELECT model, paying = 1 AS pays, referrer_id, credit_ppm, amount_minor, touches, first_touch_at, last_touch_at FROM attributions
		WHERE org_id = ? AND program_id = ? AND conversion_id = ? ORDER BY paying DESC, model, credit_ppm DESC, first_touch_at, referrer_id`, id...); err != nil {
		return nil, err
	}
	e.Candidates = candidates(&e.Conversion, e.Credits)
	if e.Clicks, err = b.otherClicks(ctx, &e.Conversion, e.Candidates); err != nil {
		return nil, err
	}
	if e.Passed, err = selected[Passed](ctx, b, "credits", `SELECT beneficiary_id, role, rules FROM credits
		WHERE org_id = ? AND program_id = ? AND conversion_id = ? AND sequence = 0 ORDER BY role DESC, share_index`, id...); err != nil {
		return nil, err
	}
	if e.Adjusted, err = selected[Adjustment](ctx, b, "adjustments", `
		SELECT time, event_id, source, kind, amount_minor, currency, counts_after = 1 AS counts, reason FROM adjustments
		WHERE org_id = ? AND program_id = ? AND conversion_id = ? ORDER BY ingested, batch, kafka_offset`, id...); err != nil {
		return nil, err
	}
	e.Rewards, err = b.rewardsOf(ctx, orgID, programID, conversionID)
	return e, err
}

// storedAs are the conversions of an id: the one that counted first, then those
// that came too late for the id or lay outside of every version.
func (b *Books) storedAs(ctx context.Context, orgID, programID, conversionID string) ([]Conversion, error) {
	return selected[Conversion](ctx, b, "conversions", `
		WITH verdict IN ('attributed', 'unattributed') AS counted
		SELECT
			org_id, program_id, conversion_id, time, event_id, source, customer_id, visitor_id, click_id, kind, name, order_id, coupon_code,
			verdict, reason, original_amount_minor, original_currency, amount_minor, currency, program_version, config_revision,
			kafka_topic, kafka_partition, kafka_offset, ingested, candidates, skipped, touched_at,
			if(counted, net, 0) AS net_minor, toBool(counted AND counts = 1) AS counts_now
		FROM conversions
		LEFT JOIN
		(
			SELECT conversion_id AS id, net_minor AS net, counts FROM conversion_standings WHERE org_id = ? AND program_id = ? AND conversion_id = ?
		) AS standing ON id = conversion_id
		WHERE org_id = ? AND program_id = ? AND conversion_id = ?
		ORDER BY counted DESC, ingested, batch, kafka_offset`, orgID, programID, conversionID, orgID, programID, conversionID)
}

// cause finds the conversion that bound the customer of a bound one, or that has
// the order of a duplicate.
func (b *Books) cause(ctx context.Context, c *Conversion) (*Cause, error) {
	const find = `SELECT conversion_id, customer_id, time FROM conversions WHERE org_id = ? AND program_id = ? AND `
	var found []Cause
	var err error
	switch {
	case strings.HasPrefix(c.Reason, "bound"): // in the order of the customer's partition
		found, err = selected[Cause](ctx, b, "conversions", find+`customer_id = ? AND verdict = 'attributed' ORDER BY ingested, batch, kafka_offset LIMIT 1`,
			c.OrgID, c.ProgramID, c.CustomerID)
	case c.Verdict == "duplicate" && c.Reason == "order_id":
		found, err = selected[Cause](ctx, b, "conversions", find+`order_id = ? AND kind = ? AND verdict IN ('attributed', 'unattributed') LIMIT 1`,
			c.OrgID, c.ProgramID, c.OrderID, c.Kind)
	}
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// candidates are those of a conversion, each with what its referrer got.
func candidates(c *Conversion, credits []CreditRow) []Candidate {
	paid := make(map[string]uint32)
	for _, credit := range credits {
		if credit.Paying {
			paid[credit.ReferrerID] = credit.CreditPPM
		}
	}
	all := make([]Candidate, len(c.Considered))
	for i, considered := range c.Considered {
		one := &all[i]
		one.Kind, one.ReferrerID, one.ClickID = parts(considered)
		if i < len(c.Skipped) {
			one.Skipped = c.Skipped[i]
		}
		if i < len(c.TouchedAt) && one.Skipped != "unknown_click" && one.Skipped != "unknown_coupon" {
			at := c.TouchedAt[i]
			one.TouchedAt = &at
		}
		if one.Skipped == "" {
			one.CreditPPM = paid[one.ReferrerID]
		}
	}
	return all
}

// parts takes apart what conversions writes of a candidate.
func parts(considered string) (kind, referrer, click string) {
	var texts [3]string
	for i, segment := range strings.SplitN(considered, "/", len(texts)) {
		text, err := url.PathUnescape(segment)
		if err != nil {
			text = segment
		}
		texts[i] = text
	}
	return texts[0], texts[1], texts[2]
}

// otherClicks finds the clicks of the customer's visitors, also of those that
// were linked later, without those that are candidates.
func (b *Books) otherClicks(ctx context.Context, c *Conversion, candidates []Candidate) ([]OtherClick, error) {
	found, err := selected[OtherClick](ctx, b, "clicks", `
		WITH links AS
		(
			SELECT visitor_id AS visitor, max(kafka_topic = ? AND kafka_partition = ? AND kafka_offset <= ?) AS by_then
			FROM
			(
				SELECT visitor_id, kafka_topic, kafka_partition, kafka_offset FROM conversions WHERE org_id = ? AND customer_id = ? AND visitor_id != ''
				UNION ALL
				SELECT visitor_id, kafka_topic, kafka_partition, kafka_offset FROM identity_links WHERE org_id = ? AND customer_id = ?
			)
			GROUP BY visitor_id
		)
		SELECT referrer_id, click_id, visitor_id, time, verdict, reason, toBool(visitor_id IN (SELECT visitor FROM links WHERE by_then = 1)) AS linked
		FROM clicks
		WHERE org_id = ? AND program_id = ? AND visitor_id IN (SELECT visitor FROM links)
		ORDER BY abs(toUnixTimestamp64Milli(time) - ?), click_id LIMIT ?`,
		c.Topic, c.Partition, c.Offset, c.OrgID, c.CustomerID, c.OrgID, c.CustomerID, c.OrgID, c.ProgramID,
		c.Time.UnixMilli(), mostClicks+len(candidates))
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(o OtherClick) bool {
		return slices.ContainsFunc(candidates, func(k Candidate) bool {
			return o.ClickID == k.ClickID && o.ReferrerID == k.ReferrerID && k.TouchedAt != nil && o.Time.Equal(*k.TouchedAt)
		})
	})
	return found[:min(len(found), mostClicks)], nil
}
