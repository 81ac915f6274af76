package member

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

func at(time int64, codes ...string) Update { return Update{Time: time, ReferralCodes: codes} }

func TestHistory_At(t *testing.T) {
	h := NewHistory("m", []Update{
		{Time: 20, Offset: 1, Locale: "b"}, {Time: 10, Offset: 2, Locale: "a"}, {Time: 30, Offset: 3, Locale: "c"}, {Time: 30, Offset: 4, Locale: "d"},
	})
	for ms, want := range map[int64]string{math.MinInt64: "a", 9: "a", 10: "a", 19: "a", 20: "b", 29: "b", 30: "d", math.MaxInt64: "d"} {
		if got := h.At(ms).Locale; got != want {
			t.Errorf("at %d: %s, want %s", ms, got, want)
		}
	}
	var nobody *History
	if nobody.At(1) != nil || NewHistory("m", nil).At(1) != nil {
		t.Error("an unknown member has facts")
	}
}

func TestSettle(t *testing.T) {
	type owned struct {
		at    int64
		owner string
	}
	for _, c := range []struct {
		name      string
		histories []*History
		owners    []owned
		losses    []string
	}{
		{"nobody", nil, []owned{{0, ""}}, nil},
		{"one, also before its first update", []*History{NewHistory("a", []Update{at(10, "C")})}, []owned{{0, "a"}, {10, "a"}, {99, "a"}}, nil},
		{"given up", []*History{NewHistory("a", []Update{at(10, "C"), at(20)})}, []owned{{0, "a"}, {19, "a"}, {20, ""}, {99, ""}}, nil},
		{"not before it was listed", []*History{NewHistory("a", []Update{at(10), at(20, "C")})}, []owned{{0, ""}, {10, ""}, {20, "a"}}, nil},
		{"the earlier update keeps it", []*History{NewHistory("b", []Update{at(10, "C")}), NewHistory("a", []Update{at(11, "C")})},
			[]owned{{0, "b"}, {10, "b"}, {11, "b"}, {99, "b"}}, []string{"a@11 of b"}},
		{"at one time the smaller id", []*History{NewHistory("b", []Update{at(10, "C")}), NewHistory("a", []Update{at(10, "C")})},
			[]owned{{0, "a"}, {10, "a"}}, []string{"b@10 of a"}},
		{"taken where it was given up, at that very time", []*History{NewHistory("b", []Update{at(10, "C"), at(20)}), NewHistory("a", []Update{at(20, "C")})},
			[]owned{{15, "b"}, {20, "a"}}, nil},
		{"a loser gets it by listing it again when it is free", []*History{
			NewHistory("a", []Update{at(10, "C"), at(30)}), NewHistory("b", []Update{at(20, "C"), at(40, "C")})},
			[]owned{{20, "a"}, {30, ""}, {39, ""}, {40, "b"}}, []string{"b@20 of a"}},
		{"an unbroken run holds although another lists it", []*History{
			NewHistory("a", []Update{at(10, "C"), at(20, "C"), at(30, "C")}), NewHistory("b", []Update{at(15, "C"), at(25, "C")})},
			[]owned{{15, "a"}, {25, "a"}, {99, "a"}}, []string{"b@15 of a", "b@25 of a"}},
		{"other codes do not matter", []*History{NewHistory("a", []Update{at(10, "c", "C2")})}, []owned{{10, ""}}, nil},
		{"other namespaces do not matter", []*History{NewHistory("a", []Update{{Time: 10, CouponCodes: []string{"C"}}})}, []owned{{10, ""}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := Settle(Referral, "C", c.histories)
			for _, o := range c.owners {
				if got := l.OwnerAt(o.at); got != o.owner {
					t.Errorf("at %d: %q, want %q", o.at, got, o.owner)
				}
			}
			var losses []string
			for _, x := range l.Losses {
				losses = append(losses, fmt.Sprintf("%s@%d of %s", x.MemberID, x.Update.Time, x.Owner))
			}
			if !slices.Equal(losses, c.losses) {
				t.Errorf("losses %q, want %q", losses, c.losses)
			}
		})
	}
}

