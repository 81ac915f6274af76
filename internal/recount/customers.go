package recount

import (
	"slices"
	"strings"
	"time"

	"github.com/grapevinehq/grapevine/internal/golden"
)

// customer is one of a program, with the conversions that count, the earliest first.
type customer []*conversion

// customers are those with conversions that count and are of a kind.
func (b *Books) customers(kinds ...string) *group[customer] {
	var all group[customer]
	for _, c := range b.conversions {
		if c.counts && (len(kinds) == 0 || slices.Contains(kinds, c.kind)) {
			of := all.at(c.org, c.program, c.customer)
			*of = append(*of, c)
		}
	}
	for _, of := range all.of {
		slices.SortFunc(*of, func(a, b *conversion) int {
			if a.at != b.at {
				return int(a.at - b.at)
			}
			return strings.Compare(a.id, b.id)
		})
	}
	return &all
}

// month counts months.
func month(day string) int {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		panic(err)
	}
	return t.Year()*12 + int(t.Month())
}

func cohortOf(c *conversion) string { return c.day[:8] + "01" }

func (b *Books) cohorts() (rows []golden.Row) {
	type cohort struct {
		customers int64
		currency  string
		months    map[int]*struct{ customers, conversions, revenue int64 }
	}
	var all group[cohort]
	customers := b.customers()
	for key, of := range customers.of {
		first := (*of)[0]
		words := customers.words[key]
		c := all.at(words[0], words[1], cohortOf(first), text(flag(first.attributed)))
		if c.months == nil {
			c.months = map[int]*struct{ customers, conversions, revenue int64 }{}
		}
		c.customers++
		seen := map[int]bool{}
		for _, bought := range *of {
			n := max(month(bought.day)-month(first.day), 0)
			if c.months[n] == nil {
				c.months[n] = &struct{ customers, conversions, revenue int64 }{}
			}
			m := c.months[n]
			m.customers += flag(!seen[n])
			seen[n] = true
			m.conversions++
			m.revenue += bought.net
			c.currency = max(c.currency, bought.currency)
		}
	}
	for key, c := range all.of {
		words := all.words[key]
		var sum int64
		for n := range 24_000 {
			m := c.months[n]
			if m == nil {
				continue
			}
			sum += m.revenue
			rows = append(rows, golden.Row{
				"org_id": words[0], "program_id": words[1], "cohort": words[2], "referred": words[3], "month": n,
				"cohort_customers": c.customers, "customers": m.customers, "conversions": m.conversions, "revenue_minor": m.revenue,
				"cumulative_revenue_minor": sum, "ltv_minor": float64(sum) / float64(c.customers), "currency": c.currency,
			})
		}
	}
	return rows
}

func (b *Books) repeats() []golden.Row {
	type cohort struct {
		customers, repeat, loyal, purchases, revenue, later, gaps int64
		currency                                                  string
	}
	var all group[cohort]
	customers := b.customers("sale", "renewal")
	for key, of := range customers.of {
		first := (*of)[0]
		words := customers.words[key]
		c := all.at(words[0], words[1], cohortOf(first), text(flag(first.attributed)))
		c.customers++
		c.repeat += flag(len(*of) > 1)
		c.loyal += flag(len(*of) > 2)
		c.purchases += int64(len(*of))
		for i, bought := range *of {
			c.revenue += bought.net
			if i > 0 {
				c.later += bought.net
			}
			c.currency = max(c.currency, bought.currency)
		}
		if len(*of) > 1 {
			c.gaps += (*of)[1].at - first.at
		}
	}
	return all.rows("repeat_purchases", func(_ []string, c *cohort) golden.Row {
		return golden.Row{
			"customers": c.customers, "repeat_customers": c.repeat, "loyal_customers": c.loyal, "purchases": c.purchases,
			"revenue_minor": c.revenue, "repeat_revenue_minor": c.later, "currency": c.currency,
			"repeat_rate": float64(c.repeat) / float64(c.customers), "purchases_a_customer": float64(c.purchases) / float64(c.customers),
			"days_to_second": ratio(float64(c.gaps)/86_400_000, float64(c.repeat)),
		}
	})
}

func (b *Books) times() []golden.Row {
	type touched struct{ touches, first, last int64 }
	var touches group[touched]
	for _, r := range b.attributions {
		if number(r["paying"]) == 0 {
			continue
		}
		t := touches.at(text(r["org_id"]), text(r["program_id"]), text(r["conversion_id"]))
		first, last := number(r["first"]), number(r["last"])
		if t.touches == 0 {
			t.first, t.last = first, last
		}
		t.touches += number(r["touches"])
		t.first, t.last = min(t.first, first), max(t.last, last)
	}
	type took struct {
		touches, last int64
		first         []int64
	}
	var all group[took]
	for _, c := range b.conversions {
		t := touches.at(c.org, c.program, c.id)
		if !c.attributed || !c.counts || c.bound || t.touches == 0 {
			continue
		}
		of := all.at(c.org, c.program, c.day, c.kind)
		of.touches += t.touches
		of.last += c.at - t.last
		of.first = append(of.first, c.at-t.first)
	}
	return all.rows("time_to_convert", func(_ []string, of *took) golden.Row {
		slices.Sort(of.first)
		n := int64(len(of.first))
		var sum int64
		within := func(ms int64) (n int64) {
			for _, t := range of.first {
				n += flag(t <= ms)
			}
			return n
		}
		for _, t := range of.first {
			sum += t
		}
		return golden.Row{
			"conversions": n, "touches": of.touches, "average_seconds": float64(sum) / float64(n) / 1000, "average_last_seconds": float64(of.last) / float64(n) / 1000,
			"median_seconds": float64(of.first[n/2]) / 1000, "p90_seconds": float64(of.first[n*9/10]) / 1000,
			"within_hour": within(3_600_000), "within_day": within(86_400_000), "within_week": within(604_800_000),
		}
	})
}
