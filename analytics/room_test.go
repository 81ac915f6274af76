package analytics

import (
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
)

// A release of the driver that looks otherwise inside shows here: its columns grow
// as texts come.
func TestRoom_is_made_for_all_texts(t *testing.T) {
	texts := make([]string, 1000)
	for i := range texts {
		texts[i] = strings.Repeat("x", i%50)
	}
	filled := func(prepare func(column.Interface)) float64 {
		return testing.AllocsPerRun(10, func() {
			c, err := column.Type("String").Column("c", &column.ServerContext{})
			if err != nil {
				t.Fatal(err)
			}
			prepare(c)
			if _, err := c.Append(texts); err != nil || c.Rows() != len(texts) || c.Row(49, false) != texts[49] {
				t.Fatalf("%d rows (%v)", c.Rows(), err)
			}
		})
	}
	without := filled(func(column.Interface) {})
	with := filled(func(c column.Interface) { room(c, texts) })
	if with > without/3 {
		t.Errorf("filling a column took %v allocations with room, %v without", with, without)
	}
}
