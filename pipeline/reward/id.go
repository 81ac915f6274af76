package reward

import (
	"strconv"

	"github.com/google/uuid"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

// Namespace of reward ids: UUIDv5(DNS, "grapevine") (contract §5).
var Namespace = uuid.NewSHA1(uuid.NameSpaceDNS, []byte("grapevine"))

// TierID is the reward id of one occurrence of a tier's reward. tier is the
// tier's id, of a repeated step `<tier>+<n>`; reward is the reward's own id in
// its tier; occurrence counts from 1.
func TierID(org, program, rule, tier, reward, period, beneficiary string, occurrence int64) string {
	return id(org, program, rule, tier, reward, period, beneficiary, strconv.FormatInt(occurrence, 10))
}

// ConversionID is the reward id of a per_conversion reward.
func ConversionID(org, program, rule, reward, conversion, beneficiary string) string {
	return id(org, program, rule, reward, conversion, beneficiary)
}

// GrantID is the reward id of a grant.
func GrantID(org, program, rule, reward, member string) string {
	return id(org, program, rule, reward, member)
}

// StepTier is the tier id of the nth repeated step beyond a tier, n from 1.
func StepTier(tier string, n int64) string { return tier + "+" + strconv.FormatInt(n, 10) }

func id(segments ...string) string {
	return uuid.NewSHA1(Namespace, []byte(event.JoinID(segments...))).String()
}
