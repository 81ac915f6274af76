package event

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"testing"
)

// kafkaTime is the timestamp of records in tests: 2026-11-02T00:00:00Z.
const kafkaTime = 1793577600000

// sample is one record of testdata/events.jsonl: events of every type, in both
// modes, some of them invalid.
type sample struct {
	topic string
	rec   Record
}

func samples(t testing.TB) (all []sample) {
	t.Helper()
	b, err := os.ReadFile("testdata/events.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			Topic       string
			Offset      int64
			Key         *string
			Headers     map[string]string
			Value       *string
			ValueBase64 string `json:"value_base64"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		rec := Record{Offset: line.Offset, Time: kafkaTime}
		if line.Key != nil {
			rec.Key = []byte(*line.Key)
		}
		if line.Value != nil {
			rec.Value = []byte(*line.Value)
		}
		if line.ValueBase64 != "" {
			if rec.Value, err = base64.StdEncoding.DecodeString(line.ValueBase64); err != nil {
				t.Fatal(err)
			}
		}
		for k, v := range line.Headers {
			rec.Headers = append(rec.Headers, Header{Key: k, Value: []byte(v)})
		}
		all = append(all, sample{topic: line.Topic, rec: rec})
	}
	return all
}

// decodeAny decodes a record as its topic does.
func decodeAny(topic string, rec *Record) (envelope Envelope, problems []string) {
	switch topic {
	case "referral.clicks":
		var c Click
		problems = DecodeClick(rec, &c, DefaultLimits)
		return c.Envelope, problems
	case "referral.conversions":
		var d Decoded
		problems = DecodeConversions(rec, &d, DefaultLimits)
		return *d.Envelope(), problems
	case "referral.members":
		var m Member
		problems = DecodeMember(rec, &m, DefaultLimits)
		return m.Envelope, problems
	case "referral.fulfillments":
		var f Fulfillment
		problems = DecodeFulfillment(rec, &f, DefaultLimits)
		return f.Envelope, problems
	default:
		var in Inbound
		problems = DecodeCredits(rec, &in)
		return Envelope{Type: in.Type, OrgID: in.OrgID()}, problems
	}
}
