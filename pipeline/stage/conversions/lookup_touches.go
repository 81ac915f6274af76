package conversions

import (
	"context"
	"fmt"
	"iter"

	"github.com/grapevinehq/grapevine/pipeline/attribution"
	"github.com/grapevinehq/grapevine/pipeline/event"
)

// findTouches asks for the touches of every visitor and click_id of the batch:
// one query each, a visitor's times being those of all conversions that may
// count them.
func (k *work) findTouches(ctx context.Context) error {
	visitors := make(map[string]int)
	clicks := make(map[string]int)
	var byVisitor []attribution.VisitorQuery
	var byClick []attribution.ClickQuery
	for _, e := range k.live {
		if e.Type != event.TypeConversion || k.isBound(e) {
			continue
		}
		c := &e.Conversion
		v, _ := e.program.At(c.Time)
		from, to := c.Time-v.Attribution.Window.Milliseconds(), c.Time
		for visitor := range k.visitors(e) {
			n := name(c.OrgID, c.ProgramID, visitor)
			i, ok := visitors[n]
			if !ok {
				i = len(byVisitor)
				visitors[n] = i
				byVisitor = append(byVisitor, attribution.VisitorQuery{
					OrgID: c.OrgID, ProgramID: c.ProgramID, VisitorID: visitor, From: from, To: to,
				})
			}
			byVisitor[i].From, byVisitor[i].To = min(from, byVisitor[i].From), max(to, byVisitor[i].To)
		}
		if c.ClickID == "" {
			continue
		}
		n := name(c.OrgID, c.ProgramID, c.ClickID)
		if _, ok := clicks[n]; !ok {
			clicks[n] = len(byClick)
			byClick = append(byClick, attribution.ClickQuery{OrgID: c.OrgID, ProgramID: c.ProgramID, ClickID: c.ClickID})
		}
	}
	if err := ask(ctx, byVisitor, visitors, k.facts.Visitors, k.options.Touches.ByVisitor); err != nil {
		return fmt.Errorf("look up the touches of %d visitors: %w", len(byVisitor), err)
	}
	if err := ask(ctx, byClick, clicks, k.facts.Clicks, k.options.Touches.ByClickID); err != nil {
		return fmt.Errorf("look up %d clicks: %w", len(byClick), err)
	}
	return nil
}

// ask sends queries, if any, and files the answers that are not empty by name.
func ask[Q any](
	ctx context.Context, queries []Q, places map[string]int, to map[string][]attribution.Touch,
	send func(context.Context, []Q) ([][]attribution.Touch, error),
) error {
	if len(queries) == 0 {
		return nil
	}
	found, err := send(ctx, queries)
	if err != nil {
		return err
	}
	for n, i := range places {
		if len(found[i]) > 0 {
			to[n] = found[i]
		}
	}
	return nil
}

// isBound tells whether a conversion's credits are settled by a binding, so that
// no touch is needed.
func (k *work) isBound(e *entry) bool {
	v, _ := e.program.At(e.Conversion.Time)
	s := k.facts.Standings[e.standing]
	return v.Attribution.BindCustomer && s != nil && s.Binding != nil
}

// visitors are those whose touches a conversion may count, each once: its own,
// those linked to its customer before the batch, and all that the batch links
// to that customer, be it later: which of them count is decided in order.
func (k *work) visitors(e *entry) iter.Seq[string] {
	if k.linked == nil {
		k.linked = make(map[string][]string)
		for _, other := range k.live {
			v := other.Conversion.VisitorID
			if other.Type == event.TypeIdentityLink {
				v = other.Link.VisitorID
			}
			if v != "" {
				k.linked[other.customer] = append(k.linked[other.customer], v)
			}
		}
	}
	return func(yield func(string) bool) {
		seen := make(map[string]bool)
		known := k.facts.Customers[e.customer]
		if known == nil {
			known = new(customer)
		}
		for _, list := range [][]string{known.Visitors, k.linked[e.customer]} {
			for _, v := range list {
				if seen[v] {
					continue
				}
				seen[v] = true
				if !yield(v) {
					return
				}
			}
		}
	}
}
