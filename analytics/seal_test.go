package analytics

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/pipeline"
)

// accountOf is the block that the loop gives last.
func accountOf(bounds pipeline.Bounds, left ...int64) pipeline.Block {
	return pipeline.Block{Table: "batches", Rows: 1, Columns: []pipeline.Column{
		{Name: "kafka_topic", Data: []string{bounds.Partition.Topic}},
		{Name: "kafka_partition", Data: []int32{int32(bounds.Partition.ID)}},
		{Name: "kafka_offset", Data: []int64{bounds.First}},
		{Name: "end_offset", Data: []int64{bounds.End}},
		{Name: "records", Data: []uint64{uint64(bounds.End - bounds.First)}},
		{Name: "written", Data: []string{""}},
		{Name: "rows", Data: []uint64{uint64(len(left))}},
		{Name: "checksum", Data: []uint64{0}},
		{Name: "offsets", Data: [][]int64{left}},
		{Name: "marks", Data: [][]uint16{{}}},
		{Name: "verdicts", Data: []map[string]uint64{{"referral.click.recorded.v1 redelivered": uint64(len(left))}}},
	}}
}

// What the worker seals is what ClickHouse has in the projection, whatever values
// there are.
func TestWrite_seals_as_the_projections_do(t *testing.T) {
	b := opened(t)
	number := uint64(0)
	rapid.Check(t, func(r *rapid.T) {
		name := rapid.SampledFrom(slices.Sorted(maps.Keys(seals))).Draw(r, "table")
		rows := rapid.IntRange(1, 3).Draw(r, "rows")
		table, err := b.table(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		given := values{}
		for _, column := range seals[name].columns {
			var data reflect.Value
			for i := range rows {
				v := reflect.ValueOf(extreme(r, table.types[column]))
				if i == 0 {
					data = reflect.MakeSlice(reflect.SliceOf(v.Type()), rows, rows)
				}
				data.Index(i).Set(v)
			}
			given[column] = data.Interface()
		}
		number++
		bounds := batch(number, 0, 1)
		write(t, b, bounds, block(t, b, name, rows, given), accountOf(bounds))
		if got := ask(t, b, "SELECT written, rows FROM batches WHERE batch = ? ORDER BY written", number); !slices.Equal(got, []string{" 0", fmt.Sprint(name, " ", rows)}) {
			t.Fatalf("batches says %q of %d rows of %s", got, rows, name)
		}
		got := one(t, b, "SELECT checksum, arraySort(marks) FROM batches WHERE batch = ? AND written = ?", number, name)
		hash := "cityHash64(" + seals[name].expression + ")"
		want := one(t, b, "SELECT sum("+hash+"), arraySort(groupArray(toUInt16(bitAnd("+hash+", 65535)))) FROM "+name+" WHERE batch = ?", number)
		if got != want {
			r.Errorf("%s was sealed as %s, and ClickHouse says %s", name, got, want)
		}
	})
}

func TestProjections_have_the_sums_of_batches(t *testing.T) {
	b := opened(t)
	// An account is not about itself, and rows of the changelog replace each other.
	unsealed := map[string]bool{"batches": true, "changelog": true}
	for name := range tableNames {
		if _, ok := seals[name]; ok == (exempt[name] || unsealed[name]) {
			t.Errorf("table %s is sealed: %v", name, ok)
		}
	}
	for name, s := range seals {
		if len(s.columns) < 3 || strings.Contains(s.expression, "GROUP") {
			t.Errorf("%s is sealed by %v", name, s.columns)
		}
		table, err := b.table(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		partition := table.partitionColumn()
		write(t, b, batch(1, 0, 1), block(t, b, name, 1, nil))
		plan := strings.Join(ask(t, b, "EXPLAIN projections = 1 SELECT kafka_incarnation, "+partition+", batch, count(), sum(cityHash64("+s.expression+")) FROM "+name+
			" WHERE kafka_incarnation = 'a' AND "+partition+" = 3 AND batch >= 1 AND batch < 10 GROUP BY kafka_incarnation, "+partition+", batch"), "\n")
		if !strings.Contains(plan, "by_batch") {
			t.Errorf("%s: sums by batch are read from rows:\n%s", name, plan)
		}
	}
}
