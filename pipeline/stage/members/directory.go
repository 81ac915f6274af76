package members

import (
	"context"
	"sync"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/member"
)

// Directory answers questions about members and codes as of a time, a batch at
// once and in at most two round trips, however many questions there are. It is
// safe for use by all partitions of a worker.
//
// What was read once is kept, also that nothing is known: it stays true until a
// batch of members is completed after it, and every caller says which batches
// are ([pipeline.Progress]). Then everything is read anew.
type Directory struct {
	reader SharedReader
	limit  int

	mu      sync.Mutex
	shelf   shelf
	old     shelf    // what was read before the shelf was full
	numbers []uint64 // the batches that the shelves are known to hold
}

// DefaultDirectoryLimit is how many members and codes are kept by default, some
// 500 bytes each.
const DefaultDirectoryLimit = 100_000

// NewDirectory makes a directory that keeps about limit members and codes.
func NewDirectory(reader SharedReader, limit int) *Directory {
	d := &Directory{reader: reader, limit: max(limit, 2)}
	d.forget()
	return d
}

// shelf is what was read.
type shelf struct {
	members map[memberRef]*member.History
	codes   map[codeRef]*member.Ledger
}

func newShelf() shelf {
	return shelf{members: map[memberRef]*member.History{}, codes: map[codeRef]*member.Ledger{}}
}

func (d *Directory) forget() { d.shelf, d.old = newShelf(), newShelf() }

// MemberQuery asks for what was known of a member at a time.
type MemberQuery struct {
	OrgID, MemberID string
	At              int64 // ms since the epoch
}

// CodeQuery asks who held a code at a time.
type CodeQuery struct {
	OrgID     string
	Namespace member.Namespace
	Code      string
	At        int64 // ms since the epoch
}

// Members answers each query with the update that holds at its time (§9 (10)),
// nil for a member that is not known. Updates are shared: nobody writes to them.
func (d *Directory) Members(ctx context.Context, progress pipeline.Progress, queries []MemberQuery) ([]*member.Update, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refresh(progress)
	histories, err := d.histories(ctx, progress, len(queries), func(i int) memberRef {
		return memberRef{queries[i].OrgID, queries[i].MemberID}
	})
	if err != nil {
		return nil, err
	}
	answers := make([]*member.Update, len(queries))
	for i, h := range histories {
		answers[i] = h.At(queries[i].At)
	}
	return answers, nil
}

// Owners answers each query with the member who held the code (§9 (11), (38)),
// empty where nobody did.
func (d *Directory) Owners(ctx context.Context, progress pipeline.Progress, queries []CodeQuery) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refresh(progress)
	ledgers, err := d.ledgers(ctx, progress, len(queries), func(i int) codeRef {
		return codeRef{queries[i].OrgID, queries[i].Namespace, queries[i].Code}
	})
	if err != nil {
		return nil, err
	}
	answers := make([]string, len(queries))
	for i, l := range ledgers {
		answers[i] = l.OwnerAt(queries[i].At)
	}
	return answers, nil
}

// ReferrerQuery asks who a click's referrer was, as of the click's own time.
type ReferrerQuery struct {
	OrgID      string
	ReferrerID string // as the click names it; empty when it names a code alone
	Code       string // referral code; empty when the click names none
	At         int64  // ms since the epoch
}

// Referrer answers a ReferrerQuery. A referrer need not be a known member (§3, 2).
type Referrer struct {
	Owner  string // who held the code then; empty when nobody did
	Banned bool   // the referrer named, or else the owner, was banned then
}

// Referrers answers the questions of a batch of clicks.
func (d *Directory) Referrers(ctx context.Context, progress pipeline.Progress, queries []ReferrerQuery) ([]Referrer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refresh(progress)
	answers := make([]Referrer, len(queries))
	ledgers, err := d.ledgers(ctx, progress, len(queries), func(i int) codeRef {
		return codeRef{queries[i].OrgID, member.Referral, queries[i].Code}
	})
	if err != nil {
		return nil, err
	}
	for i, l := range ledgers {
		answers[i].Owner = l.OwnerAt(queries[i].At)
	}
	histories, err := d.histories(ctx, progress, len(queries), func(i int) memberRef {
		if id := queries[i].ReferrerID; id != "" {
			return memberRef{queries[i].OrgID, id}
		}
		return memberRef{queries[i].OrgID, answers[i].Owner}
	})
	if err != nil {
		return nil, err
	}
	for i, h := range histories {
		u := h.At(queries[i].At)
		answers[i].Banned = u != nil && u.Status == event.Banned
	}
	return answers, nil
}

// refresh forgets what was read before a batch of members that is complete now.
func (d *Directory) refresh(progress pipeline.Progress) {
	now := progress.Numbers[Topic]
	moved := len(now) > len(d.numbers)
	for i := 0; i < len(now) && !moved; i++ {
		moved = now[i] > d.numbers[i]
	}
	if !moved {
		return
	}
	d.forget()
	numbers := make([]uint64, max(len(now), len(d.numbers)))
	copy(numbers, d.numbers)
	for i, n := range now {
		numbers[i] = max(numbers[i], n)
	}
	d.numbers = numbers
}

