package progress

import (
	"cmp"
	"encoding/json"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/reward"
)

// unknown is the status of a member of whom no update was recorded.
const unknown = "unknown"

// Tell makes the answer to what was asked of what the books hold.
func (a *Asked) Tell(answer Answer) Progress {
	p := Progress{
		OrgID: a.OrgID, ProgramID: a.ProgramID, ProgramName: cmp.Or(a.program.Name, a.ProgramID), MemberID: a.MemberID, MemberStatus: unknown,
		At: time.UnixMilli(a.at).UTC(), Active: a.active, ProgramVersion: a.version.ValidFromRaw, Currency: a.version.Currency,
		Rules: make([]Rule, len(a.rules)), Rewards: []Balance{},
	}
	if answer.Member.Known {
		p.MemberStatus = string(answer.Member.Status)
	}
	sums := a.sums(answer.Sums)
	for i := range a.rules {
		t := telling{Asked: a, asked: &a.rules[i], sum: sums[i], rewards: answer.Rewards, locale: answer.Member.Locale}
		p.Rules[i] = t.rule()
	}
	for _, r := range answer.Rewards {
		p.Rewards = added(p.Rewards, r.Balance)
	}
	return p
}

// sums are the metrics' sums, one for each rule: credits and points in parts per
// million, revenue in minor units.
func (a *Asked) sums(parts []Sum) []*big.Int {
	sums := make([]*big.Int, len(a.rules))
	for i := range sums {
		sums[i] = new(big.Int)
	}
	for _, s := range parts {
		sum := sums[a.counts[s.Window]]
		sum.Add(sum, Weight(a.weighs[s.Window], &s))
	}
	return sums
}

// Weight is what credits that count add to the metric of a rule: the sum of
// [reward.Metric] over them.
func Weight(r *program.Rule, s *Sum) *big.Int {
	switch r.Metric {
	case program.Revenue:
		return s.Minor
	case program.Points:
		return new(big.Int).Mul(big.NewInt(s.PPM), big.NewInt(r.PointsOf[s.Kind]))
	default:
		return big.NewInt(s.PPM)
	}
}

// telling is one rule on its way into a progress.
type telling struct {
	*Asked
	*asked
	sum     *big.Int
	rewards []Rewards
	locale  string
}

func (t *telling) rule() Rule {
	r := Rule{
		RuleID: t.ID, Metric: string(t.Metric), Period: t.period, PeriodStart: t.start, PeriodEnd: t.end,
		Value: t.decimal(t.sum), Tiers: make([]TierHeld, len(t.asked.Tiers)),
	}
	reading := reward.Reading(t.Metric, t.sum)
	for i := range t.asked.Tiers {
		tier := &t.asked.Tiers[i]
		r.Tiers[i] = t.tier(tier, reading)
		if r.Next == nil && !r.Tiers[i].Held {
			r.Next = t.next(tier, tier.ID, tier.Threshold)
		}
	}
	if last := len(r.Tiers) - 1; r.Next == nil && last >= 0 && t.asked.Tiers[last].RepeatEvery > 0 {
		r.Next = t.step(&t.asked.Tiers[last], r.Tiers[last].Steps+1)
	}
	return r
}

func (t *telling) tier(tier *program.Tier, reading int64) TierHeld {
	held := TierHeld{
		TierID: tier.ID, Name: t.name(tier, tier.ID, tier.Threshold), Threshold: tier.Threshold, Held: reading >= tier.Threshold,
		Offers: t.offers(tier), Rewards: []Balance{},
	}
	for _, r := range t.rewards {
		if r.Of == (Tier{t.ID, t.period, tier.ID}) {
			held.Rewards = append(held.Rewards, r.Balance)
			held.Held = held.Held || r.Net > 0 || r.Balance.Held > 0
		}
	}
	slices.SortFunc(held.Rewards, inOrder)
	if tier.RepeatEvery > 0 && reading > tier.Threshold {
		held.Steps = (reading - tier.Threshold) / tier.RepeatEvery
	}
	return held
}

// step is the nth further step of a tier; none where it lies beyond what a
// threshold can be.
func (t *telling) step(tier *program.Tier, n int64) *Next {
	threshold := new(big.Int).Mul(big.NewInt(n), big.NewInt(tier.RepeatEvery))
	threshold.Add(threshold, big.NewInt(tier.Threshold))
	if !threshold.IsInt64() {
		return nil
	}
	return t.next(tier, reward.StepTier(tier.ID, n), threshold.Int64())
}

func (t *telling) next(tier *program.Tier, id string, threshold int64) *Next {
	missing := big.NewInt(threshold)
	if t.Metric != program.Revenue {
		missing.Mul(missing, big.NewInt(million))
	}
	missing.Sub(missing, t.sum)
	return &Next{TierID: id, Name: t.name(tier, id, threshold), Threshold: threshold, Missing: t.decimal(missing), Offers: t.offers(tier)}
}

func (t *telling) offers(tier *program.Tier) []Offer {
	offers := make([]Offer, len(tier.Rewards))
	for i, r := range tier.Rewards {
		offers[i] = Offer{Reward: r.ID, RewardType: r.Type, Quantity: r.Quantity, Unit: r.Unit}
		if r.Quantity == 0 {
			offers[i].AmountMinor, offers[i].Currency = r.AmountMinor, t.version.Currency
		}
	}
	return offers
}

// million is how many parts of a sum make one conversion or point.
const million = 1_000_000

// decimal is a sum in the units of a rule's value, exactly.
func (t *telling) decimal(sum *big.Int) json.Number {
	if t.Metric == program.Revenue {
		return json.Number(sum.String())
	}
	text := new(big.Rat).SetFrac(sum, big.NewInt(million)).FloatString(6)
	return json.Number(strings.TrimSuffix(strings.TrimRight(text, "0"), "."))
}

// added adds a balance to the one of its currency or unit, in their order.
func added(all []Balance, b Balance) []Balance {
	at, found := slices.BinarySearchFunc(all, b, inOrder)
	if !found {
		return slices.Insert(all, at, b)
	}
	all[at].add(b)
	return all
}

// inOrder orders balances: money by currency, then quantities by unit.
func inOrder(a, b Balance) int {
	return cmp.Or(cmp.Compare(a.Unit, b.Unit), cmp.Compare(a.Currency, b.Currency))
}
