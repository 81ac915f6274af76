package offline

import (
	"context"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/stage/fulfillments"
)

// Standings are rewards as they stand after their last event, by the rows of
// rewards and fulfillments.
type Standings map[fulfillments.RewardQuery]*standing

var _ fulfillments.Rewards = Standings{}

// standing is what is known of a reward, and between which of its events.
type standing struct {
	fulfillments.Reward
	first, last int64 // sequences
}

// TakeRewards takes rows of rewards: those of some, or with nil those of all.
func (s Standings) TakeRewards(c *Columns, some map[string]bool) {
	orgs, programs, ids, sequences := c.Texts("org_id"), c.Texts("program_id"), c.Texts("reward_id"), c.Numbers("sequence")
	beneficiaries, roles, rules := c.Texts("beneficiary_id"), c.Texts("beneficiary_role"), c.Texts("rule_id")
	own, tiers, periods, occurrences := c.Texts("reward"), c.Texts("tier_id"), c.Texts("period"), c.Numbers("occurrence")
	currencies, units, causes := c.Texts("currency"), c.Texts("unit"), c.Texts("conversion_id")
	money, quantities := c.Numbers("remaining_minor"), c.Numbers("remaining_quantity")
	for i := range orgs {
		if some != nil && !some[ids[i]] {
			continue
		}
		r := s.of(fulfillments.RewardQuery{OrgID: orgs[i], ProgramID: programs[i], RewardID: ids[i]})
		if !r.Known {
			r.Known, r.first, r.last = true, sequences[i], sequences[i]
			r.BeneficiaryID, r.Role, r.RuleID, r.OwnID = beneficiaries[i], event.Role(roles[i]), rules[i], own[i]
			r.TierID, r.Period, r.Occurrence, r.Currency, r.Unit = tiers[i], periods[i], occurrences[i], currencies[i], units[i]
		}
		if sequences[i] <= r.first {
			r.first, r.ConversionID = sequences[i], causes[i]
		}
		if sequences[i] >= r.last {
			r.last, r.Remaining = sequences[i], money[i]+quantities[i]
		}
	}
}

// TakeFulfillments takes rows of fulfillments.
func (s Standings) TakeFulfillments(c *Columns) {
	orgs, programs, ids, kinds := c.Texts("org_id"), c.Texts("program_id"), c.Texts("reward_id"), c.Texts("event_type")
	money, quantities := c.Numbers("amount_minor"), c.Numbers("quantity")
	for i := range orgs {
		if kinds[i] == "fulfilled" {
			s.of(fulfillments.RewardQuery{OrgID: orgs[i], ProgramID: programs[i], RewardID: ids[i]}).Fulfilled += money[i] + quantities[i]
		}
	}
}

func (s Standings) of(q fulfillments.RewardQuery) *standing {
	r := s[q]
	if r == nil {
		r = new(standing)
		s[q] = r
	}
	return r
}

// Rewards implements fulfillments.Rewards.
func (s Standings) Rewards(_ context.Context, queries []fulfillments.RewardQuery) ([]fulfillments.Reward, error) {
	answers := make([]fulfillments.Reward, len(queries))
	for i, q := range queries {
		if r := s[q]; r != nil {
			answers[i] = r.Reward
		}
	}
	return answers, nil
}
