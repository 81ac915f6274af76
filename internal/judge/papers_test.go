package judge

import (
	"context"
	"iter"
	"slices"
	"testing"
)

// papers are evidence in memory.
type papers struct {
	topics map[string][]Record
	tables map[string][]Row
}

func (p *papers) Topic(name string) string { return name }

func (p *papers) Records(_ context.Context, topic string) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for _, r := range p.topics[topic] {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (p *papers) Rows(_ context.Context, table string, by ...string) iter.Seq2[Row, error] {
	sorted := slices.Clone(p.tables[table])
	slices.SortStableFunc(sorted, func(a, b Row) int { return compareRows(a, b, by) })
	return func(yield func(Row, error) bool) {
		for _, r := range sorted {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func compareRows(a, b Row, by []string) int {
	for _, column := range by {
		x, y := a[column], b[column]
		if n, ok := x.(int64); ok {
			if m, ok := y.(int64); ok && n != m {
				if n < m {
					return -1
				}
				return 1
			}
			continue
		}
		if x, y := a.text(column), b.text(column); x != y {
			if x < y {
				return -1
			}
			return 1
		}
	}
	return 0
}

func TestEqual_ids_are_equal_bytes(t *testing.T) {
	event := func(body string) Record { return Record{Key: []byte("k"), Value: []byte(body)} }
	once := event(`{"specversion":"1.0","id":"1","source":"s","data":1}`)
	for name, of := range map[string]struct {
		records []Record
		want    int
	}{
		"again":         {[]Record{once, once}, 0},
		"other source":  {[]Record{once, event(`{"specversion":"1.0","id":"1","source":"t","data":2}`)}, 0},
		"other bytes":   {[]Record{once, event(`{"specversion":"1.0","id":"1","source":"s","data":2}`)}, 1},
		"no CloudEvent": {[]Record{event(`{"id":"1"}`)}, 1},
	} {
		tr := &trial{ctx: t.Context(), Evidence: &papers{topics: map[string][]Record{topicRewards: of.records}}, most: 9}
		if err := tr.published(); err != nil || tr.report.Total != of.want {
			t.Errorf("%s: %d differences, %d expected: %v %v", name, tr.report.Total, of.want, tr.report.Differences, err)
		}
	}
}
