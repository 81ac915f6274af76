package stages

import (
	"context"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/member"
	"github.com/grapevinehq/grapevine/pipeline/stage/clicks"
	"github.com/grapevinehq/grapevine/pipeline/stage/conversions"
	"github.com/grapevinehq/grapevine/pipeline/stage/members"
)

// directory asks the members' histories in the words of each stage.
type directory struct{ members *members.Directory }

// Referrers implements clicks.Directory.
func (d directory) Referrers(ctx context.Context, progress pipeline.Progress, questions []clicks.Question) ([]clicks.Answer, error) {
	queries := make([]members.ReferrerQuery, len(questions))
	for i, q := range questions {
		queries[i] = members.ReferrerQuery(q)
	}
	found, err := d.members.Referrers(ctx, progress, queries)
	if err != nil {
		return nil, err
	}
	answers := make([]clicks.Answer, len(found))
	for i, f := range found {
		answers[i] = clicks.Answer(f)
	}
	return answers, nil
}

// Members implements conversions.Directory.
func (d directory) Members(ctx context.Context, progress pipeline.Progress, questions []conversions.MemberQuery) ([]conversions.Member, error) {
	queries := make([]members.MemberQuery, len(questions))
	for i, q := range questions {
		queries[i] = members.MemberQuery(q)
	}
	found, err := d.members.Members(ctx, progress, queries)
	if err != nil {
		return nil, err
	}
	answers := make([]conversions.Member, len(found))
	for i, u := range found {
		if u == nil {
			continue
		}
		answers[i] = conversions.Member{
			Known: true, Status: u.Status, EmailHash: u.EmailHash, Locale: u.Locale,
			Segments: u.Segments, Attributes: u.Attributes,
		}
	}
	return answers, nil
}

// CouponOwners implements conversions.Directory.
func (d directory) CouponOwners(ctx context.Context, progress pipeline.Progress, questions []conversions.CouponQuery) ([]string, error) {
	queries := make([]members.CodeQuery, len(questions))
	for i, q := range questions {
		queries[i] = members.CodeQuery{OrgID: q.OrgID, Namespace: member.Coupon, Code: q.Code, At: q.At}
	}
	return d.members.Owners(ctx, progress, queries)
}
