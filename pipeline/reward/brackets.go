package reward

import (
	"math/big"

	"github.com/grapevinehq/grapevine/pipeline/program"
)

// chain moves the credited revenue of a reward with brackets, and with it the
// total that its rewards of the period come to. More goes to the conversion's
// own reward; less is taken from the conversion's own, then from the newest
// others (§9 (25)).
func (t *taking) chain(c *change) {
	chain := t.ledgers.chains.write(chainKey(t.credit, &c.part))
	chain.Revenue.Add(&chain.Revenue, big.NewInt(c.delta))
	own := t.entry.reward(c.part.Rule, c.part.Reward)
	moved := t.bracketMove(c, chain, own, &chain.Revenue)
	switch {
	case moved > 0:
		t.pay(c, chain, own, moved)
	case moved < 0:
		t.takeBack(c, chain, own, -moved)
	}
	chain.Total += moved
}

// bracketMove is the difference between what the brackets pay on a revenue and
// what they paid until now. Where the rule is gone the conversion's own reward
// goes whole.
func (t *taking) bracketMove(c *change, chain *Chain, own *Reward, revenue *big.Int) int64 {
	if c.rule != nil {
		return BracketTotal(t.table(c), revenue) - chain.Total
	}
	if own != nil {
		return -own.Due
	}
	return 0
}

// table finds the brackets of a period: those of the version at the period's
// first instant, or, where that has none, of the earliest version that has the
// reward (§9 (25), (41)).
func (t *taking) table(c *change) []program.Bracket {
	if start, ok := PeriodStart(c.rule.Period, t.credit.ConversionTime, t.version.Zone); ok {
		if v, active := t.program.At(start); active {
			if b := bracketsOf(v, c); b != nil {
				return b
			}
		}
	}
	for _, v := range t.program.Versions {
		if b := bracketsOf(v, c); b != nil {
			return b
		}
	}
	return c.reward.Brackets
}

func bracketsOf(v *program.Version, c *change) []program.Bracket {
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
func (t *taking) pay(c *change, chain *Chain, own *Reward, amount int64) {
	if own == nil {
		t.entry.Rewards = append(t.entry.Rewards, t.newReward(c.rule, c.reward, c.part.Period))
		own = &t.entry.Rewards[len(t.entry.Rewards)-1]
		own.HasCap, own.Cap = c.reward.HasMax, c.reward.MaxAmountMinor
	}
	if !own.Chained {
		own.Chained, own.Older = true, chain.Newest
		chain.Newest = t.credit.ConversionID
	}
	t.due(own, own.Due+amount, c, t.own(), t.reason())
}

// due sets a reward's part in its period's total, and with it its net value.
func (t *taking) due(r *Reward, part int64, c *change, why cause, reason string) {
	r.Due = part
	if r.HasCap {
		part = min(part, r.Cap)
	}
	t.move(r, part, c.rule, why, reason)
}

func (t *taking) takeBack(c *change, chain *Chain, own *Reward, amount int64) {
	if own != nil {
		mine := min(own.Due, amount)
		t.due(own, own.Due-mine, c, t.own(), t.reason())
		amount -= mine
		unlink(chain, own, t.credit.ConversionID)
	}
	for at := chain.Newest; at != "" && amount > 0; {
		entry, r := t.link(c, at)
		if r == nil {
			break // a chain that was torn ends here
		}
		older := r.Older
		t.ledgers.entries.write(entryKey(t.credit, at))
		part := min(r.Due, amount)
		t.due(r, r.Due-part, c, cause{conversion: at, conversionTime: entry.ConversionTime}, ReasonBrackets)
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
func (t *taking) link(c *change, conversion string) (*Entry, *Reward) {
	entry := t.ledgers.entries.read(entryKey(t.credit, conversion))
	if entry == nil {
		return nil, nil
	}
	return entry, entry.reward(c.part.Rule, c.part.Reward)
}

// missingLinks adds the next entry that a chain must be followed to, when the
// change takes back more than the loaded ones have.
func (t *taking) missingLinks(missing []string, c *change) []string {
	if c.delta == 0 {
		return missing
	}
	chain := t.ledgers.chains.read(chainKey(t.credit, &c.part))
	after := new(big.Int).Add(&chain.Revenue, big.NewInt(c.delta))
	amount := -t.bracketMove(c, chain, t.entry.reward(c.part.Rule, c.part.Reward), after)
	for at := chain.Newest; at != "" && amount > 0; {
		entry, r := t.link(c, at)
		if entry == nil {
			return t.ledgers.entries.want(missing, entryKey(t.credit, at))
		}
		if r == nil {
			break
		}
		amount -= r.Due
		at = r.Older
	}
	return missing
}
