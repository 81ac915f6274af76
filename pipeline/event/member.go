package event

import (
	"strings"
	"unicode/utf8"
)

// DecodeMember reads a record of the members topic into dst, which it resets.
// It returns every problem, nil for a valid update. A tombstone, a record whose
// value is nil, forgets the member that its key names; its time is Kafka's.
//
// Every update says all there is about the member: a field that is absent is
// empty, and a status that is absent is active.
func DecodeMember(rec *Record, dst *Member, limits Limits) (problems []string) {
	*dst = Member{}
	if rec.Value == nil {
		return decodeTombstone(rec, dst)
	}
	return decode(rec, (*memberBody)(dst), limits)
}

func decodeTombstone(rec *Record, dst *Member) (problems []string) {
	org, id, ok := strings.Cut(viewOf(rec.Key), "/")
	if !ok || org == "" || id == "" || len(org) > MaxIDBytes || len(id) > MaxIDBytes || !utf8.Valid(rec.Key) {
		return []string{shorten("the key of a tombstone is not orgid/member_id: "+strings.ToValidUTF8(string(rec.Key), "\uFFFD"), maxProblemText)}
	}
	dst.Forget, dst.MemberID = true, id
	dst.Envelope = Envelope{Type: TypeMember, Time: min(max(rec.Time, earliest), latest), OrgID: org}
	return nil
}

type memberBody Member

func (m *memberBody) envelope() *Envelope { return &m.Envelope }

func (m *memberBody) accepts(name string) (Type, bool) {
	return TypeMember, name == string(TypeMember)
}

func (m *memberBody) scoped() bool { return false }

func (m *memberBody) key() (org, id string, ok bool) { return m.OrgID, m.MemberID, m.OrgID != "" }

func (m *memberBody) field(r *reader, key []byte) {
	switch string(key) {
	case "member_id":
		r.id(1<<0, key, &m.MemberID)
	case "status":
		r.id(1<<1, key, (*string)(&m.Status))
	case "referral_codes":
		r.strings(1<<2, key, &m.ReferralCodes)
	case "coupon_codes":
		r.strings(1<<3, key, &m.CouponCodes)
	case "segments":
		r.strings(1<<4, key, &m.Segments)
	case "attributes":
		r.attributeMap(1<<5, key, &m.Attributes)
	case "locale":
		r.id(1<<6, key, &m.Locale)
	case "currency":
		r.id(1<<7, key, &m.Currency)
	case "email_hash":
		r.id(1<<8, key, &m.EmailHash)
	default:
		r.skip()
	}
}

func (m *memberBody) check(r *reader) {
	r.require(1<<0, m.MemberID, "member_id")
	switch m.Status {
	case Active, Banned:
	case "":
		m.Status = Active
	default:
		r.add("status %q is neither active nor banned", m.Status)
	}
	r.checkCurrency(m.Currency)
}
