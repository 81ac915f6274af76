package judge

import (
	"context"
	"fmt"
	"iter"
	"reflect"
	"strconv"
	"time"
)

// Evidence is what a trial reads. Both are read once, front to back.
type Evidence interface {
	// Records are those of a topic, by the contract's name: partition by partition,
	// each in the order of its offsets, without what aborted transactions wrote.
	Records(ctx context.Context, topic string) iter.Seq2[Record, error]
	// Rows are those of a table or view, sorted by columns.
	Rows(ctx context.Context, table string, by ...string) iter.Seq2[Row, error]
	// Topic is what a topic is called in the books.
	Topic(name string) string
}

// Record is one record of a topic. A nil Key or Value is none.
type Record struct {
	Partition int
	Offset    int64
	Time      int64 // Kafka's, in milliseconds since the epoch
	Key       []byte
	Value     []byte
	Headers   []Header
}

// Header is one header of a record.
type Header struct {
	Key   string
	Value []byte
}

// Row is a row by column: whole numbers are int64, times milliseconds since the
// epoch, days text.
type Row map[string]any

func (r Row) text(column string) string {
	s, ok := r[column].(string)
	if !ok && r[column] != nil {
		return fmt.Sprint(r[column])
	}
	return s
}

func (r Row) number(column string) int64 {
	n, _ := r[column].(int64)
	return n
}

func (r Row) texts(column string) []string {
	list, _ := r[column].([]string)
	return list
}

// place is where a record lies in its topic.
type place struct {
	partition int
	offset    int64
}

func (p place) String() string {
	return strconv.Itoa(p.partition) + "/" + strconv.FormatInt(p.offset, 10)
}

func (p place) before(q place) bool {
	return p.partition < q.partition || p.partition == q.partition && p.offset < q.offset
}

func (r *Record) place() place { return place{r.Partition, r.Offset} }

func (r Row) place() place {
	return place{int(r.number("kafka_partition")), r.number("kafka_offset")}
}

// byPlace is the order in which tables are read beside their topic.
var byPlace = []string{"kafka_partition", "kafka_offset"}

// Plain is a value as a Row has it: any whole number as int64, a time as
// milliseconds since the epoch or, of a date, as text.
func Plain(v any, date bool) any {
	switch x := v.(type) {
	case nil, string, int64, float64, []string, map[string]string:
		return x
	case time.Time:
		if date {
			return x.Format(time.DateOnly)
		}
		return x.UnixMilli()
	case []time.Time:
		out := make([]int64, len(x))
		for i, at := range x {
			out[i] = at.UnixMilli()
		}
		return out
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Pointer:
		if r.IsNil() {
			return nil
		}
		return Plain(r.Elem().Interface(), date)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32:
		return r.Int()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return int64(r.Uint()) //nolint:gosec // hashes aside, nothing is that large
	}
	return v
}
