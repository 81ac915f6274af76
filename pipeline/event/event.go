package event

// Type is a CloudEvents type of the contract's §2.
type Type string

// The event types that Grapevine reads.
const (
	TypeClick             Type = "referral.click.recorded.v1"
	TypeConversion        Type = "referral.conversion.recorded.v1"
	TypeAdjustment        Type = "referral.conversion.adjusted.v1"
	TypeIdentityLink      Type = "referral.identity.linked.v1"
	TypeMember            Type = "referral.member.updated.v1"
	TypeFulfilled         Type = "referral.reward.fulfilled.v1"
	TypeFulfillmentFailed Type = "referral.reward.fulfillment_failed.v1"
	TypeDecided           Type = "referral.reward.decided.v1"

	// What travels on the internal topic referral.credits.
	TypeCredit        Type = "grapevine.credit.v1"
	TypeMemberChanged Type = "grapevine.member.changed.v1"
	TypeMemberClicked Type = "grapevine.member.clicked.v1"
	TypeRewardDecided Type = "grapevine.reward.decided.v1"
)

// Envelope is what every CloudEvent carries (§2).
type Envelope struct {
	ID        string
	Source    string
	Type      Type
	Time      int64 // milliseconds since the epoch, truncated
	OrgID     string
	ProgramID string // empty for members
}

// Click is the data of referral.click.recorded.v1. Absent optional fields are
// empty. IP and UserAgent live in memory only and are stored nowhere.
type Click struct {
	Envelope
	ReferrerID   string
	ReferralCode string
	VisitorID    string
	ClickID      string // defaults to the event's id
	LinkID       string
	CampaignID   string
	Channel      string
	LandingURL   string
	RefererURL   string
	Country      string
	Locale       string
	IP           string
	UserAgent    string
	Metadata     []Pair // in the order of the event, keys distinct
}

// Pair is one entry of a flat metadata map.
type Pair struct{ Key, Value string }

// Kind is the kind of a conversion (§2).
type Kind string

// The kinds of a conversion.
const (
	KindLead    Kind = "lead"
	KindSignup  Kind = "signup"
	KindSale    Kind = "sale"
	KindRenewal Kind = "renewal"
	KindCustom  Kind = "custom"
)

// Conversion is the data of referral.conversion.recorded.v1.
type Conversion struct {
	Envelope
	Kind         Kind
	CustomerID   string
	ConversionID string // defaults to the event's id
	VisitorID    string
	ClickID      string
	CouponCode   string
	OrderID      string
	Name         string
	AmountMinor  int64
	Currency     string
	EmailHash    string
	Metadata     []Pair
}

// AdjustmentKind is the kind of an adjustment (§2).
type AdjustmentKind string

// The kinds of an adjustment.
const (
	Refund     AdjustmentKind = "refund"
	Chargeback AdjustmentKind = "chargeback"
	Cancel     AdjustmentKind = "cancel"
	Correction AdjustmentKind = "correction"
)

// Adjustment is the data of referral.conversion.adjusted.v1.
type Adjustment struct {
	Envelope
	ConversionID string
	CustomerID   string
	Kind         AdjustmentKind
	HasAmount    bool // false: all that is left (refund, chargeback)
	AmountMinor  int64
	Reason       string
}

// IdentityLink is the data of referral.identity.linked.v1.
type IdentityLink struct {
	Envelope
	CustomerID string
	VisitorID  string
}

// Status is a member's status.
type Status string

// The statuses of a member.
const (
	Active Status = "active"
	Banned Status = "banned"
)

// Attribute is one attribute of a member: a string, a number or a bool.
type Attribute struct {
	Key    string  `cbor:"1,keyasint"`
	Kind   byte    `cbor:"2,keyasint"` // 's', 'n' or 'b'
	String string  `cbor:"3,keyasint,omitempty"`
	Number float64 `cbor:"4,keyasint,omitempty"`
	Bool   bool    `cbor:"5,keyasint,omitempty"`
}

// Member is the data of referral.member.updated.v1. A tombstone (a record
// without value) has Forget set and only OrgID and MemberID, from the key.
type Member struct {
	Envelope
	Forget        bool
	MemberID      string
	Status        Status
	ReferralCodes []string
	CouponCodes   []string
	Segments      []string
	Attributes    []Attribute
	Locale        string
	Currency      string
	EmailHash     string
}

// Decision is a person's decision about a reward.
type Decision string

// The decisions of referral.reward.decided.v1 (§9 (6)).
const (
	Approve Decision = "approve"
	Reject  Decision = "reject"
	Reverse Decision = "reverse"
)

// Fulfillment is the data of the three event types of referral.fulfillments.
type Fulfillment struct {
	Envelope
	RewardID   string
	ExternalID string
	Reason     string
	Decision   Decision // decided events alone
	Actor      string   // decided events alone
}
