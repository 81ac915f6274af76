package config

import (
	"cmp"

	"github.com/grapevinehq/grapevine/pipeline/program"
)

const defaultUnit = "points"

func (c *compiler) rewards(specs []RewardSpec, of program.RuleType, path string) []program.Reward {
	c.rewardIDs(specs, path)
	out := make([]program.Reward, 0, len(specs))
	for i := range specs {
		out = append(out, c.reward(&specs[i], of, path+".rewards["+string(specs[i].ID)+"]"))
	}
	return out
}

func (c *compiler) rewardIDs(specs []RewardSpec, path string) {
	once := c.distinct("reward")
	for i := range specs {
		once.first(specs[i].ID, specs[i].Where("id"), path+".rewards["+string(specs[i].ID)+"]")
	}
}

func (c *compiler) reward(spec *RewardSpec, of program.RuleType, path string) program.Reward {
	out := program.Reward{ID: string(spec.ID), Type: string(spec.Type), To: spec.To, Unit: string(spec.Unit)}
	c.worth(spec, of, path)
	c.foreignRewardKeys(spec, of, path)
	if of == program.PerConversion {
		out.To = cmp.Or(spec.To, program.ToReferrer)
	}
	for _, amount := range []*int64{spec.AmountMinor, spec.FlatMinor} {
		if amount != nil {
			out.AmountMinor = *amount
		}
	}
	if spec.Quantity != nil {
		out.Quantity = *spec.Quantity
		if out.Unit == "" && out.Type == "points" {
			out.Unit = defaultUnit
		}
		if out.Unit == "" && !spec.Has("unit") {
			c.problems.Add(spec.Where("quantity"), path, "a `quantity` needs a `unit`")
		}
	} else if spec.Unit != "" {
		c.problems.Add(spec.KeyAt("unit"), path, "a `unit` belongs to a `quantity`")
	}
	if spec.BasisPoints != nil {
		out.BasisPoints, out.HasBasisPoints = *spec.BasisPoints, true
	}
	if spec.MaxAmountMinor != nil {
		out.MaxAmountMinor, out.HasMax = *spec.MaxAmountMinor, true
		if spec.Quantity != nil {
			c.problems.Add(spec.KeyAt("max_amount_minor"), path, "`max_amount_minor` bounds money, not a quantity")
		}
	}
	out.Brackets = c.brackets(spec, path)
	return out
}

// worth asks for exactly one way to say what the reward is worth.
func (c *compiler) worth(spec *RewardSpec, of program.RuleType, path string) {
	ways := []string{"amount_minor", "quantity"}
	if of == program.PerConversion {
		ways = []string{"flat_minor", "quantity", "basis_points", "brackets"}
	}
	var given []string
	for _, way := range ways {
		if spec.Has(way) {
			given = append(given, way)
		}
	}
	switch {
	case len(given) == 0:
		c.problems.Add(spec.Where(""), path, "needs one of %s", listed(ways))
	case len(given) > 1:
		c.problems.Add(spec.KeyAt(given[1]), path, "takes only one of %s", listed(given))
	}
}

// foreignRewardKeys reports keys that rewards of other rules would take.
func (c *compiler) foreignRewardKeys(spec *RewardSpec, of program.RuleType, path string) {
	foreign := []string{"flat_minor", "basis_points", "brackets", "max_amount_minor", "to"}
	if of == program.PerConversion {
		foreign = []string{"amount_minor"}
	}
	for _, key := range foreign {
		if !spec.Has(key) {
			continue
		}
		hint := ""
		switch key {
		case "amount_minor":
			hint = "; write `flat_minor`"
		case "flat_minor":
			hint = "; write `amount_minor`"
		}
		c.problems.Add(spec.KeyAt(key), path, "a reward of %s takes no `%s`%s", of, key, hint)
	}
}

func (c *compiler) brackets(spec *RewardSpec, path string) []program.Bracket {
	var out []program.Bracket
	for i := range spec.Brackets {
		b := &spec.Brackets[i]
		if i > 0 && b.FromMinor <= spec.Brackets[i-1].FromMinor {
			c.problems.Add(b.Where("from_minor"), path, "brackets must ascend: %d after %d", b.FromMinor, spec.Brackets[i-1].FromMinor)
		}
		out = append(out, program.Bracket{FromMinor: b.FromMinor, BasisPoints: b.BasisPoints})
	}
	return out
}

func listed(keys []string) string {
	out := ""
	for i, k := range keys {
		switch {
		case i == 0:
		case i == len(keys)-1:
			out += " and "
		default:
			out += ", "
		}
		out += "`" + k + "`"
	}
	return out
}
