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
		org, budget, _, period := reward.AccountOf(look.Name)
		if scope.OrgID != "" && org != scope.OrgID {
			continue
		}
		if len(kinds[[2]string{org, budget}]) > 1 {
			r.Skipped = append(r.Skipped, Skipped{"budget " + look.Name, "its currency or period was changed, and the books do not say which rewards drew on which"})
			continue
		}
		w, err := v.weighed(ctx, look, places, scope)
		switch {
		case err != nil:
			return f, err
		case w.why != "":
			r.Skipped = append(r.Skipped, Skipped{"budget " + look.Name, w.why})
		case w.taken.Cmp(w.net) != 0:
			note(&f, scope, analytics.Finding{
				OrgID: org, ID: budget, Text: fmt.Sprintf("in %s %s of budget %s are used by Redis, and rewards have %s", period, w.taken, look.Name, w.net),
			})
		}
	}
	return f, v.unaccounted(ctx, looks, scope, &f)
}

// weight is what is used of a budget, less what nobody has collected, and what rewards
// have of it; or why the two cannot be compared.
type weight struct {
	taken, net *big.Int
	why        string
}

func (w *weight) less() *big.Int { return new(big.Int).Sub(w.taken, w.net) }

// weighed compares a budget with the books, with more looks where the first one finds
// that they differ.
func (v *Verifier) weighed(ctx context.Context, look state.BudgetLook, places []place, scope analytics.Scope) (weight, error) {
	first, err := v.weigh(ctx, look, places, scope)
	if err != nil {
		return first, err
	}
	return settled(ctx, first, func() (weight, error) {
		look, err := v.Redis.Budget(ctx, look.Name)
		if err != nil {
			return weight{}, err
		}
		places, err := v.drawn(ctx, []state.BudgetLook{look})
		if err != nil {
			return weight{}, err
		}
		return v.weigh(ctx, look, places, scope)
	})
}

// A batch draws in rounds, and gives back when it is published: who looks in between
// sees a part of it. So what differs is looked at again, until the same difference was
// seen so often in a row, or for so many looks.
const (
	looksAlike = 3
	looksMost  = 10
)

// settled looks again until nothing differs, or what differs stays so.
func settled(ctx context.Context, w weight, again func() (weight, error)) (weight, error) {
	for looks, alike := 1, 1; w.why == "" && w.less().Sign() != 0 && alike < looksAlike; looks++ {
		if looks == looksMost {
			return weight{why: "batches draw on it all the time"}, nil
		}
		select {
		case <-time.After(poll):
		case <-ctx.Done():
			return w, ctx.Err()
		}
		next, err := again()
		if err != nil {
			return w, err
		}
		if alike++; next.why == "" && next.less().Cmp(w.less()) != 0 {
			alike = 1
		}
		w = next
	}
	return w, nil
}

// weigh compares what one look at a budget tells with what rewards have of it by the
// batches that drew last then.
func (v *Verifier) weigh(ctx context.Context, look state.BudgetLook, places []place, scope analytics.Scope) (weight, error) {
	org, budget, currency, period := reward.AccountOf(look.Name)
	standings, done := drawers(places, look.Drawn)
	if !done {
		return weight{why: "the batches that drew on it are not done yet"}, nil
	}
	net, others, err := v.Books.Audit(standings, analytics.Scope{Limit: scope.Limit}).BudgetNet(ctx, org, budget, currency, period)
	if err != nil {
		return weight{}, err
	}
	if others > 0 {
		return weight{why: fmt.Sprintf("%d rewards draw on it in other currencies, at rates that the books do not have", others)}, nil
	}
	return weight{taken: new(big.Int).Sub(look.Used, look.Given), net: net}, nil
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
