package e2e

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/internal/golden"
)

// checkViews works the views out from the base tables and the topic of rewards,
// and compares.
func (r *recount) checkViews(w *world, rewards map[string]*standing) {
	w.t.Helper()
	daily, totals, referrers := r.figures(w, rewards)
	same(w.t, "program_daily", daily, w.query("SELECT * EXCEPT (conversion_rate, roi) FROM program_daily"), []string{"org_id", "program_id", "day"})
	same(w.t, "program_totals", totals, w.query("SELECT * EXCEPT (conversion_rate, roi) FROM program_totals"), []string{"org_id", "program_id"})
	same(w.t, "referrer_totals", referrers, w.query("SELECT * FROM referrer_totals"), []string{"org_id", "program_id", "referrer_id"})
	same(w.t, "reward_balances", balances(w, rewards), w.query("SELECT * FROM reward_balances WHERE earned != 0 OR held != 0 OR fulfilled != 0"), []string{"org_id", "program_id", "beneficiary_id", "currency", "unit"})
}

var exampleCurrency = map[string]string{"us-store": "USD", "eu-store": "EUR", "partners": "EUR"}

// day is that of a time in the zone of an example's program.
func day(program string, ms int64) string {
	name := map[string]string{"us-store": "America/New_York", "eu-store": "Europe/Berlin", "partners": "UTC"}[program]
	zone, err := time.LoadLocation(name)
	if err != nil {
		panic(err) // they are those of the example
	}
	return time.UnixMilli(ms).In(zone).Format(time.DateOnly)
}

// tallies are rows by key whose figures add up.
type tallies map[string]golden.Row

func (t tallies) add(figure string, by any, key ...string) {
	row := t[keyed(key...)]
	if row == nil {
		row = golden.Row{}
		t[keyed(key...)] = row
	}
	switch n := by.(type) {
	case int64:
		before, _ := row[figure].(int64)
		row[figure] = before + n
	case float64:
		before, _ := row[figure].(float64)
		row[figure] = before + n
	}
}

// figures are program_daily, program_totals and referrer_totals.
func (r *recount) figures(w *world, rewards map[string]*standing) (daily, totals, referrers []golden.Row) {
	days, all, refs := tallies{}, tallies{}, tallies{}
	both := func(figure string, by int64, org, program string, ms int64) {
		days.add(figure, by, org, program, day(program, ms))
		all.add(figure, by, org, program)
	}
	seen := map[string]bool{}
	for _, c := range w.query("SELECT *, toUnixTimestamp64Milli(time) AS ms FROM clicks") {
		org, program, at, verdict := text(c, "org_id"), text(c, "program_id"), number(c["ms"]), text(c, "verdict")
		both("clicks", 1, org, program, at)
		refs.add("clicks", int64(1), org, program, text(c, "referrer_id"))
		if slices.Contains([]string{"unique", "duplicate", "bot"}, verdict) {
			both(verdict+"_clicks", 1, org, program, at)
		}
		if verdict != "unique" {
			continue
		}
		refs.add("unique_clicks", int64(1), org, program, text(c, "referrer_id"))
		for tally, key := range map[string][]string{"day": {org, program, day(program, at)}, "all": {org, program}} {
			if who := keyed(tally, keyed(key...), text(c, "visitor_id")); !seen[who] {
				seen[who] = true
				map[string]tallies{"day": days, "all": all}[tally].add("visitors", int64(1), key...)
			}
		}
	}
	for _, c := range r.conversions {
		if !c.counts {
			continue
		}
		both("conversions", 1, c.org, c.program, c.at)
		both("revenue_minor", c.net, c.org, c.program, c.at)
		if !c.attributed {
			continue
		}
		both("attributed_conversions", 1, c.org, c.program, c.at)
		both("attributed_revenue_minor", c.net, c.org, c.program, c.at)
		for _, s := range c.shares {
			refs.add("conversions", s.ppm, c.org, c.program, s.referrer)
			refs.add("revenue_minor", s.amount, c.org, c.program, s.referrer)
		}
	}
	for _, s := range rewards {
		d, org, program := &s.last.Data, s.last.Orgid, s.last.Programid
		if s.net == 0 {
			continue
		}
		both("rewards_earned", 1, org, program, s.at)
		cost := int64(0)
		if d.Currency != "" {
			cost = s.net
		}
		both("reward_cost_minor", cost, org, program, s.at)
		if d.BeneficiaryRole != "referee" {
			refs.add("rewards_earned", int64(1), org, program, d.BeneficiaryID)
			refs.add("reward_cost_minor", cost, org, program, d.BeneficiaryID)
		}
	}
	counts := []string{"clicks", "unique_clicks", "duplicate_clicks", "bot_clicks", "visitors", "conversions", "attributed_conversions", "revenue_minor", "attributed_revenue_minor", "rewards_earned", "reward_cost_minor"}
	daily, totals = days.rows(counts, "org_id", "program_id", "day"), all.rows(counts, "org_id", "program_id")
	for _, row := range slices.Concat(daily, totals) {
		row["currency"] = exampleCurrency[text(row, "program_id")]
	}
	referrers = refs.rows([]string{"clicks", "unique_clicks", "conversions", "revenue_minor", "rewards_earned", "reward_cost_minor"}, "org_id", "program_id", "referrer_id")
	for _, row := range referrers {
		row["conversions"] = rounded(float64(row["conversions"].(int64)) / 1e6)
	}
	return daily, totals, referrers
}

