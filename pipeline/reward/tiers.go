package reward

import (
	"math/big"

	"github.com/grapevinehq/grapevine/pipeline/program"
)

// MaxStepsAtOnce bounds how many repeated steps of a tier one credit can earn,
// so that a `repeat_every` far too small for its metric cannot exhaust a
// worker: the next credit that lifts the metric goes on from there.
const MaxStepsAtOnce = 10_000

// tally moves the sum of a tiers rule. A sum that rises earns every tier of the
// conversion's version that it has reached and that is not held; one that falls
// loses every tier below whose threshold it is now, by the threshold that gave it.
func (t *taking) tally(c *change) {
	sum := t.ledgers.tallies.write(tallyKey(t.credit, &c.part))
	if c.rule != nil {
		sum.Metric = c.rule.Metric
	}
	sum.Sum.Add(&sum.Sum, big.NewInt(c.delta))
	switch {
	case c.delta < 0:
		t.fall(sum, c)
	case c.rule != nil:
		t.rise(sum, c)
	}
}

func (t *taking) rise(sum *Tally, c *change) {
	reading := Reading(sum.Metric, &sum.Sum)
	for i := range c.rule.Tiers {
		tier := &c.rule.Tiers[i]
		if reading < tier.Threshold {
			continue
		}
		held := sum.tier(tier.ID)
		if held == nil {
			sum.Tiers = append(sum.Tiers, TierHeld{Tier: tier.ID})
			held = &sum.Tiers[len(sum.Tiers)-1]
		}
		if !held.Held {
			t.earn(held, tier, tier.Threshold, c, sum)
		}
		last := lastStep(tier, reading, held.Steps)
		for n := held.Steps + 1; n <= last; n++ {
			step := t.ledgers.steps.write(stepKey(t.credit, &c.part, StepTier(tier.ID, n)))
			step.Tier = StepTier(tier.ID, n)
			t.earn(step, tier, tier.Threshold+n*tier.RepeatEvery, c, sum)
			held.Steps = n
		}
	}
}

// lastStep is the last repeated step that a reading has reached, from the steps
// held already.
func lastStep(tier *program.Tier, reading, held int64) int64 {
	if tier.RepeatEvery <= 0 || reading < tier.Threshold {
		return 0
	}
	return min((reading-tier.Threshold)/tier.RepeatEvery, held+MaxStepsAtOnce)
}

func (t *taking) fall(sum *Tally, c *change) {
	reading := Reading(sum.Metric, &sum.Sum)
	for i := len(sum.Tiers) - 1; i >= 0; i-- {
		held := &sum.Tiers[i]
		for ; held.Steps > 0; held.Steps-- {
			key := stepKey(t.credit, &c.part, StepTier(held.Tier, held.Steps))
			if t.ledgers.steps.read(key).Threshold <= reading {
				break
			}
			t.lose(t.ledgers.steps.write(key), c, sum)
		}
		if held.Held && held.Threshold > reading {
			t.lose(held, c, sum)
		}
	}
}

// earn gives a tier's rewards as its next occurrence.
func (t *taking) earn(held *TierHeld, tier *program.Tier, threshold int64, c *change, sum *Tally) {
	held.Held, held.Threshold = true, threshold
	held.Occurrence++
	held.ConversionID, held.ConversionTime = t.credit.ConversionID, t.credit.ConversionTime
	held.Rewards = make([]Reward, len(tier.Rewards))
	for i := range tier.Rewards {
		r := &tier.Rewards[i]
		held.Rewards[i] = t.newReward(c.rule, r, c.part.Period)
		amount := r.AmountMinor
		if r.Quantity > 0 {
			amount = r.Quantity
		}
		t.move(&held.Rewards[i], amount, c.rule, held.cause(sum, t.credit.Currency), "")
	}
}

// lose reverses what a tier's occurrence gave.
func (t *taking) lose(held *TierHeld, c *change, sum *Tally) {
	held.Held = false
	for i := range held.Rewards {
		t.move(&held.Rewards[i], 0, c.rule, held.cause(sum, t.credit.Currency), ReasonBelowTier)
	}
}

// cause is what a tier's rewards are for: the conversion that crossed it.
func (h *TierHeld) cause(sum *Tally, currency string) cause {
	return cause{
		conversion: h.ConversionID, conversionTime: h.ConversionTime, tier: h.Tier, occurrence: h.Occurrence,
		metric:    metricText(sum.Metric, Reading(sum.Metric, &sum.Sum), currency),
		threshold: metricText(sum.Metric, h.Threshold, currency),
	}
}

// missingSteps adds the keys of the repeated steps that a change of a sum may
// earn or lose and that are not loaded.
func (t *taking) missingSteps(missing []string, c *change) []string {
	tally := t.ledgers.tallies.read(tallyKey(t.credit, &c.part))
	if c.delta == 0 {
		return missing
	}
	after := new(big.Int).Add(&tally.Sum, big.NewInt(c.delta))
	if c.delta > 0 && c.rule != nil {
		reading := Reading(c.rule.Metric, after)
		for i := range c.rule.Tiers {
			tier, from := &c.rule.Tiers[i], int64(0)
			if held := tally.tier(tier.ID); held != nil {
				from = held.Steps
			}
			last := lastStep(tier, reading, from)
			for n := from + 1; n <= last; n++ {
				missing = t.wantStep(missing, c, tier.ID, n)
			}
		}
		return missing
	}
	metric := tally.Metric
	if c.rule != nil {
		metric = c.rule.Metric
	}
	return t.missingLost(missing, c, tally, Reading(metric, after))
}

// missingLost adds the steps that a reading no longer reaches: those from the
// top that are loaded already, and as many again each round.
func (t *taking) missingLost(missing []string, c *change, tally *Tally, reading int64) []string {
	const atLeast = 64
	for i := range tally.Tiers {
		held := &tally.Tiers[i]
		for n := held.Steps; n > 0; n-- {
			step := t.ledgers.steps.read(stepKey(t.credit, &c.part, StepTier(held.Tier, n)))
			if step == nil {
				stretch := max(atLeast, held.Steps-n)
				for m := n; m > max(0, n-stretch); m-- {
					missing = t.wantStep(missing, c, held.Tier, m)
				}
				break
			}
			if step.Threshold <= reading {
				break
			}
		}
	}
	return missing
}

func (t *taking) wantStep(missing []string, c *change, tier string, n int64) []string {
	return t.ledgers.steps.want(missing, stepKey(t.credit, &c.part, StepTier(tier, n)))
}
