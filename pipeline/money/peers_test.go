package money

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// counted tells of the sizes among shares, as seen from the one at index.
func counted(shares []int64, index int) (list []Peers) {
	for i, s := range shares {
		at := slices.IndexFunc(list, func(p Peers) bool { return p.Share == s })
		if at < 0 {
			at = len(list)
			list = append(list, Peers{Share: s})
		}
		list[at].Count++
		if i < index {
			list[at].Before++
		}
	}
	return list
}

// Few sizes, and totals with whom many remainders tie.
func TestPartAmong_is_the_part_of_a_split(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.OneOf(rapid.Int64Range(0, 10), rapid.Int64Range(0, 1_000_000)), 1, 4).Draw(t, "sizes")
		shares := rapid.SliceOfN(rapid.SampledFrom(sizes), 1, 40).Draw(t, "shares")
		var sum int64
		for _, s := range shares {
			sum += s
		}
		total := rapid.OneOf(
			rapid.Int64Range(-50, 50), rapid.Int64(),
			rapid.Custom(func(t *rapid.T) int64 {
				return sum / rapid.Int64Range(1, 8).Draw(t, "of") * rapid.Int64Range(-3, 3).Draw(t, "times")
			}),
		).Draw(t, "total")
		for i, want := range Split(total, shares) {
			list := counted(shares, i)
			if got := PartAmong(total, shares[i], slices.Values(list)); got != want {
				t.Fatalf("part %d of %d over %v is %d by %v, and %d of the split", i, total, shares, got, list, want)
			}
		}
	})
}

// Every credit of a conversion is a whole number of parts per million, so there
// are no more sizes than this.
func TestPartAmong_of_as_many_sizes_as_there_can_be(t *testing.T) {
	var shares []int64
	left := int64(1_000_000)
	for s := int64(1); left >= s; s++ {
		shares = append(shares, s)
		left -= s
	}
	shares = append(shares, left)
	if n := len(counted(shares, 0)); n != 1413 {
		t.Errorf("%d sizes", n)
	}
	for _, total := range []int64{1, 999, 123_457, 500_000, 1 << 62} {
		parts := Split(total, shares)
		for i := 0; i < len(parts); i += 101 {
			if got := PartAmong(total, shares[i], slices.Values(counted(shares, i))); got != parts[i] {
				t.Fatalf("part %d of %d is %d, not %d", i, total, got, parts[i])
			}
		}
	}
}

func BenchmarkPartAmong(b *testing.B) {
	shares := make([]int64, 3)
	for i := range shares {
		shares[i] = 333_333
	}
	list := slices.Values(counted(shares, 1))
	for b.Loop() {
		PartAmong(12_345, 333_333, list)
	}
}
