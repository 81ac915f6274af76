package reward

// tell makes the event of what a reward just did, and says its texts. Net, Held
// and what they moved by are set already.
func (t *Taking) tell(s *spot, kind EventType, amount int64, reason string) {
	r, was := s.Reward, s.Status
	r.Sequence++
	r.Status = r.statusAfter(kind, s.conversionTime)
	*s.changed = true
	e := Event{
		OrgID: s.org, ProgramID: s.program, Type: kind, RewardID: s.rewardID(r), Sequence: r.Sequence,
		RuleID: r.Rule, Reward: r.ID, RuleVersion: r.Version, TierID: s.tier, Occurrence: s.occurrence,
		Period: r.Period, BeneficiaryID: s.beneficiary, BeneficiaryRole: s.role, RewardType: r.Type,
		Amount: amount, Remaining: r.Net, Currency: r.Currency, Unit: r.Unit,
		ConversionID: s.conversion, ConversionTime: s.conversionTime,
		Status: r.Status, AvailableAt: r.AvailableAt, Reason: reason, BudgetID: r.Budget,
		Time: t.time, Day: r.Day, Withheld: r.Held, Account: r.Account, Drawn: r.Drawn,
	}
	t.say(&e, s)
	t.Events = append(t.Events, e)
	t.await(s, was)
}

// statusAfter is a reward's status after an event: with nothing let through
// `held` or, when nothing is withheld either, `reversed` (§9 (40)); then pending
// while a hold stands, or else approved.
func (r *Reward) statusAfter(kind EventType, conversionTime int64) Status {
	switch {
	case r.Net == 0 && r.Held > 0:
		return StatusHeld
	case r.Net == 0:
		return StatusReversed
	case kind == Approved:
		return StatusApproved
	case r.Status == StatusPending || r.Status == StatusApproved:
		return r.Status
	case r.AvailableAt > conversionTime:
		return StatusPending
	default:
		return StatusApproved
	}
}
