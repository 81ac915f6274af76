package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/progress"
)

// writeProgress writes a member's progress for people.
func writeProgress(out io.Writer, p *progress.Progress) {
	fmt.Fprintf(out, "%s of %s, member %s\n", printable(p.MemberID), printable(p.OrgID+"/"+p.ProgramID), p.MemberStatus)
	fmt.Fprintf(out, "%s at %s, version %s, in %s\n", printable(p.ProgramName), instant(p.At), p.ProgramVersion, p.Currency)
	if !p.Active {
		fmt.Fprintln(out, "The program is not active at this time.")
	}
	for i := range p.Rules {
		writeRule(out, p, &p.Rules[i])
	}
	fmt.Fprintln(out, "\nRewards")
	if len(p.Rewards) == 0 {
		fmt.Fprintln(out, "None so far.")
		return
	}
	t := newTable(out, "of", ">earned", ">reversed", ">net", ">pending", ">approved", ">fulfilled", ">held", ">overpaid")
	for _, b := range p.Rewards {
		amount := func(n int64) string { return formatMoney(n, b.Currency) }
		if b.Currency == "" {
			amount = func(n int64) string { return formatCount(n) }
		}
		t.AppendRow(table.Row{
			printable(b.Currency + b.Unit), amount(b.Earned), amount(b.Reversed), amount(b.Net), amount(b.Pending),
			amount(b.Approved), amount(b.Fulfilled), amount(b.Held), amount(b.Overpaid),
		})
	}
	t.Render()
}

func writeRule(out io.Writer, p *progress.Progress, r *progress.Rule) {
	period := r.Period
	if r.PeriodEnd != nil {
		period += ", until " + instant(*r.PeriodEnd)
	}
	fmt.Fprintf(out, "\n%s: %s %s, %s\n", printable(r.RuleID), r.Metric, metric(r, r.Value, p.Currency), period)
	t := newTable(out, "tier", "name", ">threshold", "held", "earns", "rewards now")
	for _, tier := range r.Tiers {
		held := ""
		if tier.Held {
			held = "yes"
		}
		id := printable(tier.TierID)
		if tier.Steps > 0 {
			id += fmt.Sprintf(" and %s more", formatCount(tier.Steps))
		}
		threshold := json.Number(strconv.FormatInt(tier.Threshold, 10))
		t.AppendRow(table.Row{id, printable(tier.Name), metric(r, threshold, p.Currency), held, offers(tier.Offers), standing(tier.Rewards)})
	}
	t.Render()
	if r.Next != nil {
		fmt.Fprintf(out, "Next is %s, with %s more.\n", printable(r.Next.TierID), metric(r, r.Next.Missing, p.Currency))
	}
}

// metric is a value of a rule's metric, exactly.
func metric(r *progress.Rule, value json.Number, currency string) string {
	if r.Metric != string(program.Revenue) {
		whole, fraction, has := strings.Cut(value.String(), ".")
		text := groupThousands(whole)
		if has {
			text += "." + fraction
		}
		return text
	}
	minor, err := value.Int64()
	if err != nil { // more than money can be
		return value.String() + " minor units of " + currency
	}
	return formatMoney(minor, currency)
}

func offers(list []progress.Offer) string {
	parts := make([]string, len(list))
	for i, o := range list {
		parts[i] = worth(o.AmountMinor, o.Currency, o.Quantity, o.Unit)
	}
	return strings.Join(parts, ", ")
}

// standing is what there is of a tier's rewards, by status.
func standing(balances []progress.Balance) string {
	var parts []string
	for _, b := range balances {
		for _, s := range []struct {
			word string
			n    int64
		}{{"pending", b.Pending}, {"approved", b.Approved}, {"held", b.Held}} {
			if s.n > 0 {
				parts = append(parts, worth(s.n, b.Currency, s.n, b.Unit)+" "+s.word)
			}
		}
	}
	return strings.Join(parts, ", ")
}
