package judge

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"
)

// rows are those of a table, counted.
func (t *trial) rows(table string, by ...string) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for row, err := range t.Rows(t.ctx, table, by...) {
			if err == nil {
				t.report.Rows[table]++
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

// beside reads a table in the order of the topic that it comes of, so that each row
// is found when its record is.
type beside struct {
	t      *trial
	table  string
	next   func() (Row, error, bool)
	stop   func()
	row    Row // the next one, nil at the end
	failed error
}

func (t *trial) beside(table string) *beside {
	b := &beside{t: t, table: table}
	b.next, b.stop = iter.Pull2(t.rows(table, byPlace...))
	b.advance()
	return b
}

func (b *beside) advance() {
	row, err, ok := b.next()
	b.row = nil
	switch {
	case err != nil:
		b.failed = err
	case ok:
		b.row = row
	}
}

// at hands out the rows of a place, and complains of those of places passed over:
// nothing can have come of a record that is not there.
func (b *beside) at(p place) (found []Row) {
	for b.row != nil && b.row.place().before(p) {
		b.stray()
	}
	for b.row != nil && b.row.place() == p {
		found = append(found, b.row)
		b.advance()
	}
	return found
}

// one is the row of a place, nil for none.
func (b *beside) one(p place) Row {
	found := b.at(p)
	if len(found) == 0 {
		return nil
	}
	if len(found) > 1 {
		b.t.differ(b.table, p.String(), "one row", fmt.Sprint(len(found)))
	}
	return found[0]
}

func (b *beside) stray() {
	b.t.differ(b.table, b.row.place().String(), "no row: no such record", "a row")
	b.advance()
}

// finish complains of what is left, and ends the reading.
func (b *beside) finish() error {
	for b.row != nil {
		b.stray()
	}
	b.stop()
	if b.failed != nil {
		return fmt.Errorf("%s: %w", b.table, b.failed)
	}
	return nil
}

// compare tells every column of a row that is not as wanted.
func (t *trial) compare(table, key string, want, got Row) {
	if got == nil {
		t.differ(table, key, "a row: "+want.String(), "none")
		return
	}
	for column, w := range want {
		if g := got[column]; !equal(w, g) {
			t.differ(table, key+" "+column, w, g)
		}
	}
}

// equal compares values of rows, as they are told.
func equal(a, b any) bool {
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok {
			return x == y
		}
	case int64:
		if y, ok := b.(int64); ok {
			return x == y
		}
	case map[string]string:
		if y, ok := b.(map[string]string); ok {
			return maps.Equal(x, y)
		}
	case []string:
		if y, ok := b.([]string); ok {
			return slices.Equal(x, y)
		}
	}
	return fmt.Sprint(a) == fmt.Sprint(b)
}

// none complains of a row where there must not be one.
func (t *trial) none(table, key, why string, got Row) {
	if got != nil {
		t.differ(table, key, "no row: "+why, "a row: "+got.String())
	}
}

// String tells a row in short.
func (r Row) String() string {
	out := ""
	for _, column := range slices.Sorted(maps.Keys(r)) {
		if s := fmt.Sprint(r[column]); s != "" && s != "0" && s != "[]" && s != "map[]" {
			out += fmt.Sprintf(" %s=%s", column, s)
		}
	}
	return "{" + out + " }"
}

// row is what every row of an event says of it.
func (e *event) row(topic string) Row {
	return Row{
		"org_id": e.org, "program_id": e.program, "time": e.time, "event_id": e.id, "source": e.source,
		"kafka_topic": topic, "kafka_partition": int64(e.partition), "kafka_offset": e.offset,
	}
}

// dayIn is the day of a time in a zone.
func dayIn(ms int64, zone *time.Location) string {
	return time.UnixMilli(ms).In(zone).Format(time.DateOnly)
}

// textsOf are fields of the data as columns of their name, empty where absent.
func (e *event) textsOf(row Row, names ...string) Row {
	for _, name := range names {
		row[name] = e.texts[name]
	}
	return row
}

// list is a list as a row has it.
func list(texts []string) []string {
	if texts == nil {
		return []string{}
	}
	return texts
}

func mapping(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
