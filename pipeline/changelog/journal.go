package changelog

import (
	"bytes"
	"fmt"

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

// Block is what a batch writes to the table: its journal, and its rows.
func Block(b pipeline.Bounds, j Journal, rows []Row) (pipeline.Block, error) {
	j.First, j.End, j.Time, j.Revision = b.First, b.End, b.Time, b.Revision
	own := make([]Row, 0, len(rows))
	for _, r := range rows {
		if r.Kind == kindRetraced {
			j.Appended = append(j.Appended, pipeline.KeyValue{Key: r.Key, Value: r.Value})
			continue
		}
		own = append(own, r)
	}
	rows = own
	value, err := codec.Marshal(&j)
	if err != nil {
		return pipeline.Block{}, fmt.Errorf("encode the journal of batch %d for the changelog: %w", b.Number, err)
	}
	n := len(rows) + 1
	topics, partitions, offsets := make([]string, n), make([]int32, n), make([]int64, n)
	kinds, keys, members, values := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	pieces, ranks, gone := make([]int64, n), make([]int64, n), make([]uint8, n)
	for i := range n {
		r := Row{Kind: KindJournal, Value: value}
		if i > 0 {
			r = rows[i-1]
		}
		topics[i], partitions[i], offsets[i] = b.Partition.Topic, int32(b.Partition.ID), b.First-1 //nolint:gosec // Kafka counts partitions in 32 bits
		kinds[i], keys[i], members[i], values[i] = r.Kind, r.Key, r.Member, string(r.Value)
		pieces[i], ranks[i] = int64(r.Piece), r.Rank //nolint:gosec // batches are counted
		if r.Gone {
			gone[i] = 1
		}
	}
	return pipeline.Block{Table: Table, Rows: n, Columns: []pipeline.Column{
		{Name: "kafka_topic", Data: topics},
		{Name: "kafka_partition", Data: partitions},
		{Name: "kafka_offset", Data: offsets},
		{Name: "kind", Data: kinds},
		{Name: "key", Data: keys},
		{Name: "member", Data: members},
		{Name: "piece", Data: pieces},
		{Name: "value", Data: values},
		{Name: "rank", Data: ranks},
		{Name: "gone", Data: gone},
	}}, nil
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
	body, err := codec.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("seal a record: %w", err)
	}
	return append(append(make([]byte, 0, len(seal)+len(body)), seal...), body...), nil
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
