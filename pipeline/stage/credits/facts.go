package credits

import (
	"context"
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline/codec"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/reward"
)

// facts are what a batch knows from outside of the partition's memory. Draws on
// budgets follow from them, and come before the journal: so a batch that draws
// writes them down first, and a second attempt makes the same draws.
type facts struct {
	Known   []int    `cbor:"1,keyasint,omitempty"` // records that the books say were taken before
	Clicks  []clicks `cbor:"2,keyasint,omitempty"`
	Collect []string `cbor:"3,keyasint,omitempty"` // budgets to be asked which rewards they gave room
}

// clicks are a member's unique clicks in the org, as the books tell them.
type clicks struct {
	Org    string `cbor:"1,keyasint"`
	Member string `cbor:"2,keyasint"`
	N      int64  `cbor:"3,keyasint"`
}

// factsFormat is the first byte of facts: the version of their encoding, and of the
// draws that are made for them. By version 1 room was given back with them.
const factsFormat = 2

func (f *facts) encode() ([]byte, error) {
	b, err := codec.MarshalVersion(factsFormat, f)
	if err != nil {
		return nil, fmt.Errorf("encode the facts: %w", err)
	}
	return b, nil
}

// decode reads facts of a batch of n records.
func (f *facts) decode(data []byte, n int) error {
	if len(data) == 0 || data[0] != factsFormat {
		return fmt.Errorf("the encoding of the facts is not known to this release; run the release that wrote them, or a newer one")
	}
	*f = facts{}
	if err := codec.Unmarshal(data[1:], f); err != nil {
		return fmt.Errorf("decode the facts: %w", err)
	}
	for _, i := range f.Known {
		if i < 0 || i >= n {
			return fmt.Errorf("the facts name input %d of %d", i, n)
		}
	}
	return nil
}

// ask asks the books and the budgets for the facts, as far as there is need.
func (b *work) ask(ctx context.Context, budgets []string) error {
	b.facts = facts{}
	if err := b.askTaken(ctx); err != nil {
		return err
	}
	if err := b.askClicks(ctx); err != nil {
		return err
	}
	return b.askGranted(ctx, budgets)
}

// askTaken looks up the credits that the memory may have forgotten.
func (b *work) askTaken(ctx context.Context) error {
	var at []int
	var old []*event.Credit
	for i := range b.inputs {
		in := &b.inputs[i]
		if in.problems != nil || in.Type != event.TypeCredit {
			continue
		}
		if c := &in.Credit; b.old(c) && !b.ledgers.Knows(c) {
			at, old = append(at, i), append(old, c)
		}
	}
	if len(old) == 0 {
		return nil
	}
	taken, err := b.stage.Books.Taken(ctx, old)
	if err != nil {
		return fmt.Errorf("look %d old credits up in the books: %w", len(old), err)
	}
	for i, known := range taken {
		if known {
			b.facts.Known = append(b.facts.Known, at[i])
		}
	}
	return nil
}

// old tells whether the memory may have forgotten a credit.
func (b *work) old(c *event.Credit) bool {
	return b.bounds.Time-c.DecidedAt > b.stage.Retention.Milliseconds()
}

// askClicks reads the unique clicks of members of orgs that look at them.
func (b *work) askClicks(ctx context.Context) error {
	var members []reward.Person
	asked := map[reward.Person]bool{}
	for i := range b.inputs {
		in := &b.inputs[i]
		if in.problems != nil || in.Type == event.TypeRewardDecided || in.Type == event.TypeCredit && in.Credit.Role != event.RoleReferrer {
			continue
		}
		p := reward.Person{OrgID: in.OrgID(), ID: in.BeneficiaryID()}
		if org := b.catalog.Orgs[p.OrgID]; org != nil && org.WatchesClicks && !asked[p] {
			asked[p] = true
			members = append(members, p)
		}
	}
	if len(members) == 0 {
		return nil
	}
	counts, err := b.stage.Books.UniqueClicks(ctx, members)
	if err != nil {
		return fmt.Errorf("read the unique clicks of %d members: %w", len(members), err)
	}
	for i, p := range members {
		b.facts.Clicks = append(b.facts.Clicks, clicks{p.OrgID, p.ID, counts[i]})
	}
	return nil
}

// askGranted asks the budgets that rewards of the partition wait for.
func (b *work) askGranted(ctx context.Context, budgets []string) error {
	if len(budgets) == 0 {
		return nil
	}
	granted, err := b.session.Memory.Granted(ctx, budgets)
	if err != nil {
		return fmt.Errorf("ask for room in %d budgets: %w", len(budgets), err)
	}
	for i, name := range budgets {
		if granted[i] || b.changed[name] {
			b.facts.Collect = append(b.facts.Collect, name)
		}
	}
	return nil
}
