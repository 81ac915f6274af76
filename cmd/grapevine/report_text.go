package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/grapevinehq/grapevine/analytics"
)

// figureColumns are the columns of figures that tables show.
var figureColumns = []string{
	">clicks", ">unique", ">duplicate", ">bot", ">visitors", ">conversions", ">attributed", ">rate", ">revenue", ">attributed revenue", ">rewards", ">reward cost", ">ROI",
}

func figureCells(f analytics.Figures) table.Row {
	return table.Row{
		formatCount(f.Clicks), formatCount(f.UniqueClicks), formatCount(f.DuplicateClicks), formatCount(f.BotClicks), formatCount(f.Visitors),
		formatCount(f.Conversions), formatCount(f.AttributedConversions), formatShare(f.ConversionRate),
		formatMoney(f.RevenueMinor, f.Currency), formatMoney(f.AttributedRevenueMinor, f.Currency),
		formatCount(f.RewardsEarned), formatMoney(f.RewardCostMinor, f.Currency), formatShare(f.ROI),
	}
}

// writeReportTables writes a report for people.
func writeReportTables(out io.Writer, r programReport, detail bool) {
	fmt.Fprintln(out, "Programs")
	t := newTable(out, append([]string{"program"}, figureColumns...)...)
	for _, p := range r.Totals {
		t.AppendRow(append(table.Row{printable(p.OrgID + "/" + p.ProgramID)}, figureCells(p.Figures)...))
	}
	t.Render()
	if detail {
		fmt.Fprintln(out, "\nDays, in the program's time zone")
		t := newTable(out, append([]string{"day"}, figureColumns...)...)
		for _, d := range r.Days {
			t.AppendRow(append(table.Row{d.Day.Format(time.DateOnly)}, figureCells(d.Figures)...))
		}
		t.Render()
	}
	fmt.Fprintln(out, "\nReferrers with most conversions")
	writeLeaders(out, r.Leaders, currencies(r.Totals))
	if detail {
		fmt.Fprintln(out, "\nLargest balances")
		writeBalances(out, r.Balances)
	}
}

// programID names a program of an org.
type programID struct{ org, program string }

func currencies(totals []analytics.ProgramFigures) map[programID]string {
	of := make(map[programID]string, len(totals))
	for _, p := range totals {
		of[programID{p.OrgID, p.ProgramID}] = p.Currency
	}
	return of
}

func writeLeaders(out io.Writer, leaders []analytics.Leader, currency map[programID]string) {
	t := newTable(out, "referrer", "program", ">clicks", ">unique", ">conversions", ">revenue", ">rewards", ">reward cost")
	for _, l := range leaders {
		c := currency[programID{l.OrgID, l.ProgramID}]
		t.AppendRow(table.Row{
			printable(l.ReferrerID), printable(l.OrgID + "/" + l.ProgramID), formatCount(l.Clicks), formatCount(l.UniqueClicks),
			formatCredits(l.Conversions), formatMoney(l.RevenueMinor, c), formatCount(l.RewardsEarned), formatMoney(l.RewardCostMinor, c),
		})
	}
	t.Render()
}

// formatCredits writes a sum of credits, which may have a fraction.
func formatCredits(n float64) string {
	return formatDecimal(int64(n*100+0.5), 2)
}

func writeBalances(out io.Writer, balances []analytics.Balance) {
	t := newTable(out, "beneficiary", "of", ">earned", ">reversed", ">net", ">pending", ">approved", ">fulfilled", ">held", ">overpaid")
	for _, b := range balances {
		of, amount := b.Currency, func(n int64) string { return formatMoney(n, b.Currency) }
		if b.Currency == "" {
			of, amount = b.Unit, func(n int64) string { return formatCount(n) }
		}
		t.AppendRow(table.Row{
			printable(b.BeneficiaryID), printable(of), amount(b.Earned), amount(b.Reversed), amount(b.Net), amount(b.Pending),
			amount(b.Approved), amount(b.Fulfilled), amount(b.Held), amount(b.Overpaid),
		})
	}
	t.Render()
}

// writeReportCSV writes the programs or the days; money is in minor units.
func writeReportCSV(out io.Writer, r programReport, days bool) error {
	w := csv.NewWriter(out)
	figures := []string{
		"clicks", "unique_clicks", "duplicate_clicks", "bot_clicks", "visitors", "conversions", "attributed_conversions",
		"revenue_minor", "attributed_revenue_minor", "currency", "rewards_earned", "reward_cost_minor", "conversion_rate", "roi",
	}
	var rows [][]string
	if days {
		rows = append(rows, append([]string{"day"}, figures...))
		for _, d := range r.Days {
			rows = append(rows, append([]string{d.Day.Format(time.DateOnly)}, figureFields(d.Figures)...))
		}
	} else {
		rows = append(rows, append([]string{"org_id", "program_id"}, figures...))
		for _, p := range r.Totals {
			rows = append(rows, append([]string{p.OrgID, p.ProgramID}, figureFields(p.Figures)...))
		}
	}
	if err := w.WriteAll(rows); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

func figureFields(f analytics.Figures) []string {
	count := func(n uint64) string { return strconv.FormatUint(n, 10) }
	amount := func(n int64) string { return strconv.FormatInt(n, 10) }
	share := func(s *float64) string {
		if s == nil {
			return ""
		}
		return strconv.FormatFloat(*s, 'g', -1, 64)
	}
	return []string{
		count(f.Clicks), count(f.UniqueClicks), count(f.DuplicateClicks), count(f.BotClicks), count(f.Visitors),
		count(f.Conversions), count(f.AttributedConversions), amount(f.RevenueMinor), amount(f.AttributedRevenueMinor), f.Currency,
		count(f.RewardsEarned), amount(f.RewardCostMinor), share(f.ConversionRate), share(f.ROI),
	}
}
