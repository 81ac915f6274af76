package credits

import (
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/reward"
)

// rewardData is the data of a reward event (contract §2), in the order that it
// is written in. Money has amount_minor, currency and remaining_minor; anything
// else has quantity, unit and remaining_quantity.
type rewardData struct {
	RewardID          string        `json:"reward_id"`
	RuleID            string        `json:"rule_id"`
	Reward            string        `json:"reward"`
	RuleVersion       string        `json:"rule_version"`
	TierID            string        `json:"tier_id,omitempty"`
	Occurrence        int64         `json:"occurrence,omitempty"`
	Period            string        `json:"period"`
	BeneficiaryID     string        `json:"beneficiary_id"`
	BeneficiaryRole   event.Role    `json:"beneficiary_role"`
	RewardType        string        `json:"reward_type"`
	AmountMinor       *int64        `json:"amount_minor,omitempty"`
	Currency          string        `json:"currency,omitempty"`
	Quantity          *int64        `json:"quantity,omitempty"`
	Unit              string        `json:"unit,omitempty"`
	RemainingMinor    *int64        `json:"remaining_minor,omitempty"`
	RemainingQuantity *int64        `json:"remaining_quantity,omitempty"`
	ConversionID      string        `json:"conversion_id,omitempty"`
	Status            reward.Status `json:"status"`
	AvailableAt       string        `json:"available_at"`
	Reason            string        `json:"reason,omitempty"`
	Name              string        `json:"name,omitempty"`
	Message           string        `json:"message,omitempty"`
}

// encodeReward writes a reward event as it is published. Its time is when the
// credit was decided that caused it.
func encodeReward(e *reward.Event) ([]byte, error) {
	data := rewardData{
		RewardID: e.RewardID, RuleID: e.RuleID, Reward: e.Reward, RuleVersion: e.RuleVersion,
		TierID: e.TierID, Occurrence: e.Occurrence, Period: e.Period,
		BeneficiaryID: e.BeneficiaryID, BeneficiaryRole: e.BeneficiaryRole, RewardType: e.RewardType,
		Currency: e.Currency, Unit: e.Unit,
		ConversionID: e.ConversionID, Status: e.Status, AvailableAt: event.FormatTime(e.AvailableAt),
		Reason: e.Reason, Name: e.Name, Message: e.Message,
	}
	if e.Currency != "" {
		data.AmountMinor, data.RemainingMinor = &e.Amount, &e.Remaining
	} else {
		data.Quantity, data.RemainingQuantity = &e.Amount, &e.Remaining
	}
	return event.EncodeEvent(event.Out{
		ID:        e.ID(),
		Source:    event.Source(e.OrgID, e.ProgramID),
		Type:      event.Type("referral.reward." + string(e.Type) + ".v1"),
		Time:      e.Time,
		OrgID:     e.OrgID,
		ProgramID: e.ProgramID,
	}, data)
}

// messages are the reward events, a beneficiary's in the order of their sequence.
func (b *work) messages() []pipeline.Message {
	messages := make([]pipeline.Message, len(b.standing.Rewards))
	for i := range b.standing.Rewards {
		r := &b.standing.Rewards[i]
		messages[i] = pipeline.Message{
			Topic:   TopicRewards,
			Key:     []byte(r.Event.OrgID + "/" + r.Event.BeneficiaryID),
			Value:   r.Value,
			Headers: []pipeline.MessageHeader{{Key: event.ContentType, Value: []byte(event.StructuredContentType)}},
		}
	}
	return messages
}

func (b *work) deadLetters() []pipeline.DeadLetter {
	var letters []pipeline.DeadLetter
	for _, l := range b.standing.Letters {
		c := &b.inputs[l.Index].credit
		letters = append(letters, pipeline.DeadLetter{
			Index: l.Index, Reason: "invalid", Detail: l.Detail, OrgID: c.OrgID, ProgramID: c.ProgramID,
		})
	}
	return letters
}

func (b *work) counts() []pipeline.Count {
	var n [verdictPassed + 1]int
	for _, v := range b.standing.Verdicts {
		n[min(v, verdictPassed)]++
	}
	var counts []pipeline.Count
	for v, many := range n {
		if many > 0 {
			counts = append(counts, pipeline.Count{Type: event.TypeCredit, Verdict: verdictName(byte(v)), N: many})
		}
	}
	return counts
}
