// Package bookshelf is books for tests of stages: it keeps which events were written,
// and answers as the tables in ClickHouse do.
package bookshelf

import (
	"context"

	"github.com/grapevinehq/grapevine/pipeline"
)

// Shelf keeps events by table. The zero Shelf is empty.
type Shelf struct {
	events map[string]map[pipeline.EventQuery]bool
	Asked  int // how many events were asked for
}

// Write keeps the events of blocks.
func (s *Shelf) Write(blocks []pipeline.Block) {
	for i := range blocks {
		b := &blocks[i]
		by := pipeline.RecordedBy[b.Table]
		if by == "" {
			continue
		}
		if s.events == nil {
			s.events = map[string]map[pipeline.EventQuery]bool{}
		}
		if s.events[b.Table] == nil {
			s.events[b.Table] = map[pipeline.EventQuery]bool{}
		}
		orgs, programs, keys, sources, ids := texts(b, "org_id"), texts(b, "program_id"), texts(b, by), texts(b, "source"), texts(b, "event_id")
		for i := range b.Rows {
			s.events[b.Table][pipeline.EventQuery{OrgID: orgs[i], ProgramID: programs[i], By: keys[i], Source: sources[i], EventID: ids[i]}] = true
		}
	}
}

func texts(b *pipeline.Block, name string) []string {
	for _, c := range b.Columns {
		if c.Name == name {
			return c.Data.([]string)
		}
	}
	panic("table " + b.Table + " has no column " + name)
}

// Recorded implements pipeline.Recorded.
func (s *Shelf) Recorded(_ context.Context, table string, queries []pipeline.EventQuery) ([]bool, error) {
	s.Asked += len(queries)
	answers := make([]bool, len(queries))
	for i, q := range queries {
		answers[i] = s.events[table][q]
	}
	return answers, nil
}
