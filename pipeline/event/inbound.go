package event

// Inbound is one record of the internal topic referral.credits, whatever stage
// two has to know of one beneficiary: Type says which of the four is set.
type Inbound struct {
	Type     Type
	Credit   Credit          // TypeCredit
	Changed  *MemberChanged  // TypeMemberChanged
	Clicked  *MemberClicked  // TypeMemberClicked
	Decision *RewardDecision // TypeRewardDecided
}

// OrgID is that of the record that is set.
func (in *Inbound) OrgID() string {
	switch in.Type {
	case TypeMemberChanged:
		return in.Changed.OrgID
	case TypeMemberClicked:
		return in.Clicked.OrgID
	case TypeRewardDecided:
		return in.Decision.OrgID
	default:
		return in.Credit.OrgID
	}
}

// BeneficiaryID is the member or customer that the record is about: with the
// org it is the record's key.
func (in *Inbound) BeneficiaryID() string {
	switch in.Type {
	case TypeMemberChanged:
		return in.Changed.MemberID
	case TypeMemberClicked:
		return in.Clicked.MemberID
	case TypeRewardDecided:
		return in.Decision.BeneficiaryID
	default:
		return in.Credit.BeneficiaryID
	}
}

// DecodeCredits reads a record of the internal credits topic into dst, which it
// resets; the capacity of a credit's lists is reused. It returns every problem,
// nil for a valid record. Grapevine wrote it, so a problem means that somebody
// else wrote to the topic. Type is set whenever the type was legible, and then
// what it names is not nil.
func DecodeCredits(rec *Record, dst *Inbound) (problems []string) {
	*dst = Inbound{Credit: Credit{Shares: dst.Credit.Shares[:0], Rules: dst.Credit.Rules[:0], Peers: dst.Credit.Peers[:0]}}
	b := inboundBody{Inbound: dst}
	problems = decode(rec, &b, Limits{internal: true})
	dst.Type = b.attributes.Type
	return problems
}

// inboundBody reads the attributes before the type is known; the type chooses
// the part that reads the data.
type inboundBody struct {
	*Inbound
	attributes Envelope
	part       inboundPart
}

// inboundPart reads the data of one type.
type inboundPart interface {
	// scoped says that the record belongs to a program.
	scoped() bool
	// field reads one member of the data.
	field(r *reader, key []byte)
	// settle takes what the attributes tell, and adds what is wrong.
	settle(r *reader, attributes *Envelope)
}

func (b *inboundBody) envelope() *Envelope { return &b.attributes }

func (b *inboundBody) accepts(name string) (Type, bool) {
	switch t := Type(name); t {
	case TypeCredit:
		b.part = &creditBody{Credit: &b.Credit}
		return TypeCredit, true
	case TypeMemberChanged:
		b.Changed = new(MemberChanged)
		b.part = (*changedBody)(b.Changed)
		return TypeMemberChanged, true
	case TypeMemberClicked:
		b.Clicked = new(MemberClicked)
		b.part = (*clickedBody)(b.Clicked)
		return TypeMemberClicked, true
	case TypeRewardDecided:
		b.Decision = new(RewardDecision)
		b.part = (*decisionBody)(b.Decision)
		return TypeRewardDecided, true
	}
	return "", false
}

// scoped is true as long as the type is not known: the program may come first.
func (b *inboundBody) scoped() bool { return b.part == nil || b.part.scoped() }

func (b *inboundBody) field(r *reader, key []byte) { b.part.field(r, key) }

func (b *inboundBody) check(r *reader) {
	b.part.settle(r, &b.attributes)
	b.Type = b.attributes.Type
}

func (b *inboundBody) key() (org, id string, ok bool) {
	org = b.OrgID()
	return org, b.BeneficiaryID(), org != ""
}
