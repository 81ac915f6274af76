package verify

import (
	"fmt"
	"math/big"
	"testing"
)

// What one look finds may be a batch that is under way.
func TestSettled_believes_only_a_difference_that_stays(t *testing.T) {
	for name, tt := range map[string]struct {
		looks []int64 // what Redis has more than the books
		want  string
	}{
		"nothing differs":          {[]int64{0}, "0 after 1"},
		"a batch was under way":    {[]int64{5, 0}, "0 after 2"},
		"two were":                 {[]int64{5, 5, -3, 0}, "0 after 4"},
		"it stays":                 {[]int64{5, 5, 5}, "5 after 3"},
		"it stays after others":    {[]int64{5, 6, -1, -1, -1}, "-1 after 5"},
		"another one at each look": {[]int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, "batches draw on it all the time after 10"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			next := 0
			look := func() (weight, error) {
				next++
				return weight{taken: big.NewInt(tt.looks[next-1]), net: new(big.Int)}, nil
			}
			first, _ := look()
			w, err := settled(t.Context(), first, look)
			if err != nil {
				t.Fatal(err)
			}
			got := w.why
			if got == "" {
				got = w.less().String()
			}
			if got = fmt.Sprint(got, " after ", next); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}
