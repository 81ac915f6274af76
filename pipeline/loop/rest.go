package loop

import (
	"sync"
	"time"
)

// rest remembers when each partition at work was last found to have nothing to do.
type rest struct {
	mu sync.Mutex
	at map[int]time.Time // by partition; zero: it works
}

// works notes that a partition has something to do, or may have.
func (r *rest) works(partition int) { r.found(partition, time.Time{}) }

// found notes a look at a partition, which began at a time and found nothing.
func (r *rest) found(partition int, began time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at == nil {
		r.at = make(map[int]time.Time)
	}
	r.at[partition] = began
}

// leaves forgets a partition that is worked here no more.
func (r *rest) leaves(partition int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.at, partition)
}

// after counts the partitions whose last look began after a time.
func (r *rest) after(t time.Time) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, at := range r.at {
		if at.After(t) {
			n++
		}
	}
	return n
}
