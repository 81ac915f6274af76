package reward

import (
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// cause is what a reward is for: its conversion, and of tiers the tier.
type cause struct {
	conversion     string
	conversionTime int64
	tier           string
	occurrence     int64
	metric         string // of tiers, as a person reads it
	threshold      string // likewise
}

// own is the credit's own conversion as a cause.
func (t *taking) own() cause {
	return cause{conversion: t.credit.ConversionID, conversionTime: t.credit.ConversionTime}
}

// newReward is a reward not yet earned: its first event comes with [taking.move].
func (t *taking) newReward(rule *program.Rule, r *program.Reward, period string) Reward {
	state := Reward{
		Rule: rule.ID, ID: r.ID, Version: t.version.ValidFromRaw, Type: r.Type, Period: period,
		AvailableAt: t.credit.ConversionTime + rule.Hold.Milliseconds(), Budget: rule.Budget,
		Day: Day(t.credit.ConversionTime, t.version.Zone),
	}
	if r.Quantity > 0 {
		state.Unit = r.Unit
	} else {
		state.Currency = t.credit.Currency
	}
	return state
}

// move brings a reward's net value to an amount and tells the event of it; none
// when nothing moves. rule may be nil: then the event has no texts. reason is
// why, if the value falls.
func (t *taking) move(r *Reward, to int64, rule *program.Rule, why cause, reason string) {
	if to == r.Net {
		return
	}
	e := Event{
		OrgID: t.credit.OrgID, ProgramID: t.credit.ProgramID, RewardID: t.rewardID(r, why),
		RuleID: r.Rule, Reward: r.ID, RuleVersion: r.Version, TierID: why.tier, Occurrence: why.occurrence,
		Period: r.Period, BeneficiaryID: t.credit.BeneficiaryID, BeneficiaryRole: t.credit.Role,
		RewardType: r.Type, Remaining: to, Currency: r.Currency, Unit: r.Unit,
		ConversionID: why.conversion, ConversionTime: why.conversionTime,
		AvailableAt: r.AvailableAt, BudgetID: r.Budget, Time: t.credit.DecidedAt, Day: r.Day,
	}
	switch {
	case to < r.Net:
		e.Type, e.Amount, e.Reason = Reversed, r.Net-to, reason
	case r.Sequence == 0:
		e.Type, e.Amount = Earned, to
	default:
		e.Type, e.Amount = Increased, to-r.Net
	}
	r.Net = to
	r.Sequence++
	r.Status = r.statusAfter(why.conversionTime)
	e.Sequence, e.Status = r.Sequence, r.Status
	t.say(&e, rule, why)
	t.events = append(t.events, e)
}

// statusAfter is a reward's status after an event: `reversed` only when nothing
// remains (§9 (40)), pending while a hold stands, or else approved.
func (r *Reward) statusAfter(conversionTime int64) Status {
	switch {
	case r.Net == 0:
		return StatusReversed
	case r.Status != "" && r.Status != StatusReversed:
		return r.Status
	case r.AvailableAt > conversionTime:
		return StatusPending
	default:
		return StatusApproved
	}
}

func (t *taking) rewardID(r *Reward, why cause) string {
	c := t.credit
	if why.tier != "" {
		return TierID(c.OrgID, c.ProgramID, r.Rule, why.tier, r.ID, r.Period, c.BeneficiaryID, why.occurrence)
	}
	return ConversionID(c.OrgID, c.ProgramID, r.Rule, r.ID, why.conversion, c.BeneficiaryID)
}
