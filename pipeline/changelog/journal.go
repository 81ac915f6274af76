package changelog

import (
	"bytes"
	"fmt"
	"unsafe"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/codec"
)

// Journal is the value of a journal's row: what Redis holds of the batch, and which
// slot groups it visited.
type Journal struct {
	First    int64  `cbor:"1,keyasint"`
	End      int64  `cbor:"2,keyasint"`
	Time     int64  `cbor:"3,keyasint"`
	Revision string `cbor:"4,keyasint"`
	Facts    []byte `cbor:"5,keyasint,omitempty"`
	Record   []byte `cbor:"6,keyasint,omitempty"` // as the stage encoded it, not sealed
	// Appended is what the batch appended to values that can be made again of its rows
	// in other tables, which may not be there yet.
	Appended []pipeline.KeyValue `cbor:"9,keyasint,omitempty"`
	Shares   bool                `cbor:"7,keyasint,omitempty"` // the batch shared fields, be it none
	Claims   bool                `cbor:"8,keyasint,omitempty"` // the batch claimed ids, be it none
}

// Bounds are those of a batch of a partition.
func (j *Journal) Bounds(p pipeline.Partition, number uint64) pipeline.Bounds {
	return pipeline.Bounds{Partition: p, Number: number, First: j.First, End: j.End, Time: j.Time, Revision: j.Revision}
}

// Decode reads the value of a journal's row.
func (j *Journal) Decode(value []byte) error {
	if err := codec.Unmarshal(value, j); err != nil {
		return fmt.Errorf("read the journal of a batch in the changelog: %w", err)
	}
	return nil
}

// Block is what a batch writes to the table: its journal, and its rows. Their values
// must not be written into any more.
func Block(b pipeline.Bounds, j Journal, rows []Row) (pipeline.Block, error) {
	j.First, j.End, j.Time, j.Revision = b.First, b.End, b.Time, b.Revision
	for i := range rows {
		if rows[i].Kind == kindRetraced {
			j.Appended = append(j.Appended, pipeline.KeyValue{Key: rows[i].Key, Value: rows[i].Value})
		}
	}
	value, err := codec.Append(make([]byte, 0, j.size()), &j)
	if err != nil {
		return pipeline.Block{}, fmt.Errorf("encode the journal of batch %d for the changelog: %w", b.Number, err)
	}
	var c columns
	c.grow(len(rows) + 1)
	c.add(b, &Row{Kind: KindJournal, Value: value})
	for i := range rows {
		if rows[i].Kind != kindRetraced {
			c.add(b, &rows[i])
		}
	}
	return c.block(), nil
}

// size is how many bytes the encoded journal takes, at most by a little more.
func (j *Journal) size() int {
	n := around + len(j.Revision) + len(j.Facts) + len(j.Record)
	for i := range j.Appended {
		n += around + len(j.Appended[i].Key) + len(j.Appended[i].Value)
	}
	return n
}

// around is how many bytes a value's numbers and lengths take, encoded.
const around = 64

// columns are those of the table.
type columns struct {
	topics, kinds, keys, members, values []string
	partitions                           []int32
	offsets, pieces, ranks               []int64
	gone                                 []uint8
}

func (c *columns) grow(n int) {
	pipeline.Grow(n, &c.topics, &c.kinds, &c.keys, &c.members, &c.values)
	pipeline.Grow(n, &c.partitions)
	pipeline.Grow(n, &c.offsets, &c.pieces, &c.ranks)
	pipeline.Grow(n, &c.gone)
}

func (c *columns) add(b pipeline.Bounds, r *Row) {
	c.topics = append(c.topics, b.Partition.Topic)
	c.partitions = append(c.partitions, int32(b.Partition.ID)) //nolint:gosec // Kafka counts partitions in 32 bits
	c.offsets = append(c.offsets, b.First-1)
	c.kinds = append(c.kinds, r.Kind)
	c.keys = append(c.keys, r.Key)
	c.members = append(c.members, r.Member)
	c.pieces = append(c.pieces, int64(r.Piece))                                         //nolint:gosec // batches are counted
	c.values = append(c.values, unsafe.String(unsafe.SliceData(r.Value), len(r.Value))) // a copy of a batch's values is 7 MB
	c.ranks = append(c.ranks, r.Rank)
	var gone uint8
	if r.Gone {
		gone = 1
	}
	c.gone = append(c.gone, gone)
}

func (c *columns) block() pipeline.Block {
	return pipeline.Block{Table: Table, Rows: len(c.keys), Columns: []pipeline.Column{
		{Name: "kafka_topic", Data: c.topics},
		{Name: "kafka_partition", Data: c.partitions},
		{Name: "kafka_offset", Data: c.offsets},
		{Name: "kind", Data: c.kinds},
		{Name: "key", Data: c.keys},
		{Name: "member", Data: c.members},
		{Name: "piece", Data: c.pieces},
		{Name: "value", Data: c.values},
		{Name: "rank", Data: c.ranks},
		{Name: "gone", Data: c.gone},
	}}
}

// A sealed record begins with bytes that no stage's record begins with: the break
// code of CBOR, and the version of the seal.
var seal = []byte{0xff, 1}

// sealed is a record with the rows that belong to it.
type sealed struct {
	Record []byte `cbor:"1,keyasint"`
	Rows   []Row  `cbor:"2,keyasint,omitempty"`
	Told   bool   `cbor:"3,keyasint,omitempty"` // the rows stand in the table already
}

// Seal puts a batch's rows to its record, for the journal.
func Seal(record []byte, rows []Row) ([]byte, error) {
	return encode(&sealed{Record: record, Rows: rows})
}

// Told seals a record whose rows stand in the table already.
func Told(record []byte) ([]byte, error) { return encode(&sealed{Record: record, Told: true}) }

func encode(s *sealed) ([]byte, error) {
	n := around + len(seal) + len(s.Record)
	for i := range s.Rows {
		n += around + len(s.Rows[i].Key) + len(s.Rows[i].Member) + len(s.Rows[i].Value)
	}
	b, err := codec.Append(append(make([]byte, 0, n), seal...), s)
	if err != nil {
		return nil, fmt.Errorf("seal a record: %w", err)
	}
	return b, nil
}

// Open takes a journalled record apart. told is true when there are no rows to be
// written: they stand in the table, or a release before there was one journalled it.
func Open(journalled []byte) (record []byte, rows []Row, told bool, err error) {
	body, ok := bytes.CutPrefix(journalled, seal)
	if !ok {
		if len(journalled) > 0 && journalled[0] == seal[0] {
			return nil, nil, false, fmt.Errorf("the journal was sealed by a newer release: run that one, or a newer one")
		}
		return journalled, nil, true, nil
	}
	var s sealed
	if err := codec.Unmarshal(body, &s); err != nil {
		return nil, nil, false, fmt.Errorf("open a sealed record: %w", err)
	}
	return s.Record, s.Rows, s.Told, nil
}
