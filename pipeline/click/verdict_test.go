package click

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

func TestJudge(t *testing.T) {
	const hour = int64(3600_000)
	for _, c := range []struct {
		name   string
		facts  Facts
		time   int64
		want   Verdict
		reason string
	}{
		{"unique", Facts{Active: true}, 0, Unique, ""},
		{"inactive before banned", Facts{Banned: true, Bot: "b"}, 0, Inactive, ""},
		{"banned before bot", Facts{Active: true, Banned: true, Bot: "b"}, 0, Banned, ""},
		{"bot before duplicate", Facts{Active: true, Bot: "b", Counted: true}, 0, Bot, "b"},
		{"duplicate just inside", Facts{Active: true, Counted: true, LastCounted: 10}, 10 + hour - 1, Duplicate, ""},
		{"unique at the window", Facts{Active: true, Counted: true, LastCounted: 10}, 10 + hour, Unique, ""},
		{"an earlier time counts as well", Facts{Active: true, Counted: true, LastCounted: hour}, 1, Duplicate, ""},
		{"an earlier time at the window", Facts{Active: true, Counted: true, LastCounted: hour}, 0, Unique, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, reason := Judge(c.facts, c.time, hour)
			if v != c.want || reason != c.reason {
				t.Errorf("got %s %q, want %s %q", v, reason, c.want, c.reason)
			}
		})
	}
}

func TestJudge_every_verdict_it_gives_is_stored(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := Facts{
			Active: rapid.Bool().Draw(t, "active"), Banned: rapid.Bool().Draw(t, "banned"),
			Bot:     rapid.SampledFrom([]string{"", "b"}).Draw(t, "bot"),
			Counted: rapid.Bool().Draw(t, "counted"), LastCounted: rapid.Int64Range(-1e13, 1e13).Draw(t, "last"),
		}
		v, reason := Judge(f, rapid.Int64Range(-1e13, 1e13).Draw(t, "time"), rapid.Int64Range(0, 1e10).Draw(t, "window"))
		if !v.Stored() || (v == Bot) != (reason != "") {
			t.Fatalf("%s %q", v, reason)
		}
	})
	for _, v := range []Verdict{Invalid, UnknownProgram, UnknownReferralCode, Redelivered} {
		if v.Stored() {
			t.Errorf("%s is stored", v)
		}
	}
}

func TestActor(t *testing.T) {
	h, other := NewHasher([SecretBytes]byte{1}), NewHasher([SecretBytes]byte{2})
	if actor, known := h.Actor(&event.Click{VisitorID: "v", IP: "i", UserAgent: "u"}); actor != "v" || !known {
		t.Errorf("got %q, %v", actor, known)
	}
	anonymous := &event.Click{IP: "203.0.113.9", UserAgent: "ua"}
	actor, known := h.Actor(anonymous)
	if known || len(actor) != 32 {
		t.Errorf("got %q, %v", actor, known)
	}
	if again, _ := h.Actor(anonymous); again != actor {
		t.Error("two hashes of one actor")
	}
	if foreign, _ := other.Actor(anonymous); foreign == actor {
		t.Error("the secret does not matter")
	}
	if h.Hash("ab", "c") == h.Hash("a", "bc") {
		t.Error("the border between ip and user agent does not matter")
	}
}

func BenchmarkHash(b *testing.B) {
	h := NewHasher([SecretBytes]byte{1})
	b.ReportAllocs()
	for b.Loop() {
		h.Hash("203.0.113.9", chrome)
	}
}
