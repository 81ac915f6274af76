package credits

import (
	"slices"
	"strconv"

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

// encodeReward writes a reward event as it is published. Its time is when its
// cause was decided.
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

// segmentData is the data of a segment event (contract §9 (7)).
type segmentData struct {
	MemberID  string `json:"member_id"`
	SegmentID string `json:"segment_id"`
	At        string `json:"at"`
}

// encodePassage writes the entering or leaving of a segment as it is published.
func encodePassage(p *reward.Passage) ([]byte, error) {
	kind := event.TypeSegmentLeft
	if p.Entered {
		kind = event.TypeSegmentEntered
	}
	return event.EncodeEvent(event.Out{
		ID:     passageID(p),
		Source: event.OrgSource(p.OrgID),
		Type:   kind,
		Time:   p.At,
		OrgID:  p.OrgID,
	}, segmentData{MemberID: p.MemberID, SegmentID: p.SegmentID, At: event.FormatTime(p.At)})
}

// passageID is `<segment>/<member>/<entered | left>/<n>`.
func passageID(p *reward.Passage) string {
	return event.JoinID(p.SegmentID, p.MemberID, passageName(p), strconv.FormatInt(p.Sequence, 10))
}

func passageName(p *reward.Passage) string {
	if p.Entered {
		return "entered"
	}
	return "left"
}

// messages are the reward events, a beneficiary's in the order of their sequence,
// and the segment events, a member's likewise.
func (b *work) messages() []pipeline.Message {
	messages := make([]pipeline.Message, 0, len(b.standing.Rewards)+len(b.standing.Passages))
	for i := range b.standing.Rewards {
		r := &b.standing.Rewards[i]
		messages = append(messages, pipeline.Structured(TopicRewards, []byte(r.Event.OrgID+"/"+r.Event.BeneficiaryID), r.Value))
	}
	for i := range b.standing.Passages {
		p := &b.standing.Passages[i]
		messages = append(messages, pipeline.Structured(TopicSegments, []byte(p.Passage.OrgID+"/"+p.Passage.MemberID), p.Value))
	}
	return messages
}

func (b *work) deadLetters() []pipeline.DeadLetter {
	var letters []pipeline.DeadLetter
	for _, l := range b.standing.Letters {
		in := &b.inputs[l.Index]
		letter := pipeline.DeadLetter{Index: l.Index, Reason: "invalid", Detail: l.Detail, OrgID: in.OrgID()}
		switch in.Type {
		case event.TypeMemberChanged, event.TypeMemberClicked:
		case event.TypeRewardDecided:
			letter.ProgramID = in.Decision.ProgramID
		default:
			letter.ProgramID = in.Credit.ProgramID
		}
		letters = append(letters, letter)
	}
	return letters
}

// countedTypes are the types of records that are counted apart.
var countedTypes = []event.Type{event.TypeCredit, event.TypeMemberChanged, event.TypeMemberClicked, event.TypeRewardDecided}

func (b *work) counts() []pipeline.Count {
	n := make([][verdictPassed + 1]int, len(countedTypes))
	for i, v := range b.standing.Verdicts {
		of := max(0, slices.Index(countedTypes, b.inputs[i].Type))
		n[of][min(v, verdictPassed)]++
	}
	var counts []pipeline.Count
	for of := range n {
		for v, many := range n[of] {
			if many > 0 {
				counts = append(counts, pipeline.Count{Type: countedTypes[of], Verdict: verdictName(byte(v)), N: many})
			}
		}
	}
	return counts
}
