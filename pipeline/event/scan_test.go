package event

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func walk(b []byte) (fault string) {
	s := scan{b: b}
	s.skip()
	s.end()
	return s.fault
}

// agrees checks a text against encoding/json: what is taken here is JSON there,
// and what is refused here is none there or has a reason of its own.
func agrees(t interface{ Fatalf(string, ...any) }, b []byte) {
	fault := walk(b)
	standard := json.Valid(b)
	switch {
	case fault == "" && !(standard && utf8.Valid(b)):
		t.Fatalf("%q is taken", b)
	case fault != "" && standard && utf8.Valid(b) && !strings.Contains(fault, "escape") && !strings.Contains(fault, "deep"):
		t.Fatalf("%q is refused: %s", b, fault)
	}
}

func FuzzScan(f *testing.F) {
	for _, s := range samples(f) {
		f.Add(s.rec.Value)
	}
	for _, s := range []string{`[]`, `[1,2,]`, `{"a":[{}],"b":-0.5e+7}`, `"\ud83d\ude00"`, `"\ud83d"`, "\"\xff\"", `01`, `-`, `1.`, `tru`, ` null `, `{"a" 1}`, `{,}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) { agrees(t, b) })
}

func TestScan_agrees_with_encoding_json_on_damaged_texts(t *testing.T) {
	all := samples(t)
	rapid.Check(t, func(t *rapid.T) {
		b := append([]byte(nil), rapid.SampledFrom(all).Draw(t, "sample").rec.Value...)
		for range rapid.IntRange(0, 3).Draw(t, "damages") {
			if len(b) > 0 {
				b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] = rapid.SampledFrom([]byte("\"\\{}[],:0-.eu\x00\x1f\xffnt ")).Draw(t, "byte")
			}
		}
		agrees(t, b)
	})
}

func TestScan_strings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.String().Draw(t, "string")
		b, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		s := scan{b: b}
		if got := s.text(); got != want || s.fault != "" {
			t.Fatalf("got %q, fault %q", got, s.fault)
		}
	})
}

func TestScan_depth_is_bounded(t *testing.T) {
	deep := func(n int) []byte { return []byte(strings.Repeat(`[`, n) + strings.Repeat(`]`, n)) }
	if fault := walk(deep(maxDepth)); fault != "" {
		t.Errorf("%d levels: %s", maxDepth, fault)
	}
	if fault := walk(deep(maxDepth + 1)); !strings.Contains(fault, "deep") {
		t.Errorf("%d levels: %q", maxDepth+1, fault)
	}
	mixed := strings.Repeat(`{"a":[`, 200) + strings.Repeat(`]}`, 200)
	if fault := walk([]byte(mixed)); fault != "" {
		t.Errorf("mixed: %s", fault)
	}
}

func TestParseInstant_agrees_with_package_time(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.UnixMilli(rapid.Int64Range(earliest, latest).Draw(t, "ms")).
			Add(time.Duration(rapid.Int64Range(0, 999_999).Draw(t, "ns")))
		offset := rapid.IntRange(-23*60-59, 23*60+59).Draw(t, "minutes") * 60
		layout := rapid.SampledFrom([]string{time.RFC3339Nano, time.RFC3339, "2006-01-02T15:04:05.000Z07:00", "2006-01-02T15:04:05.000000000Z07:00"}).Draw(t, "layout")
		text := at.In(time.FixedZone("", offset)).Format(layout)
		want, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Skip()
		}
		got, ok := parseInstant(text)
		if !ok || got != want.UnixMilli() {
			t.Fatalf("%s: got %d, %v, want %d", text, got, ok, want.UnixMilli())
		}
	})
}

func TestParseInstant(t *testing.T) {
	for text, want := range map[string]int64{
		"1970-01-01T00:00:00Z":                0,
		"1970-01-01T00:00:00.9999999Z":        999,
		"1969-12-31T23:59:59.9999Z":           -1,
		"1970-01-01T00:00:00.5+01:00":         500 - 3600_000,
		"2024-02-29T12:00:00-00:00":           1709208000000,
		"2000-02-29t00:00:00z":                951782400000,
		"2025-02-20T15:25:30.479343718-07:00": 1740090330479,
	} {
		if got, ok := parseInstant(text); !ok || got != want {
			t.Errorf("%s: got %d, %v, want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{
		"", "2025-02-20", "2025-02-20T15:25Z", "2025-02-20T15:25:30", "2025-02-20 15:25:30Z", "2025-02-30T00:00:00Z",
		"2023-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2025-13-01T00:00:00Z", "2025-00-01T00:00:00Z", "2025-01-00T00:00:00Z",
		"2025-01-01T24:00:00Z", "2025-01-01T00:60:00Z", "2025-01-01T00:00:60Z", "2025-01-01T00:00:00.Z",
		"2025-01-01T00:00:00.1234567890Z", "2025-01-01T00:00:00+0100", "2025-01-01T00:00:00+24:00", "2025-01-01T00:00:00+01:60",
		"2025-01-01T00:00:00Zz", "+025-01-01T00:00:00Z", "2025-01-01T00:00:00,5Z", "2025-1-01T00:00:00ZZ",
	} {
		if got, ok := parseInstant(text); ok {
			t.Errorf("%q is taken as %d", text, got)
		}
	}
}
