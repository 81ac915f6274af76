package progress

import (
	"encoding/json"
	"time"
)

// Progress is how far a member is in a program.
type Progress struct {
	OrgID          string    `json:"org_id"`
	ProgramID      string    `json:"program_id"`
	ProgramName    string    `json:"program_name" jsonschema_description:"Name of the program; its id where it has none"`
	MemberID       string    `json:"member_id"`
	MemberStatus   string    `json:"member_status" jsonschema:"enum=active,enum=banned,enum=unknown" jsonschema_description:"By the newest update of the member; unknown where none was recorded"`
	At             time.Time `json:"at" jsonschema_description:"The time that chose the version and the periods"`
	Active         bool      `json:"active" jsonschema_description:"Whether the program was active at that time; if not, the version is the latest before it, or else the first"`
	ProgramVersion string    `json:"program_version" jsonschema_description:"valid_from of the version"`
	Currency       string    `json:"currency" jsonschema_description:"Currency of the program, ISO 4217"`
	Rules          []Rule    `json:"rules" jsonschema_description:"The tiers rules of the version"`
	Rewards        []Balance `json:"rewards" jsonschema_description:"All rewards of the member in the program, by currency and unit"`
}

// Rule is how far a member is in a tiers rule.
type Rule struct {
	RuleID      string      `json:"rule_id"`
	Metric      string      `json:"metric" jsonschema:"enum=conversions,enum=revenue,enum=points"`
	Period      string      `json:"period" jsonschema_description:"lifetime, or for example 2026, 2026-Q4, 2026-11 or 2026-W47"`
	PeriodStart *time.Time  `json:"period_start" jsonschema:"nullable" jsonschema_description:"First instant of the period; null for a lifetime"`
	PeriodEnd   *time.Time  `json:"period_end" jsonschema:"nullable" jsonschema_description:"First instant after the period; null for a lifetime"`
	Value       json.Number `json:"value" jsonschema_description:"The metric now: conversions as the sum of credits, points, or credited net revenue in minor units of the program's currency"`
	Tiers       []TierHeld  `json:"tiers" jsonschema_description:"In the order of their thresholds"`
	Next        *Next       `json:"next" jsonschema:"nullable" jsonschema_description:"What comes next; null where nothing does"`
}

// TierHeld is a tier and whether the member has it.
type TierHeld struct {
	TierID    string    `json:"tier_id"`
	Name      string    `json:"name" jsonschema_description:"In the member's locale, or else the program's; empty where the rule has no name in either"`
	Threshold int64     `json:"threshold" jsonschema_description:"In the units of the rule's value"`
	Held      bool      `json:"held" jsonschema_description:"The value has reached the threshold, or a reward of the tier stands"`
	Steps     int64     `json:"steps" jsonschema_description:"Further steps of repeat_every that the value has reached"`
	Offers    []Offer   `json:"offers" jsonschema_description:"What reaching it earns"`
	Rewards   []Balance `json:"rewards" jsonschema_description:"The member's rewards of the tier in this period, its further steps aside"`
}

// Next is the next tier, or the next step of the last one, and what is missing.
type Next struct {
	TierID    string      `json:"tier_id" jsonschema_description:"Of a further step <tier>+<n>"`
	Name      string      `json:"name"`
	Threshold int64       `json:"threshold"`
	Missing   json.Number `json:"missing" jsonschema_description:"threshold - value"`
	Offers    []Offer     `json:"offers"`
}

// Offer is a reward that a tier earns: money or a quantity.
type Offer struct {
	Reward      string `json:"reward"`
	RewardType  string `json:"reward_type" jsonschema:"enum=cash,enum=credit,enum=points,enum=discount,enum=gift_card,enum=custom"`
	AmountMinor int64  `json:"amount_minor,omitempty"`
	Currency    string `json:"currency,omitempty"`
	Quantity    int64  `json:"quantity,omitempty"`
	Unit        string `json:"unit,omitempty"`
}

// Balance is what a member has of one currency (minor units) or unit.
type Balance struct {
	Currency  string `json:"currency" jsonschema_description:"Of money, ISO 4217; empty for quantities"`
	Unit      string `json:"unit" jsonschema_description:"Of quantities; empty for money"`
	Earned    int64  `json:"earned" jsonschema_description:"All that was ever earned"`
	Pending   int64  `json:"pending" jsonschema_description:"Net value that waits for the end of its hold"`
	Approved  int64  `json:"approved" jsonschema_description:"Net value that is approved"`
	Held      int64  `json:"held" jsonschema_description:"Withheld by a limit or budget; not part of net"`
	Reversed  int64  `json:"reversed" jsonschema_description:"What was taken back: earned - net"`
	Fulfilled int64  `json:"fulfilled" jsonschema_description:"What was fulfilled"`
	Net       int64  `json:"net" jsonschema_description:"earned - reversed"`
	Overpaid  int64  `json:"overpaid" jsonschema_description:"What was fulfilled beyond net: fulfilled - net where that is above 0"`
}

// add adds up two balances of one currency or unit.
func (b *Balance) add(o Balance) {
	b.Earned += o.Earned
	b.Pending += o.Pending
	b.Approved += o.Approved
	b.Held += o.Held
	b.Reversed += o.Reversed
	b.Fulfilled += o.Fulfilled
	b.Net += o.Net
	b.Overpaid = max(b.Fulfilled-b.Net, 0)
}
