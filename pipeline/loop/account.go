package loop

import (
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
)

// batchesTable says of every batch what became of its records.
const batchesTable = "batches"

// offsetsOf are the places of records.
func offsetsOf(records []event.Record) []int64 {
	offsets := make([]int64, len(records))
	for i := range records {
		offsets[i] = records[i].Offset
	}
	return offsets
}

// account is the last block of a batch. Its row names the records that leave no row
// of their own, such as those delivered again, and counts all by verdict: so the books
// can show that nothing was lost. The books add a row for each block before it.
func account(bounds pipeline.Bounds, offsets []int64, counts []pipeline.Count, blocks []pipeline.Block) pipeline.Block {
	left := withoutRow(bounds.Partition, offsets, blocks)
	verdicts := make(map[string]uint64, len(counts))
	for _, c := range counts {
		verdicts[string(c.Type)+" "+c.Verdict] += uint64(c.N)
	}
	return pipeline.Block{Table: batchesTable, Rows: 1, Columns: []pipeline.Column{
		{Name: "kafka_topic", Data: []string{bounds.Partition.Topic}},
		{Name: "kafka_partition", Data: []int32{int32(bounds.Partition.ID)}},
		{Name: "kafka_offset", Data: []int64{bounds.First}},
		{Name: "end_offset", Data: []int64{bounds.End}},
		{Name: "records", Data: []uint64{uint64(len(offsets))}},
		{Name: "written", Data: []string{""}},
		{Name: "rows", Data: []uint64{uint64(len(left))}},
		{Name: "checksum", Data: []uint64{0}},
		{Name: "offsets", Data: [][]int64{left}},
		{Name: "marks", Data: [][]uint16{{}}},
		{Name: "verdicts", Data: []map[string]uint64{verdicts}},
	}}
}

// withoutRow are the offsets that no row of the blocks is about.
func withoutRow(p pipeline.Partition, offsets []int64, blocks []pipeline.Block) []int64 {
	written := make(map[int64]struct{}, len(offsets))
	for _, block := range blocks {
		var partitions []int32
		var at []int64
		for _, c := range block.Columns {
			switch c.Name {
			case "kafka_partition":
				partitions, _ = c.Data.([]int32)
			case "kafka_offset":
				at, _ = c.Data.([]int64)
			}
		}
		for i, offset := range at {
			if i < len(partitions) && int(partitions[i]) == p.ID { // a letter may be about another partition's record
				written[offset] = struct{}{}
			}
		}
	}
	left := []int64{}
	for _, offset := range offsets {
		if _, ok := written[offset]; !ok {
			left = append(left, offset)
		}
	}
	return left
}
