package conversions

import (
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/recall"
)

// work is one batch on its way.
type work struct {
	*worker
	bounds  pipeline.Bounds
	records []event.Record
	events  []entry

	catalog *program.Catalog
	facts   facts
	linked  map[string][]string // visitors that the batch itself may link, by customer
	lost    map[int]string      // what a conversion is a duplicate by, from the claims
	record  record
}

// entry is one decoded record.
type entry struct {
	event.Decoded
	problems []string
	key      recall.Key
	id       recall.Event
	hashed   bool
}

// program is the entry's program; nil when it is invalid or has none.
func (k *work) program(e *entry) *program.Program {
	if e.problems != nil {
		return nil
	}
	env := e.Envelope()
	return k.catalog.Program(env.OrgID, env.ProgramID)
}

// identity hashes what a redelivery shares (§9 (37)): program and record key,
// and within them source and id.
func (k *work) identity(i int) (recall.Key, recall.Event) {
	e := &k.events[i]
	if !e.hashed {
		env := e.Envelope()
		e.key, _ = k.options.Hasher.Key(nil, env.OrgID, env.ProgramID, string(k.records[i].Key))
		e.id, _ = k.options.Hasher.Event(nil, e.key, env.Source, env.ID)
		e.hashed = true
	}
	return e.key, e.id
}
