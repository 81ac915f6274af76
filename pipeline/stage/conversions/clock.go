package conversions

import (
	"context"
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline"
)

var _ pipeline.Timekeeper = (*worker)(nil)

// Due implements pipeline.Timekeeper: an adjustment has waited long enough, the
// books have come to know its conversion as another customer's, or something is
// old enough for the archive.
func (w *worker) Due(ctx context.Context, now int64) (bool, error) {
	if w.archive.Due(now) {
		return true, nil
	}
	k := &work{worker: w, bounds: pipeline.Bounds{Time: now}}
	k.facts.init()
	var reads reads
	reads.addWaits()
	if err := k.read(ctx, &reads); err != nil {
		return false, err
	}
	if err := k.findWaiting(ctx); err != nil {
		return false, err
	}
	for _, h := range k.facts.Hours {
		if over(h, now) { // its list can go
			return true, nil
		}
	}
	for i := range k.facts.Expiring {
		if x := &k.facts.Expiring[i]; k.waitsAt(x.name(), x.Offset) >= 0 {
			return true, nil
		}
	}
	return k.isAnothers(ctx)
}

// isAnothers asks the books whether an adjustment waits for the conversion of
// another customer.
func (k *work) isAnothers(ctx context.Context) (bool, error) {
	var queries []ConversionQuery
	var names []string
	for n, query := range k.settling {
		names, queries = append(names, n), append(queries, query)
	}
	if len(queries) == 0 {
		return false, nil
	}
	found, err := k.options.Books.Conversions(ctx, queries)
	if err != nil {
		return false, fmt.Errorf("look %d conversions up that adjustments wait for: %w", len(queries), err)
	}
	for i, stored := range found {
		for _, w := range k.facts.Waiting[names[i]] {
			if stored.CustomerID != "" && stored.CustomerID != w.Adjustment.CustomerID {
				return true, nil
			}
		}
	}
	return false, nil
}
