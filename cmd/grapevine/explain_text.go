package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/grapevinehq/grapevine/analytics"
	"github.com/grapevinehq/grapevine/pipeline/attribution"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// write writes an explanation for people, what was asked first coming first.
func (e *explained) write(out io.Writer) {
	e.writeHead(out)
	if e.Conversion.Counted() {
		e.writeCandidates(out)
		e.writeClicks(out)
		e.writeCredits(out)
		e.writePassed(out)
		e.writeRewards(out)
		e.writeAdjustments(out)
	}
	e.writeAgain(out)
}

// writeHead tells what the conversion is and what was decided of it.
func (e *explained) writeHead(out io.Writer) {
	c := &e.Conversion
	line := func(name, value string) { fmt.Fprintf(out, "%-10s  %s\n", name, value) }
	line("conversion", printable(c.ConversionID)+" of "+printable(c.OrgID+"/"+c.ProgramID))
	line("verdict", verdict(c)+because(c, e.Cause))
	what := c.Kind
	if c.Name != "" {
		what += " " + printable(c.Name)
	}
	line("what", what+named(" by customer ", c.CustomerID)+named(", order ", c.OrderID)+named(", visitor ", c.VisitorID)+
		named(", click ", c.ClickID)+named(", coupon ", c.CouponCode))
	line("time", instant(c.Time)+", decided "+instant(c.DecidedAt))
	line("amount", amounts(c))
	line("program", "version "+c.ProgramVersion+named(", configuration ", c.ConfigRevision[:min(12, len(c.ConfigRevision))])+attributes(e.settings))
	line("event", printable(c.EventID)+" of "+printable(c.Source)+fmt.Sprintf(", at %s/%d/%d", printable(c.Topic), c.Partition, c.Offset))
}

// named is what an id is, and the id; nothing where there is none.
func named(what, id string) string {
	if id == "" {
		return ""
	}
	return what + printable(id)
}

func verdict(c *analytics.Conversion) string {
	if c.Reason == "" {
		return c.Verdict
	}
	return c.Verdict + ": " + printable(c.Reason)
}

// because names the conversion that settled this one.
func because(c *analytics.Conversion, cause *analytics.Cause) string {
	switch {
	case cause == nil || cause.ConversionID == c.ConversionID:
		return ""
	case c.Verdict == "duplicate":
		return fmt.Sprintf(": conversion %s has this order", printable(cause.ConversionID))
	}
	return fmt.Sprintf(" since conversion %s of %s", printable(cause.ConversionID), instant(cause.Time))
}

// amounts are what the conversion was worth and what it is worth now.
func amounts(c *analytics.Conversion) string {
	if !c.Counted() {
		return formatMoney(c.OriginalAmountMinor, c.OriginalCurrency) + ", which does not count"
	}
	text := formatMoney(c.AmountMinor, c.Currency)
	if c.OriginalCurrency != "" && c.OriginalCurrency != c.Currency {
		text += ", converted from " + formatMoney(c.OriginalAmountMinor, c.OriginalCurrency)
	}
	if c.NetMinor != c.AmountMinor {
		text += "; " + formatMoney(c.NetMinor, c.Currency) + " after adjustments"
	}
	if !c.Counts {
		text += "; does not count any more"
	}
	return text
}

// attributes says in a line how a version attributes.
func attributes(a *program.Attribution) string {
	if a == nil {
		return ""
	}
	order := make([]string, len(a.Order))
	for i, kind := range a.Order {
		order[i] = string(kind)
	}
	return fmt.Sprintf(": %s, window %gh, order %s, binding %s", a.Model, a.Window.Hours(), strings.Join(order, " "), binding(a))
}

func (e *explained) writeCandidates(out io.Writer) {
	fmt.Fprintln(out, "\nCandidates")
	defer e.writeUnasked(out)
	if len(e.Candidates) == 0 {
		fmt.Fprintln(out, "None: no visitor who was linked to the customer followed a link within the window.")
		return
	}
	t := newTable(out, "kind", "referrer", "click", "touched", ">credit", "why")
	for _, c := range e.Candidates {
		at := ""
		if c.TouchedAt != nil {
			at = instant(*c.TouchedAt)
		}
		t.AppendRow(table.Row{printable(c.Kind), printable(c.ReferrerID), printable(c.ClickID), at, formatPPM(c.CreditPPM), printable(c.Why)})
	}
	t.Render()
}

// writeUnasked tells of a coupon or click that the conversion names and that was
// never looked at.
func (e *explained) writeUnasked(out io.Writer) {
	c := &e.Conversion
	for _, named := range []struct {
		kind program.CandidateKind
		id   string
	}{{program.CandidateCoupon, c.CouponCode}, {program.CandidateClick, c.ClickID}} {
		asked := slices.ContainsFunc(e.Candidates, func(k analytics.Candidate) bool { return k.Kind == string(named.kind) })
		switch {
		case named.id == "" || asked:
		case strings.HasPrefix(c.Reason, attribution.Bound):
			fmt.Fprintf(out, "The %s %s was not looked at: the customer was bound.\n", named.kind, printable(named.id))
		case e.settings != nil && !slices.Contains(e.settings.Order, named.kind):
			fmt.Fprintf(out, "The %s %s was not looked at: the program's order has no %[1]s.\n", named.kind, printable(named.id))
		}
	}
}

