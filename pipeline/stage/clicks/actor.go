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
	kind := "h"
	if known {
		kind = "v"
	}
	var id identity
	id.key, b.scratch = b.Recall.Key(b.scratch, c.OrgID, c.ProgramID, referrer, c.LinkID, kind, actor)
	id.event, b.scratch = b.Recall.Event(b.scratch, id.key, c.Source, c.ID)
	return id
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
