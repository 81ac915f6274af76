package reward_test

import (
	"testing"

	"github.com/grapevinehq/grapevine/pipeline/reward"
)

// The fixed values were worked out apart from this code, by Python's uuid.uuid5 over
// names escaped by urllib.parse.quote.
func TestIDs_are_version_5_over_the_escaped_path(t *testing.T) {
	for _, c := range []struct{ name, got, want string }{
		{"namespace", reward.Namespace.String(), "010c127d-9769-5656-90be-a945be08f21d"},
		{
			"tier", reward.TierID("acme", "us-store", "milestones", "bronze", "pts", "lifetime", "acme-m000", 1),
			"f34bf48b-beef-5690-abec-9c2fe58795ac",
		},
		{
			"repeated step, escaped", reward.TierID("acme", "us-store", "milestones", reward.StepTier("gold", 2), "cash", "2026-Q4", "a/b ü", 12),
			"a00e35f9-e771-5f1d-b246-e0de70e7e034",
		},
		{
			"per conversion, escaped", reward.ConversionID("acme", "eu-store", "commission", "share", "cv-000541", "acme-m003/ü é"),
			"4f3cadc4-553e-5957-a9d8-81ca6d00925b",
		},
		{
			"a week and another script", reward.TierID("acme", "shop", "miles", "gold", "cash", "2026-W53", "日本", 3),
			"a2e03060-a55f-541c-9ec1-f67d60fd39e1",
		},
		{ // of marks only -_.~$&+=:@ stand as they are
			"every mark", reward.ConversionID("o", "p", "r", "w", "-_.~$&+=:@!*'(),;?#[]%/\\\"<>^`{|} ", "b"),
			"6315c38c-6176-57e5-9b96-4a2260636188",
		},
		{"grant", reward.GrantID("acme", "us-store", "vip-thanks", "gift", "m1"), "67bcef5d-aa15-5eb5-98e0-52eb4abb0f22"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", c.name, c.got, c.want)
		}
	}
}
