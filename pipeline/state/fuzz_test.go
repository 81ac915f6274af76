package state

import (
	"fmt"
	"slices"
	"testing"

	"github.com/grapevinehq/grapevine/pipeline"
)

// What decodes as bounds encodes to bounds that are equal.
func FuzzDecodeBounds(f *testing.F) {
	p := pipeline.Partition{Topic: "referral.clicks", Incarnation: "i", ID: 1}
	seed, err := encodeBounds(pipeline.Bounds{Partition: p, Number: 1, First: 2, End: 3, Time: 4, Revision: "r"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte{boundsVersion})
	f.Add([]byte{boundsVersion + 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := decodeBounds(p, data)
		if err != nil {
			return
		}
		encoded, err := encodeBounds(b)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := decodeBounds(p, encoded); err != nil || again != b {
			t.Fatalf("%+v reads back as %+v, %v", b, again, err)
		}
	})
}

// What decodes as grants encodes to grants that are equal.
func FuzzDecodeGrants(f *testing.F) {
	for _, seed := range []string{"", "5:1:a", "9223372036854775807:0:1:3:a:\x00", "5:-1:", "5:2:a", "5:1", "x", ":"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, answer string) {
		grants, err := decodeGrants(answer)
		if err != nil {
			return
		}
		encoded := ""
		for _, g := range grants {
			encoded += fmt.Sprintf("%d:%d:%s", g.Amount, len(g.Ref), g.Ref)
		}
		if again, err := decodeGrants(encoded); err != nil || !slices.Equal(again, grants) {
			t.Fatalf("%+v reads back as %+v, %v", grants, again, err)
		}
	})
}

// Keys are found by these: they must never change.
func TestGroups_stay_where_they_are(t *testing.T) {
	for name, want := range map[string]string{"": "{g99}", "acme/ada": "{g75}", "AAAAAAAAAAAAAAAAAAAAAA/3": "{g2e}"} {
		if got := groupOf(name).tag(); got != want {
			t.Errorf("%q lies in %s, want %s", name, got, want)
		}
	}
	g, bucket, field := claimPlace(pipeline.NewClaimID("conv/acme/p1/c1"))
	if got, want := claimBucket(g, bucket), "{g50}:c1qw"; got != want || len(field) != 16 {
		t.Errorf("the claim lies in %s, want %s", got, want)
	}
}

func TestSlotGroups_spread_over_the_slots_of_a_cluster(t *testing.T) {
	seen := make(map[string]bool)
	for i := range Groups {
		seen[group(i).tag()] = true
	}
	if len(seen) != Groups || !seen["{g00}"] || !seen["{gff}"] {
		t.Errorf("%d tags", len(seen))
	}
}
