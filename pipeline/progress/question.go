package progress

import (
	"math"
	"math/big"
	"time"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/reward"
)

// Question is what has to be read of a member's books.
type Question struct {
	OrgID, ProgramID, MemberID string
	Windows                    []Window // whose credits add up to metrics
	Tiers                      []Tier   // whose rewards are told apart
}

// Window are the credits of conversions from From up to, not including, Until
// (milliseconds since the epoch) that passed a rule.
type Window struct {
	RuleID      string
	From, Until int64
}

// Tier names a tier of a rule in a period.
type Tier struct{ RuleID, Period, TierID string }

// Answer is what the books hold.
type Answer struct {
	Member  Member
	Sums    []Sum
	Rewards []Rewards
}

// Member is the newest update of the member that was recorded.
type Member struct {
	Known  bool
	Status event.Status
	Locale string
}

// Sum adds up what counts of a window's conversions of one kind.
type Sum struct {
	Window int // index in Question.Windows
	Kind   event.Kind
	PPM    int64    // credits
	Minor  *big.Int // credited net revenue, in minor units of the program's currency
}

// Rewards add up the member's rewards of one currency or unit, those of each
// tier that was asked for apart and all others together.
type Rewards struct {
	Of Tier // the zero Tier: none that was asked for
	Balance
}

// Asked is a question with what its answer is made by.
type Asked struct {
	Question
	program *program.Program
	version *program.Version // at the time, or the latest before it, or the first
	active  bool
	at      int64
	rules   []asked
	weighs  []*program.Rule // of each window: the rule as its version has it
	counts  []int           // of each window: the place in rules
}

// asked is a tiers rule of the version, and its present period.
type asked struct {
	*program.Rule
	period     string
	start, end *time.Time // nil for a lifetime
}

// Ask asks for a member's progress in a program as of a time (milliseconds since
// the epoch), which chooses the version and the periods; it does not look back
// at what was known then.
func Ask(p *program.Program, memberID string, at int64) *Asked {
	a := &Asked{program: p, at: at, Question: Question{OrgID: p.OrgID, ProgramID: p.ID, MemberID: memberID}}
	a.version, a.active = p.At(at)
	for _, r := range a.version.Rules {
		if r.Type != program.Tiers {
			continue
		}
		one := asked{Rule: r, period: reward.PeriodName(r.Period, at, a.version.Zone)}
		one.start = instant(reward.PeriodStart(r.Period, at, a.version.Zone))
		one.end = instant(reward.PeriodEnd(r.Period, at, a.version.Zone))
		for _, t := range r.Tiers {
			a.Tiers = append(a.Tiers, Tier{r.ID, one.period, t.ID})
		}
		a.rules = append(a.rules, one)
		a.windows(&one)
	}
	return a
}

// windows adds the windows of a rule's present period: one sum goes over all
// versions (contract §9 (26)), each weighing, and naming periods in its own zone.
func (a *Asked) windows(rule *asked) {
	for i, v := range a.program.Versions {
		for _, r := range v.Rules {
			if r.ID != rule.ID || r.Type != program.Tiers {
				continue
			}
			w := Window{RuleID: r.ID, From: v.ValidFrom, Until: a.until(i)}
			if begin, ends := a.present(r.Period, v.Zone); ends != 0 {
				w.From, w.Until = max(w.From, begin), min(w.Until, ends)
			}
			if reward.PeriodName(r.Period, w.From, v.Zone) == rule.period && w.From < w.Until {
				a.Windows = append(a.Windows, w)
				a.weighs = append(a.weighs, r)
				a.counts = append(a.counts, len(a.rules)-1)
			}
		}
	}
}

// until is where the i-th version ends, which may be never.
func (a *Asked) until(i int) int64 {
	until := int64(math.MaxInt64)
	if to := a.program.Versions[i].ValidTo; to != 0 {
		until = to
	}
	if i+1 < len(a.program.Versions) {
		until = min(until, a.program.Versions[i+1].ValidFrom)
	}
	return until
}

// present is the period of the day in another zone; a lifetime has no bounds.
func (a *Asked) present(kind program.Period, zone *time.Location) (begin, end int64) {
	year, month, day := time.UnixMilli(a.at).In(a.version.Zone).Date()
	noon := time.Date(year, month, day, 12, 0, 0, 0, zone).UnixMilli()
	begin, _ = reward.PeriodStart(kind, noon, zone)
	end, _ = reward.PeriodEnd(kind, noon, zone)
	return begin, end
}

func instant(ms int64, ok bool) *time.Time {
	if !ok {
		return nil
	}
	t := time.UnixMilli(ms).UTC()
	return &t
}
