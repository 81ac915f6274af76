package judge

import (
	"math/big"
	"time"
)

// figures are the counts that the views tell of a program, a day or an hour of it,
// or a referrer.
type figures struct {
	clicks, unique, duplicate, bot, visitors int64
	conversions, attributed                  int64
	revenue, attributedRevenue               int64
	rewards, cost                            int64
	ppm                                      int64
	earned                                   *big.Rat // attributed revenue x margin
	margins, noMargin                        bool
	currency                                 string
	day                                      string // of the currency
}

// subject is what figures are of.
type subject struct{ org, program, of string }

// views are the figures that the views must show.
type views struct {
	days, hours, totals, referrers map[subject]*figures
	visitors                       map[uint64]struct{}
}

func newViews() *views {
	return &views{
		days: map[subject]*figures{}, hours: map[subject]*figures{}, totals: map[subject]*figures{}, referrers: map[subject]*figures{},
		visitors: map[uint64]struct{}{},
	}
}

func at(m map[subject]*figures, s subject) *figures {
	f := m[s]
	if f == nil {
		f = &figures{}
		m[s] = f
	}
	return f
}

// times are the figures of a time: of its day, of its hour and of all.
func (w *views) times(org, program string, ms int64, zone *time.Location) []*figures {
	hour := time.UnixMilli(ms).UTC().Truncate(time.Hour).Format(time.RFC3339)
	return []*figures{
		at(w.days, subject{org, program, dayIn(ms, zone)}), at(w.hours, subject{org, program, hour}), at(w.totals, subject{org, program, ""}),
	}
}

// money tells the currency of a row of the day.
func (f *figures) money(currency, day string) {
	if day >= f.day {
		f.currency, f.day = currency, day
	}
}

func (w *views) click(e *event, o *opinion) {
	zone, day := o.version.zone, dayIn(e.time, o.version.zone)
	all := append(w.times(e.org, e.program, e.time, zone), at(w.referrers, subject{e.org, e.program, o.referrer}))
	for _, f := range all {
		f.money(o.version.Currency, day)
		f.clicks++
		switch o.verdict {
		case unique:
			f.unique++
		case duplicate:
			f.duplicate++
		case bot:
			f.bot++
		}
	}
	if o.verdict != unique {
		return
	}
	actor := []string{"visitor", e.texts["visitor_id"]}
	if e.texts["visitor_id"] == "" {
		actor = []string{"hash", e.texts["ip"], e.texts["user_agent"]}
	}
	for i, of := range []string{day, "", "all"} {
		if i == 1 {
			continue // hours tell no visitors
		}
		who := name(append([]string{of, e.org, e.program}, actor...)...)
		if _, seen := w.visitors[who]; !seen {
			w.visitors[who] = struct{}{}
			all[i].visitors++
		}
	}
}

// margin adds what of a conversion is earned.
func (f *figures) margin(c *conversion) {
	m := c.version.Margin
	f.margins = f.margins || m != nil
	f.noMargin = f.noMargin || m == nil && c.attributed
	if m == nil || !c.attributed {
		return
	}
	if f.earned == nil {
		f.earned = new(big.Rat)
	}
	part := new(big.Rat).SetFloat64(*m)
	f.earned.Add(f.earned, part.Mul(part, new(big.Rat).SetInt64(c.last().net)))
}

// conversion adds one that counts, on its own day.
func (w *views) conversion(c *conversion) {
	last, zone := c.last(), c.version.zone
	if !last.counts && last.net == 0 { // it tells nothing but that there is a margin
		for _, f := range w.times(c.org, c.program, c.time, zone) {
			f.margin(c)
		}
		return
	}
	for _, f := range w.times(c.org, c.program, c.time, zone) {
		f.money(c.version.Currency, dayIn(c.time, zone))
		n := map[bool]int64{true: 1}[last.counts]
		f.conversions += n
		f.revenue += last.net
		if c.attributed {
			f.attributed += n
			f.attributedRevenue += last.net
		}
		f.margin(c)
	}
	net := split(last.net, c.ppm())
	for i := range c.parties {
		f := at(w.referrers, subject{c.org, c.program, c.parties[i].referrer})
		if last.counts {
			f.ppm += c.parties[i].ppm
		}
		f.revenue += net[i]
	}
}

// reward adds one on its day, of which something is left.
func (w *views) reward(s *standing) {
	d := &s.first.data
	of := []*figures{at(w.days, subject{s.first.org, s.first.program, s.day}), at(w.totals, subject{s.first.org, s.first.program, ""})}
	if d.BeneficiaryRole != "referee" {
		of = append(of, at(w.referrers, subject{s.first.org, s.first.program, d.BeneficiaryID}))
	}
	for _, f := range of {
		if s.net > 0 {
			f.rewards++
		}
		if d.Currency != "" {
			f.cost += s.net
		}
	}
}
