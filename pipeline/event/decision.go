package event

// RewardDecision is a person's decision about a reward (§9 (6)), handed to the
// ledger of its beneficiary on the internal topic referral.credits, with what
// names the reward there.
//
// Source and EventID are those of the event that decided: with the org, the
// program and the reward they name the decision, which is taken once (§9 (37)).
type RewardDecision struct {
	OrgID     string
	ProgramID string

	RewardID      string
	BeneficiaryID string
	Role          Role
	RuleID        string
	Reward        string // the reward's own id in its rule
	TierID        string // tier rewards
	Period        string
	Occurrence    int64  // tier rewards, from 1
	ConversionID  string // the conversion that caused it; empty for grants

	Decision  Decision
	Actor     string // may be empty, as Reason
	Reason    string
	Source    string
	EventID   string
	Time      int64 // ms, event time of the decision
	DecidedAt int64 // ms, the time of the batch (Bounds.Time) that found the reward
}

// decisionWire is the data of a RewardDecision. Org, program and time stand in
// the attributes.
type decisionWire struct {
	RewardID      string   `json:"reward_id"`
	BeneficiaryID string   `json:"beneficiary_id"`
	Role          Role     `json:"role"`
	RuleID        string   `json:"rule_id"`
	Reward        string   `json:"reward"`
	TierID        string   `json:"tier_id,omitempty"`
	Period        string   `json:"period,omitempty"`
	Occurrence    int64    `json:"occurrence,omitempty"`
	ConversionID  string   `json:"conversion_id,omitempty"`
	Decision      Decision `json:"decision"`
	Actor         string   `json:"actor,omitempty"`
	Reason        string   `json:"reason,omitempty"`
	Source        string   `json:"source"`
	EventID       string   `json:"event_id"`
	DecidedAt     int64    `json:"decided_at"`
}

// EncodeRewardDecision writes a decision as the value of a record of
// referral.credits, and its key. The id names the event that decided:
// decided/reward_id/source/event_id, under the program's source.
func EncodeRewardDecision(d *RewardDecision) (key, value []byte, err error) {
	value, err = EncodeEvent(Out{
		ID:        JoinID("decided", d.RewardID, d.Source, d.EventID),
		Source:    Source(d.OrgID, d.ProgramID),
		Type:      TypeRewardDecided,
		Time:      d.Time,
		OrgID:     d.OrgID,
		ProgramID: d.ProgramID,
	}, decisionWire{
		RewardID: d.RewardID, BeneficiaryID: d.BeneficiaryID, Role: d.Role, RuleID: d.RuleID, Reward: d.Reward, TierID: d.TierID,
		Period: d.Period, Occurrence: d.Occurrence, ConversionID: d.ConversionID, Decision: d.Decision, Actor: d.Actor,
		Reason: d.Reason, Source: d.Source, EventID: d.EventID, DecidedAt: d.DecidedAt,
	})
	return []byte(d.OrgID + "/" + d.BeneficiaryID), value, err
}

type decisionBody RewardDecision

func (d *decisionBody) scoped() bool { return true }

// The bits of its members.
const (
	decisionReward uint32 = 1 << iota
	decisionBeneficiary
	decisionRole
	decisionRule
	decisionOwnID
	decisionTier
	decisionPeriod
	decisionOccurrence
	decisionConversion
	decisionDecision
	decisionActor
	decisionReason
	decisionSource
	decisionEvent
	decisionDecidedAt
)

func (d *decisionBody) field(r *reader, key []byte) {
	switch string(key) {
	case "reward_id":
		r.id(decisionReward, key, &d.RewardID)
	case "beneficiary_id":
		r.id(decisionBeneficiary, key, &d.BeneficiaryID)
	case "role":
		r.id(decisionRole, key, (*string)(&d.Role))
	case "rule_id":
		r.id(decisionRule, key, &d.RuleID)
	case "reward":
		r.id(decisionOwnID, key, &d.Reward)
	case "tier_id":
		r.id(decisionTier, key, &d.TierID)
	case "period":
		r.id(decisionPeriod, key, &d.Period)
	case "occurrence":
		r.integer(decisionOccurrence, key, &d.Occurrence)
	case "conversion_id":
		r.id(decisionConversion, key, &d.ConversionID)
	case "decision":
		r.id(decisionDecision, key, (*string)(&d.Decision))
	case "actor":
		r.id(decisionActor, key, &d.Actor)
	case "reason":
		r.string(decisionReason, key, &d.Reason, MaxTextBytes)
	case "source":
		r.id(decisionSource, key, &d.Source)
	case "event_id":
		r.id(decisionEvent, key, &d.EventID)
	case "decided_at":
		r.integer(decisionDecidedAt, key, &d.DecidedAt)
	default:
		r.skip()
	}
}

func (d *decisionBody) settle(r *reader, attributes *Envelope) {
	d.OrgID, d.ProgramID, d.Time = attributes.OrgID, attributes.ProgramID, attributes.Time
	r.require(decisionReward, d.RewardID, "reward_id")
	r.require(decisionBeneficiary, d.BeneficiaryID, "beneficiary_id")
	r.require(decisionRule, d.RuleID, "rule_id")
	r.require(decisionOwnID, d.Reward, "reward")
	r.require(decisionSource, d.Source, "source")
	r.require(decisionEvent, d.EventID, "event_id")
	r.requireNumbers(decisionDecidedAt)
	switch d.Role {
	case RoleReferrer, RoleReferee, RoleMember:
	default:
		r.add("role %q is unknown", d.Role)
	}
	switch d.Decision {
	case Approve, Reject, Reverse:
	default:
		r.add("decision %q is not approve, reject or reverse", d.Decision)
	}
}
