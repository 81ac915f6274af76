package fulfillments

import (
	"context"
	"fmt"
	"strings"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/recall"
)

// Outcome implements pipeline.Work.
func (k *work) Outcome(context.Context) (pipeline.Outcome, error) {
	var out pipeline.Outcome
	var entries []recall.Entry
	done := rows{partition: k.bounds.Partition}
	held := waits{rows: rows{partition: k.bounds.Partition}}
	counts := map[counted]int{}
	for i := range k.rec.Ended {
		w, d := &k.rec.Ended[i].Waiter, &k.rec.Ended[i].Decision
		if d.Verdict != stored && d.Verdict != unknownReward {
			return pipeline.Outcome{}, fmt.Errorf("batch %d: a wait that ends with verdict %d is not known to this release", k.bounds.Number, d.Verdict)
		}
		e, err := k.reread(w)
		if err != nil {
			return pipeline.Outcome{}, err
		}
		counts[counted{e.Type, names[d.Verdict]}]++
		if d.Verdict == stored {
			done.add(e, w.Offset, d)
			entries = append(entries, k.identity(e))
			if err := k.handOver(&out, e, d); err != nil {
				return pipeline.Outcome{}, err
			}
			continue
		}
		letter := letterOf(e, d.Verdict, fmt.Sprintf("reward %q did not come within %s", e.RewardID, Wait))
		letter.Original = w.original(k.bounds.Partition)
		out.DeadLetters = append(out.DeadLetters, letter)
	}
	for i := range k.rec.Decisions {
		d, e := &k.rec.Decisions[i], &k.events[i]
		if d.Verdict < stored || d.Verdict > unknownReward {
			return pipeline.Outcome{}, fmt.Errorf("batch %d: verdict %d is not known to this release", k.bounds.Number, d.Verdict)
		}
		counts[counted{e.Type, names[d.Verdict]}]++
		switch d.Verdict {
		case stored:
			done.add(e, k.records[i].Offset, d)
			entries = append(entries, k.identity(e))
			if err := k.handOver(&out, e, d); err != nil {
				return pipeline.Outcome{}, err
			}
		case waiting:
			held.add(e, &k.records[i])
		case invalid, unknownProgram:
			detail := k.problems[i]
			if d.Verdict == unknownProgram {
				detail = fmt.Sprintf("org %q has no program %q", e.OrgID, e.ProgramID)
			}
			letter := letterOf(e, d.Verdict, detail)
			letter.Index = i
			out.DeadLetters = append(out.DeadLetters, letter)
		}
	}
	out.Writes = k.memory.Write(entries, recall.TimesOf(k.bounds, k.records))
	if err := k.writeWaiting(&out.Writes); err != nil {
		return pipeline.Outcome{}, err
	}
	out.Blocks = append(done.block(), held.block()...)
	out.Counts = tally(counts)
	return out, nil
}

// handOver publishes a decision.
func (k *work) handOver(out *pipeline.Outcome, e *event.Fulfillment, d *decision) error {
	if e.Type != event.TypeDecided {
		return nil
	}
	m, err := hand(e, &d.Reward, k.bounds.Time)
	out.Messages = append(out.Messages, m)
	return err
}

// writeWaiting replaces the list of those who wait, where it changed.
func (k *work) writeWaiting(w *pipeline.Writes) error {
	switch {
	case !k.rec.Changed:
	case len(k.rec.Waiting) == 0:
		w.Delete = append(w.Delete, waitingKey)
	default:
		value, err := encode(k.rec.Waiting)
		if err != nil {
			return fmt.Errorf("encode %d fulfilments that wait: %w", len(k.rec.Waiting), err)
		}
		w.Set = append(w.Set, pipeline.KeyValue{Key: waitingKey, Value: value})
	}
	return nil
}

func letterOf(e *event.Fulfillment, v verdict, detail string) pipeline.DeadLetter {
	return pipeline.DeadLetter{Reason: names[v], Detail: detail, OrgID: e.OrgID, ProgramID: e.ProgramID, EventID: e.ID, Source: e.Source}
}

// counted is what is counted apart.
type counted struct {
	of      event.Type
	verdict string
}

// tally lists the counts in an order of their own. An event whose type was not
// legible counts as a fulfilment.
func tally(counts map[counted]int) (all []pipeline.Count) {
	for _, of := range []event.Type{event.TypeFulfilled, event.TypeFulfillmentFailed, event.TypeDecided} {
		for _, name := range names[stored:] {
			n := counts[counted{of, name}]
			if of == event.TypeFulfilled {
				n += counts[counted{"", name}]
			}
			if n > 0 {
				all = append(all, pipeline.Count{Type: of, Verdict: name, N: n})
			}
		}
	}
	return all
}

