package conversions

import (
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/recall"
)

// identity is what a redelivery shares (§9 (37)): program and record key, and
// within them source and id.
type identity struct {
	key recall.Key
	id  recall.Event
}

// identity hashes the identity of event i.
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

// An event that is taken stays so, but for an adjustment that waits: it may become
// a dead letter, and a dead letter takes nothing (§9 (4)). The memory of taken
// events forgets nothing before its time, so what became of those that waited is
// remembered beside it.
type taking byte

const (
	asRemembered taking = iota // what the memory of taken events says holds
	whileItWaits               // taken; a dead letter may come of it
	inVain                     // a dead letter came of it: not taken any more
)

// nameOf is the identity of event i as a name.
func (k *work) nameOf(i int) string {
	env := k.events[i].Envelope()
	return name(env.OrgID, env.ProgramID, string(k.records[i].Key), env.Source, env.ID)
}

// nameOf is the identity of an adjustment that waits as a name.
func (w *waiting) nameOf(orgID, programID string) string {
	return name(orgID, programID, string(w.Key), w.Adjustment.Source, w.Adjustment.EventID)
}

// remembered is the identity of an adjustment that waited, as one of the batch:
// it may have waited for longer than the memory of taken events reaches.
func (d *decider) remembered(w *waiting, env *event.Envelope) recall.Entry {
	key, _ := d.options.Hasher.Key(nil, env.OrgID, env.ProgramID, string(w.Key))
	id, _ := d.options.Hasher.Event(nil, key, w.Adjustment.Source, w.Adjustment.EventID)
	return recall.Entry{Key: key, Event: id}
}

// seen tells whether an event of the identity of event i is taken.
func (d *decider) seen(i int) bool {
	switch d.facts.Takings[d.nameOf(i)] {
	case whileItWaits:
		return true
	case inVain:
		return d.facts.Recorded[i]
	}
	key, id := d.identity(i)
	return d.facts.Redelivered[i] || d.facts.Recorded[i] || d.taken.Seen(key, id)
}

// take takes event i: another of its identity is a redelivery.
func (d *decider) take(i int, waits bool) {
	key, id := d.identity(i)
	d.taken.Remember(recall.Entry{Key: key, Event: id})
	switch {
	case waits:
		d.mark(d.nameOf(i), whileItWaits)
	case len(d.facts.Takings) > 0 && d.facts.Takings[d.nameOf(i)] != asRemembered:
		d.mark(d.nameOf(i), asRemembered)
	}
}

// mark notes what becomes of an event that waits or waited.
func (d *decider) mark(n string, t taking) {
	d.facts.Takings[n] = t
	d.dirty[memoryKey(identityPrefix, n)] = func() ([]byte, error) {
		if t == asRemembered {
			return nil, nil
		}
		return encode(t)
	}
}
