package codec

import (
	"reflect"
	"testing"
)

func TestUnmarshal_reads_whatever_was_written(t *testing.T) {
	many := make([]string, 200_000)
	counts := make(map[int]int, len(many))
	for i := range many {
		counts[i] = i
	}
	for _, v := range []any{many, counts, []string{"name \xff of a header"}, map[string]int{"\xfe": 1}} {
		b, err := Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		got := reflect.New(reflect.TypeOf(v))
		if err := Unmarshal(b, got.Interface()); err != nil || !reflect.DeepEqual(got.Elem().Interface(), v) {
			t.Errorf("%T of %d: %v", v, reflect.ValueOf(v).Len(), err)
		}
	}
}

func TestUnmarshal_refuses_a_length_that_is_not_there(t *testing.T) {
	var v []string
	if err := Unmarshal([]byte{0x9a, 0x7f, 0xff, 0xff, 0xff}, &v); err == nil {
		t.Error("two thousand million strings in five bytes")
	}
}
