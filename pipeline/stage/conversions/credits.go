package conversions

import (
	"iter"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

// credits goes through what rewards are told of a conversion as it stands, one
// credit for each beneficiary; decidedAt is the time of the batch. A credit holds
// only until the next one.
func (h *handOver) credits(orgID, programID string, decidedAt int64) iter.Seq[*event.Credit] {
	c := &h.Standing
	told := event.Credit{
		OrgID: orgID, ProgramID: programID, ConversionID: h.ConversionID, Sequence: c.Applied,
		CustomerID: c.CustomerID, Kind: c.Kind, Name: c.Name, ConversionTime: c.Time, DecidedAt: decidedAt,
		Currency: c.Currency, AmountMinor: c.Amount, NetMinor: c.NetMinor, Counts: c.Counts,
	}
	var all *peers
	if h.Peers {
		all = peersOf(c.Shares)
	} else {
		told.Shares = c.Shares
	}
	return func(yield func(*event.Credit) bool) {
		for _, b := range c.Parties {
			told.BeneficiaryID, told.Role, told.Locale, told.Index, told.Rules = b.ID, b.Role, b.Locale, b.Index, b.Rules
			told.CreditPPM, told.Peers = 0, nil
			credited := b.Index >= 0 && b.Index < len(c.Shares)
			if credited {
				told.CreditPPM = c.Shares[b.Index]
			}
			if credited && all != nil {
				told.Peers = all.list
			}
			if !yield(&told) {
				return
			}
			if credited && all != nil {
				all.pass(told.CreditPPM)
			}
		}
	}
}