// kindOf is an event's type as the books tell it: fulfilled, fulfillment_failed
// or decided.
func kindOf(t event.Type) string {
	return strings.TrimSuffix(strings.TrimPrefix(string(t), "referral.reward."), ".v1")
}

// rows collects stored events by column.
type rows struct {
	partition                                                    pipeline.Partition
	org, program, event, source                                  []string
	reward, kind, external, decision, actor, reason, beneficiary []string
	currency, unit                                               []string
	time, offset, amount, quantity                               []int64
}

func (r *rows) envelope(e *event.Fulfillment, offset int64) {
	r.org = append(r.org, e.OrgID)
	r.program = append(r.program, e.ProgramID)
	r.event = append(r.event, e.ID)
	r.source = append(r.source, e.Source)
	r.time = append(r.time, e.Time)
	r.offset = append(r.offset, offset)
	r.kind = append(r.kind, kindOf(e.Type))
	r.reason = append(r.reason, e.Reason)
}

func (r *rows) add(e *event.Fulfillment, offset int64, d *decision) {
	r.envelope(e, offset)
	r.reward = append(r.reward, e.RewardID)
	r.external = append(r.external, e.ExternalID)
	r.decision = append(r.decision, string(e.Decision))
	r.actor = append(r.actor, e.Actor)
	r.beneficiary = append(r.beneficiary, d.Reward.BeneficiaryID)
	r.currency = append(r.currency, d.Reward.Currency)
	r.unit = append(r.unit, d.Reward.Unit)
	money, quantity := d.Amount, int64(0)
	if d.Reward.Currency == "" {
		money, quantity = 0, d.Amount
	}
	r.amount = append(r.amount, money)
	r.quantity = append(r.quantity, quantity)
}

// origin are the columns that every table has.
func (r *rows) origin() []pipeline.Column {
	topics, partitions := make([]string, len(r.org)), make([]int32, len(r.org))
	for i := range topics {
		topics[i], partitions[i] = r.partition.Topic, int32(r.partition.ID)
	}
	return []pipeline.Column{
		{Name: "org_id", Data: r.org},
		{Name: "program_id", Data: r.program},
		{Name: "time", Data: r.time},
		{Name: "event_id", Data: r.event},
		{Name: "source", Data: r.source},
		{Name: "kafka_topic", Data: topics},
		{Name: "kafka_partition", Data: partitions},
		{Name: "kafka_offset", Data: r.offset},
		{Name: "reason", Data: r.reason},
	}
}

func (r *rows) block() []pipeline.Block {
	if len(r.org) == 0 {
		return nil
	}
	return []pipeline.Block{{Table: Table, Rows: len(r.org), Columns: append(r.origin(),
		pipeline.Column{Name: "reward_id", Data: r.reward},
		pipeline.Column{Name: "event_type", Data: r.kind},
		pipeline.Column{Name: "external_id", Data: r.external},
		pipeline.Column{Name: "decision", Data: r.decision},
		pipeline.Column{Name: "actor", Data: r.actor},
		pipeline.Column{Name: "beneficiary_id", Data: r.beneficiary},
		pipeline.Column{Name: "amount_minor", Data: r.amount},
		pipeline.Column{Name: "currency", Data: r.currency},
		pipeline.Column{Name: "quantity", Data: r.quantity},
		pipeline.Column{Name: "unit", Data: r.unit},
	)}}
}

// waits collects events that wait, as rows of the table waiting, which adjustments
// have too: there the id of the reward stands in place of the conversion's.
type waits struct {
	rows
	kafkaTime []int64
}

func (w *waits) add(e *event.Fulfillment, rec *event.Record) {
	w.envelope(e, rec.Offset)
	w.reward = append(w.reward, e.RewardID)
	w.kafkaTime = append(w.kafkaTime, rec.Time)
}

func (w *waits) block() []pipeline.Block {
	n := len(w.org)
	if n == 0 {
		return nil
	}
	return []pipeline.Block{{Table: TableWaiting, Rows: n, Columns: append(w.origin(),
		pipeline.Column{Name: "conversion_id", Data: w.reward},
		pipeline.Column{Name: "customer_id", Data: make([]string, n)},
		pipeline.Column{Name: "kind", Data: w.kind},
		pipeline.Column{Name: "has_amount", Data: make([]uint8, n)},
		pipeline.Column{Name: "amount_minor", Data: make([]int64, n)},
		pipeline.Column{Name: "kafka_time", Data: w.kafkaTime},
	)}}
}