// rows are the tallies as a view has them: rows of nothing are left out.
func (t tallies) rows(figures []string, columns ...string) (rows []golden.Row) {
	for key, row := range t {
		any := false
		for _, figure := range figures {
			if row[figure] == nil {
				row[figure] = int64(0)
			}
			any = any || row[figure] != int64(0)
		}
		for i, part := range strings.Split(key, "|") {
			row[columns[i]] = part
		}
		if any {
			rows = append(rows, row)
		}
	}
	return rows
}

// balances are reward_balances, from the events of the topic and what was paid.
func balances(w *world, rewards map[string]*standing) []golden.Row {
	paid := map[string]int64{}
	for _, row := range w.query("SELECT org_id, reward_id, amount_minor + quantity AS n FROM fulfillments WHERE event_type = 'fulfilled'") {
		paid[text(row, "reward_id")] += number(row["n"])
	}
	t := tallies{}
	for id, s := range rewards {
		d := &s.last.Data
		key := []string{s.last.Orgid, s.last.Programid, d.BeneficiaryID, d.Currency, d.Unit}
		for figure, n := range map[string]int64{"earned": s.earned, "net": s.net, "reversed": s.earned - s.net, "held": s.held, "fulfilled": paid[id]} {
			t.add(figure, n, key...)
		}
		t.add(cmp.Or(map[string]string{"pending": "pending", "approved": "approved"}[d.Status], "none"), s.net, key...)
	}
	rows := t.rows([]string{"earned", "pending", "approved", "reversed", "fulfilled", "net", "held"}, "org_id", "program_id", "beneficiary_id", "currency", "unit")
	overpaid := int64(0)
	for _, row := range rows {
		delete(row, "none")
		over := max(row["fulfilled"].(int64)-row["net"].(int64), 0)
		row["overpaid"], overpaid = over, overpaid+over
	}
	if overpaid == 0 {
		w.t.Error("nobody was paid too much: the example pays too little")
	}
	return rows
}

// checkOrgs sees to it that every row is of the org whose event made it. Rows of
// rewards may come by the clock, at the place of no event: their ids name the org.
func (w *world) checkOrgs() {
	w.t.Helper()
	orgs := map[string]string{}
	for _, topic := range consumers.Inputs() {
		for _, r := range w.read(topic) {
			var e struct{ Orgid string }
			if err := json.Unmarshal(r.Value, &e); err != nil {
				w.t.Fatal(err)
			}
			orgs[keyed(w.cluster.Names().Kafka(topic), strconv.Itoa(r.partition), strconv.FormatInt(r.Offset, 10))] = e.Orgid
		}
	}
	for _, table := range []string{"clicks", "members", "conversions", "adjustments", "attributions", "credits", "segment_events", "fulfillments", "dead_letters"} {
		rows := w.query("SELECT org_id, kafka_topic, kafka_partition, kafka_offset FROM " + table)
		for _, row := range rows {
			from := keyed(text(row, "kafka_topic"), text(row, "kafka_partition"), text(row, "kafka_offset"))
			if of, ok := orgs[from]; ok && of != row["org_id"] {
				w.t.Errorf("%s has a row of %s that %s made (%s)", table, row["org_id"], of, from)
			}
		}
		if len(rows) == 0 && table != "dead_letters" {
			w.t.Errorf("%s is empty", table)
		}
	}
}
