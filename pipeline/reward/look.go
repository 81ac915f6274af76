package reward

import (
	"strings"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

// Booked says of a reward in the books where its ledger keeps it.
type Booked struct {
	OrgID, ProgramID, BeneficiaryID, Role string
	RuleID, Reward, TierID, Period        string
	ConversionID                          string
	Occurrence                            int64
}

// Standing is what a ledger says of a reward.
type Standing struct {
	Net, Held, Sequence int64
	Status              Status
	// Over: the tier was reached again, and the ledger keeps that occurrence alone. What
	// it says of this one is that nothing is left.
	Over bool
}

// Key is that of the ledger's value which holds the reward.
func (b *Booked) Key() string {
	p := Person{b.OrgID, b.BeneficiaryID}
	part := Part{Rule: b.RuleID, Period: b.Period}
	switch {
	case b.TierID == "" && b.Role == string(event.RoleMember):
		return grantsKey(p)
	case b.TierID == "":
		return entryKey(p, b.ProgramID, b.ConversionID, event.Role(b.Role))
	case strings.Contains(b.TierID, "+"):
		return stepKey(p, b.ProgramID, &part, b.TierID)
	}
	return tallyKey(p, b.ProgramID, &part)
}

// In finds the reward in that value, as it is stored; known is false where the value
// does not have it.
func (b *Booked) In(value []byte) (s Standing, known bool, err error) {
	var list []Reward
	switch key := b.Key(); key[0] {
	case 'g':
		var g Grants
		err = decode(value, &g)
		if given := g.of(b.ProgramID, b.RuleID); given != nil {
			list = given.Rewards
		}
	case 'c':
		var e Entry
		err = decode(value, &e)
		list = e.Rewards
	case 'r':
		var t TierHeld
		if err = decode(value, &t); t.Occurrence == b.Occurrence {
			list = t.Rewards
		}
		s.Over = t.Occurrence > b.Occurrence
	default:
		var t Tally
		err = decode(value, &t)
		if held := t.tier(b.TierID); held != nil {
			if s.Over = held.Occurrence > b.Occurrence; held.Occurrence == b.Occurrence {
				list = held.Rewards
			}
		}
	}
	for i := range list {
		if r := &list[i]; r.Rule == b.RuleID && r.ID == b.Reward {
			return Standing{Net: r.Net, Held: r.Held, Sequence: r.Sequence, Status: r.Status}, true, err
		}
	}
	return s, s.Over, err
}

// NextCredit is the least sequence of a credit that the ledger has not taken, by the
// value under [EntryKey].
func NextCredit(value []byte) (int64, error) {
	var e Entry
	err := decode(value, &e)
	return e.Next, err
}
