package judge

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// movement is an event of a reward, as anybody reads it from the topic.
type movement struct {
	org, program, kind string // kind: earned, held, approved, increased or reversed
	sequence           int64
	time               int64
	data               rewardData
}

// rewardData is what a reward event says (§2).
type rewardData struct {
	RewardID          string `json:"reward_id"`
	RuleID            string `json:"rule_id"`
	Reward            string `json:"reward"`
	RuleVersion       string `json:"rule_version"`
	TierID            string `json:"tier_id"`
	Occurrence        int64  `json:"occurrence"`
	Period            string `json:"period"`
	BeneficiaryID     string `json:"beneficiary_id"`
	BeneficiaryRole   string `json:"beneficiary_role"`
	RewardType        string `json:"reward_type"`
	AmountMinor       int64  `json:"amount_minor"`
	Currency          string `json:"currency"`
	Quantity          int64  `json:"quantity"`
	Unit              string `json:"unit"`
	RemainingMinor    int64  `json:"remaining_minor"`
	RemainingQuantity int64  `json:"remaining_quantity"`
	ConversionID      string `json:"conversion_id"`
	Status            string `json:"status"`
	AvailableAt       string `json:"available_at"`
	Reason            string `json:"reason"`
	Name              string `json:"name"`
	Message           string `json:"message"`
}

func (d *rewardData) amount() int64    { return d.AmountMinor + d.Quantity }
func (d *rewardData) remaining() int64 { return d.RemainingMinor + d.RemainingQuantity }

// id is the event's own.
func (m *movement) id() string {
	return m.data.RewardID + "/" + m.kind + "/" + strconv.FormatInt(m.sequence, 10)
}

func (m *movement) source() string { return "grapevine/" + m.org + "/" + m.program }

// readMovement reads an event of the topic; it must be called, and lie, as its data
// say.
func (t *trial) readMovement(r *Record) *movement {
	var o outgoing
	m := &movement{}
	if json.Unmarshal(r.Value, &o) != nil || json.Unmarshal(o.Data, &m.data) != nil {
		return nil // published tells
	}
	m.org, m.program = t.intern(o.OrgID), t.intern(o.ProgramID)
	parts := strings.Split(o.ID, "/")
	at, err := time.Parse(time.RFC3339Nano, o.Time)
	if len(parts) == 3 && err == nil {
		m.kind, m.time = t.intern(parts[1]), at.UnixMilli()
		m.sequence, _ = strconv.ParseInt(parts[2], 10, 64)
	}
	if want := "referral.reward." + m.kind + ".v1"; m.kind == "" || o.ID != m.id() || o.Source != m.source() || o.Type != want || string(r.Key) != m.org+"/"+m.data.BeneficiaryID {
		t.differ(topicRewards, o.ID, "id, source, type and key that follow from the reward", string(r.Key)+" "+string(r.Value))
	}
	for _, s := range []*string{&m.data.RuleID, &m.data.Reward, &m.data.RuleVersion, &m.data.TierID, &m.data.Period, &m.data.BeneficiaryID, &m.data.BeneficiaryRole,
		&m.data.RewardType, &m.data.Currency, &m.data.Unit, &m.data.ConversionID, &m.data.Status, &m.data.AvailableAt, &m.data.Reason, &m.data.RewardID, &m.data.Name, &m.data.Message} {
		*s = t.intern(*s)
	}
	return m
}

// row is the row that the books must have of it.
func (m *movement) row() Row {
	d := &m.data
	available, _ := instant(d.AvailableAt)
	return Row{
		"org_id": m.org, "program_id": m.program, "time": m.time, "event_id": m.id(), "source": m.source(), "reward_id": d.RewardID, "sequence": m.sequence,
		"event_type": m.kind, "status": d.Status, "rule_id": d.RuleID, "rule_version": d.RuleVersion, "reward": d.Reward, "tier_id": d.TierID, "period": d.Period,
		"occurrence": d.Occurrence, "beneficiary_id": d.BeneficiaryID, "beneficiary_role": d.BeneficiaryRole, "reward_type": d.RewardType,
		"amount_minor": d.AmountMinor, "currency": d.Currency, "quantity": d.Quantity, "unit": d.Unit, "remaining_minor": d.RemainingMinor,
		"remaining_quantity": d.RemainingQuantity, "conversion_id": d.ConversionID, "available_at": available, "reason": d.Reason,
	}
}

// rewardID is the id of the reward that an event speaks of (§5).
func (m *movement) rewardID() string {
	d := &m.data
	switch {
	case d.TierID != "":
		return named(m.org, m.program, d.RuleID, d.TierID, d.Reward, d.Period, d.BeneficiaryID, strconv.FormatInt(d.Occurrence, 10))
	case d.BeneficiaryRole == "member":
		return named(m.org, m.program, d.RuleID, d.Reward, d.BeneficiaryID)
	}
	return named(m.org, m.program, d.RuleID, d.Reward, d.ConversionID, d.BeneficiaryID)
}

// named is a UUID of version 5 over a path.
func named(segments ...string) string {
	for i := range segments {
		segments[i] = url.PathEscape(segments[i])
	}
	return uuid.NewSHA1(namespace, []byte(strings.Join(segments, "/"))).String()
}

var namespace = uuid.NewSHA1(uuid.NameSpaceDNS, []byte("grapevine"))
