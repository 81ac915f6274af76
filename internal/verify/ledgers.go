package verify

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/grapevinehq/grapevine/analytics"
	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/reward"
	"github.com/grapevinehq/grapevine/pipeline/stage/conversions"
)

// standing is what is judged of a place.
func (p place) standing() analytics.Standing {
	return analytics.Standing{Partition: p.partition, Completed: p.completed, Committed: p.committed}
}

// note adds a finding, as far as there is room for it.
func note(f *analytics.Findings, scope analytics.Scope, one analytics.Finding) {
	if f.Total++; len(f.Found) < scope.Limit {
		f.Found = append(f.Found, one)
	}
}

// conversions holds what partitions remember of conversions against the books: that
// their ids are claimed by their own record, and of counted ones net amount, whether they
// count, how often they were adjusted, and that their visitor is linked to their customer.
func (v *Verifier) conversions(ctx context.Context, places []place, audit *analytics.Audit, r *Report, scope analytics.Scope) (f analytics.Findings, err error) {
	for _, p := range of(places, consumers.Conversions) {
		m, err := v.memoryOf(ctx, p)
		if err != nil {
			return f, err
		}
		if m == nil {
			continue
		}
		var d doubts
		err = audit.EachConversion(ctx, p.standing(), nil, func(list []analytics.ClaimingConversion) error {
			return v.sameConversions(ctx, m, list, &d, scope, &f)
		})
		if err != nil {
			return f, err
		}
		err = v.dispel(ctx, p, &d, "remembered conversions", r, func(s analytics.Standing) error {
			return audit.EachConversion(ctx, s, d.ids(), func(list []analytics.ClaimingConversion) error {
				for i := range list {
					c := &list[i]
					if value, doubted := d.values[[3]string{c.OrgID, c.ProgramID, c.ID}]; doubted {
						if text, lead := knownText(c, value); text != "" && lead >= 0 {
							note(&f, scope, ofConversion(m, c, text))
						}
					}
				}
				return nil
			})
		})
		if err != nil {
			return f, err
		}
	}
	return f, nil
}

func (v *Verifier) sameConversions(ctx context.Context, m *memory, list []analytics.ClaimingConversion, d *doubts, scope analytics.Scope, f *analytics.Findings) error {
	keys, links := make([]string, len(list)), make([]string, len(list))
	for i, c := range list {
		keys[i] = conversions.KnownKey(c.OrgID, c.ProgramID, c.ID)
		links[i] = conversions.LinksKey(c.OrgID, c.CustomerID)
	}
	known, err := m.values(ctx, keys)
	if err != nil {
		return err
	}
	linked, err := m.values(ctx, links)
	if err != nil {
		return err
	}
	after, err := v.Redis.Look(ctx, m.place.partition)
	if err != nil {
		return err
	}
	for i := range list {
		c := &list[i]
		if !c.Counted {
			continue
		}
		text, lead := knownText(c, known[i])
		if lead > 0 && after.Filled > m.place.completed {
			text = ""
			d.add(c.OrgID, c.ProgramID, c.ID, known[i], after.Filled)
		}
		for _, text := range []string{text, linkText(c.VisitorID, linked[i])} {
			if text != "" {
				note(f, scope, ofConversion(m, c, text))
			}
		}
	}
	return v.claimed(ctx, m, list, scope, f)
}

// claimed looks whether conversions own the ids that they claimed.
func (v *Verifier) claimed(ctx context.Context, m *memory, list []analytics.ClaimingConversion, scope analytics.Scope, f *analytics.Findings) error {
	var claims []pipeline.Claim
	var texts []string
	var whose []*analytics.ClaimingConversion
	add := func(c *analytics.ClaimingConversion, key, text string) {
		claims, whose, texts = append(claims, pipeline.Claim{Key: key, Offset: c.Offset}), append(whose, c), append(texts, text)
	}
	for i := range list {
		c := &list[i]
		add(c, conversions.IDClaim(c.OrgID, c.ProgramID, c.ID), "its conversion_id is not claimed by its record in Redis")
		if c.ClaimsOrder {
			add(c, conversions.OrderClaim(c.OrgID, c.ProgramID, c.Kind, c.OrderID), "its order_id is not claimed by its record in Redis")
		}
	}
	owned, err := v.Redis.Owned(ctx, m.place.partition, claims)
	if err != nil {
		return err
	}
	for i := range claims {
		if !owned[i] {
			note(f, scope, ofConversion(m, whose[i], texts[i]))
		}
	}
	return nil
}

