package recall

import (
	"encoding/binary"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
)

// Times place a batch in time by two clocks, in milliseconds since the epoch. What
// is remembered for a while is forgotten when the while is over by both: an old log
// that is read in a minute forgets nothing, for it was processed a moment ago
// (§9 (9)), and neither does an outage, for what follows it lies shortly after what
// came before it.
type Times struct {
	Batch int64 // when the batch was read
	Kafka int64 // the newest timestamp of its records
}

// TimesOf are those of a batch; one without records has the clock alone.
func TimesOf(bounds pipeline.Bounds, records []event.Record) Times {
	t := Times{Batch: bounds.Time, Kafka: bounds.Time}
	for i := range records {
		if i == 0 || records[i].Time > t.Kafka {
			t.Kafka = records[i].Time
		}
	}
	return t
}

// bounded is without timestamps from the future, which would hold a segment for
// ever, and without missing ones.
func (t Times) bounded() Times {
	if t.Kafka < 0 || t.Kafka > t.Batch {
		t.Kafka = t.Batch
	}
	return t
}

// since is the time since an earlier batch.
func (t Times) since(before Times) int64 { return min(t.Batch-before.Batch, t.Kafka-before.Kafka) }

// varints reads numbers one after the other.
type varints struct {
	rest []byte
	bad  bool
}

func (v *varints) unsigned() uint64 {
	n, size := binary.Uvarint(v.rest)
	v.skip(size)
	return n
}

func (v *varints) signed() int64 {
	n, size := binary.Varint(v.rest)
	v.skip(size)
	return n
}

func (v *varints) skip(size int) {
	if size <= 0 {
		v.bad, v.rest = true, nil
		return
	}
	v.rest = v.rest[size:]
}
