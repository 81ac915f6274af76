package event

import "testing"

// benchClick is an everyday click: a structured CloudEvent of about 450 bytes.
const benchClick = `{"specversion":"1.0","id":"01J8ZQ4C5T7R3M9K2P6W0X1Y2Z","source":"shop/web","type":"referral.click.recorded.v1",` +
	`"time":"2026-10-12T08:15:30.123Z","orgid":"acme","programid":"us-store","data":{"referral_code":"SUMMER-AB12CD","visitor_id":"v-9f8e7d6c5b4a",` +
	`"link_id":"l-42","campaign_id":"autumn","channel":"email","country":"DE","locale":"de-DE","ip":"203.0.113.77",` +
	`"user_agent":"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/131.0"}}`

func benchRecord() *Record {
	return &Record{Time: 1791792931000, Key: []byte("v-9f8e7d6c5b4a"), Value: []byte(benchClick)}
}

func BenchmarkDecodeClick(b *testing.B) {
	rec, dst := benchRecord(), new(Click)
	b.SetBytes(int64(len(rec.Value)))
	b.ReportAllocs()
	for b.Loop() {
		if p := DecodeClick(rec, dst, DefaultLimits); p != nil {
			b.Fatal(p)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "clicks/s")
}

func BenchmarkDecodeConversions(b *testing.B) {
	rec := &Record{Time: 1791792931000, Key: []byte("c-77"), Value: []byte(`{"specversion":"1.0","id":"co-1","source":"shop/web",` +
		`"type":"referral.conversion.recorded.v1","time":"2026-10-12T08:15:30.123Z","orgid":"acme","programid":"us-store","data":{"kind":"sale",` +
		`"customer_id":"c-77","conversion_id":"cv-1","order_id":"o-1","visitor_id":"v-1","amount_minor":4999,"currency":"USD",` +
		`"email_hash":"7af3e9b4a2641b3b6fc874ddbb02314bff6ea5acfe6f790168579f5c5b5bf5d1","metadata":{"basket":"3"}}}`)}
	dst := new(Decoded)
	b.SetBytes(int64(len(rec.Value)))
	b.ReportAllocs()
	for b.Loop() {
		if p := DecodeConversions(rec, dst, DefaultLimits); p != nil {
			b.Fatal(p)
		}
	}
}
