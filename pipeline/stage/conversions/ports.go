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

// Books finds conversions in ClickHouse, for the few questions that the
// partition's own memory cannot answer: an id that another customer used on
// another partition.
type Books interface {
	Conversions(ctx context.Context, queries []ConversionQuery) ([]Stored, error)
}
