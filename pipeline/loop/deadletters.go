package loop

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/grapevinehq/grapevine/pipeline"
)

// TopicDeadLetters is the contract's name of the dead letters' topic (§2).
const TopicDeadLetters = "referral.dead-letters"

// lettersTable is where any stage's dead letters stand in the books.
const lettersTable = "dead_letters"

type letters struct {
	messages []pipeline.Message
	blocks   []pipeline.Block
}

// deadLetters makes the messages, with the original bytes and headers, and the
// rows, without them.
func (r *run) deadLetters(b batch, dead []pipeline.DeadLetter) letters {
	if len(dead) == 0 {
		return letters{}
	}
	var out letters
	var t letterTable
	at := time.UnixMilli(b.bounds.Time).UTC().Format(time.RFC3339Nano)
	for _, d := range dead {
		o, size := cut(r.original(b, d))
		if size > 0 {
			d.Detail += fmt.Sprintf("; the original had %d bytes, and is cut", size)
		}
		out.messages = append(out.messages, letterMessage(o, d, at))
		t.add(o, d, b.bounds.Time)
	}
	out.blocks = []pipeline.Block{t.block()}
	return out
}

func (r *run) original(b batch, d pipeline.DeadLetter) *pipeline.Original {
	if d.Original != nil {
		return d.Original
	}
	rec := &b.records[d.Index]
	o := &pipeline.Original{
		Position: pipeline.Position{Topic: b.bounds.Partition.Topic, Partition: b.bounds.Partition.ID, Offset: rec.Offset},
		Key:      rec.Key,
		Value:    rec.Value,
	}
	for _, h := range rec.Headers {
		o.Headers = append(o.Headers, pipeline.MessageHeader{Key: h.Key, Value: h.Value})
	}
	return o
}

// A dead letter can always be written: the topic takes 4 MiB (§9 (2)). Producers may
// pack more than that into one record, with compression; of what is larger than any
// original has to be, so much is kept.
const (
	wholeLetter = 3 << 20
	keptValue   = 1<<20 + 1 // enough to be refused for its size again
	keptHeaders = 512 << 10
	keptKey     = 256 << 10
)

// cut is the part of an original that fits into a dead letter, and how large it was.
func cut(o *pipeline.Original) (part *pipeline.Original, size int) {
	size = len(o.Key) + len(o.Value)
	for _, h := range o.Headers {
		size += len(h.Key) + len(h.Value)
	}
	if size <= wholeLetter {
		return o, 0
	}
	part = &pipeline.Original{Position: o.Position, Key: o.Key[:min(len(o.Key), keptKey)], Value: o.Value[:min(len(o.Value), keptValue)]}
	room := keptHeaders
	for _, h := range o.Headers {
		if room -= len(h.Key) + len(h.Value) + 16; room < 0 {
			break
		}
		part.Headers = append(part.Headers, h)
	}
	return part, size
}

func letterMessage(o *pipeline.Original, d pipeline.DeadLetter, at string) pipeline.Message {
	headers := make([]pipeline.MessageHeader, 0, len(o.Headers)+6)
	headers = append(headers, o.Headers...)
	for _, h := range [][2]string{
		{"gv_reason", d.Reason},
		{"gv_detail", d.Detail},
		{"gv_topic", o.Position.Topic},
		{"gv_partition", strconv.Itoa(o.Position.Partition)},
		{"gv_offset", strconv.FormatInt(o.Position.Offset, 10)},
		{"gv_time", at},
	} {
		headers = append(headers, pipeline.MessageHeader{Key: h[0], Value: []byte(h[1])})
	}
	return pipeline.Message{Topic: TopicDeadLetters, Key: o.Key, Value: o.Value, Headers: headers}
}

// letterTable collects the rows of the table dead_letters by column.
type letterTable struct {
	org, program, event, source, topic, reason, detail, key []string
	time, offset                                            []int64
	partition                                               []int32
}

func (t *letterTable) add(o *pipeline.Original, d pipeline.DeadLetter, ms int64) {
	t.org = append(t.org, d.OrgID)
	t.program = append(t.program, d.ProgramID)
	t.event = append(t.event, d.EventID)
	t.source = append(t.source, d.Source)
	t.topic = append(t.topic, o.Position.Topic)
	t.partition = append(t.partition, int32(o.Position.Partition))
	t.offset = append(t.offset, o.Position.Offset)
	t.time = append(t.time, ms)
	t.reason = append(t.reason, d.Reason)
	t.detail = append(t.detail, d.Detail)
	t.key = append(t.key, withheld(string(o.Key), d.Private))
}

// withheld blots private texts out.
func withheld(text string, private []string) string {
	for _, p := range private {
		if p != "" {
			text = strings.ReplaceAll(text, p, "*")
		}
	}
	return text
}

func (t *letterTable) block() pipeline.Block {
	return pipeline.Block{Table: lettersTable, Rows: len(t.org), Columns: []pipeline.Column{
		{Name: "org_id", Data: t.org},
		{Name: "program_id", Data: t.program},
		{Name: "time", Data: t.time},
		{Name: "event_id", Data: t.event},
		{Name: "source", Data: t.source},
		{Name: "kafka_topic", Data: t.topic},
		{Name: "kafka_partition", Data: t.partition},
		{Name: "kafka_offset", Data: t.offset},
		{Name: "reason", Data: t.reason},
		{Name: "detail", Data: t.detail},
		{Name: "key", Data: t.key},
	}}
}
