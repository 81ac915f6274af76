package money

import (
	"cmp"
	"errors"
	"math"
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/pipeline/program"
)

func TestExponent_follows_ISO_4217(t *testing.T) {
	for code, want := range map[string]int{
		"EUR": 2, "USD": 2, "JPY": 0, "KWD": 3, "CLF": 4, "UYW": 4, "TND": 3, "KRW": 0, "HUF": 2,
		"IQD": 3, "RSD": 2, "MMK": 2, "IDR": 2, "LBP": 2, "ISK": 0, "SLE": 2, "XOF": 0, "MGA": 2,
	} {
		if got, ok := Exponent(code); !ok || got != want {
			t.Errorf("Exponent(%s) = %d, %v; want %d", code, got, ok, want)
		}
	}
	for _, code := range []string{"", "eur", "EU", "EURO", "ZZZ", "XXX", "XTS", "XAU", "E R", "ÉU"} {
		if Known(code) {
			t.Errorf("Known(%q)", code)
		}
	}
}

func TestRateAt_takes_the_latest_valid_rate_and_no_inverse(t *testing.T) {
	rates := []program.Rate{
		{From: "EUR", To: "USD", ValidFrom: 100, Numerator: 11, Denominator: 10},
		{From: "EUR", To: "USD", ValidFrom: 200, Numerator: 12, Denominator: 10},
	}
	for _, c := range []struct {
		from, to string
		at, want int64
	}{{"EUR", "USD", 100, 11}, {"EUR", "USD", 199, 11}, {"EUR", "USD", 200, 12}, {"EUR", "EUR", 0, 1}} {
		if r, err := RateAt(rates, c.from, c.to, c.at); err != nil || r.Numerator != c.want {
			t.Errorf("RateAt(%s, %s, %d) = %+v, %v", c.from, c.to, c.at, r, err)
		}
	}
	for _, c := range []struct {
		from, to string
		at       int64
	}{{"EUR", "USD", 99}, {"USD", "EUR", 300}, {"GBP", "USD", 300}} {
		if _, err := RateAt(rates, c.from, c.to, c.at); !errors.Is(err, ErrNoRate) {
			t.Errorf("RateAt(%s, %s, %d): %v; want ErrNoRate", c.from, c.to, c.at, err)
		}
	}
}

func TestRateAt_finds_the_rate_that_a_look_at_all_finds(t *testing.T) {
	codes := []string{"CHF", "EUR", "GBP", "USD"}
	rapid.Check(t, func(t *rapid.T) {
		var rates []program.Rate
		for _, from := range codes {
			for _, to := range codes {
				for i, at := range rapid.SliceOfNDistinct(rapid.Int64Range(0, 20), 0, 5, rapid.ID).Draw(t, "times") {
					rates = append(rates, program.Rate{From: from, To: to, ValidFrom: at, Numerator: int64(i + 1), Denominator: 1})
				}
			}
		}
		slices.SortFunc(rates, func(a, b program.Rate) int {
			return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.ValidFrom, b.ValidFrom))
		})
		from, to := rapid.SampledFrom(codes).Draw(t, "from"), rapid.SampledFrom(codes).Draw(t, "to")
		at := rapid.Int64Range(-1, 21).Draw(t, "at")
		want := Rate{}
		for _, r := range rates { // in order of time: the last one stands
			if r.From == from && r.To == to && r.ValidFrom <= at {
				want = Rate{From: from, To: to, Numerator: r.Numerator, Denominator: 1}
			}
		}
		if from == to {
			want = Same(to)
		}
		if got, err := RateAt(rates, from, to, at); got != want || (err != nil) != (want == Rate{}) {
			t.Fatalf("%s to %s at %d: %+v, %v; want %+v", from, to, at, got, err, want)
		}
	})
}

func TestConvert_rounds_half_up_between_exponents(t *testing.T) {
	for _, c := range []struct {
		from, to         string
		num, den, amount int64
		want             int64
	}{
		{"EUR", "USD", 10825, 10000, 100, 108},      // 108.25
		{"EUR", "USD", 105, 100, 10, 11},            // 10.5
		{"JPY", "USD", 6412, 1000000, 15756, 10103}, // 10102.7...
		{"KWD", "USD", 3, 1, 15, 5},                 // 4.5
		{"KWD", "JPY", 500, 1, 1, 1},                // 0.5
		{"USD", "KWD", 1, 3, 1, 3},                  // 3.33
		{"EUR", "USD", 1, 3, 1, 0},
		{"EUR", "USD", 1, 1, math.MaxInt64, math.MaxInt64},
	} {
		got, err := Rate{c.from, c.to, c.num, c.den}.Convert(c.amount)
		if err != nil || got != c.want {
			t.Errorf("%d %s at %d/%d = %d %s, %v; want %d", c.amount, c.from, c.num, c.den, got, c.to, err, c.want)
		}
	}
	if _, err := (Rate{"JPY", "USD", 1, 1}).Convert(math.MaxInt64); !errors.Is(err, ErrOverflow) {
		t.Errorf("converting the greatest amount: %v; want ErrOverflow", err)
	}
	if _, err := (Rate{"EUR", "USD", 1, 1}).Convert(-1); err == nil {
		t.Error("a negative amount was converted")
	}
}

