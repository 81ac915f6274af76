package clicks

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/grapevinehq/grapevine/pipeline/click"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/recall"
)

// secretHasher hashes actors under one secret, told apart by its fingerprint.
type secretHasher struct {
	id uint32
	*click.Hasher
}

// fingerprint tells secrets apart without telling anything of them.
func fingerprint(secret [click.SecretBytes]byte) uint32 {
	sum := sha256.Sum256(append([]byte("grapevine hash secret"), secret[:]...))
	return binary.LittleEndian.Uint32(sum[:])
}

// identity is what a click is recognised by.
type identity struct {
	key   recall.Key
	event recall.Event
}

// identify hashes a click's key (program, referrer, link and actor) and its
// event. Visitor ids and keyed hashes are kept apart: one may look like the other.
func (b *work) identify(c *event.Click, referrer string, h secretHasher) identity {
	actor, known := h.Actor(c)
	var id identity
	id, b.scratch = identityOf(b.Recall, b.scratch, c, referrer, actor, known)
	return id
}

// identityOf hashes what a click is recognised by. named tells that the actor is a
// visitor id.
func identityOf(h recall.Hasher, scratch []byte, c *event.Click, referrer, actor string, named bool) (id identity, _ []byte) {
	kind := "h"
	if named {
		kind = "v"
	}
	id.key, scratch = h.Key(scratch, c.OrgID, c.ProgramID, referrer, c.LinkID, kind, actor)
	id.event, scratch = h.Event(scratch, id.key, c.Source, c.ID)
	return id, scratch
}

// Stored is a row of the table clicks, as far as it says what is remembered.
type Stored struct {
	OrgID, ProgramID, ReferrerID, LinkID string
	VisitorID, ActorHash                 string
	Source, EventID                      string
	Unique                               bool
	Time                                 int64 // ms
}

// Remembered is what the memory of its partition holds of a stored click.
func Remembered(h recall.Hasher, s *Stored) recall.Entry {
	c := event.Click{Envelope: event.Envelope{OrgID: s.OrgID, ProgramID: s.ProgramID, Source: s.Source, ID: s.EventID}, LinkID: s.LinkID}
	actor, named := s.VisitorID, s.VisitorID != ""
	if !named {
		actor = s.ActorHash
	}
	id, _ := identityOf(h, nil, &c, s.ReferrerID, actor, named)
	return recall.Entry{Key: id.key, Event: id.event, Counted: s.Unique, Time: s.Time}
}

// earlier are the click's identities under the secrets of before: after a
// rotation they still find what was remembered under them.
func (b *work) earlier(c *event.Click, referrer string) []identity {
	if c.VisitorID != "" || len(b.hashers) == 1 {
		return nil
	}
	ids := make([]identity, 0, len(b.hashers)-1)
	for _, h := range b.hashers[1:] {
		ids = append(ids, b.identify(c, referrer, h))
	}
	return ids
}
