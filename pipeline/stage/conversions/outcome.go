package conversions

import (
	"context"
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/recall"
)

// Outcome makes rows, messages and writes of the record and the input records.
// It looks at no configuration: a replay gives the same bytes.
func (k *work) Outcome(context.Context) (pipeline.Outcome, error) {
	var o pipeline.Outcome
	var b books
	counts := make(map[pipeline.Count]int)
	var taken []recall.Entry
	b.grow(k.record.Decisions)
	for i := range k.record.Letters {
		o.DeadLetters = append(o.DeadLetters, k.late(&k.record.Letters[i]))
		counts[pipeline.Count{Type: event.TypeAdjustment, Verdict: k.record.Letters[i].Reason}]++
	}
	for i := range k.record.Decisions {
		d := &k.record.Decisions[i]
		e := &k.events[d.Index]
		counts[pipeline.Count{Type: e.Type, Verdict: d.Verdict}]++
		for j := range d.Letters {
			o.DeadLetters = append(o.DeadLetters, k.late(&d.Letters[j]))
			counts[pipeline.Count{Type: event.TypeAdjustment, Verdict: d.Letters[j].Reason}]++
		}
		if d.Early {
			counts[pipeline.Count{Type: e.Type, Verdict: decidedEarly}]++
		}
		if d.Verdict == redelivered {
			continue
		}
		if d.Dead {
			o.DeadLetters = append(o.DeadLetters, letter(d, e))
			continue
		}
		key, id := k.identity(d.Index)
		taken = append(taken, recall.Entry{Key: key, Event: id})
		b.add(k, d, e)
		if err := k.publish(&o, d, e); err != nil {
			return pipeline.Outcome{}, fmt.Errorf("encode what becomes of offset %d: %w", k.records[d.Index].Offset, err)
		}
	}
	o.Writes = k.taken.Write(taken, recall.TimesOf(k.bounds, k.records))
	if err := k.write(&o.Writes); err != nil {
		return pipeline.Outcome{}, err
	}
	o.Blocks = append(b.blocks(), k.record.Moves.Block(k.bounds)...)
	o.Counts = tally(counts)
	return o, nil
}

// write adds what was decided to remember.
func (k *work) write(to *pipeline.Writes) error {
	var sets []pipeline.KeyValue
	for _, w := range k.record.Writes {
		kv := pipeline.KeyValue{Key: w.Key, Value: w.Value}
		switch {
		case w.Value == nil:
			to.Delete = append(to.Delete, w.Key)
		case w.Append:
			to.Append = append(to.Append, kv)
		default:
			sets = append(sets, kv)
		}
	}
	if list := k.owned(); list != nil {
		sets = append(sets, pipeline.KeyValue{Key: ownedKey(k.bounds.Number), Value: list})
	}
	return k.archive.Write(to, k.bounds, sets, &k.record.Moves)
}

// letter is a dead letter, with what is known of its event.
func letter(d *decision, e *entry) pipeline.DeadLetter {
	env := e.Envelope()
	return pipeline.DeadLetter{
		Index: d.Index, Reason: d.Verdict, Detail: d.Reason,
		OrgID: env.OrgID, ProgramID: env.ProgramID, EventID: env.ID, Source: env.Source,
	}
}

// publish adds the messages of a decision: for every stored conversion what
// became of it, then what rewards are told.
func (k *work) publish(o *pipeline.Outcome, d *decision, e *entry) error {
	if e.Type == event.TypeConversion {
		value, err := event.EncodeAttributed(&e.Conversion.Envelope, told(d, &e.Conversion))
		if err != nil {
			return err
		}
		o.Messages = append(o.Messages, pipeline.Structured(attributionsTopic, []byte(e.Conversion.CustomerID), value))
	}
	env := e.Envelope()
	for i := range d.HandOver {
		for credit := range d.HandOver[i].credits(env.OrgID, env.ProgramID, k.bounds.Time) {
			key, value, err := event.EncodeCredit(credit)
			if err != nil {
				return err
			}
			o.Messages = append(o.Messages, pipeline.Structured(creditsTopic, key, value))
		}
	}
	return nil
}

// told is the data of referral.conversion.attributed.v1.
func told(d *decision, c *event.Conversion) event.Attributed {
	data := event.Attributed{
		ConversionID: c.ConversionID, CustomerID: c.CustomerID, Kind: c.Kind, Verdict: d.Verdict, Reason: d.Reason,
		Model: d.Model, AmountMinor: d.Amount, Currency: d.Currency,
	}
	for _, r := range d.Credits {
		if r.Paying {
			data.Credits = append(data.Credits, event.AttributedTo{
				ReferrerID: r.Referrer.ID, CreditPPM: r.PPM, AmountMinor: r.AmountMinor,
			})
		}
	}
	return data
}

// tally turns counts into what metrics take.
func tally(counts map[pipeline.Count]int) []pipeline.Count {
	list := make([]pipeline.Count, 0, len(counts))
	for c, n := range counts {
		c.N = n
		list = append(list, c)
	}
	return list
}
