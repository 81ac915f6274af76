package offline

import (
	"math"
	"math/big"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/reward"
	"github.com/grapevinehq/grapevine/pipeline/stage/conversions"
)

// figures are what credits tell of a member: the last credit of a conversion says
// how it stands.
type figures struct {
	conversions map[conversions.ConversionQuery]credited
	ppm         int64
	minor       big.Int
	latest      int64
}

// credited is a member's part of a conversion, after the credit of that sequence.
type credited struct{ sequence, ppm, minor int64 }

// credit takes a credit.
func (f *figures) credit(of conversions.ConversionQuery, now credited, counts bool, ms int64) {
	if !counts {
		now.ppm, now.minor = 0, 0
	} else {
		f.latest = max(f.latest, ms)
	}
	before, known := f.conversions[of]
	if known && now.sequence < before.sequence {
		return
	}
	if f.conversions == nil {
		f.conversions = map[conversions.ConversionQuery]credited{}
	}
	f.conversions[of] = now
	f.ppm += now.ppm - before.ppm
	f.minor.Add(&f.minor, big.NewInt(now.minor))
	f.minor.Sub(&f.minor, big.NewInt(before.minor))
}

// revenue is what the member's conversions come to; what no integer of 64 bits
// holds ends there.
func (f *figures) revenue() int64 {
	if f.minor.IsInt64() {
		return f.minor.Int64()
	}
	return math.MaxInt64
}

// Figures are those of all members, by the rows of credits.
type Figures map[reward.Person]*figures

// Take takes rows of credits.
func (f Figures) Take(c *Columns) {
	orgs, programs, ids, roles := c.Texts("org_id"), c.Texts("program_id"), c.Texts("conversion_id"), c.Texts("role")
	who, sequences, times := c.Texts("beneficiary_id"), c.Numbers("sequence"), c.Numbers("conversion_time")
	ppm, minor, counts := c.Numbers("credit_ppm"), c.Numbers("credited_minor"), column[uint8](c, "counts")
	for i := range orgs {
		if roles[i] != string(event.RoleReferrer) {
			continue
		}
		p := reward.Person{OrgID: orgs[i], ID: who[i]}
		if f[p] == nil {
			f[p] = &figures{}
		}
		of := conversions.ConversionQuery{OrgID: orgs[i], ProgramID: programs[i], ConversionID: ids[i]}
		f[p].credit(of, credited{sequences[i], ppm[i], minor[i]}, counts[i] == 1, times[i])
	}
}

// StatsOf answers conversions.Books: those figures of members that are asked for,
// by what credits tell and by the unique clicks of each member.
func StatsOf(of program.Stats, queries []conversions.StatsQuery, credited Figures, unique map[reward.Person]int64) []conversions.Stats {
	answers := make([]conversions.Stats, len(queries))
	for i, q := range queries {
		p := reward.Person{OrgID: q.OrgID, ID: q.MemberID}
		if f := credited[p]; f != nil && of&^program.StatUniqueClicks != 0 {
			answers[i].ConversionsPPM, answers[i].RevenueMinor, answers[i].LastConversionAt = f.ppm, f.revenue(), f.latest
		}
		if of&program.StatUniqueClicks != 0 {
			answers[i].UniqueClicks = unique[p]
		}
	}
	return answers
}
