package reward

import (
	"math/big"
	"strings"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/money"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// The values that make up a ledger. Each stands under a key of its own, which
// carries the org, the beneficiary and what else identifies it.

// Lifetime are the figures of a member in an org that segments look at
// (contract §5, stats), each conversion counted once.
type Lifetime struct {
	ConversionsPPM   int64   `cbor:"1,keyasint"`
	RevenueMinor     big.Int `cbor:"2,keyasint"` // credited, net; program currencies as they are (§9 (30))
	LastConversionAt int64   `cbor:"3,keyasint"` // ms; of all that ever counted
}

// Entry is what one conversion did to a beneficiary.
type Entry struct {
	// Next is the least sequence of a credit not yet taken. Credits of one
	// conversion reach a beneficiary in order and say how things stand, not what
	// changed: so one number tells the repeated ones, and a gap does no harm.
	Next           int64    `cbor:"1,keyasint"`
	ConversionTime int64    `cbor:"2,keyasint"`
	CountedPPM     int64    `cbor:"3,keyasint,omitempty"` // its part in Lifetime
	CountedMinor   int64    `cbor:"4,keyasint,omitempty"`
	Parts          []Part   `cbor:"5,keyasint,omitempty"`
	Rewards        []Reward `cbor:"6,keyasint,omitempty"` // of per_conversion rules
}

// Part is what a conversion adds to one sum: the metric of a tiers rule, or the
// revenue of a reward with brackets.
type Part struct {
	Rule   string `cbor:"1,keyasint"`
	Reward string `cbor:"2,keyasint,omitempty"` // brackets alone
	Period string `cbor:"3,keyasint"`
	Amount int64  `cbor:"4,keyasint,omitempty"`
}

// Reward is the state of one reward: what stands, and what is said of it again
// when it changes, however the configuration moved on.
type Reward struct {
	Rule        string `cbor:"1,keyasint"`
	ID          string `cbor:"2,keyasint"` // its own id in the rule or tier
	Net         int64  `cbor:"3,keyasint,omitempty"`
	Sequence    int64  `cbor:"4,keyasint"` // of its latest event
	Status      Status `cbor:"5,keyasint"`
	Version     string `cbor:"6,keyasint"`
	Type        string `cbor:"7,keyasint"`
	Currency    string `cbor:"8,keyasint,omitempty"`
	Unit        string `cbor:"9,keyasint,omitempty"`
	Period      string `cbor:"10,keyasint"`
	AvailableAt int64  `cbor:"11,keyasint"`
	Budget      string `cbor:"12,keyasint,omitempty"`
	Day         int32  `cbor:"15,keyasint"` // of its conversion, in the zone of then

	// A reward with brackets has a part in its period's total, Due, and is worth
	// that part up to its cap. While it has one it stands in the period's chain:
	// from the newest, each names the conversion of the one before.
	Due     int64  `cbor:"16,keyasint,omitempty"`
	HasCap  bool   `cbor:"17,keyasint,omitempty"`
	Cap     int64  `cbor:"18,keyasint,omitempty"` // max_amount_minor of the conversion's version (§9 (41))
	Chained bool   `cbor:"13,keyasint,omitempty"`
	Older   string `cbor:"14,keyasint,omitempty"`

	// Held is what the rules give and a limit or budget does not let through;
	// Waits says which. Net and Held together are what the rules give.
	Held     int64 `cbor:"19,keyasint,omitempty"`
	Waits    Wait  `cbor:"20,keyasint,omitempty"`
	Unearned bool  `cbor:"21,keyasint,omitempty"` // held at first, and nothing was let through since
	Final    bool  `cbor:"22,keyasint,omitempty"` // a person took it back: it stays at 0
	Parked   bool  `cbor:"23,keyasint,omitempty"` // due, but its beneficiary is banned

	Limits  []LimitPart `cbor:"24,keyasint,omitempty"` // what it adds to limits
	Account string      `cbor:"25,keyasint,omitempty"` // the budget's period that it draws on
	Rate    *money.Rate `cbor:"26,keyasint,omitempty"` // into the budget's currency, as at the first draw
	Drawn   int64       `cbor:"27,keyasint,omitempty"` // what it has of the budget, in the budget's currency

	Decisions []uint64 `cbor:"28,keyasint,omitempty"` // a person's latest decisions, by hash
	Stands    string   `cbor:"29,keyasint,omitempty"` // of what waits, the limit in whose queue it stands
}

// Wait says what a reward that is held waits for.
type Wait byte

// What a held reward waits for.
const (
	NoWait     Wait = 0
	WaitLimit  Wait = 1 // room in its limit
	WaitBudget Wait = 2 // room in its budget, which has it in its queue
	WaitRate   Wait = 3 // a rate into the budget's currency
)

// wanted is what the rules give.
func (r *Reward) wanted() int64 { return r.Net + r.Held }

// bounded tells whether a change of the reward concerns more than the reward:
// a limit, a budget, or those that wait for a ban to end.
func (r *Reward) bounded() bool {
	return len(r.Limits) > 0 || r.Budget != "" && r.Currency != "" || r.Held > 0 || r.Parked
}

// Tally is the sum of a tiers rule over one period, with the tiers that were
// ever reached. Repeated steps stand under keys of their own.
type Tally struct {
	Sum   big.Int    `cbor:"1,keyasint"`
	Tiers []TierHeld `cbor:"2,keyasint,omitempty"` // in the order they were first reached
	// Metric is what the sum counts, for when the rule is no longer configured.
	Metric program.Metric `cbor:"3,keyasint"`
}

// TierHeld is a tier, or a repeated step of one, that was reached at least once.
type TierHeld struct {
	Tier           string   `cbor:"1,keyasint"`
	Held           bool     `cbor:"2,keyasint,omitempty"`
	Occurrence     int64    `cbor:"3,keyasint"`
	Threshold      int64    `cbor:"4,keyasint"` // of the version that gave this occurrence
	ConversionID   string   `cbor:"5,keyasint"` // that crossed it
	ConversionTime int64    `cbor:"6,keyasint"`
	Rewards        []Reward `cbor:"7,keyasint"`
	Steps          int64    `cbor:"8,keyasint,omitempty"` // repeated steps held beyond it
	// What the metric read when it was crossed, and which it is; values of earlier
	// releases lack them.
	Reading int64          `cbor:"9,keyasint,omitempty"`
	Metric  program.Metric `cbor:"10,keyasint,omitempty"`
}

// Chain is the sum of a reward with brackets over one period.
type Chain struct {
	Revenue big.Int `cbor:"1,keyasint"`
	Total   int64   `cbor:"2,keyasint,omitempty"` // what the brackets pay on it: the sum of what its rewards are due
	Newest  string  `cbor:"3,keyasint,omitempty"` // conversion of the newest reward in the chain
}

// Keys of a ledger's values, relative to the partition's memory. The
// beneficiary is in each, so no two ledgers share a value.

func lifetimeKey(p Person) string { return event.PrefixedID("s/", p.OrgID, p.ID) }

func entryKey(p Person, programID, conversion string, role event.Role) string {
	return event.PrefixedID("c/", p.OrgID, p.ID, programID, conversion, string(role))
}

// EntryKey is the key of what is known of a credit's conversion.
func EntryKey(c *event.Credit) string { return entryOf(c) }

// GrowsWithConversions tells of the key of a value whether there are the more of
// its kind the more conversions a member has: what is known of each conversion,
// and of each repeated step of a tier. The others are as many as a member has
// programs, rules and periods.
func GrowsWithConversions(key string) bool {
	return strings.HasPrefix(key, "c/") || strings.HasPrefix(key, "r/")
}

func tallyKey(p Person, programID string, of *Part) string {
	return event.PrefixedID("t/", p.OrgID, p.ID, programID, of.Rule, of.Period)
}

func stepKey(p Person, programID string, of *Part, tier string) string {
	return event.PrefixedID("r/", p.OrgID, p.ID, programID, of.Rule, of.Period, tier)
}

func chainKey(p Person, programID string, of *Part, role event.Role) string {
	return event.PrefixedID("b/", p.OrgID, p.ID, programID, of.Rule, of.Reward, of.Period, string(role))
}

// reward finds the state of a per_conversion reward.
func (e *Entry) reward(rule, id string) *Reward {
	for i := range e.Rewards {
		if e.Rewards[i].Rule == rule && e.Rewards[i].ID == id {
			return &e.Rewards[i]
		}
	}
	return nil
}

func (e *Entry) part(rule, reward string) *Part {
	for i := range e.Parts {
		if e.Parts[i].Rule == rule && e.Parts[i].Reward == reward {
			return &e.Parts[i]
		}
	}
	return nil
}

func (t *Tally) tier(id string) *TierHeld {
	for i := range t.Tiers {
		if t.Tiers[i].Tier == id {
			return &t.Tiers[i]
		}
	}
	return nil
}

// passed tells whether a credit passed a rule's filters: decided with the
// conversion.
func passed(c *event.Credit, rule *program.Rule) bool {
	for _, id := range c.Rules {
		if id == rule.ID {
			return true
		}
	}
	return false
}
