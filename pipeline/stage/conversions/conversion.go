package conversions

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/grapevinehq/grapevine/pipeline/attribution"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/money"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// conversion decides a conversion of a known program that was not taken before.
func (d *decider) conversion(i int, e *entry) decision {
	c := &e.Conversion
	v, active := e.program.At(c.Time)
	rate, amount, err := d.priced(c, v.Currency)
	made := decision{
		Index: i, Currency: v.Currency, Version: v.ValidFromRaw,
		Day: day(c.Time, v.Zone), Model: string(v.Attribution.Model), Margin: v.Margin, Owns: d.owns[i],
	}
	noRate := errors.Is(err, money.ErrNoRate)
	switch by := d.lost[i]; {
	case !active:
		made.Verdict, made.Reason = inactive, "the program is not active at this time"
	case err != nil && !noRate:
		return dead(i, invalid, fmt.Sprintf("amount_minor %d %s: %v in %s", c.AmountMinor, c.Currency, err, v.Currency))
	case by != "":
		made.Verdict, made.Reason = duplicate, by
	case noRate:
		return dead(i, noExchangeRate, fmt.Sprintf("%v at the conversion's time", err))
	}
	d.linkVisitor(e, c.VisitorID) // whatever is stored links (§9 (15))
	if made.Verdict == "" {
		made.Amount = amount // of one that does not count: 0, it needs no rate (§9 (39))
		d.attribute(&made, e, v, rate)
		if d.facts.TimedOut {
			made.Early, made.Reason = true, strings.TrimPrefix(made.Reason+" "+decidedEarly, " ")
		}
	}
	return made
}

// attribute decides the credits of a conversion that counts, and all that
// follows from them.
func (d *decider) attribute(made *decision, e *entry, v *program.Version, rate money.Rate) {
	c, s := &e.Conversion, d.standing(e)
	answer := attribution.Decide(d.question(e, v, s))
	made.Verdict, made.Reason, made.Seen = unattributed, answer.Reason, answer.Candidates
	kept := &conversion{
		CustomerID: c.CustomerID, Kind: c.Kind, Name: c.Name, Time: c.Time, Day: made.Day, Currency: v.Currency,
		Rate: rate, Net: c.AmountMinor, Amount: made.Amount, NetMinor: made.Amount, Counts: true,
	}
	if answer.Attributed() {
		made.Verdict = attributed
		made.Credits = creditRows(&answer, made.Amount)
		kept.Shares, kept.Parties = d.parties(e, v, &answer, made.Amount, s)
		if answer.Binds != nil {
			s.Binding = answer.Binds
		}
	}
	s.count(c.Kind, 1) // after the rules asked whether this is the first
	made.handOver(c.ConversionID, kept)
	d.saveStanding(e)
	d.saveConversion(e.conversion, kept)
	d.applyWaiting(made, e, kept)
}

// question gathers what attribution is decided by.
func (d *decider) question(e *entry, v *program.Version, s *standing) attribution.Question {
	c := &e.Conversion
	q := attribution.Question{
		Time: c.Time, CustomerID: c.CustomerID, EmailHash: c.EmailHash, Settings: v.Attribution,
		CouponCode: c.CouponCode, ClickID: c.ClickID, Binding: s.Binding,
		Member: func(id string) attribution.Member {
			m := d.facts.Members[memberName(c.OrgID, id, c.Time)]
			return attribution.Member{Banned: m.Status == event.Banned, EmailHash: m.EmailHash}
		},
	}
	if c.CouponCode != "" {
		q.CouponOwner = d.facts.Coupons[couponName(c)]
	}
	if c.ClickID != "" {
		q.Clicks = d.facts.Clicks[name(c.OrgID, c.ProgramID, c.ClickID)]
	}
	if known := d.facts.Customers[e.customer]; known != nil { // its own visitor is linked by now
		for _, visitor := range known.Visitors {
			q.Touches = append(q.Touches, d.facts.Visitors[name(c.OrgID, c.ProgramID, visitor)]...)
		}
	}
	return q
}

// creditRows are the rows of a decision: paying ones, then those of the shadow
// models, referrers in the order of ties. A credit of 0 makes no row (§9 (39)).
func creditRows(answer *attribution.Decision, amount int64) []creditRow {
	var rows []creditRow
	add := func(a attribution.Allocation, paying bool) {
		amounts := a.Amounts(amount)
		for i, ppm := range a.PPM {
			if ppm > 0 {
				rows = append(rows, creditRow{string(a.Model), paying, answer.Referrers[i], ppm, amounts[i]})
			}
		}
	}
	add(answer.Paying, true)
	for _, a := range answer.Shadow {
		add(a, false)
	}
	return rows
}

// day is the day of a time in a zone, in days since the epoch.
func day(ms int64, zone *time.Location) int32 {
	y, m, dd := time.UnixMilli(ms).In(zone).Date()
	return int32(time.Date(y, m, dd, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}
