package reward

import (
	"cmp"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// Member is what is known of a beneficiary as a member of the org: what the
// newest update said, and the segments that follow from it.
type Member struct {
	// The newest update's time (ms), and its place: of several with one time the
	// last one counts.
	Time      int64 `cbor:"1,keyasint"`
	Partition int   `cbor:"2,keyasint"`
	Offset    int64 `cbor:"3,keyasint"`
	Updated   bool  `cbor:"4,keyasint,omitempty"` // there was an update

	Known      bool              `cbor:"5,keyasint,omitempty"` // and it did not forget the member
	Banned     bool              `cbor:"6,keyasint,omitempty"`
	Locale     string            `cbor:"7,keyasint,omitempty"`
	Segments   []string          `cbor:"8,keyasint,omitempty"` // given from outside
	Attributes []event.Attribute `cbor:"9,keyasint,omitempty"`

	In     []Membership `cbor:"10,keyasint,omitempty"` // by segment
	Parked int64        `cbor:"11,keyasint,omitempty"` // rewards that are due and wait for the end of a ban
}

// Membership is how a member stands to one segment.
type Membership struct {
	Segment string `cbor:"1,keyasint"`
	In      bool   `cbor:"2,keyasint,omitempty"`
	Events  int64  `cbor:"3,keyasint"` // entered and left so far
}

func memberKey(p Person) string { return event.PrefixedID("m/", p.OrgID, p.ID) }

// change takes a member's update, unless a newer one is known.
func (t *Taking) change(m *event.MemberChanged) bool {
	key := memberKey(t.person)
	if t.lacks(t.ledgers.members.want(nil, key)...) {
		return false
	}
	known := t.ledgers.members.read(key)
	newer := cmp.Or(cmp.Compare(m.Time, known.Time), cmp.Compare(m.Partition, known.Partition), cmp.Compare(m.Offset, known.Offset))
	if known.Updated && newer <= 0 {
		t.Repeated = true
		return true
	}
	known = t.ledgers.members.write(key)
	known.Time, known.Partition, known.Offset, known.Updated = m.Time, m.Partition, m.Offset, true
	known.Known, known.Banned, known.Locale = !m.Forgotten, m.Status == event.Banned, m.Locale
	known.Segments, known.Attributes = m.Segments, m.Attributes
	t.locale = m.Locale
	t.then(func() bool { return t.look(m.Time) })
	if !known.Banned && known.Parked > 0 {
		t.then(t.unpark)
	}
	return true
}

// environment is `member` as expressions see it.
func (m *Member) environment(id string) map[string]any {
	status := event.Active
	if m.Banned {
		status = event.Banned
	}
	return program.MemberEnv(id, string(status), m.Locale, m.Segments, program.AttributesEnv(m.Attributes))
}
