package conversions

import "github.com/grapevinehq/grapevine/pipeline/event"

// credits are what rewards are told of a conversion as it stands, one for each
// beneficiary; decidedAt is the time of the batch.
func (h *handOver) credits(orgID, programID string, decidedAt int64) []event.Credit {
	c := &h.Standing
	list := make([]event.Credit, len(c.Parties))
	for i, b := range c.Parties {
		list[i] = event.Credit{
			OrgID: orgID, ProgramID: programID, ConversionID: h.ConversionID, Sequence: c.Applied,
			BeneficiaryID: b.ID, Role: b.Role, CustomerID: c.CustomerID, Kind: c.Kind, Name: c.Name,
			ConversionTime: c.Time, DecidedAt: decidedAt, Locale: b.Locale,
			Currency: c.Currency, AmountMinor: c.Amount, NetMinor: c.NetMinor, Counts: c.Counts,
			Shares: c.Shares, Index: b.Index, Rules: b.Rules,
		}
		if b.Index >= 0 && b.Index < len(c.Shares) {
			list[i].CreditPPM = c.Shares[b.Index]
		}
	}
	return list
}
