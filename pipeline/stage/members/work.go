package members

import (
	"context"
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/member"
	"github.com/grapevinehq/grapevine/pipeline/recall"
)

// work is one batch of members' updates.
type work struct {
	*worker
	bounds   pipeline.Bounds
	records  []event.Record
	events   []event.Member
	problems []string // by index, empty for what decodes

	facts facts
	won   []loss // the losses that this batch reports
	rec   record
}

// LookUp implements pipeline.Work: what was applied before, and what a
// forgotten member leaves behind.
func (k *work) LookUp(ctx context.Context, _ pipeline.Progress) error {
	catalog, err := k.Catalogs.Revision(ctx, k.bounds.Revision)
	if err != nil {
		return fmt.Errorf("configuration %s: %w", k.bounds.Revision, err)
	}
	k.facts = facts{Inputs: make([]input, len(k.records))}
	var keys []recall.Key
	var forget []memberRef
	for i := range k.records {
		in, e := &k.facts.Inputs[i], &k.events[i]
		*in = input{
			Verdict: applied, OrgID: e.OrgID, MemberID: e.MemberID, EventID: e.ID, Source: e.Source,
			Update: member.Of(e, k.bounds.Partition.ID, k.records[i].Offset),
		}
		switch {
		case k.problems[i] != "":
			in.Verdict, in.Detail, in.Update = invalid, k.problems[i], placeOnly(in.Update)
		case e.Forget:
			in.Verdict = forgotten
			forget = append(forget, memberRef{e.OrgID, e.MemberID})
		case catalog.Orgs[e.OrgID] == nil:
			in.Verdict, in.Detail, in.Update = unknownProgram, fmt.Sprintf("org %q is unknown", e.OrgID), placeOnly(in.Update)
		default:
			key, _ := k.identity(in)
			keys = append(keys, key)
		}
	}
	found, err := k.memory.LookUp(ctx, keys)
	if err != nil {
		return err
	}
	again, err := pipeline.FindRecorded(ctx, k.Books, Table, k.records, func(i int) (pipeline.EventQuery, bool) {
		in := &k.facts.Inputs[i]
		return pipeline.EventQuery{OrgID: in.OrgID, By: in.MemberID, Source: in.Source, EventID: in.EventID}, in.Verdict == applied
	})
	if err != nil {
		return err
	}
	k.dropRepeated(&found, again)
	k.keepOriginals()
	gone, err := books{k.Reader}.updates(ctx, nil, forget)
	if err != nil {
		return err
	}
	return k.plan(gone)
}

// placeOnly is an update that says nothing but where it stands.
func placeOnly(u member.Update) member.Update {
	return member.Update{Partition: u.Partition, Offset: u.Offset}
}

// identity is what a redelivery is recognised by (§9 (37)).
func (k *work) identity(in *input) (recall.Key, recall.Event) {
	key, _ := k.Recall.Key(nil, in.OrgID, "", in.OrgID+"/"+in.MemberID)
	id, _ := k.Recall.Event(nil, key, in.Source, in.EventID)
	return key, id
}

// dropRepeated gives the verdict on redeliveries, in partition order; again are
// dead letters that came again though they were taken.
func (k *work) dropRepeated(found *recall.Found, again map[int]bool) {
	for i := range k.facts.Inputs {
		in := &k.facts.Inputs[i]
		if in.Verdict != applied {
			continue
		}
		key, id := k.identity(in)
		if found.Seen(key, id) || again[i] {
			in.Verdict, in.Update = redelivered, placeOnly(in.Update)
			continue
		}
		found.Remember(recall.Entry{Key: key, Event: id})
	}
}

// keepOriginals keeps the records that are dead letters.
func (k *work) keepOriginals() {
	for i := range k.facts.Inputs {
		in := &k.facts.Inputs[i]
		if in.Verdict == invalid || in.Verdict == unknownProgram {
			in.Original = originalOf(&k.records[i], &k.events[i])
		}
	}
}

