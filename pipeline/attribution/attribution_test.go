package attribution

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/pipeline/program"
)

const hour = int64(time.Hour / time.Millisecond)

func touch(at int64, click, referrer string) Touch { return Touch{at, click, referrer} }

func settings(m program.Model) program.Attribution {
	return program.Attribution{
		Model: m, Window: 720 * time.Hour, HalfLife: 168 * time.Hour, BindCustomer: true,
		Order: []program.CandidateKind{program.CandidateCoupon, program.CandidateClick, program.CandidateTouch},
	}
}

func nobody(string) Member { return Member{} }

func TestShare_by_model(t *testing.T) {
	touches := func(hours ...int64) []Touch {
		var list []Touch
		for _, h := range hours {
			list = append(list, touch(h*hour, "", "r"))
		}
		return list
	}
	for _, c := range []struct {
		model   program.Model
		touches []Touch
		want    []int64
	}{
		{program.LastClick, touches(1, 2, 3), []int64{0, 0, Whole}},
		{program.FirstClick, touches(1, 2, 3), []int64{Whole, 0, 0}},
		{program.Linear, touches(1, 2, 3), []int64{333334, 333333, 333333}},
		{program.PositionBased, touches(1), []int64{Whole}},
		{program.PositionBased, touches(1, 2), []int64{500000, 500000}},
		{program.PositionBased, touches(1, 2, 3), []int64{400000, 200000, 400000}},
		{program.PositionBased, touches(1, 2, 3, 4, 5), []int64{400000, 66667, 66667, 66666, 400000}},
		{program.TimeDecay, touches(0, 0), []int64{500000, 500000}},
		{program.TimeDecay, touches(0, 168), []int64{333333, 666667}},
		{program.TimeDecay, touches(0, 168, 336), []int64{142857, 285714, 571429}},
		{program.TimeDecay, touches(0, 1000000), []int64{0, Whole}},
	} {
		if got := Share(c.model, c.touches, 168*time.Hour); !slices.Equal(got, c.want) {
			t.Errorf("%s of %d touches = %v; want %v", c.model, len(c.touches), got, c.want)
		}
	}
}

func TestShare_adds_up_to_the_whole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.SliceOfN(rapid.Int64Range(0, 5000*hour), 1, 40).Draw(t, "times")
		slices.Sort(at)
		touches := make([]Touch, len(at))
		for i := range at {
			touches[i] = touch(at[i], "", "")
		}
		half := time.Duration(rapid.Int64Range(1, 2000*hour).Draw(t, "half-life")) * time.Millisecond
		for _, m := range Models {
			var sum int64
			for _, ppm := range Share(m, touches, half) {
				if ppm < 0 {
					t.Fatalf("%s gives %d", m, ppm)
				}
				sum += ppm
			}
			if sum != Whole {
				t.Fatalf("%s adds up to %d", m, sum)
			}
		}
	})
}

func TestDecayed_is_two_to_the_minus_age_over_half_life(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		half := rapid.Uint64Range(1, 1e12).Draw(t, "half-life")
		age := rapid.Uint64Range(0, 20*half).Draw(t, "age")
		got, _ := halved(age, half).Float64()
		got /= math.Exp2(decayBits)
		if want := math.Exp2(-float64(age) / float64(half)); math.Abs(got-want) > 1e-12*want {
			t.Fatalf("2^-(%d/%d) = %g; want %g", age, half, got, want)
		}
	})
}