func histories(t *rapid.T) (all []*History) {
	for _, id := range []string{"a", "b", "c"}[:rapid.IntRange(1, 3).Draw(t, "members")] {
		var updates []Update
		for i := range rapid.IntRange(0, 4).Draw(t, "updates of "+id) {
			u := Update{Time: rapid.Int64Range(0, 6).Draw(t, "time"), Offset: int64(i)}
			if rapid.Bool().Draw(t, "lists") {
				u.ReferralCodes = []string{"C"}
			}
			updates = append(updates, u)
		}
		all = append(all, NewHistory(id, updates))
	}
	return all
}

// A code is somebody's or nobody's at any time: of one who lists it then and
// has not lost it; and every update that lists it holds it or has lost it.
func TestSettle_properties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := histories(t)
		l := Settle(Referral, "C", all)
		lost := map[*Update]bool{}
		for _, x := range l.Losses {
			lost[x.Update] = true
			if x.Owner == x.MemberID {
				t.Fatalf("%s lost the code to itself", x.Owner)
			}
			if got := l.OwnerAt(x.Update.Time); got != x.Owner {
				t.Fatalf("lost to %s, and %q holds it", x.Owner, got)
			}
		}
		for ms := int64(-1); ms < 8; ms++ {
			owner, holders := l.OwnerAt(ms), 0
			for _, h := range all {
				u := h.At(ms)
				holds := u != nil && u.Lists(Referral, "C") && !lost[u]
				if holds {
					holders++
				}
				if owner == h.MemberID && !holds {
					t.Fatalf("%s holds the code at %d without listing it", owner, ms)
				}
				if holds && u.Time <= ms && owner != h.MemberID {
					t.Fatalf("%s took the code at %d, and at %d it is %q's", h.MemberID, u.Time, ms, owner)
				}
			}
			if (owner == "") != (holders == 0) {
				t.Fatalf("at %d: owner %q of %d holders", ms, owner, holders)
			}
		}
	})
}

// The order in which updates are known does not matter.
func TestSettle_does_not_depend_on_arrival(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := histories(t)
		want := Settle(Referral, "C", all)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		shuffled := make([]*History, 0, len(all))
		for _, i := range r.Perm(len(all)) {
			updates := slices.Clone(all[i].Updates)
			r.Shuffle(len(updates), func(a, b int) { updates[a], updates[b] = updates[b], updates[a] })
			shuffled = append(shuffled, NewHistory(all[i].MemberID, updates))
		}
		got := Settle(Referral, "C", shuffled)
		if !reflect.DeepEqual(got.Tenures, want.Tenures) || len(got.Losses) != len(want.Losses) {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	})
}

func TestUpdate_encodes_to_itself(t *testing.T) {
	u := Of(&event.Member{
		Envelope: event.Envelope{Time: -5}, MemberID: "m", Status: event.Banned, ReferralCodes: []string{"R"}, CouponCodes: []string{"C"}, Segments: []string{"s"},
		Attributes: []event.Attribute{{Key: "a", Kind: 's', String: "b"}, {Key: "n", Kind: 'n', Number: 1.5}, {Key: "t", Kind: 'b', Bool: true}},
		Locale:     "de", Currency: "EUR", EmailHash: "h",
	}, 3, 7)
	b, err := u.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var got Update
	if err := got.Decode(b); err != nil || !reflect.DeepEqual(got, u) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range [][]byte{nil, {}, {9}, {format}, {format, 0xff}} {
		if err := got.Decode(bad); err == nil {
			t.Errorf("%v is taken", bad)
		}
	}
}

func FuzzUpdateDecode(f *testing.F) {
	u := at(1, "a")
	b, err := u.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		var u Update
		if u.Decode(b) == nil {
			if _, err := u.Encode(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
