package clicks

import (
	"context"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// Catalogs finds the configuration that decides a batch, by its revision.
type Catalogs interface {
	Revision(ctx context.Context, hash string) (*program.Catalog, error)
}

// Question is who a click's referrer is, as of the click's own time.
type Question struct {
	OrgID      string
	ReferrerID string // as the click names it; empty when it names a code alone
	Code       string // referral code; empty when the click names none
	At         int64  // ms since the epoch
}

// Answer to a question. A referrer need not be a known member (§3, 2).
type Answer struct {
	Owner  string // who held the code then; empty when nobody did
	Banned bool   // the referrer named, or else the owner, was banned then
}

// Directory answers questions about members, a whole batch at once: answer i
// is that of question i.
type Directory interface {
	Referrers(ctx context.Context, progress pipeline.Progress, questions []Question) ([]Answer, error)
}