func TestDecide_takes_the_first_kind_that_yields(t *testing.T) {
	base := Question{Time: 1000 * hour, CustomerID: "c", Settings: settings(program.LastClick), Member: nobody,
		Touches: []Touch{touch(999*hour, "t", "visited")}}
	with := func(change func(*Question)) Question { q := base; change(&q); return q }
	banned := func(id string) func(string) Member {
		return func(r string) Member { return Member{Banned: r == id, EmailHash: "mail-of-" + r} }
	}
	click := []Touch{touch(990*hour, "k", "clicked")}
	for name, c := range map[string]struct {
		q      Question
		who    string
		reason string
	}{
		"touch":               {base, "visited", ""},
		"click before touch":  {with(func(q *Question) { q.ClickID, q.Clicks = "k", click }), "clicked", ""},
		"coupon before click": {with(func(q *Question) { q.ClickID, q.Clicks, q.CouponCode, q.CouponOwner = "k", click, "C", "owner" }), "owner", ""},
		"unknown coupon":      {with(func(q *Question) { q.CouponCode = "C" }), "visited", ""},
		"unknown click":       {with(func(q *Question) { q.ClickID = "k" }), "visited", ""},
		"banned coupon":       {with(func(q *Question) { q.CouponCode, q.CouponOwner, q.Member = "C", "owner", banned("owner") }), "visited", ""},
		"configured order": {with(func(q *Question) {
			q.ClickID, q.Clicks = "k", click
			q.Settings.Order = []program.CandidateKind{program.CandidateTouch, program.CandidateClick}
		}), "visited", ""},
		"click out of window": {with(func(q *Question) { q.ClickID, q.Clicks = "k", []Touch{touch(280*hour-1, "k", "clicked")} }), "visited", ""},
		"click at its edge":   {with(func(q *Question) { q.ClickID, q.Clicks = "k", []Touch{touch(280*hour, "k", "clicked")} }), "clicked", ""},
		"touch at conversion": {with(func(q *Question) { q.Touches = []Touch{touch(1000*hour, "t", "visited")} }), "visited", ""},
		"touch afterwards":    {with(func(q *Question) { q.Touches = []Touch{touch(1000*hour+1, "t", "visited")} }), "", NoCandidate},
		"nothing":             {with(func(q *Question) { q.Touches = nil }), "", NoCandidate},
		"self-referral":       {with(func(q *Question) { q.CustomerID = "visited" }), "", "excluded:self_referral"},
		"same email":          {with(func(q *Question) { q.EmailHash, q.Member = "mail-of-visited", banned("x") }), "", "excluded:same_email"},
		"banned":              {with(func(q *Question) { q.Member = banned("visited") }), "", "excluded:banned"},
		"banned is not fatal": {with(func(q *Question) {
			q.Member = banned("visited")
			q.Touches = append(q.Touches, touch(1, "", "z"), touch(998*hour, "s", "second"))
		}), "second", ""},
		"click_id breaks a tie": {with(func(q *Question) {
			q.Touches = []Touch{touch(9, "b", "late"), touch(999*hour, "b", "late"), touch(999*hour, "a", "early")}
		}), "late", ""},
	} {
		d := Decide(c.q)
		if d.Reason != c.reason || d.Attributed() != (c.who != "") {
			t.Errorf("%s: reason %q, attributed %v; want %q, %v", name, d.Reason, d.Attributed(), c.reason, c.who != "")
			continue
		}
		if c.who != "" && credits(d.Referrers, d.Paying)[c.who] != Whole {
			t.Errorf("%s: credits %v", name, credits(d.Referrers, d.Paying))
		}
	}
}

func credits(referrers []Referrer, a Allocation) map[string]int64 {
	m := map[string]int64{}
	for i, ppm := range a.PPM {
		m[referrers[i].ID] = ppm
	}
	return m
}

func TestDecide_keeps_the_candidates_of_kinds_that_were_outranked(t *testing.T) {
	q := Question{Time: 1000 * hour, CustomerID: "c", Settings: settings(program.LastClick),
		CouponCode: "C", CouponOwner: "owner", ClickID: "k", Clicks: []Touch{touch(990*hour, "k", "clicked")},
		Touches: []Touch{touch(998*hour, "s", "banned"), touch(999*hour, "t", "visited")},
		Member:  func(id string) Member { return Member{Banned: id == "banned"} }}
	d := Decide(q)
	if credits(d.Referrers, d.Paying)["owner"] != Whole || len(d.Referrers) != 1 || d.Reason != "" {
		t.Errorf("credits %v, reason %q", credits(d.Referrers, d.Paying), d.Reason)
	}
	want := []Candidate{
		{program.CandidateCoupon, touch(1000*hour, "", "owner"), ""},
		{program.CandidateClick, touch(990*hour, "k", "clicked"), Outranked},
		{program.CandidateTouch, touch(998*hour, "s", "banned"), BannedMember},
		{program.CandidateTouch, touch(999*hour, "t", "visited"), Outranked},
	}
	if !slices.Equal(d.Candidates, want) {
		t.Errorf("candidates %v", d.Candidates)
	}
}