func ofConversion(m *memory, c *analytics.ClaimingConversion, text string) analytics.Finding {
	return analytics.Finding{
		OrgID: c.OrgID, ProgramID: c.ProgramID, Day: c.Day, ID: c.ID, Position: fmt.Sprintf("%s/%d", m.place.partition, c.Offset), Text: text,
	}
}

// knownText says how a conversion is remembered otherwise than it is booked. lead is above
// 0 when what is remembered is of a later adjustment than the books have, below when of an
// earlier one.
func knownText(c *analytics.ClaimingConversion, value []byte) (text string, lead int) {
	if value == nil {
		return "neither Redis nor the archive knows it", 0
	}
	k, err := conversions.KnownIn(value)
	if err != nil {
		return "what is remembered of it cannot be read: " + err.Error(), 0
	}
	lead = cmp.Compare(k.Applied, int64(c.Applied)) //nolint:gosec // a count
	if lead != 0 || k.NetMinor != c.NetMinor || k.Counts != c.Counts {
		text = fmt.Sprintf("Redis or the archive has net %d after %d adjustments (counts: %t), the books %d after %d (counts: %t)",
			k.NetMinor, k.Applied, k.Counts, c.NetMinor, c.Applied, c.Counts)
	}
	return text, lead
}

// linkText says that a visitor is not known to be linked to a customer.
func linkText(visitor string, value []byte) string {
	if visitor == "" {
		return ""
	}
	if value == nil {
		return "no visitor is known to be linked to its customer"
	}
	if visitors, err := conversions.LinksIn(value); err != nil {
		return "the visitors of its customer cannot be read: " + err.Error()
	} else if !slices.Contains(visitors, visitor) {
		return fmt.Sprintf("its visitor %s is not known to be linked to its customer", visitor)
	}
	return ""
}

// rewards holds the ledgers against the reward events in the books, reward by reward.
func (v *Verifier) rewards(ctx context.Context, places []place, audit *analytics.Audit, r *Report, scope analytics.Scope) (f analytics.Findings, err error) {
	for _, p := range of(places, consumers.Credits) {
		m, err := v.memoryOf(ctx, p)
		if err != nil {
			return f, err
		}
		if m == nil {
			continue
		}
		var d doubts
		err = audit.EachReward(ctx, p.standing(), nil, func(list []analytics.BookedReward) error { return v.sameRewards(ctx, m, list, &d, scope, &f) })
		if err != nil {
			return f, err
		}
		err = v.dispel(ctx, p, &d, "ledgers", r, func(s analytics.Standing) error {
			return audit.EachReward(ctx, s, d.ids(), func(list []analytics.BookedReward) error {
				for i := range list {
					b := &list[i]
					if value, doubted := d.values[[3]string{b.OrgID, b.ProgramID, b.ID}]; doubted {
						if text, lead := rewardText(b, placeOf(b), value); text != "" && lead >= 0 {
							note(&f, scope, ofReward(m, b, text))
						}
					}
				}
				return nil
			})
		})
		if err != nil {
			return f, err
		}
	}
	return f, nil
}

func (v *Verifier) sameRewards(ctx context.Context, m *memory, list []analytics.BookedReward, d *doubts, scope analytics.Scope, f *analytics.Findings) error {
	keys := make([]string, len(list))
	for i := range list {
		keys[i] = placeOf(&list[i]).Key()
	}
	values, err := m.ledgerValues(ctx, keys)
	if err != nil {
		return err
	}
	after, err := v.Redis.Look(ctx, m.place.partition)
	if err != nil {
		return err
	}
	for i := range list {
		b := &list[i]
		text, lead := rewardText(b, placeOf(b), values[i])
		switch {
		case text == "":
		case lead > 0 && after.Filled > m.place.completed:
			d.add(b.OrgID, b.ProgramID, b.ID, values[i], after.Filled)
		default:
			note(f, scope, ofReward(m, b, text))
		}
	}
	return nil
}

