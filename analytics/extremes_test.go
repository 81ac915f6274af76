package analytics

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// extreme draws a value of a column that a valid event may lead to.
func extreme(t *rapid.T, kind string) any {
	text := rapid.OneOf(
		rapid.SampledFrom([]string{"", "\x00", "'\\\"`", "NULL", "\\N", "\u2028é\U0010ffff", strings.Repeat("ü", 1<<15)}),
		rapid.String(),
	)
	switch {
	case strings.HasPrefix(kind, "Map(LowCardinality(String), UInt64"):
		return rapid.MapOfN(text, rapid.Uint64(), 0, 3).Draw(t, kind)
	case strings.HasPrefix(kind, "Map"):
		return rapid.MapOfN(text, text, 0, 3).Draw(t, kind)
	case kind == "Array(String)":
		return rapid.SliceOfN(text, 0, 3).Draw(t, kind)
	case kind == "Array(Int64)":
		return rapid.SliceOfN(rapid.Int64(), 0, 3).Draw(t, kind)
	case kind == "Array(UInt64)":
		return rapid.SliceOfN(rapid.Uint64(), 0, 3).Draw(t, kind)
	case strings.HasPrefix(kind, "Array(DateTime64"):
		return rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom([]int64{-1, 0, lastTick, math.MaxInt64}), rapid.Int64Range(-2177452800000, lastTick)), 0, 3).Draw(t, kind)
	case strings.Contains(kind, "String"):
		return text.Draw(t, kind)
	case strings.HasPrefix(kind, "DateTime64"):
		return rapid.OneOf(rapid.SampledFrom([]int64{-2177452800000, -1, 0, lastTick, 10382255999999}), rapid.Int64Range(-2177452800000, lastTick)).Draw(t, kind)
	case kind == "Date32":
		return rapid.Int32Range(-25567, 120529).Draw(t, kind) // the years 1900 to 2299
	case kind == "Int32":
		return rapid.Int32().Draw(t, kind)
	case kind == "UInt8":
		return rapid.Uint8().Draw(t, kind)
	case kind == "UInt32":
		return rapid.Uint32().Draw(t, kind)
	case kind == "UInt64":
		return rapid.Uint64().Draw(t, kind)
	case kind == "Array(UInt16)":
		return rapid.SliceOfN(rapid.Uint16(), 0, 3).Draw(t, kind)
	}
	return rapid.OneOf(rapid.SampledFrom([]int64{math.MinInt64, math.MaxInt64}), rapid.Int64()).Draw(t, kind)
}

// shown is a value as it must come back.
func shown(kind string, v any) string {
	switch n := v.(type) {
	case int64:
		if strings.HasPrefix(kind, "DateTime64") {
			return fmt.Sprint(time.UnixMilli(min(n, lastTick)).UTC())
		}
	case []int64:
		if strings.HasPrefix(kind, "Array(DateTime64") {
			times := make([]time.Time, len(n))
			for i := range n {
				times[i] = time.UnixMilli(min(n[i], lastTick)).UTC()
			}
			return fmt.Sprint(times)
		}
	case int32:
		if kind == "Date32" {
			return fmt.Sprint(time.Unix(int64(n)*86400, 0).UTC())
		}
	}
	return fmt.Sprint(v)
}

// Each run writes one row of a table to all of its columns.
func TestWrite_takes_and_keeps_the_extremes_of_every_column(t *testing.T) {
	b := opened(t)
	number := uint64(0)
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(tableNames)), func(name string) bool { return exempt[name] })
	rapid.Check(t, func(r *rapid.T) {
		name := rapid.SampledFrom(names).Draw(r, "table")
		table, err := b.table(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		number++
		given, want := values{}, map[string]string{}
		for _, column := range slices.Sorted(maps.Keys(table.types)) {
			if slices.Contains([]string{"kafka_incarnation", "batch", "ingested", "batch_partition", leaseColumn, "margin"}, column) {
				continue
			}
			v := extreme(r, table.types[column])
			data := reflect.MakeSlice(reflect.SliceOf(reflect.TypeOf(v)), 1, 1)
			data.Index(0).Set(reflect.ValueOf(v))
			given[column], want[column] = data.Interface(), shown(table.types[column], v)
		}
		write(t, b, batch(number, 0, 1), block(t, b, name, 1, given))
		got := map[string]string{}
		each(t, b, "SELECT * FROM "+name+" WHERE batch = ?", []any{number}, func(columns []string, row []any) {
			for i, c := range columns {
				if _, ok := want[c]; ok {
					got[c] = shown(table.types[c], row[i])
				}
			}
		})
		if !reflect.DeepEqual(got, want) {
			r.Errorf("%s: got %q, want %q", name, got, want)
		}
	})
}

func TestClamped_leaves_what_can_be_stored(t *testing.T) {
	in := []int64{0, lastTick, lastTick + 1, -lastTick - 1, math.MaxInt64, math.MinInt64}
	if got, want := clamped(in), []int64{0, lastTick, lastTick, -lastTick, lastTick, -lastTick}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if in[2] != lastTick+1 {
		t.Error("the caller's column was changed")
	}
}
