package analytics

import (
	"context"
	"fmt"
	"time"
)

// Explanation is what the books hold of one conversion: what was decided, of
// whom, and what came of it. Its JSON has the names of the tables' columns.
type Explanation struct {
	Conversion Conversion   `json:"conversion"`
	Candidates []Candidate  `json:"candidates"`
	Cause      *Cause       `json:"cause,omitempty"` // the earlier conversion that settled it, where one did
	Clicks     []OtherClick `json:"other_clicks"`    // of the customer's visitors, which were no candidates
	Credits    []CreditRow  `json:"attributions"`
	Passed     []Passed     `json:"rules_passed"`
	Rewards    []Reward     `json:"rewards"`
	Adjusted   []Adjustment `json:"adjustments"`
	Again      []Conversion `json:"stored_again"` // further conversions of the same id
}

// Conversion is a row of conversions. Of one that counted, net is after all of
// its adjustments.
type Conversion struct {
	OrgID               string    `ch:"org_id" json:"org_id"`
	ProgramID           string    `ch:"program_id" json:"program_id"`
	ConversionID        string    `ch:"conversion_id" json:"conversion_id"`
	Time                time.Time `ch:"time" json:"time"`
	EventID             string    `ch:"event_id" json:"event_id"`
	Source              string    `ch:"source" json:"source"`
	CustomerID          string    `ch:"customer_id" json:"customer_id"`
	VisitorID           string    `ch:"visitor_id" json:"visitor_id"`
	ClickID             string    `ch:"click_id" json:"click_id"`
	Kind                string    `ch:"kind" json:"kind"`
	Name                string    `ch:"name" json:"name"`
	OrderID             string    `ch:"order_id" json:"order_id"`
	CouponCode          string    `ch:"coupon_code" json:"coupon_code"`
	Verdict             string    `ch:"verdict" json:"verdict"`
	Reason              string    `ch:"reason" json:"reason"`
	OriginalAmountMinor int64     `ch:"original_amount_minor" json:"original_amount_minor"`
	OriginalCurrency    string    `ch:"original_currency" json:"original_currency"`
	AmountMinor         int64     `ch:"amount_minor" json:"amount_minor"`
	Currency            string    `ch:"currency" json:"currency"`
	NetMinor            int64     `ch:"net_minor" json:"net_minor"`
	Counts              bool      `ch:"counts_now" json:"counts"`
	ProgramVersion      string    `ch:"program_version" json:"program_version"`
	ConfigRevision      string    `ch:"config_revision" json:"config_revision"`
	Topic               string    `ch:"kafka_topic" json:"kafka_topic"`
	Partition           int32     `ch:"kafka_partition" json:"kafka_partition"`
	Offset              int64     `ch:"kafka_offset" json:"kafka_offset"`
	DecidedAt           time.Time `ch:"ingested" json:"decided_at"`

	Considered []string    `ch:"candidates" json:"-"`
	Skipped    []string    `ch:"skipped" json:"-"`
	TouchedAt  []time.Time `ch:"touched_at" json:"-"`
}

// Counted tells whether the conversion was one, rather than a duplicate or
// outside of every version.
func (c *Conversion) Counted() bool {
	return c.Verdict == "attributed" || c.Verdict == "unattributed"
}

// Candidate is what could have earned credit, and what the paying model gave its
// referrer.
type Candidate struct {
	Kind       string     `json:"kind"`
	ReferrerID string     `json:"referrer_id"`
	ClickID    string     `json:"click_id"`
	TouchedAt  *time.Time `json:"touched_at"` // nil where nobody knows
	Skipped    string     `json:"skipped"`    // empty: it counts
	CreditPPM  uint32     `json:"credit_ppm"` // of the referrer, over all candidates that count
	Why        string     `json:"why"`        // in words, see Explain
}

// Cause is an earlier conversion that settled a later one: it bound the customer,
// or has the order.
type Cause struct {
	ConversionID string    `ch:"conversion_id" json:"conversion_id"`
	CustomerID   string    `ch:"customer_id" json:"customer_id"`
	Time         time.Time `ch:"time" json:"time"`
}

// OtherClick is a click of a visitor of the customer that was no candidate.
type OtherClick struct {
	ReferrerID   string    `ch:"referrer_id" json:"referrer_id"`
	ClickID      string    `ch:"click_id" json:"click_id"`
	VisitorID    string    `ch:"visitor_id" json:"visitor_id"`
	Time         time.Time `ch:"time" json:"time"`
	Verdict      string    `ch:"verdict" json:"verdict"`
	Reason       string    `ch:"reason" json:"reason"`
	LinkedByThen bool      `ch:"linked" json:"linked_by_then"` // whether the visitor was the customer's when the conversion was read
	Why          string    `ch:"-" json:"why"`                 // in words, see Explain
}

// CreditRow is a row of attributions.
type CreditRow struct {
	Model        string    `ch:"model" json:"model"`
	Paying       bool      `ch:"pays" json:"paying"`
	ReferrerID   string    `ch:"referrer_id" json:"referrer_id"`
	CreditPPM    uint32    `ch:"credit_ppm" json:"credit_ppm"`
	AmountMinor  int64     `ch:"amount_minor" json:"amount_minor"`
	Touches      uint32    `ch:"touches" json:"touches"`
	FirstTouchAt time.Time `ch:"first_touch_at" json:"first_touch_at"`
	LastTouchAt  time.Time `ch:"last_touch_at" json:"last_touch_at"`
}

// Passed are the rules whose filters a conversion passed, as they concern one
// beneficiary.
type Passed struct {
	BeneficiaryID string   `ch:"beneficiary_id" json:"beneficiary_id"`
	Role          string   `ch:"role" json:"beneficiary_role"`
	Rules         []string `ch:"rules" json:"rules"`
}

// Adjustment is a row of adjustments.
type Adjustment struct {
	Time        time.Time `ch:"time" json:"time"`
	EventID     string    `ch:"event_id" json:"event_id"`
	Source      string    `ch:"source" json:"source"`
	Kind        string    `ch:"kind" json:"kind"`
	AmountMinor int64     `ch:"amount_minor" json:"amount_minor"`
	Currency    string    `ch:"currency" json:"currency"`
	CountsAfter bool      `ch:"counts" json:"counts_after"`
	Reason      string    `ch:"reason" json:"reason"`
}

// ProgramID names a program of an org.
type ProgramID struct {
	OrgID     string `ch:"org_id"`
	ProgramID string `ch:"program_id"`
}

// String is org/program.
func (p ProgramID) String() string { return p.OrgID + "/" + p.ProgramID }

// ConversionPrograms are the programs that have a conversion of an id; an empty
// orgID or programID is any.
func (b *Books) ConversionPrograms(ctx context.Context, orgID, programID, conversionID string) ([]ProgramID, error) {
	return selected[ProgramID](ctx, b, "conversions", `SELECT DISTINCT org_id, program_id FROM conversions
		WHERE conversion_id = ? AND (org_id = ? OR ? = '') AND (program_id = ? OR ? = '') ORDER BY org_id, program_id`,
		conversionID, orgID, orgID, programID, programID)
}

// selected reads every row of a query into a struct whose fields are tagged with
// the columns; what names what is read, for errors.
func selected[T any](ctx context.Context, b *Books, what, query string, args ...any) ([]T, error) {
	all := []T{} // not nil: an empty list in JSON
	if err := b.conn.Select(ctx, &all, query, args...); err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	return all, nil
}