// plan lists the shared fields that the batch writes, in partition order: what
// comes later in the list stands. gone are the updates of the members that are
// forgotten, in the order of the tombstones, as they were before the batch.
func (k *work) plan(gone [][]member.Update) error {
	written := map[memberRef][]member.Update{} // by this batch
	for i := range k.facts.Inputs {
		in := &k.facts.Inputs[i]
		ref := memberRef{in.OrgID, in.MemberID}
		switch in.Verdict {
		case applied:
			written[ref] = append(written[ref], in.Update)
			if err := k.planUpdate(ref, i); err != nil {
				return err
			}
		case forgotten:
			k.planRemoval(ref, append(written[ref], gone[0]...))
			delete(written, ref)
			gone = gone[1:]
		}
	}
	return nil
}

// planUpdate writes an update, and its record if it lists codes: whoever takes
// one of them later may have to report it.
func (k *work) planUpdate(ref memberRef, i int) error {
	u := &k.facts.Inputs[i].Update
	value, err := u.Encode()
	if err != nil {
		return err
	}
	field := place(u.Partition, u.Offset)
	k.facts.Sets = append(k.facts.Sets, set{ref.key(), field, value})
	if len(u.ReferralCodes)+len(u.CouponCodes) == 0 {
		return nil
	}
	if value, err = encode(originalOf(&k.records[i], &k.events[i])); err != nil {
		return fmt.Errorf("encode the record at offset %d: %w", u.Offset, err)
	}
	k.facts.Sets = append(k.facts.Sets, set{ref.originalKey(), field, value})
	for _, ns := range member.Namespaces {
		for _, code := range u.Codes(ns) {
			k.facts.Sets = append(k.facts.Sets, set{codeRef{ref.org, ns, code}.key(), ref.id, []byte{}})
		}
	}
	return nil
}

func (k *work) planRemoval(ref memberRef, updates []member.Update) {
	for i := range updates {
		u := &updates[i]
		field := place(u.Partition, u.Offset)
		k.facts.Sets = append(k.facts.Sets, set{ref.key(), field, nil}, set{ref.originalKey(), field, nil})
		for _, ns := range member.Namespaces {
			for _, code := range u.Codes(ns) {
				k.facts.Sets = append(k.facts.Sets, set{codeRef{ref.org, ns, code}.key(), ref.id, nil})
			}
		}
	}
}

// Facts implements pipeline.Work: every batch has a begin record.
func (k *work) Facts() ([]byte, error) { return encode(&k.facts) }

// TakeFacts implements pipeline.Work.
func (k *work) TakeFacts(b []byte) error {
	k.facts = facts{}
	return decode(b, &k.facts)
}

// Claim implements pipeline.Work: it writes the updates, then looks for those
// that lost a code, and claims to report them.
func (k *work) Claim(ctx context.Context) error {
	if err := k.session.Memory.ApplyShared(ctx, k.bounds, k.facts.shared()); err != nil {
		return err
	}
	losses, err := k.findLosses(ctx)
	if err != nil {
		return err
	}
	claims := make([]pipeline.Claim, len(losses))
	for i := range losses {
		// The owner is the batch: the same one asks again after a crash.
		claims[i] = pipeline.Claim{Key: losses[i].key(), Offset: k.bounds.First}
	}
	won, err := k.session.Memory.Claim(ctx, k.bounds, claims)
	if err != nil {
		return err
	}
	k.won = k.won[:0]
	for i := range losses {
		if won[i] != pipeline.ClaimLost { // these are never released: an old one is another's id
			k.won = append(k.won, losses[i])
		}
	}
	return k.readOriginals(ctx)
}

func (f *facts) shared() []pipeline.SharedSet {
	sets := make([]pipeline.SharedSet, len(f.Sets))
	for i, s := range f.Sets {
		sets[i] = pipeline.SharedSet{Key: s.Key, Field: s.Field, Value: s.Value}
	}
	return sets
}

// Decide implements pipeline.Work: with the claims everything is decided.
func (k *work) Decide() error {
	k.rec = record{Facts: k.facts, Losses: k.won}
	return nil
}

// Record implements pipeline.Work.
func (k *work) Record() ([]byte, error) { return encode(&k.rec) }

// TakeRecord implements pipeline.Work. The input may have been compacted away
// since: the record has all of it.
func (k *work) TakeRecord(b []byte) error {
	k.rec = record{}
	if err := decode(b, &k.rec); err != nil {
		return fmt.Errorf("decode the record of batch %d: %w", k.bounds.Number, err)
	}
	return nil
}
