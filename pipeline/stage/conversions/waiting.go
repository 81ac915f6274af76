package conversions

import (
	"errors"
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/money"
)

// waiting is an adjustment that arrived before its conversion.
type waiting struct {
	Adjustment storedAdjustment `cbor:"1,keyasint"`
	Offset     int64            `cbor:"2,keyasint"`
	KafkaTime  int64            `cbor:"3,keyasint"` // it waits 72 hours from here
	// The record as it came, for the dead letter that it may become.
	Key     []byte         `cbor:"4,keyasint,omitempty"`
	Value   []byte         `cbor:"5,keyasint,omitempty"`
	Headers []event.Header `cbor:"6,keyasint,omitempty"`
}

// storedAdjustment is an adjustment's own fields, to be applied later.
type storedAdjustment struct {
	EventID      string               `cbor:"1,keyasint"`
	Source       string               `cbor:"2,keyasint"`
	Time         int64                `cbor:"3,keyasint"`
	ConversionID string               `cbor:"4,keyasint"`
	CustomerID   string               `cbor:"5,keyasint"`
	Kind         event.AdjustmentKind `cbor:"6,keyasint"`
	HasAmount    bool                 `cbor:"7,keyasint,omitempty"`
	Amount       int64                `cbor:"8,keyasint,omitempty"`
	Reason       string               `cbor:"9,keyasint,omitempty"`
}

// store takes the fields of an adjustment.
func store(a *event.Adjustment) storedAdjustment {
	return storedAdjustment{a.ID, a.Source, a.Time, a.ConversionID, a.CustomerID, a.Kind, a.HasAmount, a.AmountMinor, a.Reason}
}

// restore is the adjustment in its org and program again.
func (s storedAdjustment) restore(orgID, programID string) *event.Adjustment {
	return &event.Adjustment{
		Envelope: event.Envelope{
			ID: s.EventID, Source: s.Source, Type: event.TypeAdjustment, Time: s.Time, OrgID: orgID, ProgramID: programID,
		},
		ConversionID: s.ConversionID, CustomerID: s.CustomerID, Kind: s.Kind,
		HasAmount: s.HasAmount, AmountMinor: s.Amount, Reason: s.Reason,
	}
}

// lateLetter is a dead letter about a record of an earlier batch.
type lateLetter struct {
	Waiting   waiting `cbor:"1,keyasint"`
	OrgID     string  `cbor:"2,keyasint"`
	ProgramID string  `cbor:"3,keyasint"`
	Reason    string  `cbor:"4,keyasint"`
	Detail    string  `cbor:"5,keyasint"`
}

// wait lets an adjustment wait for its conversion, and notes that the books are
// to be asked about it for a while.
func (d *decider) wait(i int, e *entry) decision {
	a, rec := &e.Adjustment, &d.records[i]
	d.saveWaiting(e.conversion, append(d.facts.Waiting[e.conversion], waiting{
		Adjustment: store(a), Offset: rec.Offset, KafkaTime: rec.Time, Key: rec.Key, Value: rec.Value, Headers: rec.Headers,
	}))
	query := ConversionQuery{a.OrgID, a.ProgramID, a.ConversionID}
	d.pend(e.conversion, query)
	d.list(expiry{Query: query, Offset: rec.Offset, KafkaTime: rec.Time})
	return decision{Index: i, Verdict: waits}
}

// applyWaiting applies the adjustments that waited for a conversion, in the
// order in which they came. What cannot be applied is a dead letter now.
func (d *decider) applyWaiting(made *decision, e *entry, c *conversion) {
	n, env := e.conversion, e.Envelope()
	list := d.facts.Waiting[n]
	if len(list) == 0 {
		return
	}
	for _, w := range list {
		a, same := w.Adjustment.restore(env.OrgID, env.ProgramID), w.nameOf(env.OrgID, env.ProgramID)
		reason, detail := invalid, anothers(a.ConversionID)
		if a.CustomerID == c.CustomerID {
			err := d.apply(made, n, c, w.Adjustment, a, w.Offset)
			if err == nil {
				d.mark(same, asRemembered)
				d.taken.Remember(d.remembered(&w, env))
				continue
			}
			reason, detail = refusal(err), err.Error()
		}
		d.mark(same, inVain)
		made.Letters = append(made.Letters, lateLetter{w, env.OrgID, env.ProgramID, reason, detail})
	}
	d.saveWaiting(n, nil)
}

// anothers is what is wrong with an adjustment that names the conversion of
// another customer (§9 (16)).
func anothers(conversionID string) string {
	return fmt.Sprintf("conversion_id %q is another customer's conversion", conversionID)
}

// refusal is the reason of the dead letter that an adjustment becomes.
func refusal(err error) string {
	if errors.Is(err, money.ErrNoRate) {
		return noExchangeRate
	}
	return invalid
}