func TestConvert_is_the_nearest_minor_unit(t *testing.T) {
	codes := rapid.SampledFrom([]string{"EUR", "JPY", "KWD", "CLF"})
	rapid.Check(t, func(t *rapid.T) {
		r := Rate{
			codes.Draw(t, "from"), codes.Draw(t, "to"),
			rapid.Int64Range(1, 1e9).Draw(t, "numerator"), rapid.Int64Range(1, 1e9).Draw(t, "denominator"),
		}
		amount := rapid.Int64Range(0, 1e6).Draw(t, "amount")
		got, err := r.Convert(amount)
		if err != nil {
			t.Fatal(err)
		}
		if r.From == r.To && r.Numerator == r.Denominator {
			return
		}
		from, _ := Exponent(r.From)
		to, _ := Exponent(r.To)
		exact := new(big.Rat).SetFrac(big.NewInt(r.Numerator), big.NewInt(r.Denominator))
		exact.Mul(exact, new(big.Rat).SetInt64(amount))
		exact.Mul(exact, new(big.Rat).SetFrac(powerOfTen(to), powerOfTen(from)))
		// got - 1/2 <= exact < got + 1/2
		low := new(big.Rat).Sub(new(big.Rat).SetInt64(got), big.NewRat(1, 2))
		high := new(big.Rat).Add(new(big.Rat).SetInt64(got), big.NewRat(1, 2))
		if exact.Cmp(low) < 0 || exact.Cmp(high) >= 0 {
			t.Fatalf("%s is not half up %d", exact.FloatString(6), got)
		}
	})
}

func TestSplit_ties_go_to_the_earlier(t *testing.T) {
	for _, c := range []struct {
		total  int64
		shares []int64
		want   []int64
	}{
		{100, []int64{1, 1, 1}, []int64{34, 33, 33}},
		{1, []int64{500000, 500000}, []int64{1, 0}},
		{1000, []int64{333333, 333334, 333333}, []int64{333, 334, 333}},
		{7, []int64{0, 1}, []int64{0, 7}},
		{-3, []int64{1, 1}, []int64{-2, -1}},
		{0, []int64{1, 2}, []int64{0, 0}},
		{5, []int64{0, 0}, []int64{0, 0}},
		{math.MaxInt64, []int64{400000, 200000, 400000}, []int64{3689348814741910323, 1844674407370955161, 3689348814741910323}},
	} {
		got := Split(c.total, c.shares)
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("Split(%d, %v) = %v; want %v", c.total, c.shares, got, c.want)
				break
			}
		}
	}
}

func TestSplit_adds_up_and_stays_within_one_unit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.Int64Min(0).Draw(t, "total")
		shares := rapid.SliceOfN(rapid.Int64Range(0, 1e6), 1, 20).Draw(t, "shares")
		weights, sum := make([]*big.Int, len(shares)), int64(0)
		for i, s := range shares {
			weights[i], sum = big.NewInt(s), sum+s
		}
		if sum == 0 {
			return
		}
		parts, again, added := Split(total, shares), SplitBig(total, weights), int64(0)
		for i, p := range parts {
			added += p
			if p != again[i] {
				t.Fatalf("Split and SplitBig differ: %v, %v", parts, again)
			}
			exact := new(big.Int).Mul(big.NewInt(total), weights[i])
			low := new(big.Int).Mul(big.NewInt(p-1), big.NewInt(sum))
			high := new(big.Int).Mul(new(big.Int).Add(big.NewInt(p), big.NewInt(1)), big.NewInt(sum))
			if exact.Cmp(low) <= 0 || exact.Cmp(high) >= 0 {
				t.Fatalf("part %d of %v is a unit or more from exact", i, parts)
			}
		}
		if added != total {
			t.Fatalf("%v adds up to %d, not %d", parts, added, total)
		}
	})
}

func TestBasisPoints_rounds_half_up(t *testing.T) {
	for _, c := range []struct{ amount, points, want int64 }{
		{10000, 500, 500}, {9, 500, 0}, {10, 500, 1}, {29, 500, 1}, {30, 500, 2}, {0, 500, 0}, {1, 10000, 1},
		{math.MaxInt64, 10000, math.MaxInt64}, {math.MaxInt64, 20000, math.MaxInt64}, {math.MaxInt64, math.MaxInt64, math.MaxInt64},
	} {
		if got := BasisPoints(c.amount, c.points); got != c.want {
			t.Errorf("BasisPoints(%d, %d) = %d; want %d", c.amount, c.points, got, c.want)
		}
	}
}
