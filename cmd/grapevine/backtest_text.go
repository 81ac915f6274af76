package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/grapevinehq/grapevine/pipeline/backtest"
)

// sumColumns are the columns of sums that tables show: what the run gives, and what
// the books have.
var sumColumns = []string{">rewards", ">today", ">cost", ">paid", ">difference", ">held", ">held today"}

// sumCells write sums; of money in its currency.
func sumCells(s *backtest.Sums, currency string) table.Row {
	amount := func(n int64) string {
		if currency == "" {
			return formatCount(n)
		}
		return formatMoney(n, currency)
	}
	difference := amount(s.Difference())
	if s.Difference() > 0 {
		difference = "+" + difference
	}
	return table.Row{formatCount(s.RewardsWon), formatCount(s.RewardsPaid), amount(s.Won), amount(s.Paid), difference, amount(s.HeldWon), amount(s.HeldPaid)}
}

// writeBacktest writes a report for people.
func writeBacktest(out io.Writer, r *backtest.Report) {
	if len(r.Rules) == 0 {
		fmt.Fprintln(out, "No rule gives anything to conversions of this time, neither today nor by these programs.")
	} else {
		fmt.Fprintln(out, "Programs: what they would give, beside what was paid")
		t := newTable(out, append([]string{"program", "in"}, sumColumns...)...)
		for _, p := range programsOf(r) {
			t.AppendRow(append(table.Row{printable(p.OrgID + "/" + p.ProgramID), printable(p.Currency + p.Unit)}, sumCells(&p.Sums, p.Currency)...))
		}
		t.Render()
		fmt.Fprintln(out, "\nRules")
		t = newTable(out, append([]string{"program", "rule", "in"}, sumColumns...)...)
		for _, l := range r.Rules {
			t.AppendRow(append(table.Row{printable(l.OrgID + "/" + l.ProgramID), printable(l.RuleID), printable(l.Currency + l.Unit)}, sumCells(&l.Sums, l.Currency)...))
		}
		t.Render()
		fmt.Fprintln(out, "\nPeople whose rewards differ most")
		t = newTable(out, append([]string{"beneficiary", "program", "in"}, sumColumns...)...)
		for _, l := range r.People {
			t.AppendRow(append(table.Row{printable(l.BeneficiaryID), printable(l.OrgID + "/" + l.ProgramID), printable(l.Currency + l.Unit)}, sumCells(&l.Sums, l.Currency)...))
		}
		t.Render()
	}
	writeBacktestNotes(out, r)
}

// writeBacktestNotes says what stands between the two columns.
func writeBacktestNotes(out io.Writer, r *backtest.Report) {
	fmt.Fprintf(out, "\n%s conversions were run, by configuration %s.\n", formatCount(r.Conversions), r.Revision[:12])
	if r.Other > 0 {
		fmt.Fprintf(out, "Other configurations decided %s of them: what differs may come of what has changed since.\n", formatCount(r.Other))
	}
	var reasons []string
	for _, reason := range slices.Sorted(maps.Keys(r.Refused)) {
		reasons = append(reasons, fmt.Sprintf("%s (%s)", formatCount(r.Refused[reason]), reason))
	}
	if len(reasons) > 0 {
		fmt.Fprintf(out, "These programs refuse %s.\n", strings.Join(reasons, ", "))
	}
}

// programsOf adds up the rules of each program, by currency or unit.
func programsOf(r *backtest.Report) (lines []backtest.RuleLine) {
	for _, l := range r.Rules {
		i := slices.IndexFunc(lines, func(p backtest.RuleLine) bool {
			return p.OrgID == l.OrgID && p.ProgramID == l.ProgramID && p.Currency == l.Currency && p.Unit == l.Unit
		})
		if i < 0 {
			i = len(lines)
			lines = append(lines, backtest.RuleLine{OrgID: l.OrgID, ProgramID: l.ProgramID, Currency: l.Currency, Unit: l.Unit})
		}
		lines[i].Add(&l.Sums)
	}
	return lines
}

// sumsLine are sums in JSON: money in minor units.
type sumsLine struct {
	Currency    string `json:"currency"`
	Unit        string `json:"unit"`
	Rewards     int64  `json:"rewards"`
	PaidRewards int64  `json:"paid_rewards"`
	Net         int64  `json:"net"`
	PaidNet     int64  `json:"paid_net"`
	Difference  int64  `json:"difference"`
	Held        int64  `json:"held"`
	PaidHeld    int64  `json:"paid_held"`
	Changed     int64  `json:"changed_rewards"`
}

func sumsOf(s *backtest.Sums, currency, unit string) sumsLine {
	return sumsLine{currency, unit, s.RewardsWon, s.RewardsPaid, s.Won, s.Paid, s.Difference(), s.HeldWon, s.HeldPaid, s.Changed}
}

// backtestLine is what one program, rule or person gets.
type backtestLine struct {
	OrgID         string `json:"org_id"`
	ProgramID     string `json:"program_id"`
	RuleID        string `json:"rule_id,omitempty"`
	BeneficiaryID string `json:"beneficiary_id,omitempty"`
	sumsLine
}

// writeBacktestJSON writes all of a report; money is in minor units.
func writeBacktestJSON(out io.Writer, r *backtest.Report, from, to string) error {
	document := struct {
		Revision string         `json:"config_revision"`
		From     string         `json:"from,omitempty"`
		To       string         `json:"to,omitempty"`
		Programs []backtestLine `json:"programs"`
		Rules    []backtestLine `json:"rules"`
		People   []backtestLine `json:"beneficiaries"`
		Run      int            `json:"conversions"`
		Other    int            `json:"decided_by_other_configurations"`
		Refused  map[string]int `json:"refused"`
	}{r.Revision, from, to, []backtestLine{}, []backtestLine{}, []backtestLine{}, r.Conversions, r.Other, r.Refused}
	for _, p := range programsOf(r) {
		document.Programs = append(document.Programs, backtestLine{p.OrgID, p.ProgramID, "", "", sumsOf(&p.Sums, p.Currency, p.Unit)})
	}
	for _, l := range r.Rules {
		document.Rules = append(document.Rules, backtestLine{l.OrgID, l.ProgramID, l.RuleID, "", sumsOf(&l.Sums, l.Currency, l.Unit)})
	}
	for _, l := range r.People {
		document.People = append(document.People, backtestLine{l.OrgID, l.ProgramID, "", l.BeneficiaryID, sumsOf(&l.Sums, l.Currency, l.Unit)})
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(document)
}
