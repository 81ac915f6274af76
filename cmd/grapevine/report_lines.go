package main

// The lines of a report in JSON, with the names that the columns have in
// ClickHouse. Their fields are those of the analytics package's values.

type figuresLine struct {
	Clicks                 uint64   `json:"clicks"`
	UniqueClicks           uint64   `json:"unique_clicks"`
	DuplicateClicks        uint64   `json:"duplicate_clicks"`
	BotClicks              uint64   `json:"bot_clicks"`
	Visitors               uint64   `json:"visitors"`
	Conversions            uint64   `json:"conversions"`
	AttributedConversions  uint64   `json:"attributed_conversions"`
	RevenueMinor           int64    `json:"revenue_minor"`
	AttributedRevenueMinor int64    `json:"attributed_revenue_minor"`
	Currency               string   `json:"currency"`
	RewardsEarned          uint64   `json:"rewards_earned"`
	RewardCostMinor        int64    `json:"reward_cost_minor"`
	ConversionRate         *float64 `json:"conversion_rate"`
	ROI                    *float64 `json:"roi"`
}

type programLine struct {
	OrgID     string `json:"org_id"`
	ProgramID string `json:"program_id"`
	figuresLine
}

type dayLine struct {
	Day string `json:"day"`
	figuresLine
}

type leaderLine struct {
	OrgID           string  `json:"org_id"`
	ProgramID       string  `json:"program_id"`
	ReferrerID      string  `json:"referrer_id"`
	Clicks          uint64  `json:"clicks"`
	UniqueClicks    uint64  `json:"unique_clicks"`
	Conversions     float64 `json:"conversions"`
	RevenueMinor    int64   `json:"revenue_minor"`
	RewardsEarned   uint64  `json:"rewards_earned"`
	RewardCostMinor int64   `json:"reward_cost_minor"`
}

type balanceLine struct {
	ProgramID     string `json:"program_id"`
	BeneficiaryID string `json:"beneficiary_id"`
	Currency      string `json:"currency"`
	Unit          string `json:"unit"`
	Earned        int64  `json:"earned"`
	Pending       int64  `json:"pending"`
	Approved      int64  `json:"approved"`
	Reversed      int64  `json:"reversed"`
	Fulfilled     int64  `json:"fulfilled"`
	Net           int64  `json:"net"`
	Held          int64  `json:"held"`
	Overpaid      int64  `json:"overpaid"`
}