// known is the part of the progress that the shared memory of members must have.
func (d *Directory) known(progress pipeline.Progress) map[string][]uint64 {
	return map[string][]uint64{Topic: progress.Numbers[Topic]}
}

// histories finds n histories, reading those that are missing in one call. The
// one of nobody is empty.
func (d *Directory) histories(ctx context.Context, progress pipeline.Progress, n int, ref func(i int) memberRef) ([]*member.History, error) {
	all := make([]*member.History, n)
	var missing missingSet[memberRef]
	for i := range all {
		r := ref(i)
		if r.id == "" {
			continue
		}
		var ok bool
		if all[i], ok = d.keptMember(r); !ok {
			missing.add(r, i)
		}
	}
	read, err := books{d.reader}.histories(ctx, d.known(progress), missing.clone(memberRef.clone))
	if err != nil {
		return nil, err
	}
	for j, h := range read {
		d.keepMember(missing.refs[j], h)
	}
	for i, j := range missing.places {
		all[i] = read[j]
	}
	return all, nil
}

// ledgers finds the ledgers of n codes in at most two calls: who listed them,
// and the histories of those. The one of no code is empty.
func (d *Directory) ledgers(ctx context.Context, progress pipeline.Progress, n int, ref func(i int) codeRef) ([]*member.Ledger, error) {
	all := make([]*member.Ledger, n)
	var missing missingSet[codeRef]
	for i := range all {
		r := ref(i)
		if r.code == "" {
			all[i] = &nobodys
			continue
		}
		var ok bool
		if all[i], ok = d.keptCode(r); !ok {
			missing.add(r, i)
		}
	}
	read, err := d.settle(ctx, progress, missing.clone(codeRef.clone))
	if err != nil {
		return nil, err
	}
	for i, j := range missing.places {
		all[i] = read[j]
	}
	return all, nil
}

// nobodys is the ledger of a code that nobody ever listed.
var nobodys member.Ledger

// settle reads who listed codes, and finds who held them.
func (d *Directory) settle(ctx context.Context, progress pipeline.Progress, refs []codeRef) ([]*member.Ledger, error) {
	claimants, err := books{d.reader}.claimants(ctx, d.known(progress), refs)
	if err != nil {
		return nil, err
	}
	var who []memberRef
	for i, ids := range claimants {
		for _, id := range ids {
			who = append(who, memberRef{refs[i].org, id})
		}
	}
	histories, err := d.histories(ctx, progress, len(who), func(i int) memberRef { return who[i] })
	if err != nil {
		return nil, err
	}
	ledgers := make([]*member.Ledger, len(refs))
	for i, ref := range refs {
		n := len(claimants[i])
		l := member.Settle(ref.ns, ref.code, histories[:n])
		l.Losses = nil // nobody asks a directory for them
		histories = histories[n:]
		ledgers[i] = &l
		d.keepCode(ref, &l)
	}
	return ledgers, nil
}

func (d *Directory) keptMember(ref memberRef) (*member.History, bool) {
	h, ok := d.shelf.members[ref]
	if !ok {
		if h, ok = d.old.members[ref]; ok {
			d.keepMember(ref.clone(), h)
		}
	}
	return h, ok
}

func (d *Directory) keepMember(ref memberRef, h *member.History) {
	d.makeRoom()
	d.shelf.members[ref] = h
}

func (d *Directory) keptCode(ref codeRef) (*member.Ledger, bool) {
	l, ok := d.shelf.codes[ref]
	if !ok {
		if l, ok = d.old.codes[ref]; ok {
			d.keepCode(ref.clone(), l)
		}
	}
	return l, ok
}

func (d *Directory) keepCode(ref codeRef, l *member.Ledger) {
	d.makeRoom()
	d.shelf.codes[ref] = l
}

// makeRoom starts a new shelf when the one in use is full; what is not asked for
// again before the next one is full is dropped.
func (d *Directory) makeRoom() {
	if 2*(len(d.shelf.members)+len(d.shelf.codes)) >= d.limit {
		d.old, d.shelf = d.shelf, newShelf()
	}
}

// missingSet collects distinct things to be read, and where each is needed.
type missingSet[T comparable] struct {
	index  map[T]int
	refs   []T
	places map[int]int // place of the question -> of refs
}

func (m *missingSet[T]) add(ref T, place int) {
	if m.index == nil {
		m.index, m.places = map[T]int{}, map[int]int{}
	}
	j, ok := m.index[ref]
	if !ok {
		j = len(m.refs)
		m.index[ref] = j
		m.refs = append(m.refs, ref)
	}
	m.places[place] = j
}

// clone copies the strings of what was collected: they may point into a batch's
// buffer, and are kept for longer.
func (m *missingSet[T]) clone(one func(T) T) []T {
	for i := range m.refs {
		m.refs[i] = one(m.refs[i])
	}
	return m.refs
}
