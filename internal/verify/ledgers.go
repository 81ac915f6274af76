package verify

import (
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

// conversions holds what partitions remember of counted conversions against the books:
// net amount, whether it counts, how often it was adjusted, that its id is claimed by its
// own record, and that its visitor is linked to its customer.
func (v *Verifier) conversions(ctx context.Context, places []place, audit *analytics.Audit, scope analytics.Scope) (f analytics.Findings, err error) {
	for _, p := range of(places, consumers.Conversions) {
		m, err := v.memoryOf(ctx, p)
		if err != nil {
			return f, err
		}
		if m == nil {
			continue
		}
		err = audit.EachConversion(ctx, p.standing(), func(list []analytics.CountedConversion) error {
			return v.sameConversions(ctx, m, list, scope, &f)
		})
		if err != nil {
			return f, err
		}
	}
	return f, nil
}

func (v *Verifier) sameConversions(ctx context.Context, m *memory, list []analytics.CountedConversion, scope analytics.Scope, f *analytics.Findings) error {
	keys, links, claims := make([]string, len(list)), make([]string, len(list)), make([]pipeline.Claim, len(list))
	for i, c := range list {
		keys[i] = conversions.KnownKey(c.OrgID, c.ProgramID, c.ID)
		links[i] = conversions.LinksKey(c.OrgID, c.CustomerID)
		claims[i] = pipeline.Claim{Key: conversions.IDClaim(c.OrgID, c.ProgramID, c.ID), Offset: c.Offset}
	}
	known, err := m.values(ctx, keys)
	if err != nil {
		return err
	}
	linked, err := m.values(ctx, links)
	if err != nil {
		return err
	}
	owned, err := v.Redis.Owned(ctx, m.place.partition, claims)
	if err != nil {
		return err
	}
	for i := range list {
		c := &list[i]
		texts := []string{knownText(c, known[i]), linkText(c, linked[i])}
		if !owned[i] {
			texts = append(texts, "its conversion_id is not claimed by its record in Redis")
		}
		for _, text := range texts {
			if text != "" {
				note(f, scope, analytics.Finding{
					OrgID: c.OrgID, ProgramID: c.ProgramID, Day: c.Day, ID: c.ID, Position: fmt.Sprintf("%s/%d", m.place.partition, c.Offset), Text: text,
				})
			}
		}
	}
	return nil
}

// knownText says how a conversion is remembered otherwise than it is booked. What is
// remembered may be ahead: the books were judged up to the acknowledged batch.
func knownText(c *analytics.CountedConversion, value []byte) string {
	if value == nil {
		return "neither Redis nor the archive knows it"
	}
	k, err := conversions.KnownIn(value)
	switch {
	case err != nil:
		return "what is remembered of it cannot be read: " + err.Error()
	case uint64(max(k.Applied, 0)) > c.Applied:
		return ""
	case uint64(max(k.Applied, 0)) < c.Applied || k.NetMinor != c.NetMinor || k.Counts != c.Counts:
		return fmt.Sprintf("Redis or the archive has net %d after %d adjustments (counts: %t), the books %d after %d (counts: %t)",
			k.NetMinor, k.Applied, k.Counts, c.NetMinor, c.Applied, c.Counts)
	}
	return ""
}

func linkText(c *analytics.CountedConversion, value []byte) string {
	if c.VisitorID == "" {
		return ""
	}
	if value == nil {
		return "no visitor is known to be linked to its customer"
	}
	if visitors, err := conversions.LinksIn(value); err != nil {
		return "the visitors of its customer cannot be read: " + err.Error()
	} else if !slices.Contains(visitors, c.VisitorID) {
		return fmt.Sprintf("its visitor %s is not known to be linked to its customer", c.VisitorID)
	}
	return ""
}

// rewards holds the ledgers against the reward events in the books, reward by reward.
func (v *Verifier) rewards(ctx context.Context, places []place, audit *analytics.Audit, scope analytics.Scope) (f analytics.Findings, err error) {
	for _, p := range of(places, consumers.Credits) {
		m, err := v.memoryOf(ctx, p)
		if err != nil {
			return f, err
		}
		if m == nil {
			continue
		}
		err = audit.EachReward(ctx, p.standing(), func(list []analytics.BookedReward) error { return v.sameRewards(ctx, m, list, scope, &f) })
		if err != nil {
			return f, err
		}
	}
	return f, nil
}

func (v *Verifier) sameRewards(ctx context.Context, m *memory, list []analytics.BookedReward, scope analytics.Scope, f *analytics.Findings) error {
	booked, keys := make([]reward.Booked, len(list)), make([]string, len(list))
	for i, r := range list {
		booked[i] = reward.Booked{
			OrgID: r.OrgID, ProgramID: r.ProgramID, BeneficiaryID: r.BeneficiaryID, Role: r.Role,
			RuleID: r.RuleID, Reward: r.Reward, TierID: r.TierID, Period: r.Period, ConversionID: r.ConversionID, Occurrence: r.Occurrence,
		}
		keys[i] = booked[i].Key()
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
		if text := rewardText(&list[i], &booked[i], values[i], after.Filled > m.place.completed); text != "" {
			r := &list[i]
			note(f, scope, analytics.Finding{OrgID: r.OrgID, ProgramID: r.ProgramID, Day: r.Day, ID: r.ID, Position: m.place.partition.String(), Text: text})
		}
	}
	return nil
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

// rewardText says how a ledger has a reward otherwise than it is booked. ahead tells that
// the ledger may be of a later batch than is judged.
func rewardText(r *analytics.BookedReward, b *reward.Booked, value []byte, ahead bool) string {
	if value == nil {
		return "neither Redis nor the archive has the value of the ledger that it stands in"
	}
	s, known, err := b.In(value)
	switch {
	case err != nil:
		return "its ledger cannot be read: " + err.Error()
	case s.Over && (ahead || r.Net == 0 && r.Held == 0):
		return ""
	case s.Over:
		return fmt.Sprintf("its tier was reached again, so nothing is left of it, and the books have %d", r.Net)
	case !known:
		return fmt.Sprintf("its ledger does not have it, and the books have %d of it", r.Net)
	case s.Sequence > r.Sequence:
		return "" // of a later batch
	case s.Sequence < r.Sequence || s.Net != r.Net || s.Held != r.Held || string(s.Status) != r.Status:
		return fmt.Sprintf("its ledger has %d, %d held, %s after event %d, the books %d, %d held, %s after event %d",
			s.Net, s.Held, s.Status, s.Sequence, r.Net, r.Held, r.Status, r.Sequence)
	}
	return ""
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
