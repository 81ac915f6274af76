package conversions

import "github.com/grapevinehq/grapevine/pipeline"

// An adjustment that names another customer's conversion is invalid, and that
// customer may be on another partition. The books tell; but the two may arrive
// at the same time, and the books hold the conversion a moment later only. So
// they are asked again in the first minutes of waiting: less and less often by
// batches that come anyway, and by the clock while the partition rests.
const (
	askAtFirst = 1_000   // ms from arriving to the first time
	askUntil   = 600_000 // ms
	// maxPending bounds the value that a batch may have to write again. Who comes
	// when it is full waits without.
	maxPending = 1000
)

// pendingKey is the key of what the books are to be asked about.
const pendingKey = waitingPrefix + "pending"

// pending is a conversion_id that adjustments wait for. Times are of batches.
type pending struct {
	Query ConversionQuery `cbor:"1,keyasint"`
	Since int64           `cbor:"2,keyasint"`
	Asked int64           `cbor:"3,keyasint"`
}

func (p *pending) name() string {
	return name(p.Query.OrgID, p.Query.ProgramID, p.Query.ConversionID)
}

// due tells whether a batch with records asks at this time: each pause is as long
// as all that went before.
func (p *pending) due(now int64) bool { return now-p.Asked >= max(askAtFirst, p.Asked-p.Since) }

// asks tells whether the batch asks. One by the clock has nothing else to do.
func (k *work) asks(p *pending) bool {
	if len(k.records) == 0 {
		return k.bounds.Time-p.Since < askUntil
	}
	return p.due(k.bounds.Time)
}

// pend notes a conversion_id to be asked about.
func (d *decider) pend(n string, query ConversionQuery) {
	if len(d.facts.Pending) >= maxPending {
		return
	}
	if d.pended == nil {
		d.pended = make(map[string]bool)
		for i := range d.facts.Pending {
			d.pended[d.facts.Pending[i].name()] = true
		}
	}
	if d.pended[n] {
		return
	}
	d.pended[n] = true
	d.facts.Pending = append(d.facts.Pending, pending{query, d.bounds.Time, d.bounds.Time})
	d.savePending()
}

func (d *decider) savePending() {
	list := d.facts.Pending
	d.dirty[pendingKey] = func() ([]byte, error) {
		if len(list) == 0 {
			return nil, nil
		}
		return encode(list)
	}
}

// settle makes dead letters of the adjustments that wait for what the books now
// know as another customer's conversion.
func (d *decider) settle() {
	var left []pending
	changed := false
	for _, p := range d.facts.Pending {
		if !d.asks(&p) {
			left = append(left, p)
			continue
		}
		changed = true
		d.settleOne(&p)
		if p.Asked = d.bounds.Time; len(d.facts.Waiting[p.name()]) > 0 && p.Asked-p.Since < askUntil {
			left = append(left, p)
		}
	}
	if d.facts.Pending = left; changed {
		d.savePending()
	}
}

func (d *decider) settleOne(p *pending) {
	n := p.name()
	owner := d.facts.Elsewhere[n].CustomerID
	if owner == "" {
		return
	}
	var left []waiting
	for _, w := range d.facts.Waiting[n] {
		if w.Adjustment.CustomerID == owner {
			left = append(left, w)
			continue
		}
		d.mark(w.nameOf(p.Query.OrgID, p.Query.ProgramID), inVain)
		d.record.Letters = append(d.record.Letters,
			lateLetter{w, p.Query.OrgID, p.Query.ProgramID, invalid, anothers(p.Query.ConversionID)})
	}
	d.saveWaiting(n, left)
}

// late is a dead letter about a record of an earlier batch.
func (k *work) late(l *lateLetter) pipeline.DeadLetter {
	original := &pipeline.Original{
		Position: pipeline.Position{Topic: k.bounds.Partition.Topic, Partition: k.bounds.Partition.ID, Offset: l.Waiting.Offset},
		Key:      l.Waiting.Key,
		Value:    l.Waiting.Value,
	}
	for _, h := range l.Waiting.Headers {
		original.Headers = append(original.Headers, pipeline.MessageHeader{Key: h.Key, Value: h.Value})
	}
	return pipeline.DeadLetter{
		Reason: l.Reason, Detail: l.Detail, OrgID: l.OrgID, ProgramID: l.ProgramID,
		EventID: l.Waiting.Adjustment.EventID, Source: l.Waiting.Adjustment.Source, Original: original,
	}
}
