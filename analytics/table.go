package analytics

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/grapevinehq/grapevine/pipeline"
)

// ErrBlock means that a block does not fit its table: a mistake in the program,
// which no retry mends.
var ErrBlock = errors.New("block does not fit its table")

// waitingLog is where the rows of `waiting` go: rows leave what the contract
// calls that table, so it is a view over this log.
const waitingLog = "waiting_log"

// stored is the table that holds the rows of a table of the contract.
func stored(name string) string {
	if name == "waiting" {
		return waitingLog
	}
	return name
}

// table is what is known of the columns that an insert may give.
type table struct {
	name     string
	types    map[string]string
	required []string // without a default
}

// table reads the columns of a table once.
func (b *Books) table(ctx context.Context, name string) (*table, error) {
	b.mu.Lock()
	t := b.tables[name]
	b.mu.Unlock()
	if t != nil {
		return t, nil
	}
	t = &table{name: name, types: make(map[string]string)}
	rows, err := b.conn.Query(ctx, `SELECT name, type, default_kind FROM system.columns
		WHERE database = ? AND table = ? AND default_kind IN ('', 'DEFAULT')`, b.options.Database, name)
	if err != nil {
		return nil, fmt.Errorf("read the columns of %s: %w", name, err)
	}
	defer rows.Close() //nolint:errcheck // Err tells
	for rows.Next() {
		var column, kind, def string
		if err := rows.Scan(&column, &kind, &def); err != nil {
			return nil, fmt.Errorf("read the columns of %s: %w", name, err)
		}
		t.types[column] = kind
		if def == "" {
			t.required = append(t.required, column)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the columns of %s: %w", name, err)
	}
	if len(t.types) == 0 {
		return nil, fmt.Errorf("database %s has no table %s: run `grapevine migrate`", b.options.Database, name)
	}
	b.mu.Lock()
	b.tables[name] = t
	b.mu.Unlock()
	return t, nil
}

// insert is a block made ready: its columns and those that every row has.
type insert struct {
	table   *table
	rows    int
	columns []pipeline.Column
}

// arrange checks a block against the table and adds the columns of the batch,
// but for the lease, which each try has anew.
func (t *table) arrange(bounds pipeline.Bounds, block pipeline.Block) (insert, error) {
	ready := insert{table: t, rows: block.Rows, columns: make([]pipeline.Column, 0, len(block.Columns)+4)}
	for _, c := range block.Columns {
		data, err := t.fit(c, block.Rows)
		if err != nil {
			return insert{}, fmt.Errorf("%w: %s.%s: %w", ErrBlock, t.name, c.Name, err)
		}
		ready.columns = append(ready.columns, pipeline.Column{Name: c.Name, Data: data})
	}
	ready.columns = append(ready.columns,
		pipeline.Column{Name: "kafka_incarnation", Data: repeat(bounds.Partition.Incarnation, block.Rows)},
		pipeline.Column{Name: "batch", Data: repeat(bounds.Number, block.Rows)},
		pipeline.Column{Name: "ingested", Data: repeat(bounds.Time, block.Rows)},
	)
	if name := t.partitionColumn(); name != partitionColumn {
		ready.columns = append(ready.columns, pipeline.Column{Name: name, Data: repeat(int32(bounds.Partition.ID), block.Rows)})
	}
	return ready, ready.complete()
}

// partitionColumn tells the partition of a row's record, and mostly of its batch.
const partitionColumn = "kafka_partition"

// partitionColumn is the column that tells the partition of a row's batch: one of
// its own where a batch may write about records of other partitions.
func (t *table) partitionColumn() string {
	const ofBatch = "batch_partition"
	if _, ok := t.types[ofBatch]; ok {
		return ofBatch
	}
	return partitionColumn
}

// complete tells which columns without a default are missing.
func (i *insert) complete() error {
	var missing []string
	for _, name := range i.table.required {
		given := func(c pipeline.Column) bool { return c.Name == name }
		if name != leaseColumn && !slices.ContainsFunc(i.columns, given) {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w: %s lacks %s", ErrBlock, i.table.name, strings.Join(missing, ", "))
	}
	return nil
}

// fit checks one column, makes dates of days, and keeps times in their range.
func (t *table) fit(c pipeline.Column, rows int) (any, error) {
	kind, ok := t.types[c.Name]
	if !ok {
		return nil, errors.New("the table has no such column")
	}
	n, ok := length(c.Data)
	if !ok {
		return nil, fmt.Errorf("%T is no column of values", c.Data)
	}
	if n != rows {
		return nil, fmt.Errorf("%d values for %d rows", n, rows)
	}
	if days, ok := c.Data.([]int32); ok && kind == "Date32" {
		return dates(days), nil
	}
	if ticks, ok := c.Data.([]int64); ok && strings.HasPrefix(kind, "DateTime64") {
		return clamped(ticks), nil
	}
	if lists, ok := c.Data.([][]int64); ok && strings.HasPrefix(kind, "Array(DateTime64") {
		return clampedEach(lists), nil
	}
	return c.Data, nil
}

// lastTick is the last millisecond whose nanoseconds fit an int64, in April of
// 2262: the driver counts in them on the way to DateTime64(3), and what lies
// beyond would come out as some other time.
const lastTick = math.MaxInt64 / int64(time.Millisecond)

// clamped keeps times to what can be stored.
func clamped(ticks []int64) []int64 {
	outside := func(ms int64) bool { return ms < -lastTick || ms > lastTick }
	if !slices.ContainsFunc(ticks, outside) {
		return ticks
	}
	ticks = slices.Clone(ticks)
	for i, ms := range ticks {
		ticks[i] = min(max(ms, -lastTick), lastTick)
	}
	return ticks
}

// clampedEach keeps lists of times to what can be stored.
func clampedEach(lists [][]int64) [][]int64 {
	out := make([][]int64, len(lists))
	for i := range lists {
		out[i] = clamped(lists[i])
	}
	return out
}

// length counts the values of a column, of those types that stages give.
func length(data any) (n int, ok bool) {
	switch v := data.(type) {
	case []string:
		return len(v), true
	case []int64:
		return len(v), true
	case []int32:
		return len(v), true
	case []uint8:
		return len(v), true
	case []uint32:
		return len(v), true
	case []uint64:
		return len(v), true
	case []float64:
		return len(v), true
	case []*float64:
		return len(v), true
	case []time.Time:
		return len(v), true
	case []map[string]string:
		return len(v), true
	case [][]string:
		return len(v), true
	case [][]int64:
		return len(v), true
	case [][]uint64:
		return len(v), true
	case [][]uint16:
		return len(v), true
	case []map[string]uint64:
		return len(v), true
	}
	return 0, false
}

// dates turns days since the epoch into what the driver takes for Date32.
func dates(days []int32) []time.Time {
	out := make([]time.Time, len(days))
	for i, d := range days {
		out[i] = time.Unix(int64(d)*86400, 0).UTC()
	}
	return out
}

func repeat[T any](v T, n int) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = v
	}
	return out
}
