package reward

import (
	"math/big"

	"github.com/grapevinehq/grapevine/pipeline/program"
)

// chain moves the credited revenue of a reward with brackets, and with it the
// total that its rewards of the period come to. More goes to the conversion's
// own reward; less is taken from the conversion's own, then from the newest
// others (§9 (25)).
func (b *booking) chain(c *shift) {
	chain := b.ledgers.chains.write(chainKey(b.person, b.credit.ProgramID, &c.part, b.credit.Role))
	chain.Revenue.Add(&chain.Revenue, big.NewInt(c.delta))
	own := b.entry.reward(c.part.Rule, c.part.Reward)
	moved := b.bracketMove(c, chain, own, &chain.Revenue)
	switch {
	case moved > 0:
		b.pay(c, chain, own, moved)
	case moved < 0:
		b.takeBack(c, chain, own, -moved)
	}
	chain.Total += moved
}

// bracketMove is the difference between what the brackets pay on a revenue and
// what they paid until now. Where the rule is gone the conversion's own reward
// goes whole.
func (b *booking) bracketMove(c *shift, chain *Chain, own *Reward, revenue *big.Int) int64 {
	if c.rule != nil {
		return BracketTotal(b.table(c), revenue) - chain.Total
	}
	if own != nil {
		return -own.Due
	}
	return 0
}

// table finds the brackets of a period: those of the version at the period's
// first instant, or, where that has none, of the earliest version that has the
// reward (§9 (25), (41)).
func (b *booking) table(c *shift) []program.Bracket {
	if start, ok := PeriodStart(c.rule.Period, b.credit.ConversionTime, b.version.Zone); ok {
		if v, active := b.program.At(start); active {
			if b := bracketsOf(v, c); b != nil {
				return b
			}
		}
	}
	for _, v := range b.program.Versions {
		if b := bracketsOf(v, c); b != nil {
			return b
		}
	}
	return c.reward.Brackets
}

func bracketsOf(v *program.Version, c *shift) []program.Bracket {
	for _, rule := range v.Rules {
		if rule.ID != c.rule.ID {
			continue
		}
		for i := range rule.Rewards {
			if rule.Rewards[i].ID == c.reward.ID {
				return rule.Rewards[i].Brackets
			}
		}
	}
	return nil
}

// pay adds to the conversion's own reward, which becomes the newest of the
// chain unless it stands there already.
func (b *booking) pay(c *shift, chain *Chain, own *Reward, amount int64) {
	if own == nil {
		b.entry.Rewards = append(b.entry.Rewards, b.newReward(c.rule, c.reward, c.part.Period))
		own = &b.entry.Rewards[len(b.entry.Rewards)-1]
		own.HasCap, own.Cap = c.reward.HasMax, c.reward.MaxAmountMinor
	}
	if !own.Chained {
		own.Chained, own.Older = true, chain.Newest
		chain.Newest = b.credit.ConversionID
	}
	b.due(own, own.Due+amount, c, b.own(), b.reason())
}

// due sets a reward's part in its period's total, and with it its net value.
func (b *booking) due(r *Reward, part int64, c *shift, why cause, reason string) {
	r.Due = part
	if r.HasCap {
		part = min(part, r.Cap)
	}
	b.move(r, part, c.rule, why, reason)
}

func (b *booking) takeBack(c *shift, chain *Chain, own *Reward, amount int64) {
	if own != nil {
		mine := min(own.Due, amount)
		b.due(own, own.Due-mine, c, b.own(), b.reason())
		amount -= mine
		unlink(chain, own, b.credit.ConversionID)
	}
	for at := chain.Newest; at != "" && amount > 0; {
		entry, r := b.link(c, at)
		if r == nil {
			break // a chain that was torn ends here
		}
		older := r.Older
		b.ledgers.entries.write(entryKey(b.person, b.credit.ProgramID, at, b.credit.Role))
		part := min(r.Due, amount)
		b.due(r, r.Due-part, c, b.conversion(at, entry.ConversionTime), ReasonBrackets)
		amount -= part
		unlink(chain, r, at)
		at = older
	}
}

// unlink takes a reward that is due nothing off the newest end of its chain;
// one further down is passed over until it gets there.
func unlink(chain *Chain, r *Reward, conversion string) {
	if r.Due == 0 && chain.Newest == conversion {
		chain.Newest, r.Chained, r.Older = r.Older, false, ""
	}
}

// link is the reward of a chain that one conversion has; the entry is nil when
// it is not loaded.
func (b *booking) link(c *shift, conversion string) (*Entry, *Reward) {
	entry := b.ledgers.entries.read(entryKey(b.person, b.credit.ProgramID, conversion, b.credit.Role))
	if entry == nil {
		return nil, nil
	}
	return entry, entry.reward(c.part.Rule, c.part.Reward)
}

// missingLinks adds the next entry that a chain must be followed to, when the
// change takes back more than the loaded ones have.
func (b *booking) missingLinks(missing []string, c *shift) []string {
	if c.delta == 0 {
		return missing
	}
	chain := b.ledgers.chains.read(chainKey(b.person, b.credit.ProgramID, &c.part, b.credit.Role))
	after := new(big.Int).Add(&chain.Revenue, big.NewInt(c.delta))
	amount := -b.bracketMove(c, chain, b.entry.reward(c.part.Rule, c.part.Reward), after)
	for at := chain.Newest; at != "" && amount > 0; {
		entry, r := b.link(c, at)
		if entry == nil {
			return b.ledgers.entries.want(missing, entryKey(b.person, b.credit.ProgramID, at, b.credit.Role))
		}
		if r == nil {
			break
		}
		amount -= r.Due
		at = r.Older
	}
	return missing
}