func TestDecide_adds_up_a_referrer_and_computes_shadows(t *testing.T) {
	q := Question{Time: 100 * hour, Settings: settings(program.Linear), Member: nobody, Touches: []Touch{
		touch(3*hour, "c", "a"), touch(1*hour, "a", "a"), touch(2*hour, "b", "b"),
	}}
	q.Settings.Shadow = []program.Model{program.LastClick, program.FirstClick, program.Linear, program.LastClick}
	d := Decide(q)
	if len(d.Referrers) != 2 || d.Referrers[0] != (Referrer{"a", 2, hour, 3 * hour}) || d.Referrers[1] != (Referrer{"b", 1, 2 * hour, 2 * hour}) {
		t.Fatalf("referrers %+v", d.Referrers)
	}
	if !slices.Equal(d.Paying.PPM, []int64{666667, 333333}) {
		t.Errorf("paying %v", d.Paying.PPM)
	}
	if len(d.Shadow) != 2 || !slices.Equal(d.Shadow[0].PPM, []int64{Whole, 0}) || !slices.Equal(d.Shadow[1].PPM, []int64{Whole, 0}) {
		t.Errorf("shadow %+v", d.Shadow)
	}
	if got := d.Paying.Amounts(100); !slices.Equal(got, []int64{67, 33}) {
		t.Errorf("amounts %v", got)
	}
}

func TestDecide_binding_rescales_without_the_excluded(t *testing.T) {
	q := Question{Time: 100 * hour, Settings: settings(program.Linear), Member: nobody, Touches: []Touch{
		touch(1*hour, "a", "a"), touch(2*hour, "b", "b"), touch(3*hour, "c", "c"), touch(4*hour, "d", "c"),
	}}
	first := Decide(q)
	if first.Binds == nil {
		t.Fatal("the first attributed conversion does not bind")
	}
	out := map[string]bool{}
	later := Question{Time: 5000 * hour, Settings: q.Settings, Binding: first.Binds, CouponCode: "C", CouponOwner: "other",
		Member: func(r string) Member { return Member{Banned: out[r]} }}
	later.Settings.Shadow = []program.Model{program.FirstClick, program.LastClick}
	for _, c := range []struct {
		out    []string
		want   []int64
		shadow int
		reason string
	}{
		{nil, []int64{250000, 250000, 500000}, 2, Bound},
		{[]string{"a"}, []int64{0, 333333, 666667}, 1, Bound},
		{[]string{"c"}, []int64{500000, 500000, 0}, 1, Bound},
		{[]string{"a", "b", "c"}, nil, 0, NothingBinds},
	} {
		clear(out)
		for _, r := range c.out {
			out[r] = true
		}
		d := Decide(later)
		if !slices.Equal(d.Paying.PPM, c.want) || len(d.Shadow) != c.shadow || d.Reason != c.reason || d.Binds != nil {
			t.Errorf("without %v: paying %v, shadow %v, reason %q", c.out, d.Paying.PPM, d.Shadow, d.Reason)
		}
	}
	later.Settings.BindCustomer = false
	if d := Decide(later); credits(d.Referrers, d.Paying)["other"] != Whole {
		t.Errorf("binding: none kept %v", d.Referrers)
	}
}

func TestDecide_does_not_depend_on_the_order_of_touches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := rapid.Custom(func(t *rapid.T) Touch {
			return touch(rapid.Int64Range(0, 5).Draw(t, "time")*hour, rapid.StringMatching(`[ab]`).Draw(t, "click"),
				rapid.StringMatching(`[xyz]`).Draw(t, "referrer"))
		})
		touches := rapid.SliceOfN(draw, 1, 12).Draw(t, "touches")
		q := Question{Time: 6 * hour, CustomerID: "z", Member: nobody, Touches: touches,
			Settings: settings(rapid.SampledFrom(Models).Draw(t, "model"))}
		a := Decide(q)
		q.Touches = rapid.Permutation(touches).Draw(t, "permuted")
		b := Decide(q)
		if !slices.Equal(a.Paying.PPM, b.Paying.PPM) || !slices.Equal(a.Referrers, b.Referrers) || !slices.Equal(a.Candidates, b.Candidates) {
			t.Fatalf("%+v differs from %+v", a, b)
		}
		if a.Attributed() {
			var sum int64
			for _, ppm := range a.Paying.PPM {
				sum += ppm
			}
			if sum != Whole {
				t.Fatalf("credits add up to %d", sum)
			}
		}
	})
}

func BenchmarkDecide(b *testing.B) {
	touches := make([]Touch, 8)
	for i := range touches {
		touches[i] = touch(int64(i)*hour*7, "k", string(rune('a'+i%3)))
	}
	for _, m := range []program.Model{program.LastClick, program.TimeDecay} {
		q := Question{Time: 100 * hour, CustomerID: "c", Settings: settings(m), Member: nobody, Touches: touches}
		b.Run(string(m), func(b *testing.B) {
			for b.Loop() {
				Decide(q)
			}
		})
	}
}
