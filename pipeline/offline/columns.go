package offline

import (
	"fmt"
	"reflect"

	"github.com/grapevinehq/grapevine/pipeline"
)

// columns reads a block. What is missing or of another type is told at the end.
type columns struct {
	block *pipeline.Block
	err   error
}

func (c *columns) texts(name string) []string  { return column[string](c, name) }
func (c *columns) numbers(name string) []int64 { return column[int64](c, name) }

// column are the values of one column, in any case as many as there are rows.
func column[T any](c *columns, name string) []T {
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
