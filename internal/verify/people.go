package verify

import (
	"context"
	"fmt"
	"slices"

	"github.com/grapevinehq/grapevine/analytics"
	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/member"
	"github.com/grapevinehq/grapevine/pipeline/stage/conversions"
	"github.com/grapevinehq/grapevine/pipeline/stage/members"
)

// members holds what partitions share of members against the books: every update since
// the member was forgotten, and of every code that one lists, that the member did.
func (v *Verifier) members(ctx context.Context, places []place, audit *analytics.Audit, r *Report, scope analytics.Scope) (f analytics.Findings, err error) {
	for _, p := range of(places, consumers.Members) {
		later := 0
		err := audit.EachUpdate(ctx, p.standing(), func(list []analytics.BookedUpdate) error {
			n, err := v.sameMembers(ctx, p, list, scope, &f)
			later += n
			return err
		})
		if err != nil {
			return f, err
		}
		if later > 0 {
			r.Skipped = append(r.Skipped, Skipped{"members of " + p.partition.String(), fmt.Sprintf("%d updates are gone, and later batches may have forgotten their members", later)})
		}
	}
	return f, nil
}

// sameMembers compares some updates. later counts those that a batch which is not judged
// may have removed.
func (v *Verifier) sameMembers(ctx context.Context, p place, list []analytics.BookedUpdate, scope analytics.Scope, f *analytics.Findings) (later int, err error) {
	var fields []pipeline.SharedSet
	for i := range list {
		u := &list[i]
		fields = append(fields, members.UpdateField(u.OrgID, u.MemberID, p.partition.ID, u.Offset))
		for _, code := range u.Referral {
			fields = append(fields, members.ClaimantField(u.OrgID, member.Referral, code, u.MemberID))
		}
		for _, code := range u.Coupon {
			fields = append(fields, members.ClaimantField(u.OrgID, member.Coupon, code, u.MemberID))
		}
	}
	if err := v.Redis.Shared(ctx, fields); err != nil {
		return 0, err
	}
	after, err := v.Redis.Look(ctx, p.partition)
	if err != nil {
		return 0, err
	}
	ahead := after.Begun || after.Filled > p.completed
	for i := range list {
		u := &list[i]
		codes := fields[1:][:len(u.Referral)+len(u.Coupon)]
		text, gone := updateText(u, fields[0].Value, codes)
		fields = fields[1+len(codes):]
		switch {
		case text == "":
		case gone && ahead:
			later++
		default:
			note(f, scope, analytics.Finding{OrgID: u.OrgID, Day: u.Day, ID: u.MemberID, Position: fmt.Sprintf("%s/%d", p.partition, u.Offset), Text: text})
		}
	}
	return later, nil
}

// updateText says how an update is remembered otherwise than it is booked. gone tells that
// something is missing, which to forget the member would explain.
func updateText(u *analytics.BookedUpdate, value []byte, codes []pipeline.SharedSet) (text string, gone bool) {
	if value == nil {
		return "Redis does not have this update of the member", true
	}
	var known member.Update
	if err := known.Decode(value); err != nil {
		return "what Redis has of this update cannot be read: " + err.Error(), false
	}
	if known.Time != u.Time.UnixMilli() || string(known.Status) != u.Status || known.Locale != u.Locale || known.Currency != u.Currency || known.EmailHash != u.EmailHash ||
		!slices.Equal(known.ReferralCodes, u.Referral) || !slices.Equal(known.CouponCodes, u.Coupon) || !slices.Equal(known.Segments, u.Segments) {
		return "Redis has this update of the member otherwise than the books", false
	}
	for i := range codes {
		if codes[i].Value == nil {
			return "Redis does not know that the member listed a code of this update", true
		}
	}
	return "", false
}

// links holds the visitors that are known to be customers against the events that told it.
func (v *Verifier) links(ctx context.Context, places []place, audit *analytics.Audit, scope analytics.Scope) (f analytics.Findings, err error) {
	for _, p := range of(places, consumers.Conversions) {
		m, err := v.memoryOf(ctx, p)
		if err != nil {
			return f, err
		}
		if m == nil {
			continue
		}
		err = audit.EachLink(ctx, p.standing(), func(list []analytics.BookedLink) error {
			keys := make([]string, len(list))
			for i, l := range list {
				keys[i] = conversions.LinksKey(l.OrgID, l.CustomerID)
			}
			linked, err := m.values(ctx, keys)
			if err != nil {
				return err
			}
			for i, l := range list {
				if text := linkText(l.VisitorID, linked[i]); text != "" {
					note(&f, scope, analytics.Finding{
						OrgID: l.OrgID, ProgramID: l.ProgramID, Day: l.Day, ID: l.EventID, Position: fmt.Sprintf("%s/%d", p.partition, l.Offset), Text: text,
					})
				}
			}
			return nil
		})
		if err != nil {
			return f, err
		}
	}
	return f, nil
}
