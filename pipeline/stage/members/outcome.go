package members

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/recall"
)

// Outcome implements pipeline.Work.
func (k *work) Outcome(context.Context) (pipeline.Outcome, error) {
	var out pipeline.Outcome
	var entries []recall.Entry
	var rows rows
	counts := map[string]int{}
	for i := range k.rec.Facts.Inputs {
		in := &k.rec.Facts.Inputs[i]
		if in.Verdict < applied || in.Verdict > unknownProgram {
			return pipeline.Outcome{}, fmt.Errorf("batch %d: verdict %d is not known to this release", k.bounds.Number, in.Verdict)
		}
		counts[names[in.Verdict]]++
		switch in.Verdict {
		case applied, forgotten:
			if in.Verdict == applied {
				key, id := k.identity(in)
				entries = append(entries, recall.Entry{Key: key, Event: id})
			}
			rows.add(in)
			m, err := change(in, k.bounds.Time)
			if err != nil {
				return pipeline.Outcome{}, err
			}
			out.Messages = append(out.Messages, m)
		case invalid, unknownProgram:
			if in.Original == nil {
				return pipeline.Outcome{}, fmt.Errorf("batch %d: the record has a dead letter without its original", k.bounds.Number)
			}
			out.DeadLetters = append(out.DeadLetters, pipeline.DeadLetter{
				Reason: names[in.Verdict], Detail: in.Detail, OrgID: in.OrgID, EventID: in.EventID, Source: in.Source,
				Original: in.Original.at(k.position(in.Update.Partition, in.Update.Offset)),
			})
		}
	}
	for i := range k.rec.Losses {
		l := &k.rec.Losses[i]
		counts[codeTaken]++
		out.DeadLetters = append(out.DeadLetters, pipeline.DeadLetter{
			Reason: codeTaken, Detail: l.Detail, OrgID: l.OrgID, EventID: l.Original.EventID, Source: l.Original.Source,
			Original: l.Original.at(k.position(l.Partition, l.Offset)),
		})
	}
	out.Writes = k.memory.Write(entries, recall.TimesOf(k.bounds, k.records))
	out.Shared = k.rec.Facts.shared()
	if rows.len() > 0 {
		out.Blocks = []pipeline.Block{rows.block(k.bounds.Partition.Topic)}
	}
	for _, name := range append(names[applied:], codeTaken) {
		if n := counts[name]; n > 0 {
			out.Counts = append(out.Counts, pipeline.Count{Type: event.TypeMember, Verdict: name, N: n})
		}
	}
	return out, nil
}

func (k *work) position(partition int, offset int64) pipeline.Position {
	return pipeline.Position{Topic: k.bounds.Partition.Topic, Partition: partition, Offset: offset}
}

// rows collects the updates that were applied by column, as they came.
type rows struct {
	org, event, source, member, status, attributes, locale, currency, emailHash []string
	referral, coupon, segments                                                  [][]string
	time, offset                                                                []int64
	partition                                                                   []int32
	forgotten                                                                   []uint8
}

func (r *rows) len() int { return len(r.org) }

func (r *rows) add(in *input) {
	u := &in.Update
	r.org = append(r.org, in.OrgID)
	r.event = append(r.event, in.EventID)
	r.source = append(r.source, in.Source)
	r.member = append(r.member, in.MemberID)
	r.status = append(r.status, string(u.Status))
	r.attributes = append(r.attributes, attributesText(u.Attributes))
	r.locale = append(r.locale, u.Locale)
	r.currency = append(r.currency, u.Currency)
	r.emailHash = append(r.emailHash, u.EmailHash)
	r.referral = append(r.referral, list(u.ReferralCodes))
	r.coupon = append(r.coupon, list(u.CouponCodes))
	r.segments = append(r.segments, list(u.Segments))
	r.time = append(r.time, u.Time)
	r.offset = append(r.offset, u.Offset)
	r.partition = append(r.partition, int32(u.Partition))
	gone := uint8(0)
	if in.Verdict == forgotten {
		gone = 1
	}
	r.forgotten = append(r.forgotten, gone)
}

// list is never nil: every row has an array.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// attributesText writes attributes as one JSON object, in the order of the event.
func attributesText(attributes []event.Attribute) string {
	out := []byte{'{'}
	for i, a := range attributes {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, text(a.Key)...)
		out = append(out, ':')
		switch a.Kind {
		case 's':
			out = append(out, text(a.String)...)
		case 'b':
			out = append(out, text(a.Bool)...)
		default:
			out = append(out, text(a.Number)...)
		}
	}
	return string(append(out, '}'))
}

// text is the JSON of a string, a finite number or a bool, which always has one.
func text(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return []byte("null")
	}
	return b
}

func (r *rows) block(topic string) pipeline.Block {
	n := r.len()
	topics, programs := make([]string, n), make([]string, n)
	for i := range topics {
		topics[i] = topic
	}
	return pipeline.Block{Table: Table, Rows: n, Columns: []pipeline.Column{
		{Name: "org_id", Data: r.org},
		{Name: "program_id", Data: programs},
		{Name: "time", Data: r.time},
		{Name: "event_id", Data: r.event},
		{Name: "source", Data: r.source},
		{Name: "kafka_topic", Data: topics},
		{Name: "kafka_partition", Data: r.partition},
		{Name: "kafka_offset", Data: r.offset},
		{Name: "member_id", Data: r.member},
		{Name: "status", Data: r.status},
		{Name: "forgotten", Data: r.forgotten},
		{Name: "referral_codes", Data: r.referral},
		{Name: "coupon_codes", Data: r.coupon},
		{Name: "segments", Data: r.segments},
		{Name: "attributes", Data: r.attributes},
		{Name: "locale", Data: r.locale},
		{Name: "currency", Data: r.currency},
		{Name: "email_hash", Data: r.emailHash},
	}}
}
