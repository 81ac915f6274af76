package verify

import (
	"context"
	"fmt"
	"math/big"
	"time"

	"github.com/grapevinehq/grapevine/analytics"
	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/pipeline/reward"
	"github.com/grapevinehq/grapevine/pipeline/state"
)

// budgets holds what is used of every period of a budget against what rewards have of
// it, by the last batch that each partition drew in.
func (v *Verifier) budgets(ctx context.Context, r *Report, scope analytics.Scope) (f analytics.Findings, err error) {
	var looks []state.BudgetLook
	if err := v.Redis.Budgets(ctx, func(b state.BudgetLook) error { looks = append(looks, b); return nil }); err != nil {
		return f, err
	}
	places, err := v.drawn(ctx, looks)
	if err != nil {
		return f, err
	}
	kinds := make(map[[2]string]map[string]bool)
	for _, look := range looks {
		org, budget, currency, period := reward.AccountOf(look.Name)
		if kinds[[2]string{org, budget}] == nil {
			kinds[[2]string{org, budget}] = make(map[string]bool)
		}
		kinds[[2]string{org, budget}][currency+" "+string(reward.KindOf(period))] = true
	}
	for _, look := range looks {
		org, budget, currency, period := reward.AccountOf(look.Name)
		if scope.OrgID != "" && org != scope.OrgID {
			continue
		}
		standings, done := drawers(places, look.Drawn)
		if len(kinds[[2]string{org, budget}]) > 1 || !done {
			why := "the batches that drew on it are not done yet"
			if done {
				why = "its currency or period was changed, and the books do not say which rewards drew on which"
			}
			r.Skipped = append(r.Skipped, Skipped{"budget " + look.Name, why})
			continue
		}
		net, others, err := v.Books.Audit(standings, analytics.Scope{Limit: scope.Limit}).BudgetNet(ctx, org, budget, currency, period)
		if err != nil {
			return f, err
		}
		if others > 0 {
			r.Skipped = append(r.Skipped, Skipped{"budget " + look.Name, fmt.Sprintf("%d rewards draw on it in other currencies, at rates that the books do not have", others)})
			continue
		}
		if taken := new(big.Int).Sub(look.Used, look.Given); taken.Cmp(net) != 0 {
			note(&f, scope, analytics.Finding{
				OrgID: org, ID: budget, Text: fmt.Sprintf("in %s %s of budget %s are used by Redis, and rewards have %s", period, taken, look.Name, net),
			})
		}
	}
	return f, v.unaccounted(ctx, looks, scope, &f)
}

// drawers are the partitions that drew on a budget, and their last batches that did;
// done tells whether all of these are acknowledged.
func drawers(places []place, drawn map[string]uint64) (standings []analytics.Standing, done bool) {
	done = true
	for _, p := range of(places, consumers.Credits) {
		if number, ok := drawn[state.DrawnBy(p.partition)]; ok {
			standings = append(standings, analytics.Standing{Partition: p.partition, Completed: number})
			done = done && p.completed >= number
		}
	}
	return standings, done
}

// drawn waits until the batches that drew are acknowledged, as far as patience goes.
func (v *Verifier) drawn(ctx context.Context, looks []state.BudgetLook) ([]place, error) {
	until := time.Now().Add(v.Patience)
	for {
		places, err := v.places(ctx)
		if err != nil {
			return nil, err
		}
		all := true
		for _, look := range looks {
			_, done := drawers(places, look.Drawn)
			all = all && done
		}
		if all || time.Now().After(until) {
			return places, nil
		}
		select {
		case <-time.After(poll):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// unaccounted looks for budgets that rewards have something of, and Redis nothing.
func (v *Verifier) unaccounted(ctx context.Context, looks []state.BudgetLook, scope analytics.Scope, f *analytics.Findings) error {
	known := make(map[[2]string][]string)
	for _, look := range looks {
		org, budget, _, period := reward.AccountOf(look.Name)
		known[[2]string{org, budget}] = append(known[[2]string{org, budget}], period)
	}
	places, err := v.places(ctx)
	if err != nil {
		return err
	}
	return v.Books.Audit(cut(places, false), scope).EachBudget(ctx, known, func(org, budget, periods string) {
		note(f, scope, analytics.Finding{OrgID: org, ID: budget, Text: "rewards have something of this budget in " + periods + ", of which Redis has no account"})
	})
}
