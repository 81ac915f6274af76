package program

import (
	"sort"
	"time"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

// Catalog is one revision of the program configuration, compiled: every
// template merged, every expression checked. It is immutable.
type Catalog struct {
	Revision string // SHA-256 of Source, hex
	Source   []byte // the canonical text that it was loaded from; loading it again gives the same catalog
	Rates    []Rate // by From, To and ValidFrom, as money.RateAt looks them up
	Bots     BotRules
	Orgs     map[string]*Org
	// LongestDedupeWindow over all versions bounds how long clicks are remembered.
	LongestDedupeWindow time.Duration
	// LongestWindow is the longest attribution window over all versions.
	LongestWindow time.Duration
}

// Program finds a program; nil when the org or the program is unknown.
func (c *Catalog) Program(orgID, programID string) *Program {
	if o := c.Orgs[orgID]; o != nil {
		return o.Programs[programID]
	}
	return nil
}

// Rate says how many units of To one unit of From is worth from ValidFrom on.
// The rate is Numerator / Denominator, exactly as written.
type Rate struct {
	From, To    string
	ValidFrom   int64 // ms since the epoch
	Text        string
	Numerator   int64 // of the decimal text: "1.0825" is 10825 / 10000
	Denominator int64
}

// BotRules are the configured rules; the built-in list stands in package click.
type BotRules struct {
	Networks   []BotNetwork
	UserAgents []BotAgent
}

// BotNetwork names a network whose clicks are a bot's.
type BotNetwork struct{ Name, CIDR string }

// BotAgent names a user agent by a part of it, case sensitive.
type BotAgent struct{ Name, Contains string }

// Org is one organisation: nothing of it is ever seen by another.
type Org struct {
	ID, Name string
	Teams    map[string]Team
	Budgets  map[string]*Budget
	Segments []Segment
	Access   []Access
	Programs map[string]*Program
	// WatchesClicks says that a segment or a grant looks at stats.unique_clicks:
	// rewards have to hear of clicks.
	WatchesClicks bool
}

// Team of an org.
type Team struct{ ID, Name string }

// Budget limits the money of rewards, of the org or of one team.
type Budget struct {
	ID, Team   string
	Period     Period
	LimitMinor int64
	Currency   string
}

// Segment of members: given from outside (When nil) or by an expression.
type Segment struct {
	ID, Name string
	When     *Expression
}

// Access says what a person may see.
type Access struct {
	User, Role string
	Programs   []string // empty for an owner: all
}

// Program of an org.
type Program struct {
	OrgID, ID, Name, Team string
	Versions              []*Version // by ValidFrom, half-open (§9 (13))
	Goals                 []Goal
}

// At finds the version valid at a time. When none is, active is false and the
// version is the latest before it, or else the first (§9 (13)).
func (p *Program) At(ms int64) (v *Version, active bool) {
	later := sort.Search(len(p.Versions), func(i int) bool { return p.Versions[i].ValidFrom > ms })
	if later == 0 {
		return p.Versions[0], false
	}
	v = p.Versions[later-1]
	return v, v.ValidTo == 0 || ms < v.ValidTo
}

// Goal is reported against.
type Goal struct {
	ID       string
	Metric   Metric
	Target   int64
	From, To int64
}

// Version of a program's rules, its template merged in.
type Version struct {
	ValidFrom    int64  // ms
	ValidTo      int64  // ms, 0 for open
	ValidFromRaw string // RFC 3339 as UTC: the rule_version of reward data
	Currency     string
	Locale       string
	Zone         *time.Location
	DedupeWindow time.Duration
	Attribution  Attribution
	Margin       *float64
	Rules        []*Rule
	// SegmentStats are the figures that conversions are filtered by: those that the
	// segments of its tiers and per_conversion rules look at.
	SegmentStats Stats
}

// Model of attribution.
type Model string

// The models of §4.
const (
	LastClick     Model = "last_click"
	FirstClick    Model = "first_click"
	Linear        Model = "linear"
	PositionBased Model = "position_based"
	TimeDecay     Model = "time_decay"
)

// CandidateKind is where touches come from.
type CandidateKind string

// The kinds of candidates of §4.
const (
	CandidateCoupon CandidateKind = "coupon"
	CandidateClick  CandidateKind = "click"
	CandidateTouch  CandidateKind = "touch"
)

// Attribution settings of a version.
type Attribution struct {
	Model        Model
	Window       time.Duration
	HalfLife     time.Duration
	Order        []CandidateKind
	BindCustomer bool
	Shadow       []Model
	Grace        time.Duration
	MaxWait      time.Duration // 0: none
}

// Period over which a rule or budget counts.
type Period string

// The periods of §5.
const (
	Lifetime Period = "lifetime"
	Year     Period = "year"
	Quarter  Period = "quarter"
	Month    Period = "month"
	Week     Period = "week"
)

// RuleType is the type of a rule.
type RuleType string

// The rule types of §5.
const (
	Tiers         RuleType = "tiers"
	PerConversion RuleType = "per_conversion"
	Grant         RuleType = "grant"
)

// Metric that tiers and goals count.
type Metric string

// The metrics of §5.
const (
	Conversions Metric = "conversions"
	Revenue     Metric = "revenue"
	Points      Metric = "points"
)

// Rule earns rewards.
type Rule struct {
	ID             string
	Type           RuleType
	Name, Message  map[string]string   // by locale
	Kinds          map[event.Kind]bool // nil: all
	MinAmountMinor int64
	When           *Expression
	Segments       []string
	ExceptSegments []string
	Period         Period

	Metric    Metric               // tiers
	PointsOf  map[event.Kind]int64 // tiers by points
	Tiers     []Tier               // by threshold
	FirstOnly bool                 // per_conversion
	Rewards   []Reward             // per_conversion and grant
	Segment   string               // grant
	Limit     *Limit
	Budget    string
	Hold      time.Duration

	// Where the rule stands in the file, for errors that name it.
	File string
	Line int
}

// Tier of a rule: reached when the metric is at Threshold or above.
type Tier struct {
	ID          string
	Threshold   int64 // conversions and points: units; revenue: minor units
	Rewards     []Reward
	RepeatEvery int64 // 0: none; on the last tier alone
}

// Side is who gets a reward of a per_conversion rule.
type Side string

// The sides of §5.
const (
	ToReferrer Side = "referrer"
	ToReferee  Side = "referee"
)

// Reward of a rule or tier. Of FlatMinor, AmountMinor, Quantity, BasisPoints
// and Brackets exactly one is set.
type Reward struct {
	ID             string
	Type           string // cash | credit | points | discount | gift_card | custom
	To             Side   // per_conversion
	AmountMinor    int64  // tiers and grants: money; per_conversion: flat_minor
	Quantity       int64
	Unit           string
	BasisPoints    int64
	HasBasisPoints bool
	MaxAmountMinor int64 // 0: none
	HasMax         bool
	Brackets       []Bracket
}

// Bracket pays BasisPoints on the part of the revenue from FromMinor up.
type Bracket struct{ FromMinor, BasisPoints int64 }

// Limit per beneficiary and period.
type Limit struct {
	Period      Period
	Count       int64 // 0: none
	AmountMinor int64 // 0: none
}
