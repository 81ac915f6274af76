package analytics

import (
	"context"
	"time"
)

// Reward is a reward after its last event, with all of them.
type Reward struct {
	RewardID        string        `ch:"reward_id" json:"reward_id"`
	RuleID          string        `ch:"rule_id" json:"rule_id"`
	RuleVersion     string        `ch:"rule_version" json:"rule_version"`
	Reward          string        `ch:"reward" json:"reward"`
	TierID          string        `ch:"tier_id" json:"tier_id"`
	Period          string        `ch:"period" json:"period"`
	Occurrence      int64         `ch:"occurrence" json:"occurrence"`
	BeneficiaryID   string        `ch:"beneficiary_id" json:"beneficiary_id"`
	BeneficiaryRole string        `ch:"beneficiary_role" json:"beneficiary_role"`
	RewardType      string        `ch:"reward_type" json:"reward_type"`
	Currency        string        `ch:"currency" json:"currency"`
	Unit            string        `ch:"unit" json:"unit"`
	BudgetID        string        `ch:"budget_id" json:"budget_id"`
	AvailableAt     time.Time     `ch:"available_at" json:"available_at"`
	Status          string        `ch:"-" json:"status"`
	Events          []RewardEvent `ch:"-" json:"events"`
	Outside         []Fulfillment `ch:"-" json:"fulfillments"`
}

// RewardEvent is one event of a reward: what it moved, and what was left.
type RewardEvent struct {
	Time              time.Time `ch:"time" json:"time"`
	Sequence          int64     `ch:"sequence" json:"sequence"`
	EventType         string    `ch:"event_type" json:"event_type"`
	Status            string    `ch:"status" json:"status"`
	AmountMinor       int64     `ch:"amount_minor" json:"amount_minor"`
	Quantity          int64     `ch:"quantity" json:"quantity"`
	RemainingMinor    int64     `ch:"remaining_minor" json:"remaining_minor"`
	RemainingQuantity int64     `ch:"remaining_quantity" json:"remaining_quantity"`
	Reason            string    `ch:"reason" json:"reason"`
}

// Fulfillment is what became of a reward outside: paid, failed, or decided by a
// person.
type Fulfillment struct {
	RewardID    string    `ch:"reward_id" json:"-"`
	Time        time.Time `ch:"time" json:"time"`
	EventType   string    `ch:"event_type" json:"event_type"`
	Decision    string    `ch:"decision" json:"decision"`
	Actor       string    `ch:"actor" json:"actor"`
	ExternalID  string    `ch:"external_id" json:"external_id"`
	AmountMinor int64     `ch:"amount_minor" json:"amount_minor"`
	Quantity    int64     `ch:"quantity" json:"quantity"`
	Reason      string    `ch:"reason" json:"reason"`
}

// rewardRow is a row of rewards.
type rewardRow struct {
	Reward      `json:"-"`
	RewardEvent `json:"-"`
}

// rewardsOf are the rewards that a conversion caused, in the order of their
// first events.
func (b *Books) rewardsOf(ctx context.Context, orgID, programID, conversionID string) ([]Reward, error) {
	rows, err := selected[rewardRow](ctx, b, "rewards", `
		SELECT reward_id, rule_id, rule_version, reward, tier_id, period, occurrence, beneficiary_id, beneficiary_role, reward_type, currency, unit,
			budget_id, available_at, status, time, sequence, event_type, amount_minor, quantity, remaining_minor, remaining_quantity, reason
		FROM rewards
		WHERE org_id = ? AND program_id = ? AND conversion_id = ?
		ORDER BY min(time) OVER (PARTITION BY reward_id), beneficiary_role DESC, rule_id, tier_id, reward, reward_id, sequence`, orgID, programID, conversionID)
	if err != nil {
		return nil, err
	}
	outside, err := selected[Fulfillment](ctx, b, "fulfillments", `
		SELECT reward_id, time, event_type, decision, actor, external_id, amount_minor, quantity, reason FROM fulfillments
		WHERE org_id = ? AND program_id = ? AND reward_id IN
			(SELECT reward_id FROM rewards WHERE org_id = ? AND program_id = ? AND conversion_id = ?)
		ORDER BY ingested, batch, kafka_offset`, orgID, programID, orgID, programID, conversionID)
	if err != nil {
		return nil, err
	}
	return grouped(rows, outside), nil
}

// grouped makes rewards of their rows, those of one reward in their sequence.
func grouped(rows []rewardRow, outside []Fulfillment) []Reward {
	rewards := []Reward{}
	place := make(map[string]int)
	for _, r := range rows {
		at, ok := place[r.RewardID]
		if !ok {
			at = len(rewards)
			place[r.RewardID] = at
			r.Outside = []Fulfillment{}
			rewards = append(rewards, r.Reward)
		}
		one := &rewards[at]
		one.Status = r.RewardEvent.Status
		one.Events = append(one.Events, r.RewardEvent)
	}
	for _, f := range outside {
		if at, ok := place[f.RewardID]; ok {
			rewards[at].Outside = append(rewards[at].Outside, f)
		}
	}
	return rewards
}
