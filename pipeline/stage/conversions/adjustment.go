package conversions

import (
	"errors"
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/money"
)

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
		return dead(i, invalid, fmt.Sprintf("conversion_id %q is another customer's conversion", a.ConversionID))
	case c == nil:
		d.saveWaiting(n, append(d.facts.Waiting[n], waiting{store(a), d.records[i].Offset, d.records[i].Time}))
		return decision{Index: i, Verdict: waits}
	}
	made := decision{Index: i, Verdict: applied}
	if err := d.apply(&made, n, c, store(a), a, d.records[i].Offset); err != nil {
		reason := invalid
		if errors.Is(err, money.ErrNoRate) {
			reason = noExchangeRate
		}
		return dead(i, reason, err.Error())
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
		Adjustment: stored, Offset: offset, Minor: moved.Minor, Counts: moved.Counts, Day: c.Day, Time: c.Time, Currency: c.Currency,
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

// applyWaiting applies the adjustments that waited for a conversion, in the
// order in which they came. Those of other customers, and those that cannot be
// applied, go on waiting, until their time is up.
func (d *decider) applyWaiting(made *decision, e *entry, c *conversion) {
	n, env := e.conversion, e.Envelope()
	list := d.facts.Waiting[n]
	if len(list) == 0 {
		return
	}
	var left []waiting
	for _, w := range list {
		a := w.Adjustment.restore(env.OrgID, env.ProgramID)
		if a.CustomerID != c.CustomerID || d.apply(made, n, c, w.Adjustment, a, w.Offset) != nil {
			left = append(left, w)
		}
	}
	d.saveWaiting(n, left)
}
