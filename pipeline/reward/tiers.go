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
func (b *booking) tally(c *shift) {
	key := tallyKey(b.person, b.credit.ProgramID, &c.part)
	sum := b.ledgers.tallies.write(key)
	if c.rule != nil {
		sum.Metric = c.rule.Metric
	}
	sum.Sum.Add(&sum.Sum, big.NewInt(c.delta))
	switch {
	case c.delta < 0:
		b.fall(key, sum, c)
	case c.rule != nil:
		b.rise(key, sum, c)
	}
}

func (b *booking) rise(key string, sum *Tally, c *shift) {
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
			b.earn(held, key, tier, tier.Threshold, c, reading)
		}
		last := lastStep(tier, reading, held.Steps)
		for n := held.Steps + 1; n <= last; n++ {
			at := stepKey(b.person, b.credit.ProgramID, &c.part, StepTier(tier.ID, n))
			step := b.ledgers.steps.write(at)
			step.Tier = StepTier(tier.ID, n)
			b.earn(step, at, tier, tier.Threshold+n*tier.RepeatEvery, c, reading)
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

func (b *booking) fall(key string, sum *Tally, c *shift) {
	reading := Reading(sum.Metric, &sum.Sum)
	for i := len(sum.Tiers) - 1; i >= 0; i-- {
		held := &sum.Tiers[i]
		for ; held.Steps > 0; held.Steps-- {
			at := stepKey(b.person, b.credit.ProgramID, &c.part, StepTier(held.Tier, held.Steps))
			if b.ledgers.steps.read(at).Threshold <= reading {
				break
			}
			b.lose(b.ledgers.steps.write(at), at, c)
		}
		if held.Held && held.Threshold > reading {
			b.lose(held, key, c)
		}
	}
}

// earn gives a tier's rewards as its next occurrence. key is that of the value
// which holds the tier, reading what the metric comes to.
func (b *booking) earn(held *TierHeld, key string, tier *program.Tier, threshold int64, c *shift, reading int64) {
	held.Held, held.Threshold = true, threshold
	held.Reading, held.Metric = reading, c.rule.Metric
	held.Occurrence++
	held.ConversionID, held.ConversionTime = b.credit.ConversionID, b.credit.ConversionTime
	held.Rewards = make([]Reward, len(tier.Rewards))
	for i := range tier.Rewards {
		r := &tier.Rewards[i]
		held.Rewards[i] = b.newReward(c.rule, r, c.part.Period)
		amount := r.AmountMinor
		if r.Quantity > 0 {
			amount = r.Quantity
		}
		b.move(&held.Rewards[i], amount, c.rule, b.tier(key, held), "")
	}
}

// lose reverses what a tier's occurrence gave.
func (b *booking) lose(held *TierHeld, key string, c *shift) {
	held.Held = false
	for i := range held.Rewards {
		b.move(&held.Rewards[i], 0, c.rule, b.tier(key, held), ReasonBelowTier)
	}
}

// texts are the metric when a tier was reached, and its threshold, as a person
// reads them.
func (h *TierHeld) texts(currency string) (metric, threshold string) {
	return metricText(h.Metric, max(h.Reading, h.Threshold), currency), metricText(h.Metric, h.Threshold, currency)
}

// missingSteps adds the keys of the repeated steps that a change of a sum may
// earn or lose and that are not loaded.
func (b *booking) missingSteps(missing []string, c *shift) []string {
	tally := b.ledgers.tallies.read(tallyKey(b.person, b.credit.ProgramID, &c.part))
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
				missing = b.wantStep(missing, c, tier.ID, n)
			}
		}
		return missing
	}
	metric := tally.Metric
	if c.rule != nil {
		metric = c.rule.Metric
	}
	return b.missingLost(missing, c, tally, Reading(metric, after))
}

// missingLost adds the steps that a reading no longer reaches: those from the
// top that are loaded already, and as many again each round.
func (b *booking) missingLost(missing []string, c *shift, tally *Tally, reading int64) []string {
	const atLeast = 64
	for i := range tally.Tiers {
		held := &tally.Tiers[i]
		for n := held.Steps; n > 0; n-- {
			step := b.ledgers.steps.read(stepKey(b.person, b.credit.ProgramID, &c.part, StepTier(held.Tier, n)))
			if step == nil {
				stretch := max(atLeast, held.Steps-n)
				for m := n; m > max(0, n-stretch); m-- {
					missing = b.wantStep(missing, c, held.Tier, m)
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

func (b *booking) wantStep(missing []string, c *shift, tier string, n int64) []string {
	return b.ledgers.steps.want(missing, stepKey(b.person, b.credit.ProgramID, &c.part, StepTier(tier, n)))
}
