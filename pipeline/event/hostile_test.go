package event

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// What somebody sends who means harm is refused, with a reason that fits into a
// header, at the cost of no more memory than the event itself takes.
func TestDecode_refuses_hostile_events_cheaply(t *testing.T) {
	event := func(data string) string {
		return `{"specversion":"1.0","id":"i","source":"s","type":"referral.click.recorded.v1","time":"2026-11-01T00:00:00Z","orgid":"o","programid":"p","data":` + data + `}`
	}
	const good = `"referrer_id":"r","visitor_id":"v"`
	deep := func(open, end string, n int) string {
		return event(`{` + good + `,"metadata":` + strings.Repeat(open, n) + strings.Repeat(end, n) + `}`)
	}
	many := func(n int, line string) string {
		var out strings.Builder
		for i := range n {
			fmt.Fprintf(&out, line, i)
		}
		return strings.TrimSuffix(out.String(), ",")
	}
	huge := strings.Repeat("9", 900_000)
	flood := make([]Header, MaxHeaders+1)
	for i := range flood {
		flood[i] = Header{Key: "ce_id", Value: []byte("x")}
	}
	for name, rec := range map[string]Record{
		"deep lists":         {Value: []byte(deep("[", "]", 250_000))},
		"deep maps":          {Value: []byte(deep(`{"a":`, "}", 150_000))},
		"open brackets":      {Value: []byte(strings.Repeat("[", 1<<20))},
		"open strings":       {Value: []byte(`{"id":"` + strings.Repeat("a", 1<<19))},
		"giant number":       {Value: []byte(event(`{` + good + `,"visitor_id":` + huge + `}`))},
		"giant exponent":     {Value: []byte(event(`{` + good + `,"referrer_id":1e` + huge + `}`))},
		"invalid UTF-8":      {Value: []byte(event(`{"referrer_id":"r` + "\xff\xfe" + `","visitor_id":"v"}`))},
		"lone surrogate key": {Value: []byte(event(`{"referrer_id":"` + "\xed\xa0\x80" + `","visitor_id":"v"}`))},
		"duplicate keys":     {Value: []byte(event(`{` + good + `,"referrer_id":"other"}`))},
		"duplicate id":       {Value: []byte(strings.Replace(event(`{`+good+`}`), `"id":"i"`, `"id":"i","id":"j"`, 1))},
		"id of a megabyte":   {Value: []byte(event(`{"referrer_id":"` + strings.Repeat("r", 1<<20-400) + `","visitor_id":"v"}`))},
		"over a megabyte":    {Value: []byte(event(`{` + good + `,"landing_url":"` + strings.Repeat("r", 1<<20) + `"}`))},
		"many problems":      {Value: []byte(event(`{` + many(50_000, `"referrer_id":%d,`) + `}`))},
		"many pairs, wrong":  {Value: []byte(event(`{` + good + `,"metadata":{` + many(50_000, `"k%d":1,`) + `}}`))},
		"zeros":              {Value: make([]byte, 1<<20)},
		"time of the far":    {Value: []byte(strings.Replace(event(`{`+good+`}`), "2026-11-01", "9999-12-31", 1)), Time: 1_793_577_600_000},
		"header flood":       {Value: []byte(event(`{` + good + `}`)), Headers: flood},
		"headers repeated":   {Value: []byte(`{` + good + `}`), Headers: flood[:MaxHeaders]},
		"huge header":        {Value: []byte(event(`{` + good + `}`)), Headers: []Header{{Key: "h", Value: make([]byte, MaxValueBytes)}}},
		"huge key":           {Key: make([]byte, MaxValueBytes+1), Value: []byte(event(`{` + good + `}`))},
		"huge content type":  {Value: []byte(event(`{` + good + `}`)), Headers: []Header{{Key: "ce_id", Value: []byte(strings.Repeat("x", 1<<19))}}},
	} {
		t.Run(name, func(t *testing.T) {
			var click Click
			var conversion Decoded
			var member Member
			var fulfilment Fulfillment
			var in Inbound
			for what, decode := range map[string]func() []string{
				"click":       func() []string { return DecodeClick(&rec, &click, DefaultLimits) },
				"conversion":  func() []string { return DecodeConversions(&rec, &conversion, DefaultLimits) },
				"member":      func() []string { return DecodeMember(&rec, &member, DefaultLimits) },
				"fulfillment": func() []string { return DecodeFulfillment(&rec, &fulfilment, DefaultLimits) },
				"credits":     func() []string { return DecodeCredits(&rec, &in) },
			} {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				problems := decode()
				runtime.ReadMemStats(&after)
				if len(problems) == 0 {
					t.Errorf("%s: it is taken", what)
				}
				if detail := Detail(problems); len(detail) > 64<<10 {
					t.Errorf("%s: the reason has %d bytes: %.200s", what, len(detail), detail)
				}
				if took := after.TotalAlloc - before.TotalAlloc; took > 16<<20 {
					t.Errorf("%s: %d MiB were taken", what, took>>20)
				}
			}
		})
	}
}
