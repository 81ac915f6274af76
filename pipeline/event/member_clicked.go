package event

import "strconv"

// MemberClicked says that a member's links got unique clicks, on the internal
// topic referral.credits: one for each batch of clicks and member, of orgs whose
// configuration looks at stats.unique_clicks. It carries no count. Whoever reads
// it asks the books, so that one published again, or none of before the
// configuration looked, does no harm.
type MemberClicked struct {
	OrgID    string
	MemberID string
	Time     int64 // ms: of the batch's unique clicks of the member, the newest by its own time

	// Partition and Offset are the place in the clicks topic of the batch's last
	// unique click of the member.
	Partition int
	Offset    int64
	DecidedAt int64 // ms, the time of the batch (Bounds.Time) of the clicks
}

// clickedWire is the data of a MemberClicked. Org and time stand in the
// attributes.
type clickedWire struct {
	MemberID  string `json:"member_id"`
	Partition int    `json:"partition"`
	Offset    int64  `json:"offset"`
	DecidedAt int64  `json:"decided_at"`
}

// EncodeMemberClicked writes the record of referral.credits that says that a
// member was clicked, and its key. The id names the last of the clicks by its
// place: clicked/member_id/partition/offset, under the org's source.
func EncodeMemberClicked(m *MemberClicked) (key, value []byte, err error) {
	value, err = EncodeEvent(Out{
		ID:     JoinID("clicked", m.MemberID, strconv.Itoa(m.Partition), strconv.FormatInt(m.Offset, 10)),
		Source: OrgSource(m.OrgID),
		Type:   TypeMemberClicked,
		Time:   m.Time,
		OrgID:  m.OrgID,
	}, clickedWire{MemberID: m.MemberID, Partition: m.Partition, Offset: m.Offset, DecidedAt: m.DecidedAt})
	return []byte(m.OrgID + "/" + m.MemberID), value, err
}

type clickedBody MemberClicked

func (m *clickedBody) scoped() bool { return false }

// The bits of its members.
const (
	clickedMember uint32 = 1 << iota
	clickedPartition
	clickedOffset
	clickedDecidedAt
)

func (m *clickedBody) field(r *reader, key []byte) {
	switch string(key) {
	case "member_id":
		r.id(clickedMember, key, &m.MemberID)
	case "partition":
		r.partition(clickedPartition, key, &m.Partition)
	case "offset":
		r.integer(clickedOffset, key, &m.Offset)
	case "decided_at":
		r.integer(clickedDecidedAt, key, &m.DecidedAt)
	default:
		r.skip()
	}
}

func (m *clickedBody) settle(r *reader, attributes *Envelope) {
	m.OrgID, m.Time = attributes.OrgID, attributes.Time
	r.require(clickedMember, m.MemberID, "member_id")
	r.requireNumbers(clickedPartition | clickedOffset | clickedDecidedAt)
}
