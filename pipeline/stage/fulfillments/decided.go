package fulfillments

import (
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
)

// topicCredits is where rewards are told what a person decided.
const topicCredits = "referral.credits"

// hand hands a person's decision to the ledger of the reward's beneficiary.
func hand(e *event.Fulfillment, r *Reward, decidedAt int64) (pipeline.Message, error) {
	key, value, err := event.EncodeRewardDecision(&event.RewardDecision{
		OrgID: e.OrgID, ProgramID: e.ProgramID, RewardID: e.RewardID, BeneficiaryID: r.BeneficiaryID, Role: r.Role,
		RuleID: r.RuleID, Reward: r.OwnID, TierID: r.TierID, Period: r.Period, Occurrence: r.Occurrence, ConversionID: r.ConversionID,
		Decision: e.Decision, Actor: e.Actor, Reason: e.Reason, Source: e.Source, EventID: e.ID, Time: e.Time, DecidedAt: decidedAt,
	})
	return pipeline.Structured(topicCredits, key, value), err
}
