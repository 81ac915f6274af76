package recount

import (
	"strconv"

	"github.com/grapevinehq/grapevine/internal/golden"
)

// conversion is one that was attributed or unattributed, net of its adjustments.
type conversion struct {
	org, program, id, customer, kind, day, currency, version string
	at, net                                                  int64
	attributed, bound, counts                                bool
	margin                                                   *float64
}

// standing applies adjustments to their conversions, in the order in which they were
// applied.
func standing(conversions, adjustments []golden.Row) (list []*conversion) {
	byID := map[[3]string]*conversion{}
	for _, r := range conversions {
		verdict := text(r["verdict"])
		if verdict != "attributed" && verdict != "unattributed" {
			continue
		}
		c := &conversion{
			org: text(r["org_id"]), program: text(r["program_id"]), id: text(r["conversion_id"]), customer: text(r["customer_id"]),
			kind: text(r["kind"]), day: text(r["day"]), currency: text(r["currency"]), version: text(r["program_version"]),
			at: number(r["at"]), net: number(r["amount_minor"]), attributed: verdict == "attributed", bound: r["reason"] == "bound", counts: true,
		}
		if m, err := strconv.ParseFloat(text(r["margin"]), 64); err == nil {
			c.margin = &m
		}
		byID[[3]string{c.org, c.program, c.id}] = c
		list = append(list, c)
	}
	ordered(adjustments, func(r golden.Row) []int64 {
		return []int64{number(r["ingested"]), number(r["batch"]), number(r["kafka_offset"])}
	})
	for _, r := range adjustments {
		c := byID[[3]string{text(r["org_id"]), text(r["program_id"]), text(r["conversion_id"])}]
		c.net += number(r["amount_minor"])
		c.counts = number(r["counts_after"]) == 1
	}
	return list
}

// reward is one after its last event.
type reward struct {
	org, program, id, day, beneficiary, role, currency, unit, status string
	budget, drawnCurrency, drawnPeriod                               string
	earned, net, held, drawn, at                                     int64
}

func last(events []golden.Row) (list []*reward) {
	byID := map[[3]string]*reward{}
	ordered(events, func(r golden.Row) []int64 { return []int64{number(r["sequence"])} })
	for _, e := range events {
		id := [3]string{text(e["org_id"]), text(e["program_id"]), text(e["reward_id"])}
		r := byID[id]
		if r == nil {
			r = &reward{
				org: id[0], program: id[1], id: id[2], day: text(e["day"]), beneficiary: text(e["beneficiary_id"]), role: text(e["beneficiary_role"]),
				currency: text(e["currency"]), unit: text(e["unit"]), budget: text(e["budget_id"]), at: number(e["at"]),
			}
			byID[id] = r
			list = append(list, r)
		}
		if kind := text(e["event_type"]); kind == "earned" || kind == "increased" {
			r.earned += number(e["moved"])
		}
		r.drawn, r.drawnCurrency, r.drawnPeriod = number(e["drawn_minor"]), text(e["drawn_currency"]), text(e["drawn_period"])
		r.net, r.held, r.status = number(e["left"]), number(e["withheld"]), text(e["status"])
	}
	return list
}
