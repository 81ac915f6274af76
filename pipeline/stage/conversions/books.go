package conversions

import (
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
)

// books collects the rows of a batch by column, one block a table (§6).
type books struct {
	conversions  conversionRows
	attributions attributionRows
	adjustments  adjustmentRows
	links        linkRows
	waiting      waitingRows
}

// grow makes room for the rows of decisions.
func (b *books) grow(decisions []decision) {
	credits := 0
	for i := range decisions {
		credits += len(decisions[i].Credits)
	}
	b.conversions.grow(len(decisions))
	b.attributions.grow(credits)
}

// add adds the rows of one decision.
func (b *books) add(k *work, d *decision, e *entry) {
	at := place{k.bounds.Partition.Topic, k.bounds.Partition.ID, k.records[d.Index].Offset}
	switch e.Type {
	case event.TypeConversion:
		b.conversions.add(d, &e.Conversion, at, k.bounds.Revision, k.record.Seen)
		b.attributions.add(d, &e.Conversion, at)
	case event.TypeIdentityLink:
		b.links.add(&e.Link, at)
	case event.TypeAdjustment:
		if d.Verdict == waits {
			b.waiting.add(&e.Adjustment, at, k.records[d.Index].Time)
		}
	}
	for i := range d.Applied {
		env := e.Envelope()
		b.adjustments.add(&d.Applied[i], env.OrgID, env.ProgramID, place{at.topic, at.partition, d.Applied[i].Offset})
	}
}

// blocks are those that have rows.
func (b *books) blocks() []pipeline.Block {
	var list []pipeline.Block
	for _, block := range []pipeline.Block{
		b.conversions.block(), b.attributions.block(), b.adjustments.block(), b.links.block(), b.waiting.block(),
	} {
		if block.Rows > 0 {
			list = append(list, block)
		}
	}
	return list
}

// place is where a row came from.
type place struct {
	topic     string
	partition int
	offset    int64
}

// origin are the columns that every table has.
type origin struct {
	orgID, programID, eventID, source, topic []string
	time, offset                             []int64
	partition                                []int32
}

func (o *origin) grow(n int) {
	pipeline.Grow(n, &o.orgID, &o.programID, &o.eventID, &o.source, &o.topic)
	pipeline.Grow(n, &o.time, &o.offset)
	pipeline.Grow(n, &o.partition)
}

func (o *origin) add(orgID, programID, eventID, source string, time int64, at place) {
	o.orgID = append(o.orgID, orgID)
	o.programID = append(o.programID, programID)
	o.eventID = append(o.eventID, eventID)
	o.source = append(o.source, source)
	o.time = append(o.time, time)
	o.topic = append(o.topic, at.topic)
	o.partition = append(o.partition, int32(at.partition))
	o.offset = append(o.offset, at.offset)
}

func (o *origin) addEnvelope(env *event.Envelope, at place) {
	o.add(env.OrgID, env.ProgramID, env.ID, env.Source, env.Time, at)
}

// block is a block of these columns and a table's own.
func (o *origin) block(table string, columns ...pipeline.Column) pipeline.Block {
	return pipeline.Block{Table: table, Rows: len(o.orgID), Columns: append([]pipeline.Column{
		{Name: "org_id", Data: o.orgID},
		{Name: "program_id", Data: o.programID},
		{Name: "time", Data: o.time},
		{Name: "event_id", Data: o.eventID},
		{Name: "source", Data: o.source},
		{Name: "kafka_topic", Data: o.topic},
		{Name: "kafka_partition", Data: o.partition},
		{Name: "kafka_offset", Data: o.offset},
	}, columns...)}
}
