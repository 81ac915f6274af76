package judge

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
)

// The topics by the contract's names.
const (
	topicClicks       = "referral.clicks"
	topicConversions  = "referral.conversions"
	topicMembers      = "referral.members"
	topicFulfillments = "referral.fulfillments"
	topicCredits      = "referral.credits"
	topicRewards      = "referral.rewards"
	topicAttributions = "referral.attributions"
	topicSegments     = "referral.segments"
	topicDeadLetters  = "referral.dead-letters"
)

// inputs are the topics that dead letters come of.
var inputs = []string{topicClicks, topicConversions, topicMembers, topicFulfillments, topicCredits}

// published sees to it that equal ids are equal bytes wherever something was
// published twice (contract §5). An id is unique with its source.
func (t *trial) published() error {
	for _, topic := range []string{topicRewards, topicAttributions, topicSegments, topicCredits} {
		if err := t.equalBytes(topic); err != nil {
			return err
		}
	}
	return nil
}

func (t *trial) equalBytes(topic string) error {
	seen := map[string][sha256.Size]byte{} // of key and value, by source and id
	for r, err := range t.Records(t.ctx, topic) {
		if err != nil {
			return err
		}
		var e struct{ Source, ID, SpecVersion string }
		if err := json.Unmarshal(r.Value, &e); err != nil || e.ID == "" || e.Source == "" || e.SpecVersion != "1.0" {
			t.differ(topic, r.place().String(), "a CloudEvent 1.0 in structured mode", string(r.Value))
			continue
		}
		id := e.Source + " " + e.ID
		sum := sha256.Sum256(fmt.Appendf(nil, "%d %s%s", len(r.Key), r.Key, r.Value))
		if before, twice := seen[id]; twice && before != sum {
			t.differ(topic, id, "equal bytes whenever it is published", "other bytes at "+r.place().String())
		}
		seen[id] = sum
	}
	return nil
}