func (e *explained) writeClicks(out io.Writer) {
	if len(e.Clicks) == 0 {
		return
	}
	fmt.Fprintln(out, "\nOther clicks of the customer's visitors")
	t := newTable(out, "referrer", "click", "visitor", "clicked", "why it was no candidate")
	for _, c := range e.Clicks {
		t.AppendRow(table.Row{printable(c.ReferrerID), printable(c.ClickID), printable(c.VisitorID), instant(c.Time), printable(c.Why)})
	}
	t.Render()
}

func (e *explained) writeCredits(out io.Writer) {
	if len(e.Credits) == 0 {
		return
	}
	fmt.Fprintln(out, "\nCredits")
	t := newTable(out, "model", "", "referrer", ">credit", ">amount", ">touches", "first touch", "last touch")
	for _, c := range e.Credits {
		pays := "shadow"
		if c.Paying {
			pays = "pays"
		}
		t.AppendRow(table.Row{
			c.Model, pays, printable(c.ReferrerID), formatPPM(c.CreditPPM), formatMoney(c.AmountMinor, e.Conversion.Currency),
			formatCount(uint64(c.Touches)), instant(c.FirstTouchAt), instant(c.LastTouchAt),
		})
	}
	t.Render()
}

func (e *explained) writePassed(out io.Writer) {
	if len(e.Passed) == 0 {
		return
	}
	fmt.Fprintln(out, "\nRules that were passed")
	t := newTable(out, "beneficiary", "role", "rules")
	for _, p := range e.Passed {
		rules := strings.Join(p.Rules, ", ")
		if rules == "" {
			rules = "none"
		}
		t.AppendRow(table.Row{printable(p.BeneficiaryID), p.Role, printable(rules)})
	}
	t.Render()
}

// writeRewards writes a row for each event, and for what became of it outside.
func (e *explained) writeRewards(out io.Writer) {
	if len(e.Rewards) == 0 {
		return
	}
	fmt.Fprintln(out, "\nRewards that it caused")
	t := newTable(out, "reward", "beneficiary", "what", "time", ">amount", ">remains", "status", "reason")
	for i := range e.Rewards {
		r := &e.Rewards[i]
		if i > 0 {
			t.AppendSeparator()
		}
		head := table.Row{rewardName(r), printable(r.BeneficiaryID)}
		for _, v := range r.Events {
			t.AppendRow(append(head, v.EventType, instant(v.Time), worth(v.AmountMinor, r.Currency, v.Quantity, r.Unit),
				worth(v.RemainingMinor, r.Currency, v.RemainingQuantity, r.Unit), v.Status, printable(v.Reason)))
			head = table.Row{"", ""}
		}
		for _, f := range r.Outside {
			amount := ""
			if f.AmountMinor+f.Quantity != 0 {
				amount = worth(f.AmountMinor, r.Currency, f.Quantity, r.Unit)
			}
			t.AppendRow(append(head, strings.TrimSpace(f.EventType+" "+printable(f.Decision)), instant(f.Time), amount, "", "", printable(who(f))))
		}
	}
	t.Render()
}

// rewardName is where the configuration has a reward: rule, tier, and its own id.
func rewardName(r *analytics.Reward) string {
	parts := []string{r.RuleID}
	if r.TierID != "" {
		parts = append(parts, r.TierID)
	}
	name := strings.Join(append(parts, r.Reward), "/")
	if r.Period != "" && r.Period != string(program.Lifetime) {
		name += " of " + r.Period
	}
	return printable(name)
}

// who did something outside, and why.
func who(f analytics.Fulfillment) string {
	var parts []string
	for _, part := range []string{f.Actor, f.ExternalID, f.Reason} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ", ")
}

// worth is an amount of money, or a quantity of a unit.
func worth(minor int64, currency string, quantity int64, unit string) string {
	if currency != "" {
		return formatMoney(minor, currency)
	}
	return formatCount(quantity) + " " + printable(unit)
}

func (e *explained) writeAdjustments(out io.Writer) {
	if len(e.Adjusted) == 0 {
		return
	}
	fmt.Fprintln(out, "\nAdjustments")
	t := newTable(out, "what", "time", ">change", "counts", "reason", "event")
	for _, a := range e.Adjusted {
		counts := "yes"
		if !a.CountsAfter {
			counts = "no"
		}
		t.AppendRow(table.Row{a.Kind, instant(a.Time), formatMoney(a.AmountMinor, a.Currency), counts, printable(a.Reason), printable(a.EventID + " of " + a.Source)})
	}
	t.Render()
}

func (e *explained) writeAgain(out io.Writer) {
	if len(e.Again) == 0 {
		return
	}
	fmt.Fprintln(out, "\nStored again under this id, without effect")
	t := newTable(out, "verdict", "customer", "time", ">amount", "event")
	for i := range e.Again {
		c := &e.Again[i]
		t.AppendRow(table.Row{printable(verdict(c)), printable(c.CustomerID), instant(c.Time), formatMoney(c.OriginalAmountMinor, c.OriginalCurrency), printable(c.EventID + " of " + c.Source)})
	}
	t.Render()
}

// instant is a time in UTC to the millisecond, or to the second where that is
// all there is.
func instant(t time.Time) string {
	if t.Nanosecond() == 0 {
		return t.UTC().Format("2006-01-02 15:04:05")
	}
	return t.UTC().Format("2006-01-02 15:04:05.000")
}

// formatPPM writes parts per million as per cent, as exactly as it is.
func formatPPM(ppm uint32) string {
	if ppm == 0 {
		return "-"
	}
	text := formatDecimal(int64(ppm), 4)
	return strings.TrimRight(strings.TrimRight(text, "0"), ".") + " %"
}
