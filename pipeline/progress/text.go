package progress

import (
	"cmp"
	"math/big"
	"strconv"

	"github.com/grapevinehq/grapevine/pipeline/money"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/reward"
)

// name is a rule's name as a tier has it, in the member's locale or else the
// program's.
func (t *telling) name(tier *program.Tier, id string, threshold int64) string {
	return program.Render(program.TextFor(t.Name, t.locale, t.version.Locale), func(placeholder string) string {
		switch placeholder {
		case "tier":
			return id
		case "metric":
			return t.reading(reward.Reading(t.Metric, t.sum))
		case "threshold":
			return t.reading(threshold)
		case "period":
			return t.period
		case "program":
			return cmp.Or(t.program.Name, t.program.ID)
		}
		if len(tier.Rewards) != 1 {
			return "" // none is meant more than another
		}
		return t.worth(placeholder, &tier.Rewards[0])
	})
}

// worth is what stands for a placeholder about a reward.
func (t *telling) worth(placeholder string, r *program.Reward) string {
	isMoney := r.Quantity == 0
	switch {
	case placeholder == "amount" && isMoney:
		return amount(r.AmountMinor, t.version.Currency)
	case placeholder == "currency" && isMoney:
		return t.version.Currency
	case placeholder == "quantity" && !isMoney:
		return strconv.FormatInt(r.Quantity, 10)
	case placeholder == "unit" && !isMoney:
		return r.Unit
	}
	return ""
}

// reading is a metric for a person: whole conversions or points, or an amount.
func (t *telling) reading(n int64) string {
	if t.Metric == program.Revenue {
		return amount(n, t.version.Currency)
	}
	return strconv.FormatInt(n, 10)
}

// amount is money in its currency's own digits: 12.50.
func amount(minor int64, currency string) string {
	digits, _ := money.Exponent(currency)
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil)
	return new(big.Rat).SetFrac(big.NewInt(minor), scale).FloatString(digits)
}
