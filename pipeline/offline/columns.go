package offline

import (
	"fmt"
	"reflect"

	"github.com/grapevinehq/grapevine/pipeline"
)

// Columns reads a block. What is missing or of another type is told by Err, at the
// end.
type Columns struct {
	block *pipeline.Block
	err   error
}

// ColumnsOf reads a block.
func ColumnsOf(b *pipeline.Block) *Columns { return &Columns{block: b} }

// Rows is how many rows the block has.
func (c *Columns) Rows() int { return c.block.Rows }

// Texts are the values of a column of text, in any case as many as there are rows.
func (c *Columns) Texts(name string) []string { return column[string](c, name) }

// Numbers are the values of a column of whole numbers, likewise.
func (c *Columns) Numbers(name string) []int64 { return column[int64](c, name) }

// Err is set when a column that was asked for is not there.
func (c *Columns) Err() error { return c.err }

// column are the values of one column, in any case as many as there are rows.
func column[T any](c *Columns, name string) []T {
	for i := range c.block.Columns {
		if c.block.Columns[i].Name != name {
			continue
		}
		if values, ok := c.block.Columns[i].Data.([]T); ok && len(values) == c.block.Rows {
			return values
		}
		break
	}
	if c.err == nil {
		c.err = fmt.Errorf("a block of %d rows for %s has no %T %s", c.block.Rows, c.block.Table, *new(T), name)
	}
	return make([]T, c.block.Rows)
}

// Row is one row of a table: column by name.
type Row map[string]any

// rows are the rows of a block.
func rows(b *pipeline.Block) []Row {
	list := make([]Row, b.Rows)
	for i := range list {
		list[i] = make(Row, len(b.Columns))
	}
	for _, c := range b.Columns {
		values := reflect.ValueOf(c.Data)
		for i := range list {
			list[i][c.Name] = values.Index(i).Interface()
		}
	}
	return list
}
