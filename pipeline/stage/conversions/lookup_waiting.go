package conversions

import (
	"context"
	"fmt"
)

// findWaiting reads the adjustments that this batch may settle: those that the
// books are asked about again, and those whose time is up.
func (k *work) findWaiting(ctx context.Context) error {
	if err := k.findExpiring(ctx); err != nil {
		return err
	}
	var reads reads
	for i := range k.facts.Pending {
		if p := &k.facts.Pending[i]; k.asks(p) {
			reads.add(waitingPrefix, p.name())
		}
	}
	for i := range k.facts.Expiring {
		reads.add(waitingPrefix, k.facts.Expiring[i].name())
	}
	return k.read(ctx, &reads)
}

// findExpiring reads the lists of the hours that are due.
func (k *work) findExpiring(ctx context.Context) error {
	newest := k.newest()
	var keys []string
	for _, h := range k.facts.Hours {
		if h*hour+waitFor <= newest {
			keys = append(keys, hourKey(h))
		}
	}
	if len(keys) == 0 {
		return nil
	}
	values, err := k.session.Memory.Get(ctx, keys)
	if err != nil {
		return fmt.Errorf("look up which adjustments have waited too long: %w", err)
	}
	for i, value := range values {
		list, err := decodeExpiries(value)
		if err != nil {
			return fmt.Errorf("decode %s: %w", keys[i], err)
		}
		for _, x := range list {
			if x.deadline() <= newest {
				k.facts.Expiring = append(k.facts.Expiring, x)
			}
		}
	}
	return nil
}

// settling are the conversions that the books are asked about for the sake of
// adjustments that wait.
func (k *work) settling(yield func(name string, query ConversionQuery) bool) {
	for i := range k.facts.Pending {
		if p := &k.facts.Pending[i]; k.asks(p) && len(k.facts.Waiting[p.name()]) > 0 && !yield(p.name(), p.Query) {
			return
		}
	}
	for i := range k.facts.Expiring {
		if x := &k.facts.Expiring[i]; len(k.facts.Waiting[x.name()]) > 0 && !yield(x.name(), x.Query) {
			return
		}
	}
}
