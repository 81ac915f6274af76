package members

import (
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
)

// topicCredits is where rewards are told what changed of members.
const topicCredits = "referral.credits"

// change tells the member's ledger of an update that was applied, or that the
// member was forgotten.
func change(in *input, decidedAt int64) (pipeline.Message, error) {
	u := &in.Update
	key, value, err := event.EncodeMemberChanged(&event.MemberChanged{
		OrgID: in.OrgID, MemberID: in.MemberID, Time: u.Time, Partition: u.Partition, Offset: u.Offset, DecidedAt: decidedAt,
		Forgotten: in.Verdict == forgotten, Status: u.Status, Locale: u.Locale, Currency: u.Currency,
		Segments: u.Segments, Attributes: u.Attributes,
	})
	return pipeline.Structured(topicCredits, key, value), err
}
