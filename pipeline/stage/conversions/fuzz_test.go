package conversions

import (
	"testing"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

// What stands in Redis is our own, but a damaged value must be an error, never a
// panic.
func FuzzDecoders(f *testing.F) {
	w := newWorld(f, []byte(programs), 1)
	records := []event.Record{{Offset: 1, Key: []byte("c"), Value: []byte(`{"specversion":"1.0","id":"a","source":"s","type":"referral.conversion.recorded.v1","time":"2025-03-01T00:00:00Z","orgid":"o","programid":"p","data":{"kind":"sale","customer_id":"c","visitor_id":"v","amount_minor":5,"currency":"EUR"}}`)}}
	w.parts[0].work(records)
	list, err := appendExpiry(nil, &expiry{Offset: 1})
	succeed(f, err)
	f.Add(list)
	for _, value := range w.parts[0].memory {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		k := &work{records: records, events: make([]entry, 1)}
		_ = k.TakeFacts(b)
		_ = k.TakeRecord(b)
		for _, prefix := range []string{customerPrefix, standingPrefix, conversionPrefix, waitingPrefix} {
			k.facts.init()
			_ = k.facts.take(prefix, "n", b)
		}
		_ = k.facts.take("", hoursKey, b)
		_ = k.facts.take("", pendingKey, b)
		_, _ = decodeExpiries(b)
	})
}

func FuzzOwned(f *testing.F) {
	f.Add([]byte{version, 7})
	f.Add(append([]byte{version, 7}, make([]byte, 21)...))
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = appendOwned(nil, b) }) // must not panic
}
