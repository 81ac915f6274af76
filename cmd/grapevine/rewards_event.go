package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// rewardEvent is what a line tells of a reward event (contract §2).
type rewardEvent struct {
	ID      string    `json:"id"`
	Type    string    `json:"type"`
	Time    time.Time `json:"time"`
	Org     string    `json:"orgid"`
	Program string    `json:"programid"`
	Data    struct {
		RuleID       string `json:"rule_id"`
		Reward       string `json:"reward"`
		TierID       string `json:"tier_id"`
		Beneficiary  string `json:"beneficiary_id"`
		RewardType   string `json:"reward_type"`
		AmountMinor  int64  `json:"amount_minor"`
		Currency     string `json:"currency"`
		Quantity     int64  `json:"quantity"`
		Unit         string `json:"unit"`
		ConversionID string `json:"conversion_id"`
		Status       string `json:"status"`
		Reason       string `json:"reason"`
	} `json:"data"`
}

func parseReward(value []byte) (e rewardEvent, err error) {
	if err := json.Unmarshal(value, &e); err != nil {
		return e, fmt.Errorf("decode a reward event: %w", err)
	}
	return e, nil
}

// word is what happened: earned, held, approved, increased or reversed.
func (e *rewardEvent) word() string {
	return strings.TrimSuffix(strings.TrimPrefix(e.Type, "referral.reward."), ".v1")
}

// amount is what the event moves.
func (e *rewardEvent) amount() string {
	if e.Data.Unit != "" {
		return formatCount(e.Data.Quantity) + " " + printable(e.Data.Unit)
	}
	return formatMoney(e.Data.AmountMinor, e.Data.Currency)
}

// cause is the rule, the tier and the reward's own id.
func (e *rewardEvent) cause() string {
	parts := []string{e.Data.RuleID}
	if e.Data.TierID != "" {
		parts = append(parts, e.Data.TierID)
	}
	return printable(strings.Join(append(parts, e.Data.Reward), "/"))
}

// line is the event in one aligned line.
func (e *rewardEvent) line() string {
	line := fmt.Sprintf("%s  %-9s  %18s  %-10s  %-16s  %-20s  %-26s  %s",
		e.Time.UTC().Format("2006-01-02 15:04:05"), printable(e.word()), e.amount(), printable(e.Data.RewardType),
		printable(e.Data.Beneficiary), printable(e.Org+"/"+e.Program), e.cause(), printable(e.Data.ConversionID))
	if e.Data.Reason != "" {
		line += "  (" + printable(e.Data.Reason) + ")"
	}
	return strings.TrimRight(line, " ")
}

// printableJSON is a JSON text in one line that no terminal minds: what is not
// plain ASCII is escaped, which means the same.
func printableJSON(raw []byte) string {
	var compact bytes.Buffer
	if json.Compact(&compact, raw) != nil {
		return printable(string(raw))
	}
	return printable(compact.String())
}
