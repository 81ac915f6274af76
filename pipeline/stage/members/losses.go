package members

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/member"
)

// key is the id under which a loss is claimed: an update is reported once, for
// whichever code it lost first.
func (l *loss) key() string {
	return "taken/" + prefixed(l.OrgID) + l.MemberID + "/" + place(l.Partition, l.Offset)
}

// findLosses finds the updates that list codes which others hold, among all
// updates that list a code of the batch's members: an update of the batch may
// take a code from one that was applied long ago, or lose it.
func (k *work) findLosses(ctx context.Context) ([]loss, error) {
	shelf := books{k.Reader}
	touched := k.touched()
	own, err := shelf.updates(ctx, nil, touched)
	if err != nil {
		return nil, err
	}
	codes := codesOf(touched, own)
	claimants, err := shelf.claimants(ctx, nil, codes)
	if err != nil {
		return nil, err
	}
	refs, of := rivals(codes, claimants)
	histories, err := shelf.histories(ctx, nil, refs)
	if err != nil {
		return nil, err
	}
	var found report
	for i, c := range codes {
		if len(of[i]) > 1 {
			found.add(c, member.Settle(c.ns, c.code, pick(histories, of[i])).Losses)
		}
	}
	return found.losses(), nil
}

// rivals are the claimants of all codes that have several, each once: two members
// may compete for thousands of codes. of[i] are the places of code i's among them.
func rivals(codes []codeRef, claimants [][]string) (refs []memberRef, of [][]int) {
	of = make([][]int, len(codes))
	place := map[memberRef]int{}
	for i, ids := range claimants {
		if len(ids) < 2 {
			continue
		}
		for _, id := range ids {
			ref := memberRef{codes[i].org, id}
			at, known := place[ref]
			if !known {
				at = len(refs)
				place[ref] = at
				refs = append(refs, ref)
			}
			of[i] = append(of[i], at)
		}
	}
	return refs, of
}

func pick(histories []*member.History, places []int) []*member.History {
	picked := make([]*member.History, len(places))
	for i, at := range places {
		picked[i] = histories[at]
	}
	return picked
}

// touched are the members whose updates the batch applies, each once.
func (k *work) touched() []memberRef {
	var refs []memberRef
	seen := map[memberRef]bool{}
	for i := range k.facts.Inputs {
		in := &k.facts.Inputs[i]
		ref := memberRef{in.OrgID, in.MemberID}
		if in.Verdict == applied && !seen[ref] {
			seen[ref] = true
			refs = append(refs, ref)
		}
	}
	return refs
}

// codesOf are all codes that the members ever listed, each once: an update in
// the middle of a history can change who lost a code it does not list. So can one
// that replaces another of the same time, which the history no longer shows: these
// are all updates.
func codesOf(refs []memberRef, updates [][]member.Update) []codeRef {
	var codes []codeRef
	seen := map[codeRef]bool{}
	for i := range updates {
		for j := range updates[i] {
			for _, ns := range member.Namespaces {
				for _, code := range updates[i][j].Codes(ns) {
					c := codeRef{refs[i].org, ns, code}
					if !seen[c] {
						seen[c] = true
						codes = append(codes, c)
					}
				}
			}
		}
	}
	return codes
}

// report collects losses by update.
type report struct {
	byKey map[string]*loss
	taken map[string][]string
}

func (r *report) add(c codeRef, losses []member.Loss) {
	if r.byKey == nil {
		r.byKey, r.taken = map[string]*loss{}, map[string][]string{}
	}
	for _, l := range losses {
		one := &loss{OrgID: c.org, MemberID: l.MemberID, Partition: l.Update.Partition, Offset: l.Update.Offset}
		key := one.key()
		if r.byKey[key] == nil {
			r.byKey[key] = one
		}
		kind := "referral"
		if c.ns == member.Coupon {
			kind = "coupon"
		}
		r.taken[key] = append(r.taken[key], fmt.Sprintf("the %s code %s is held by %s", kind, strconv.Quote(c.code), strconv.Quote(l.Owner)))
	}
}

// losses are in an order of their own, the same wherever they are found.
func (r *report) losses() []loss {
	keys := make([]string, 0, len(r.byKey))
	for key := range r.byKey {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	all := make([]loss, len(keys))
	for i, key := range keys {
		slices.Sort(r.taken[key])
		all[i] = *r.byKey[key]
		all[i].Detail = event.Summary(r.taken[key])
	}
	return all
}

// readOriginals reads the records of the losses that the batch reports.
func (k *work) readOriginals(ctx context.Context) error {
	if len(k.won) == 0 {
		return nil
	}
	keys := make([]string, len(k.won))
	for i := range k.won {
		keys[i] = memberRef{k.won[i].OrgID, k.won[i].MemberID}.originalKey()
	}
	found, err := k.Reader.ReadShared(ctx, nil, keys)
	if err != nil {
		return fmt.Errorf("read the records of %d updates that lost a code: %w", len(keys), err)
	}
	for i := range k.won {
		l := &k.won[i]
		value, ok := found[i][place(l.Partition, l.Offset)]
		if !ok {
			// Forgotten in the meantime: there is nothing left to report.
			l.Original = original{}
			continue
		}
		if err := decode(value, &l.Original); err != nil {
			return fmt.Errorf("the record of %s at offset %d: %w", l.MemberID, l.Offset, err)
		}
	}
	k.won = slices.DeleteFunc(k.won, func(l loss) bool { return l.Original.Key == nil })
	return nil
}
