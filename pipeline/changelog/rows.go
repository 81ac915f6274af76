package changelog

import (
	"github.com/grapevinehq/grapevine/pipeline"
)

// Table is where the rows stand.
const Table = "changelog"

// What a row is about.
const (
	KindJournal  = "journal"  // the partition's latest batch, see [Journal]
	KindValue    = "value"    // a value of the partition's own memory
	KindQueue    = "queue"    // a member of one of its queues
	KindShared   = "shared"   // a field that other partitions read
	kindRetraced = "retraced" // no row of its own: it stands in the journal's
	KindClaim    = "claim"    // an id that it owns, by its hash; gone when it is released
)

// SinceKey is the value of a partition's memory that names the first batch with a
// changelog: what an earlier release wrote before it stands in none.
const SinceKey = "changelog:since"

// Row is one change. Of the rows of a partition with one kind, key, member and
// piece that of the highest batch counts.
type Row struct {
	_      struct{} `cbor:",toarray"`
	Kind   string
	Key    string
	Member string // of a queue; the field of what is shared
	// Piece is the batch of bytes that were appended to a value, 0 for a value that
	// was set. What counts is the value that was set last, and the pieces since.
	Piece uint64
	Value []byte
	Rank  int64 // of a queue's member; of a claim the offset of its owner
	Gone  bool  // deleted, or left
}

// Change is what a batch did to what Redis remembers.
type Change struct {
	Writes pipeline.Writes
	Shared []pipeline.SharedSet
	// Retraced is what was appended to values that can be made again of the batch's
	// rows in other tables, once those are there.
	Retraced []pipeline.KeyValue
	Claims   []Claim // in the order in which they were won and released
}

// Claim is an id that the batch won, or released.
type Claim struct {
	pipeline.Owned
	Released bool
}

// Rows are the rows of a change: of everything that it touches what it comes to,
// once. Writes come in the order of [pipeline.Writes]: deletes, sets, appends, and
// of queues first who leaves.
func (c *Change) Rows(number uint64) []Row {
	n := len(c.Writes.Delete) + len(c.Writes.Set) + len(c.Writes.Append) + len(c.Writes.Dequeue) + len(c.Writes.Enqueue) +
		len(c.Shared) + len(c.Claims) + len(c.Retraced)
	l := list{rows: make([]Row, 0, n), at: make(map[place]int, n)}
	for _, key := range c.Writes.Delete {
		l.put(Row{Kind: KindValue, Key: key, Gone: true})
	}
	for _, w := range c.Writes.Set {
		l.put(Row{Kind: KindValue, Key: w.Key, Value: w.Value})
	}
	for _, w := range c.Writes.Append {
		l.append(Row{Kind: KindValue, Key: w.Key, Value: w.Value, Piece: number})
	}
	for _, m := range c.Writes.Dequeue {
		l.put(Row{Kind: KindQueue, Key: m.Key, Member: m.Member, Gone: true})
	}
	for _, m := range c.Writes.Enqueue {
		l.put(Row{Kind: KindQueue, Key: m.Key, Member: m.Member, Rank: m.Rank})
	}
	for _, s := range c.Shared {
		l.put(Row{Kind: KindShared, Key: s.Key, Member: s.Field, Value: s.Value, Gone: s.Value == nil})
	}
	for _, claim := range c.Claims {
		l.put(Row{Kind: KindClaim, Key: string(claim.ID[:]), Rank: claim.Offset, Gone: claim.Released})
	}
	for _, w := range c.Retraced {
		l.append(Row{Kind: kindRetraced, Key: w.Key, Value: w.Value})
	}
	return l.rows
}

// place is what two rows of a batch must not share.
type place struct {
	kind, key, member string
	piece             uint64
}

// list gathers rows, one for each place.
type list struct {
	rows []Row
	at   map[place]int
}

func (l *list) put(r Row) {
	p := place{r.Kind, r.Key, r.Member, r.Piece}
	if i, ok := l.at[p]; ok {
		l.rows[i] = r
		return
	}
	l.at[p] = len(l.rows)
	l.rows = append(l.rows, r)
}

func (l *list) append(r Row) {
	if i, ok := l.at[place{r.Kind, r.Key, r.Member, r.Piece}]; ok {
		r.Value = append(append([]byte{}, l.rows[i].Value...), r.Value...)
	}
	l.put(r)
}
