package volatile

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/tidwall/btree"

	"github.com/grapevinehq/grapevine/pipeline"
)

// budget is what one budget has come to, and who waits for it.
type budget struct {
	used    int64
	waiting map[string]waiter // by reward
	order   *btree.BTreeG[waiter]
	granted map[string][]waiter // by partition, not collected, in the order that they were given room
	drawers map[string]*drawer
}

// waiter is a reward that did not fit.
type waiter struct {
	time              int64
	reward, name, ref string // name: of the partition
	amount            int64
}

// newBudget makes one that nothing was taken of. By the conversion's time, then by
// reward, is the order of those who will wait for it.
func newBudget() *budget {
	less := func(a, b waiter) bool {
		return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.reward, b.reward)) < 0
	}
	return &budget{
		waiting: map[string]waiter{}, order: btree.NewBTreeGOptions(less, btree.Options{NoLocks: true}),
		granted: map[string][]waiter{}, drawers: map[string]*drawer{},
	}
}

func (of *budget) wait(w waiter) {
	of.waiting[w.reward] = w
	of.order.Set(w)
}

// leave drops a reward that waits, or gives back the room that it was given.
func (of *budget) leave(reward string) {
	if w, waits := of.waiting[reward]; waits {
		delete(of.waiting, reward)
		of.order.Delete(w)
		return
	}
	for name, list := range of.granted {
		i := slices.IndexFunc(list, func(w waiter) bool { return w.reward == reward })
		if i < 0 {
			continue
		}
		of.used -= list[i].amount
		if of.granted[name] = slices.Delete(list, i, i+1); len(list) == 1 {
			delete(of.granted, name)
		}
	}
}

// release gives room to those who wait, as long as the oldest fits.
func (of *budget) release(limit int64) {
	for {
		oldest, waits := of.order.Min()
		if !waits || oldest.amount > limit-of.used {
			return
		}
		delete(of.waiting, oldest.reward)
		of.order.Delete(oldest)
		of.used += oldest.amount
		of.granted[oldest.name] = append(of.granted[oldest.name], oldest)
	}
}

// collect tells a partition which of its rewards were given room.
func (of *budget) collect(name string) (grants []pipeline.Grant) {
	list := of.granted[name]
	n := min(len(list), pipeline.MostCollected)
	for _, w := range list[:n] {
		grants = append(grants, pipeline.Grant{Ref: w.ref, Amount: w.amount})
	}
	if of.granted[name] = list[n:]; n == len(list) {
		delete(of.granted, name)
	}
	return grants
}

// gaveTo tells whether a partition has something to collect.
func (of *budget) gaveTo(name string) bool { return of != nil && len(of.granted[name]) > 0 }

// String tells what counts.
func (of *budget) String() string {
	return fmt.Sprintf("used %d, waiting %v, granted %v", of.used, of.order.Items(), of.granted)
}
