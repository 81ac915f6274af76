package members

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/grapevinehq/grapevine/pipeline/member"
)

// SharedReader reads the memory that partitions share: the fields of each hash,
// nil where there is none. numbers says, by topic and partition, which batches
// are known to be complete: a memory that lacks one of them has lost data.
type SharedReader interface {
	ReadShared(ctx context.Context, numbers map[string][]uint64, keys []string) ([]map[string][]byte, error)
}

// memberRef names a member.
type memberRef struct{ org, id string }

// codeRef names a code.
type codeRef struct {
	org  string
	ns   member.Namespace
	code string
}

// The shared hashes. The length of the org's id keeps it apart from what follows.
//
//	m<n>:<org><member>      partition.offset -> an update of the member
//	o<n>:<org><member>      partition.offset -> the record of an update that lists codes
//	kr<n>:<org><code>       member -> nothing: the members who ever listed a referral code
//	kc<n>:<org><code>       the same of a coupon code
func (m memberRef) key() string         { return "m" + prefixed(m.org) + m.id }
func (m memberRef) originalKey() string { return "o" + prefixed(m.org) + m.id }
func (c codeRef) key() string           { return "k" + string(rune(c.ns)) + prefixed(c.org) + c.code }

// clone copies what may point into a batch's buffer.
func (m memberRef) clone() memberRef { return memberRef{strings.Clone(m.org), strings.Clone(m.id)} }

func (c codeRef) clone() codeRef {
	return codeRef{strings.Clone(c.org), c.ns, strings.Clone(c.code)}
}

func prefixed(org string) string { return strconv.Itoa(len(org)) + ":" + org }

// place is the field of an update.
func place(partition int, offset int64) string {
	return strconv.Itoa(partition) + "." + strconv.FormatInt(offset, 10)
}

// books reads histories and claims.
type books struct{ SharedReader }

// updates reads all updates of members, those included that a later one of the
// same time replaced, in no order.
func (b books) updates(ctx context.Context, numbers map[string][]uint64, members []memberRef) ([][]member.Update, error) {
	if len(members) == 0 {
		return nil, nil
	}
	keys := make([]string, len(members))
	for i, m := range members {
		keys[i] = m.key()
	}
	found, err := b.ReadShared(ctx, numbers, keys)
	if err != nil {
		return nil, fmt.Errorf("read %d members: %w", len(members), err)
	}
	all := make([][]member.Update, len(members))
	for i, m := range members {
		for field, value := range found[i] {
			var u member.Update
			if err := u.Decode(value); err != nil {
				return nil, fmt.Errorf("update %s of member %s of %s: %w", field, m.id, m.org, err)
			}
			all[i] = append(all[i], u)
		}
	}
	return all, nil
}

// histories reads the histories of members. One that nothing is known of has an
// empty history.
func (b books) histories(ctx context.Context, numbers map[string][]uint64, members []memberRef) ([]*member.History, error) {
	updates, err := b.updates(ctx, numbers, members)
	if err != nil {
		return nil, err
	}
	all := make([]*member.History, len(members))
	for i, m := range members {
		all[i] = member.NewHistory(m.id, updates[i])
	}
	return all, nil
}

// claimants reads who ever listed codes, sorted.
func (b books) claimants(ctx context.Context, numbers map[string][]uint64, codes []codeRef) ([][]string, error) {
	if len(codes) == 0 {
		return nil, nil
	}
	keys := make([]string, len(codes))
	for i, c := range codes {
		keys[i] = c.key()
	}
	found, err := b.ReadShared(ctx, numbers, keys)
	if err != nil {
		return nil, fmt.Errorf("read %d codes: %w", len(codes), err)
	}
	all := make([][]string, len(codes))
	for i := range codes {
		all[i] = slices.Sorted(maps.Keys(found[i]))
	}
	return all, nil
}