// placeOf is where the ledger keeps a reward.
func placeOf(r *analytics.BookedReward) *reward.Booked {
	return &reward.Booked{
		OrgID: r.OrgID, ProgramID: r.ProgramID, BeneficiaryID: r.BeneficiaryID, Role: r.Role,
		RuleID: r.RuleID, Reward: r.Reward, TierID: r.TierID, Period: r.Period, ConversionID: r.ConversionID, Occurrence: r.Occurrence,
	}
}

func ofReward(m *memory, r *analytics.BookedReward, text string) analytics.Finding {
	return analytics.Finding{OrgID: r.OrgID, ProgramID: r.ProgramID, Day: r.Day, ID: r.ID, Position: m.place.partition.String(), Text: text}
}

// ledgerValues reads values of ledgers, of which some kinds move to the archive.
func (m *memory) ledgerValues(ctx context.Context, keys []string) ([][]byte, error) {
	var moving, staying []string
	for _, key := range keys {
		if reward.GrowsWithConversions(key) {
			moving = append(moving, key)
		} else {
			staying = append(staying, key)
		}
	}
	moved, err := m.values(ctx, moving)
	if err != nil {
		return nil, err
	}
	stayed, err := m.own.Get(ctx, staying)
	if err != nil {
		return nil, err
	}
	values := make([][]byte, len(keys))
	for i, key := range keys {
		if reward.GrowsWithConversions(key) {
			values[i], moved = moved[0], moved[1:]
		} else {
			values[i], stayed = stayed[0], stayed[1:]
		}
	}
	return values, nil
}

// rewardText says how a ledger has a reward otherwise than it is booked. lead is above 0
// when the ledger is of a later event than the books have, below when of an earlier one.
func rewardText(r *analytics.BookedReward, b *reward.Booked, value []byte) (text string, lead int) {
	if value == nil {
		return "neither Redis nor the archive has the value of the ledger that it stands in", 0
	}
	s, known, err := b.In(value)
	switch {
	case err != nil:
		return "its ledger cannot be read: " + err.Error(), 0
	case s.Over && r.Net == 0 && r.Held == 0:
		return "", 0
	case s.Over:
		return fmt.Sprintf("its tier was reached again, so nothing is left of it, and the books have %d", r.Net), 1
	case !known:
		return fmt.Sprintf("its ledger does not have it, and the books have %d of it", r.Net), 0
	}
	lead = cmp.Compare(s.Sequence, r.Sequence)
	if lead != 0 || s.Net != r.Net || s.Held != r.Held || string(s.Status) != r.Status {
		text = fmt.Sprintf("its ledger has %d, %d held, %s after event %d, the books %d, %d held, %s after event %d",
			s.Net, s.Held, s.Status, s.Sequence, r.Net, r.Held, r.Status, r.Sequence)
	}
	return text, lead
}

// holds counts the rewards that wait for the end of their hold, or of a ban, in the
// queues of the ledgers and in the books: where both stand at the same batch.
func (v *Verifier) holds(ctx context.Context, places []place, audit *analytics.Audit, r *Report) (f analytics.Findings, err error) {
	for _, p := range of(places, consumers.Credits) {
		m, err := v.memoryOf(ctx, p)
		if err != nil {
			return f, err
		}
		if m == nil {
			continue
		}
		parked, err := m.own.Parked(ctx, reward.ParkedQueues)
		if err != nil {
			return f, err
		}
		due, err := m.own.Waiting(ctx, []string{reward.QueueDue})
		if err != nil {
			return f, err
		}
		after, err := v.Redis.Look(ctx, p.partition)
		if err != nil {
			return f, err
		}
		if m.look.Filled != p.completed || after.Filled != p.completed {
			r.Skipped = append(r.Skipped, Skipped{"holds of " + p.partition.String(), "it worked meanwhile"})
			continue
		}
		pending, err := audit.Pending(ctx, p.standing())
		if err != nil {
			return f, err
		}
		if waiting := uint64(due[0] + parked); waiting != pending { //nolint:gosec // counts
			found(&f, analytics.Finding{Position: p.partition.String(), Text: fmt.Sprintf("%d rewards wait for the end of a hold in Redis, %d in the books", waiting, pending)})
		}
	}
	return f, nil
}
