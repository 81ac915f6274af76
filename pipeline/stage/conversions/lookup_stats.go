package conversions

import (
	"context"
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// findStats asks for the figures of the referrers whom segments filter by them:
// one question a batch, and none where no rule of a conversion's version needs one.
// They are what rewards and clicks came to by now, the batch itself not included.
func (k *work) findStats(ctx context.Context) error {
	of := k.segmentStats()
	if of == 0 {
		return nil
	}
	var queries []StatsQuery
	var names []string
	for e, referrers := range k.referrers {
		if e.segmentStats() == 0 {
			continue
		}
		for id := range referrers {
			n := name(e.Conversion.OrgID, id)
			if _, asked := k.facts.Stats[n]; asked {
				continue
			}
			k.facts.Stats[n] = Stats{}
			names = append(names, n)
			queries = append(queries, StatsQuery{e.Conversion.OrgID, id})
		}
	}
	if len(queries) == 0 {
		return nil
	}
	found, err := k.options.Books.Stats(ctx, of, queries)
	if err != nil {
		return fmt.Errorf("look up the figures of %d referrers: %w", len(queries), err)
	}
	for i, s := range found {
		k.facts.Stats[names[i]] = s
	}
	return nil
}

// segmentStats are the figures that any conversion of the batch is filtered by.
func (k *work) segmentStats() (of program.Stats) {
	for _, e := range k.live {
		if e.Type == event.TypeConversion {
			of |= e.segmentStats()
		}
	}
	return of
}

// segmentStats are the figures that a conversion is filtered by.
func (e *entry) segmentStats() program.Stats {
	v, active := e.program.At(e.Conversion.Time)
	if !active {
		return 0
	}
	return v.SegmentStats
}

// environment is what an expression sees of the figures.
func (s Stats) environment() map[string]any {
	return program.StatsEnv(s.ConversionsPPM, s.RevenueMinor, s.UniqueClicks, s.LastConversionAt)
}
