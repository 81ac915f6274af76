package conversions

import (
	"context"
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/archive"
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
	begun   []byte              // the encoded facts, as long as nothing has changed them
	linked  map[string][]string // visitors that the batch itself may link, by customer
	lost    map[int]string      // what a conversion is a duplicate by, from the claims
	owns    []owns              // the claims of each event
	moves   archive.Moves       // what the batch moves to the archive
	record  record
	encoded []byte // the record, as encoded here
}

// entry is one decoded record.
type entry struct {
	event.Decoded
	problems []string
	program  *program.Program // nil when the event is invalid or its program unknown

	key    recall.Key
	id     recall.Event
	hashed bool

	// The names (see name) of what the event concerns.
	customer   string // org, customer
	standing   string // org, program, customer
	conversion string // org, program, conversion_id; empty for a link
}

// configure finds the configuration that the bounds name, and each event's
// program in it.
func (k *work) configure(ctx context.Context) error {
	if k.catalog != nil {
		return nil
	}
	catalog, err := k.options.Catalogs.Revision(ctx, k.bounds.Revision)
	if err != nil {
		return fmt.Errorf("find revision %s of the programs: %w", k.bounds.Revision, err)
	}
	k.catalog = catalog
	for i := range k.events {
		e := &k.events[i]
		if e.problems != nil {
			continue
		}
		env := e.Envelope()
		e.program = catalog.Program(env.OrgID, env.ProgramID)
		e.customer = name(env.OrgID, e.CustomerID())
		e.standing = name(env.OrgID, env.ProgramID, e.CustomerID())
		switch e.Type {
		case event.TypeConversion:
			e.conversion = name(env.OrgID, env.ProgramID, e.Conversion.ConversionID)
		case event.TypeAdjustment:
			e.conversion = name(env.OrgID, env.ProgramID, e.Adjustment.ConversionID)
		}
	}
	return nil
}
