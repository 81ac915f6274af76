package conversions

import (
	"context"
	"maps"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
)

// recordedIn are the tables that an event of a type becomes a row of.
var recordedIn = map[event.Type]string{
	event.TypeConversion: conversionsTable, event.TypeAdjustment: adjustmentsTable, event.TypeIdentityLink: linksTable,
}

// findRecorded marks the dead letters that came again though they were taken,
// however long ago.
func (k *work) findRecorded(ctx context.Context) error {
	for of, table := range recordedIn {
		found, err := pipeline.FindRecorded(ctx, k.options.Recorded, table, k.records, func(i int) (pipeline.EventQuery, bool) {
			e := &k.events[i]
			return e.query(), e.program != nil && e.Type == of
		})
		if err != nil {
			return err
		}
		if k.facts.Recorded == nil {
			k.facts.Recorded = found
			continue
		}
		maps.Copy(k.facts.Recorded, found)
	}
	return nil
}

// query names the event as the books have it.
func (e *entry) query() pipeline.EventQuery {
	env := e.Envelope()
	q := pipeline.EventQuery{OrgID: env.OrgID, ProgramID: env.ProgramID, Source: env.Source, EventID: env.ID}
	switch e.Type {
	case event.TypeConversion:
		q.By = e.Conversion.ConversionID
	case event.TypeAdjustment:
		q.By = e.Adjustment.ConversionID
	default:
		q.By = e.Link.CustomerID
	}
	return q
}
