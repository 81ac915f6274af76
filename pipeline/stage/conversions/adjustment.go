package conversions

import "github.com/grapevinehq/grapevine/pipeline/event"

// adjustment applies an adjustment to the counted conversion of its program and
// conversion_id, or lets it wait for that (§9 (16)).
func (d *decider) adjustment(i int, e *entry) decision {
	a, n := &e.Adjustment, e.conversion
	c := d.facts.Conversions[n]
	customer := d.facts.Elsewhere[n].CustomerID
	if c != nil {
		customer = c.CustomerID
	}
	switch {
	case customer != "" && customer != a.CustomerID:
		return dead(i, invalid, anothers(a.ConversionID))
	case c == nil:
		return d.wait(i, e)
	}
	made := decision{Index: i, Verdict: applied}
	if err := d.apply(&made, n, c, store(a), a, d.records[i].Offset); err != nil {
		return dead(i, refusal(err), err.Error())
	}
	return made
}

// apply adjusts a conversion and tells rewards what moved.
func (d *decider) apply(made *decision, n string, c *conversion, stored storedAdjustment, a *event.Adjustment, offset int64) error {
	counted := c.Counts
	moved, err := c.adjust(a)
	if err != nil {
		return err
	}
	made.Applied = append(made.Applied, adjustmentRow{
		Adjustment: stored, Offset: offset, Minor: moved.Minor, Original: moved.Original, Counts: moved.Counts, Day: c.Day, Time: c.Time, Currency: c.Currency,
	})
	d.saveConversion(n, c)
	if counted != moved.Counts {
		d.recount(a, c)
	}
	if moved.Minor != 0 || counted != moved.Counts {
		made.handOver(a.ConversionID, c)
	}
	return nil
}

// recount notes that a conversion counts again, or no longer: first_only asks.
func (d *decider) recount(a *event.Adjustment, c *conversion) {
	n := name(a.OrgID, a.ProgramID, c.CustomerID)
	s := d.facts.Standings[n]
	if s == nil {
		s = new(standing)
		d.facts.Standings[n] = s
	}
	if c.Counts {
		s.count(c.Kind, 1)
	} else {
		s.count(c.Kind, -1)
	}
	d.dirty[memoryKey(standingPrefix, n)] = func() ([]byte, error) { return encode(s) }
}
