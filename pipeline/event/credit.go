package event

// Role is why somebody gets a reward (§2, beneficiary_role).
type Role string

// The roles of a beneficiary.
const (
	RoleReferrer Role = "referrer"
	RoleReferee  Role = "referee"
	RoleMember   Role = "member"
)

// Credit is what attribution hands to rewards, on the internal topic
// referral.credits, keyed by orgid/beneficiary_id: one conversion, or one later
// adjustment of it, as it concerns one beneficiary. Everything that filters and
// splits need was decided with the conversion; rewards only books it.
//
// A credit is identified by (org, program, conversion, sequence, role,
// beneficiary): the sequence is 0 for the conversion and counts its adjustments
// from 1.
type Credit struct {
	OrgID          string `json:"org_id"`
	ProgramID      string `json:"program_id"`
	ConversionID   string `json:"conversion_id"`
	Sequence       int64  `json:"sequence"`
	BeneficiaryID  string `json:"beneficiary_id"`
	Role           Role   `json:"role"`
	CustomerID     string `json:"customer_id"`
	Kind           Kind   `json:"kind"`
	Name           string `json:"name,omitempty"`
	ConversionTime int64  `json:"conversion_time"`  // ms, event time of the conversion
	DecidedAt      int64  `json:"decided_at"`       // ms, the batch's time (Bounds.Time) that decided the conversion or adjustment
	Locale         string `json:"locale,omitempty"` // of the beneficiary, where known

	Currency    string `json:"currency"`     // the program's
	AmountMinor int64  `json:"amount_minor"` // of the whole conversion at decision, program currency (gross)
	NetMinor    int64  `json:"net_minor"`    // of the whole conversion after this credit
	Counts      bool   `json:"counts"`       // whether the conversion counts after this credit

	// CreditPPM is this referrer's credit, of Shares the one at Index: the
	// credits of all paying referrers, in the order of ties (earlier touch
	// first). Money splits over Shares. A referee has Index -1 and credit 0.
	CreditPPM int64   `json:"credit_ppm"`
	Shares    []int64 `json:"shares"`
	Index     int     `json:"index"`

	// Peers stand for Shares where there are very many, so that a credit is bounded
	// however many referrers its conversion has: for each size of credit, in
	// ascending order, the size, how many referrers have it, and how many of those
	// go before this one. Sizes differ and add up to a million, so there are 1,413
	// at most.
	Peers []int64 `json:"peers,omitempty"`

	// Rules are the rules of the conversion's version whose filters (kinds,
	// min_amount_minor, when, segments, first_only) the referrer passed; for a
	// referee, those that at least one credited referrer passed. Sorted by id.
	Rules []string `json:"rules"`
}
