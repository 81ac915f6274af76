package analytics

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	"unsafe"

	"github.com/go-faster/city"

	"github.com/grapevinehq/grapevine/pipeline"
)

// batchesTable has a row of each batch for each table that it wrote.
const batchesTable = "batches"

// sealed is the expression that a table's rows are hashed by, as its projection
// by_batch has it, and its columns, in their order.
type sealed struct {
	expression string
	columns    []string
}

// seals are the expressions of all tables, out of the migration that makes their
// projections: so the worker hashes what the server does.
var seals = func() map[string]sealed {
	text, err := schema.ReadFile("schema/tables/00024_batches.sql")
	if err != nil {
		panic(err) // it is part of the program
	}
	out := make(map[string]sealed)
	for _, m := range projections.FindAllStringSubmatch(string(text), -1) {
		s := sealed{expression: strings.Join(strings.Fields(m[2]), " ")}
		for _, c := range arguments.FindAllStringSubmatch(s.expression, -1) {
			s.columns = append(s.columns, c[1]+c[2])
		}
		out[m[1]] = s
	}
	return out
}()

var (
	projections = regexp.MustCompile(`ALTER TABLE (\w+)\s+ADD PROJECTION IF NOT EXISTS by_batch[^;]*?sum\(cityHash64\(([^;]*?)\)\)\s+GROUP BY`)
	arguments   = regexp.MustCompile(`\w+\((\w+)[^)]*\)|(\w+)`) // column or function(column, ...)
)

// sum seals a block that is ready to be inserted: the row of batches about it.
type sum struct {
	table    string
	rows     int
	checksum uint64
	offsets  []int64
	marks    []uint16
}

// seal hashes every row of a block, as its table's projection does.
func (i *insert) seal() (sum, error) {
	columns := make(map[string]any, len(i.columns))
	for _, c := range i.columns {
		columns[c.Name] = c.Data
	}
	hashes := make([]uint64, i.rows)
	for from := 0; from < i.rows; from += sealedAtOnce {
		rows := part{from, min(from+sealedAtOnce, i.rows)}
		for j, name := range seals[i.table.name].columns {
			if err := mix(hashes, columns[name], rows, j == 0); err != nil {
				return sum{}, fmt.Errorf("%w: %s.%s: %w", ErrBlock, i.table.name, name, err)
			}
		}
	}
	s := sum{table: i.table.name, rows: i.rows, marks: make([]uint16, i.rows)}
	s.offsets, _ = columns["kafka_offset"].([]int64)
	for j, h := range hashes {
		s.checksum += h
		s.marks[j] = uint16(h)
	}
	return s, nil
}

// sealedAtOnce is how many rows are hashed, column by column, before the next: their
// texts lie in the events they came from, which fit the processor's cache then.
const sealedAtOnce = 256

// part are rows of a block.
type part struct{ from, to int }

// mix takes a column into the hashes of rows, as cityHash64 of many arguments does.
func mix(hashes []uint64, data any, rows part, first bool) error {
	hashes = hashes[rows.from:rows.to]
	switch values := data.(type) {
	case []string:
		mixEach(hashes, values[rows.from:rows.to], first, cityOf)
	case [][]string:
		mixEach(hashes, values[rows.from:rows.to], first, func(v []string) uint64 { return cityOf(strings.Join(v, "\n")) })
	case []int64:
		mixEach(hashes, values[rows.from:rows.to], first, func(v int64) uint64 { return intHash(uint64(v)) })
	case []int32: // without the sign
		mixEach(hashes, values[rows.from:rows.to], first, func(v int32) uint64 { return intHash(uint64(uint32(v))) })
	case []uint32:
		mixEach(hashes, values[rows.from:rows.to], first, func(v uint32) uint64 { return intHash(uint64(v)) })
	case []uint8:
		mixEach(hashes, values[rows.from:rows.to], first, func(v uint8) uint64 { return intHash(uint64(v)) })
	case []time.Time: // dates
		mixEach(hashes, values[rows.from:rows.to], first, func(v time.Time) uint64 { return intHash(uint64(uint32(v.Unix() / 86400))) })
	default:
		return fmt.Errorf("a %T cannot be sealed", data)
	}
	return nil
}

func mixEach[T any](hashes []uint64, values []T, first bool, hash func(T) uint64) {
	for i, v := range values {
		if h := hash(v); first {
			hashes[i] = h
		} else {
			hashes[i] = both(hashes[i], h)
		}
	}
}

// cityOf is ClickHouse's hash of a text.
func cityOf(s string) uint64 { return city.CH64(unsafe.Slice(unsafe.StringData(s), len(s))) }

// intHash is ClickHouse's hash of a whole number.
func intHash(x uint64) uint64 {
	x ^= 0x4CF2D2BAAE6DA887
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// both is CityHash's Hash128to64.
func both(low, high uint64) uint64 {
	const multiplier = 0x9ddfea08eb382d69
	a := (low ^ high) * multiplier
	a ^= a >> 47
	b := (high ^ a) * multiplier
	b ^= b >> 47
	return b * multiplier
}

// sealedBy appends to the account of a batch a row for each of its blocks.
func sealedBy(account pipeline.Block, sums []sum) pipeline.Block {
	out := pipeline.Block{Table: account.Table, Rows: account.Rows + len(sums)}
	for _, c := range account.Columns {
		c.Data = prolonged(c, sums)
		out.Columns = append(out.Columns, c)
	}
	return out
}

func prolonged(c pipeline.Column, sums []sum) any {
	switch data := c.Data.(type) {
	case []string:
		return prolong(data, sums, c.Name == "written", func(s *sum) string { return s.table })
	case []int32:
		return prolong(data, sums, false, nil)
	case []int64:
		return prolong(data, sums, false, nil)
	case []uint64:
		switch c.Name {
		case "rows":
			return prolong(data, sums, true, func(s *sum) uint64 { return uint64(s.rows) })
		case "checksum":
			return prolong(data, sums, true, func(s *sum) uint64 { return s.checksum })
		}
		return prolong(data, sums, false, nil)
	case [][]int64:
		return prolong(data, sums, true, func(s *sum) []int64 { return s.offsets })
	case [][]uint16:
		return prolong(data, sums, true, func(s *sum) []uint16 { return s.marks })
	case []map[string]uint64:
		return prolong(data, sums, true, func(*sum) map[string]uint64 { return map[string]uint64{} })
	}
	return c.Data
}

// prolong repeats what the first row has for each of the blocks, or has their own.
func prolong[T any](data []T, sums []sum, own bool, value func(*sum) T) []T {
	out := data[:len(data):len(data)]
	for i := range sums {
		if own {
			out = append(out, value(&sums[i]))
		} else {
			out = append(out, data[0])
		}
	}
	return out
}
