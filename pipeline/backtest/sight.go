package backtest

import (
	"cmp"
	"slices"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

// sight is what a batch of conversions could see of the clicks.
type sight struct {
	at         int64
	clicks     []uint64        // by partition, the last batch that was sure to be known
	candidates map[string]bool // that its decisions knew, as in [Conversion.Candidates]
}

// trusted is how long before a batch a click was read that it surely knew: whatever
// lies in Kafka is waited for, and a batch of clicks does not take so long.
const trusted = 10 * 60_000

// sees tells whether a touch was known. One that was read in time and worked late
// was not, unless the decision tells of it.
func (s *sight) sees(t *Touch) bool {
	switch {
	case t.Partition < len(s.clicks) && t.Batch <= s.clicks[t.Partition], t.At < s.at-trusted:
		return true
	case len(s.clicks) == 0 && t.At <= s.at:
		return true
	}
	return s.candidates[event.JoinID(t.ReferrerID, t.ClickID)]
}

func sightOf(batch []*Conversion) *sight {
	s := &sight{at: batch[0].At, candidates: map[string]bool{}}
	for i := range batch {
		for _, c := range batch[i].Candidates {
			s.candidates[c] = true
		}
		if len(batch[i].Seen.Clicks) > 0 {
			s.clicks = batch[i].Seen.Clicks
		}
	}
	return s
}

// log is the batches of a topic that changed something of the org, by partition and
// in order, for each time that the topic was made.
type log []made

type made struct {
	incarnation string
	from        int64
	partitions  map[int][]Origin
}

func logOf(batches []Origin) log {
	slices.SortFunc(batches, func(a, b Origin) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Batch, b.Batch)) })
	var l log
	for _, b := range batches {
		i := slices.IndexFunc(l, func(m made) bool { return m.incarnation == b.Incarnation })
		if i < 0 {
			i = len(l)
			l = append(l, made{b.Incarnation, b.At, map[int][]Origin{}})
		}
		l[i].partitions[b.Partition] = append(l[i].partitions[b.Partition], b)
	}
	return l
}

// known is when the last of the batches was read that somebody at a time knew: by
// partition, the number of the last one.
func (l log) known(at int64, seen []uint64) int64 {
	var of *made
	for i := range l {
		if of == nil || l[i].from <= at {
			of = &l[i]
		}
	}
	if of == nil {
		return at
	}
	for partition, number := range seen {
		batches := of.partitions[partition]
		n, found := slices.BinarySearchFunc(batches, number, func(b Origin, n uint64) int { return cmp.Compare(b.Batch, n) })
		if found {
			n++
		}
		if n > 0 {
			at = max(at, batches[n-1].At)
		}
	}
	return at
}
