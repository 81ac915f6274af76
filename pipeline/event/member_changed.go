package event

import "strconv"

// MemberChanged is an update of a member that the members stage applied, or its
// forgetting, as rewards need it, on the internal topic referral.credits: one
// for each applied update, in the order of the members topic. It tells all that
// there is to know of the member from the update on.
//
// Of several the newest by (Time, Partition, Offset) says what is known now
// (§9 (10)); one that was published again, or comes late, changes nothing.
type MemberChanged struct {
	OrgID    string
	MemberID string
	Time     int64 // ms: the update's own, Kafka's for a tombstone

	// Partition and Offset are the update's place in the members topic.
	Partition int
	Offset    int64
	DecidedAt int64 // ms, the time of the batch (Bounds.Time) that applied the update

	// Forgotten says that nothing is known of the member any more: what follows
	// is empty then.
	Forgotten  bool
	Status     Status
	Locale     string
	Currency   string
	Segments   []string    // given from outside, each once, in the order of the update
	Attributes []Attribute // in the order of the update, keys distinct
}

// changedWire is the data of a MemberChanged. Org and time stand in the
// attributes.
type changedWire struct {
	MemberID   string       `json:"member_id"`
	Partition  int          `json:"partition"`
	Offset     int64        `json:"offset"`
	DecidedAt  int64        `json:"decided_at"`
	Forgotten  bool         `json:"forgotten,omitempty"`
	Status     Status       `json:"status,omitempty"`
	Locale     string       `json:"locale,omitempty"`
	Currency   string       `json:"currency,omitempty"`
	Segments   exactStrings `json:"segments,omitempty"`
	Attributes exactMap     `json:"attributes,omitempty"`
}

// EncodeMemberChanged writes a change of a member as the value of a record of
// referral.credits, and its key. The id names the update by its place:
// changed/member_id/partition/offset, under the org's source.
func EncodeMemberChanged(m *MemberChanged) (key, value []byte, err error) {
	value, err = EncodeEvent(Out{
		ID:     JoinID("changed", m.MemberID, strconv.Itoa(m.Partition), strconv.FormatInt(m.Offset, 10)),
		Source: OrgSource(m.OrgID),
		Type:   TypeMemberChanged,
		Time:   m.Time,
		OrgID:  m.OrgID,
	}, changedWire{
		MemberID: m.MemberID, Partition: m.Partition, Offset: m.Offset, DecidedAt: m.DecidedAt, Forgotten: m.Forgotten,
		Status: m.Status, Locale: m.Locale, Currency: m.Currency, Segments: m.Segments, Attributes: m.Attributes,
	})
	return []byte(m.OrgID + "/" + m.MemberID), value, err
}

type changedBody MemberChanged

func (m *changedBody) scoped() bool { return false }

// The bits of its members.
const (
	changedMember uint32 = 1 << iota
	changedPartition
	changedOffset
	changedDecidedAt
	changedForgotten
	changedStatus
	changedLocale
	changedCurrency
	changedSegments
	changedAttributes
)

func (m *changedBody) field(r *reader, key []byte) {
	switch string(key) {
	case "member_id":
		r.id(changedMember, key, &m.MemberID)
	case "partition":
		r.partition(changedPartition, key, &m.Partition)
	case "offset":
		r.integer(changedOffset, key, &m.Offset)
	case "decided_at":
		r.integer(changedDecidedAt, key, &m.DecidedAt)
	case "forgotten":
		r.bool(changedForgotten, key, &m.Forgotten)
	case "status":
		r.id(changedStatus, key, (*string)(&m.Status))
	case "locale":
		r.id(changedLocale, key, &m.Locale)
	case "currency":
		r.id(changedCurrency, key, &m.Currency)
	case "segments":
		r.strings(changedSegments, key, &m.Segments)
	case "attributes":
		r.attributeMap(changedAttributes, key, &m.Attributes)
	default:
		r.skip()
	}
}

func (m *changedBody) settle(r *reader, attributes *Envelope) {
	m.OrgID, m.Time = attributes.OrgID, attributes.Time
	r.require(changedMember, m.MemberID, "member_id")
	r.requireNumbers(changedPartition | changedOffset | changedDecidedAt)
	switch {
	case m.Forgotten:
		m.Status, m.Locale, m.Currency, m.Segments, m.Attributes = "", "", "", nil, nil
	case m.Status != Active && m.Status != Banned:
		r.add("status %q is neither active nor banned", m.Status)
	}
}
