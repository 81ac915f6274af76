package conversions

import (
	"context"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// Catalogs finds the configuration that decides a batch, by its revision.
type Catalogs interface {
	Revision(ctx context.Context, hash string) (*program.Catalog, error)
}

// MemberQuery asks for a member as of a time (§9 (10)).
type MemberQuery struct {
	OrgID, MemberID string
	At              int64 // milliseconds since the epoch
}

// CouponQuery asks who held a coupon code at a time (§9 (11), (38)).
type CouponQuery struct {
	OrgID, Code string
	At          int64
}

// Member is what is known of a member as of a time; the zero Member is unknown.
type Member struct {
	Known      bool              `cbor:"1,keyasint,omitempty"`
	Status     event.Status      `cbor:"2,keyasint,omitempty"`
	EmailHash  string            `cbor:"3,keyasint,omitempty"`
	Locale     string            `cbor:"4,keyasint,omitempty"`
	Segments   []string          `cbor:"5,keyasint,omitempty"` // given from outside
	Attributes []event.Attribute `cbor:"6,keyasint,omitempty"`
}

// Directory answers questions about members, a whole batch at once: answer i is
// that of query i. Progress says how far the members topic was processed when
// the barrier opened: answers hold at least that.
type Directory interface {
	Members(ctx context.Context, progress pipeline.Progress, queries []MemberQuery) ([]Member, error)
	// CouponOwners answers with member ids, empty where nobody held the code.
	CouponOwners(ctx context.Context, progress pipeline.Progress, queries []CouponQuery) ([]string, error)
}

// ConversionQuery names a conversion.
type ConversionQuery struct {
	OrgID, ProgramID, ConversionID string
}

// Stored is what the books know of a conversion_id; the zero Stored: nothing.
type Stored struct {
	Claimed    bool   // a conversion of that id is stored that is not inactive
	CustomerID string // the customer of the counted one (attributed or unattributed); empty when none is
}

// ClaimQuery names an id that conversions claim.
type ClaimQuery struct {
	OrgID, ProgramID string
	Kind             event.Kind // of an order_id, which is claimed by kind; empty for a conversion_id
	ID               string
}

// StatsQuery asks for a member's figures.
type StatsQuery struct{ OrgID, MemberID string }

// Stats are a member's figures in an org, over all of its programs and over the
// member's lifetime (§5): of the credits that rewards have taken so far, and of the
// clicks that are stored.
type Stats struct {
	ConversionsPPM   int64 `cbor:"1,keyasint,omitempty"` // sum of credits of conversions that count
	RevenueMinor     int64 `cbor:"2,keyasint,omitempty"` // credited, net; program currencies as they are (§9 (30))
	UniqueClicks     int64 `cbor:"3,keyasint,omitempty"`
	LastConversionAt int64 `cbor:"4,keyasint,omitempty"` // ms, of those that ever counted; 0 for none
}

// Books answers from ClickHouse the few questions that the partition's own memory
// cannot, each a whole batch at once: answer i is that of query i.
type Books interface {
	// Conversions finds conversions: another customer may have used the id on
	// another partition.
	Conversions(ctx context.Context, queries []ConversionQuery) ([]Stored, error)
	// Claimed tells of ids whether a stored conversion claimed them.
	Claimed(ctx context.Context, queries []ClaimQuery) ([]bool, error)
	// Stats finds those figures of members that are asked for.
	Stats(ctx context.Context, of program.Stats, queries []StatsQuery) ([]Stats, error)
}
