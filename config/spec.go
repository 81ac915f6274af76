package config

import (
	"reflect"
	"time"

	"github.com/grapevinehq/grapevine/config/strict"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// The types of this file are the program files as they are written. They are
// read by package strict and are what docs/programs.schema.json is made from;
// what they mean together is checked where they are compiled.

// ProgramsFile is one file of programs. Orgs, exchange rates and bot rules of
// several files are brought together.
type ProgramsFile struct {
	strict.At `json:"-"`
	// Version of the file format.
	Version int `json:"version" jsonschema:"required,minimum=1,maximum=1"`
	// ExchangeRates convert conversions into the currency of their program.
	ExchangeRates []RateSpec `json:"exchange_rates,omitempty" jsonschema:"maxItems=1000000"`
	// Bots are rules beside the built-in list of crawlers.
	Bots BotsSpec `json:"bots,omitempty"`
	// Orgs are the organisations, each seen by itself alone.
	Orgs []OrgSpec `json:"orgs,omitempty" jsonschema:"maxItems=10000"`
}

// RateSpec says what one unit of a currency is worth in another.
type RateSpec struct {
	strict.At `json:"-"`
	// From is the currency of the conversion.
	From Currency `json:"from" jsonschema:"required"`
	// To is the currency of the program.
	To Currency `json:"to" jsonschema:"required"`
	// ValidFrom is the first instant of the rate; it holds until the next one of the pair.
	ValidFrom Time `json:"valid_from" jsonschema:"required"`
	// Rate is the units of `to` for one unit of `from`, an exact decimal number.
	Rate Decimal `json:"rate" jsonschema:"required"`
}

// BotsSpec are the configured bot rules: networks are asked first, then agents.
type BotsSpec struct {
	// Networks whose clicks are a bot's.
	Networks []NetworkSpec `json:"networks,omitempty" jsonschema:"maxItems=100000"`
	// UserAgents whose clicks are a bot's.
	UserAgents []AgentSpec `json:"user_agents,omitempty" jsonschema:"maxItems=1000"`
}

// NetworkSpec names a network.
type NetworkSpec struct {
	strict.At `json:"-"`
	// Name is the reason that a click is stored with.
	Name ID `json:"name" jsonschema:"required"`
	// CIDR of the network.
	CIDR CIDR `json:"cidr" jsonschema:"required"`
}

// AgentSpec names a user agent by a part of it.
type AgentSpec struct {
	strict.At `json:"-"`
	// Name is the reason that a click is stored with.
	Name ID `json:"name" jsonschema:"required"`
	// Contains is looked for in the user agent, case sensitive.
	Contains string `json:"contains" jsonschema:"required,minLength=1,maxLength=1000"`
}

// OrgSpec is an organisation. It may be spread over several files; ids are
// unique over all of them.
type OrgSpec struct {
	strict.At `json:"-"`
	// ID of the org: `orgid` of events.
	ID ID `json:"id" jsonschema:"required"`
	// Name for people.
	Name string `json:"name,omitempty" jsonschema:"maxLength=200"`
	// Teams that own programs and budgets.
	Teams []TeamSpec `json:"teams,omitempty" jsonschema:"maxItems=10000"`
	// Budgets that rules may draw on.
	Budgets []BudgetSpec `json:"budgets,omitempty" jsonschema:"maxItems=10000"`
	// Segments of members.
	Segments []SegmentSpec `json:"segments,omitempty" jsonschema:"maxItems=1000"`
	// Access says who may see which programs.
	Access []AccessSpec `json:"access,omitempty" jsonschema:"maxItems=100000"`
	// Templates that versions inherit from; they do not nest.
	Templates []TemplateSpec `json:"templates,omitempty" jsonschema:"maxItems=10000"`
	// Programs of the org.
	Programs []ProgramSpec `json:"programs,omitempty" jsonschema:"maxItems=100000"`
}

// TeamSpec is a team of an org.
type TeamSpec struct {
	strict.At `json:"-"`
	// ID of the team.
	ID ID `json:"id" jsonschema:"required"`
	// Name for people.
	Name string `json:"name,omitempty" jsonschema:"maxLength=200"`
}

// BudgetSpec limits the money of rewards.
type BudgetSpec struct {
	strict.At `json:"-"`
	// ID that rules name.
	ID ID `json:"id" jsonschema:"required"`
	// Team that the budget belongs to; without one it is the org's.
	Team ID `json:"team,omitempty"`
	// Period over which the limit holds, in UTC.
	Period program.Period `json:"period" jsonschema:"required"`
	// LimitMinor is the most that may be given in a period, in minor units.
	LimitMinor int64 `json:"limit_minor" jsonschema:"required,minimum=0"`
	// Currency of the limit.
	Currency Currency `json:"currency" jsonschema:"required"`
}

// SegmentSpec is a segment of members.
type SegmentSpec struct {
	strict.At `json:"-"`
	// ID that rules name.
	ID ID `json:"id" jsonschema:"required"`
	// Name for people.
	Name string `json:"name,omitempty" jsonschema:"maxLength=200"`
	// When is an expression over `member` and `stats`. Without it the segment is
	// given from outside, in the member's own `segments`.
	When string `json:"when,omitempty" jsonschema:"minLength=1"`
}

// Role is what a person may do.
type Role string

// AccessSpec says what a person may see.
type AccessSpec struct {
	strict.At `json:"-"`
	// User who may see it.
	User ID `json:"user" jsonschema:"required"`
	// Role of the user: an analyst sees the listed programs, an owner all of the org.
	Role Role `json:"role" jsonschema:"required"`
	// Programs that an analyst sees.
	Programs []ID `json:"programs,omitempty" jsonschema:"maxItems=100000"`
}

// TemplateSpec is what versions inherit.
type TemplateSpec struct {
	strict.At `json:"-"`
	// ID that programs name.
	ID ID `json:"id" jsonschema:"required"`
	// Currency of tiers, rewards and reports.
	Currency Currency `json:"currency,omitempty"`
	VersionBody
}

// ProgramSpec is a referral program.
type ProgramSpec struct {
	strict.At `json:"-"`
	// ID of the program: `programid` of events.
	ID ID `json:"id" jsonschema:"required"`
	// Name for people.
	Name string `json:"name,omitempty" jsonschema:"maxLength=200"`
	// Team that owns the program.
	Team ID `json:"team,omitempty"`
	// Template that its versions inherit from.
	Template ID `json:"template,omitempty"`
	// Versions of its rules. An event is decided by the version valid at its own time.
	Versions []VersionSpec `json:"versions" jsonschema:"required,minItems=1,maxItems=1000"`
	// Goals that are reported against.
	Goals []GoalSpec `json:"goals,omitempty" jsonschema:"maxItems=1000"`
}

// GoalSpec is a target of a program.
type GoalSpec struct {
	strict.At `json:"-"`
	// ID of the goal.
	ID ID `json:"id" jsonschema:"required"`
	// Metric that is counted.
	Metric program.Metric `json:"metric" jsonschema:"required"`
	// Target to reach: a count, or minor units of the program's currency.
	Target int64 `json:"target" jsonschema:"required,minimum=1"`
	// From is the first instant that counts.
	From Time `json:"from" jsonschema:"required"`
	// To is the first instant that counts no more.
	To Time `json:"to" jsonschema:"required"`
}

// VersionSpec is one version of a program's rules.
type VersionSpec struct {
	strict.At `json:"-"`
	// ValidFrom is the first instant of the version.
	ValidFrom Time `json:"valid_from" jsonschema:"required"`
	// ValidTo is the first instant after it. Without it the version holds until the next one begins.
	ValidTo *Time `json:"valid_to,omitempty"`
	// Currency of tiers, rewards and reports.
	Currency Currency `json:"currency" jsonschema:"required"`
	VersionBody
}

// VersionBody is what a version may inherit from a template.
type VersionBody struct {
	// Locale of names and messages for members without one of their own; en by default.
	Locale Locale `json:"locale,omitempty"`
	// Timezone of periods and reports; UTC by default.
	Timezone Zone `json:"timezone,omitempty"`
	// DedupeWindow is the time within which a repeated click is a duplicate; 1h by default.
	DedupeWindow *time.Duration `json:"dedupe_window,omitempty"`
	// Attribution says which touches earn which credit.
	Attribution AttributionSpec `json:"attribution,omitempty"`
	// AttributionGrace is waited after a conversion's Kafka timestamp, so that clicks still on their way count; 2s by default.
	AttributionGrace *time.Duration `json:"attribution_grace,omitempty"`
	// AttributionMaxWait bounds how long a conversion waits for clicks and members; without it, as long as it takes.
	AttributionMaxWait *time.Duration `json:"attribution_max_wait,omitempty"`
	// Margin is the part of revenue that is earned, from 0 to 1; for the return on investment.
	Margin *float64 `json:"margin,omitempty" jsonschema:"minimum=0,maximum=1"`
	// Rules that earn rewards.
	Rules []RuleSpec `json:"rules,omitempty" jsonschema:"maxItems=1000"`
}

// AttributionSpec says which touches earn which credit.
type AttributionSpec struct {
	strict.At `json:"-"`
	// Model that splits the credit; last_click by default.
	Model program.Model `json:"model,omitempty"`
	// Window before a conversion within which a touch counts; 720h by default.
	Window *time.Duration `json:"window,omitempty"`
	// HalfLife is that of time_decay; 168h by default.
	HalfLife *time.Duration `json:"half_life,omitempty"`
	// Order of the kinds of candidates: the first kind that yields one wins; coupon, click, touch by default.
	Order []program.CandidateKind `json:"order,omitempty" jsonschema:"minItems=1,maxItems=10"`
	// Binding of later conversions of a customer to the credits of the first; customer by default.
	Binding Binding `json:"binding,omitempty"`
	// Shadow models are computed and stored beside the paying one; none by default.
	Shadow []program.Model `json:"shadow,omitempty" jsonschema:"maxItems=10"`
}

// Binding is whether a customer's first credits hold for later conversions.
type Binding string

// RuleSpec is a rule. Which keys it takes depends on its type.
type RuleSpec struct {
	strict.At `json:"-"`
	// ID of the rule.
	ID ID `json:"id" jsonschema:"required"`
	// Type of the rule.
	Type program.RuleType `json:"type" jsonschema:"required"`
	// Name of its rewards, by locale; with placeholders.
	Name map[Locale]string `json:"name,omitempty" jsonschema:"minProperties=1"`
	// Message to the beneficiary, by locale; with placeholders.
	Message map[Locale]string `json:"message,omitempty" jsonschema:"minProperties=1"`
	// Kinds of conversions that count; without it, all.
	Kinds []event.Kind `json:"kinds,omitempty" jsonschema:"minItems=1,maxItems=10"`
	// MinAmountMinor is the least amount of a conversion that counts, at its decision, in the program's currency.
	MinAmountMinor int64 `json:"min_amount_minor,omitempty" jsonschema:"minimum=0"`
	// When is an expression over `member`, `conversion` and `program`; of a grant over `member`, `stats` and `program`.
	When string `json:"when,omitempty" jsonschema:"minLength=1"`
	// Segments of which the referrer must be in at least one.
	Segments []ID `json:"segments,omitempty" jsonschema:"minItems=1,maxItems=1000"`
	// ExceptSegments are those of which the referrer must be in none.
	ExceptSegments []ID `json:"except_segments,omitempty" jsonschema:"maxItems=1000"`
	// Period over which tiers and brackets count; lifetime by default.
	Period program.Period `json:"period,omitempty"`
	// Metric that tiers count.
	Metric program.Metric `json:"metric,omitempty"`
	// Points of each kind, for the metric points.
	Points map[event.Kind]int64 `json:"points,omitempty" jsonschema:"minProperties=1,minimum=0,maximum=1000000000"`
	// Tiers by ascending threshold.
	Tiers []TierSpec `json:"tiers,omitempty" jsonschema:"minItems=1,maxItems=1000"`
	// FirstOnly pays the customer's first counted conversion of these kinds alone.
	FirstOnly bool `json:"first_only,omitempty"`
	// Rewards of per_conversion and grant rules.
	Rewards []RewardSpec `json:"rewards,omitempty" jsonschema:"minItems=1,maxItems=100"`
	// Segment whose members are given the grant.
	Segment ID `json:"segment,omitempty"`
	// Limit for each beneficiary.
	Limit *LimitSpec `json:"limit,omitempty"`
	// Budget that the rewards draw on.
	Budget ID `json:"budget,omitempty"`
	// Hold before a reward is approved; 0 by default.
	Hold time.Duration `json:"hold,omitempty"`
}

// LimitSpec limits what a rule gives to one beneficiary in a period.
type LimitSpec struct {
	strict.At `json:"-"`
	// Period of the limit, in the program's zone; lifetime by default.
	Period program.Period `json:"period,omitempty"`
	// Count of rewards.
	Count *int64 `json:"count,omitempty" jsonschema:"minimum=1"`
	// AmountMinor is an amount of money, in the program's currency.
	AmountMinor *int64 `json:"amount_minor,omitempty" jsonschema:"minimum=1"`
}

// TierSpec is a threshold and what reaching it earns.
type TierSpec struct {
	strict.At `json:"-"`
	// ID of the tier.
	ID ID `json:"id" jsonschema:"required"`
	// Threshold of the metric: conversions or points in units, revenue in minor units.
	Threshold int64 `json:"threshold" jsonschema:"required,minimum=1"`
	// Rewards of the tier.
	Rewards []RewardSpec `json:"rewards,omitempty" jsonschema:"maxItems=100"`
	// RepeatEvery earns the rewards of the last tier once more for each further step of this size.
	RepeatEvery *int64 `json:"repeat_every,omitempty" jsonschema:"minimum=1"`
}

// RewardSpec is one reward: money (flat_minor, amount_minor, basis_points or
// brackets) or a quantity of a unit.
type RewardSpec struct {
	strict.At `json:"-"`
	// ID of the reward within its rule or tier.
	ID ID `json:"id" jsonschema:"required"`
	// Type of the reward.
	Type RewardType `json:"type" jsonschema:"required"`
	// To is the side that gets it, of per_conversion rules; referrer by default.
	To program.Side `json:"to,omitempty"`
	// FlatMinor is an amount for each conversion, of per_conversion rules.
	FlatMinor *int64 `json:"flat_minor,omitempty" jsonschema:"minimum=0,maximum=1000000000000000"`
	// AmountMinor is an amount, of tiers and grants.
	AmountMinor *int64 `json:"amount_minor,omitempty" jsonschema:"minimum=0,maximum=1000000000000000"`
	// Quantity of the unit.
	Quantity *int64 `json:"quantity,omitempty" jsonschema:"minimum=0,maximum=1000000000000000"`
	// Unit of the quantity; points by default where the type is points.
	Unit ID `json:"unit,omitempty"`
	// BasisPoints of the credited net amount, of per_conversion rules; 100 are one percent.
	BasisPoints *int64 `json:"basis_points,omitempty" jsonschema:"minimum=0,maximum=1000000"`
	// MaxAmountMinor is the most that one reward can be.
	MaxAmountMinor *int64 `json:"max_amount_minor,omitempty" jsonschema:"minimum=0"`
	// Brackets pay each part of a period's credited revenue at its own rate, as tax brackets do.
	Brackets []BracketSpec `json:"brackets,omitempty" jsonschema:"minItems=1,maxItems=1000"`
}

// RewardType is what kind of thing a reward is.
type RewardType string

// BracketSpec pays the revenue from an amount on.
type BracketSpec struct {
	strict.At `json:"-"`
	// FromMinor is where the bracket begins, in minor units of revenue.
	FromMinor int64 `json:"from_minor" jsonschema:"required,minimum=0"`
	// BasisPoints of the revenue within the bracket.
	BasisPoints int64 `json:"basis_points" jsonschema:"required,minimum=0,maximum=1000000"`
}

// enums are the values that the types of the files take.
var enums = map[reflect.Type][]string{
	reflect.TypeFor[program.Period]():        {"lifetime", "year", "quarter", "month", "week"},
	reflect.TypeFor[program.Metric]():        {"conversions", "revenue", "points"},
	reflect.TypeFor[program.Model]():         {"last_click", "first_click", "linear", "position_based", "time_decay"},
	reflect.TypeFor[program.CandidateKind](): {"coupon", "click", "touch"},
	reflect.TypeFor[program.RuleType]():      {"tiers", "per_conversion", "grant"},
	reflect.TypeFor[program.Side]():          {"referrer", "referee"},
	reflect.TypeFor[event.Kind]():            {"lead", "signup", "sale", "renewal", "custom"},
	reflect.TypeFor[Role]():                  {"analyst", "owner"},
	reflect.TypeFor[Binding]():               {"customer", "none"},
	reflect.TypeFor[RewardType]():            {"cash", "credit", "points", "discount", "gift_card", "custom"},
}
