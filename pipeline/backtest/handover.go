package backtest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/offline"
)

// handed is what a batch publishes for ledgers.
func handed(done *offline.Done) (records []event.Record) {
	for i := range done.Messages {
		if m := &done.Messages[i]; m.Topic == creditsTopic {
			records = append(records, event.Record{Time: written, Key: m.Key, Value: m.Value, Headers: headersOf(m)})
		}
	}
	return records
}

// handOver brings what is published for ledgers to where it was taken. What no row
// tells of, as it is new or moved nothing then, goes behind what its ledger is to
// take already, with the others of its batch, or else at once.
func (r *replay) handOver(records []event.Record, at int64, c *chapter) error {
	var loose []*placed
	when := int64(latest)
	for _, rec := range records {
		var in event.Inbound
		if problems := event.DecodeCredits(&rec, &in); problems != nil {
			return fmt.Errorf("what a batch hands over is not valid: %s", event.Detail(problems))
		}
		var place *Origin
		if c != nil {
			place = c.place(&in)
		}
		p := &placed{ledger: strings.Clone(in.BeneficiaryID()), record: rec}
		if place == nil || place.Batch <= r.taken[partOf(place)] {
			loose = append(loose, p)
			continue
		}
		when, p.offset = min(when, place.At), place.Offset
		r.put(r.open(place), p)
	}
	if when == latest {
		when = at
	}
	r.loosen(loose, max(when, at))
	return nil
}

// put lets a batch take a record, and before it those that were planned by
// themselves for its ledger.
func (r *replay) put(t *taking, p *placed) {
	for _, before := range r.tails[p.ledger].loose {
		before.moved = true
		t.credits = append(t.credits, &placed{ledger: p.ledger, offset: p.offset, record: before.record})
	}
	t.credits = append(t.credits, p)
	r.tails[p.ledger] = tail{taking: t, offset: p.offset}
}

// loosen plans records by themselves, all at one time, but for those whose ledger is
// to take others before.
func (r *replay) loosen(list []*placed, when int64) {
	later := map[int64][]*placed{}
	for _, p := range list {
		last := r.tails[p.ledger]
		if last.taking != nil {
			p.offset = last.offset
			r.put(last.taking, p)
			continue
		}
		at := max(when, last.at)
		later[at] = append(later[at], p)
		r.tails[p.ledger] = tail{at: at, loose: append(last.loose, p)}
	}
	for _, at := range slices.Sorted(maps.Keys(later)) {
		r.schedule.plan(at, ofLedgers, func(ctx context.Context) error {
			records := r.took(later[at], nil)
			if len(records) == 0 {
				return nil
			}
			return r.batch(ctx, creditsTopic, at, records, nil)
		})
	}
}

// took are the records of a batch, or of none, which nothing has to stand behind any
// more.
func (r *replay) took(list []*placed, t *taking) (records []event.Record) {
	for _, p := range list {
		if p.moved {
			continue
		}
		records = append(records, p.record)
		last, pending := r.tails[p.ledger]
		if !pending || last.taking != t {
			continue
		}
		if last.loose = slices.DeleteFunc(last.loose, func(q *placed) bool { return q == p }); len(last.loose) > 0 {
			r.tails[p.ledger] = last
			continue
		}
		delete(r.tails, p.ledger)
	}
	return records
}

func headersOf(m *pipeline.Message) (headers []event.Header) {
	for _, h := range m.Headers {
		headers = append(headers, event.Header{Key: h.Key, Value: h.Value})
	}
	return headers
}
