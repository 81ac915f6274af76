package event

import (
	"encoding/json"
	"os"
	"regexp"
	"testing"

	ce "github.com/cloudevents/sdk-go/v2/event"
)

// The examples of the reference are events: those that come in decode, those
// that go out are CloudEvents.
func TestDocs_examples(t *testing.T) {
	page, err := os.ReadFile("../../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	in := map[Type]func(*Record) []string{
		TypeClick:        func(r *Record) []string { return DecodeClick(r, new(Click), DefaultLimits) },
		TypeConversion:   func(r *Record) []string { return DecodeConversions(r, new(Decoded), DefaultLimits) },
		TypeAdjustment:   func(r *Record) []string { return DecodeConversions(r, new(Decoded), DefaultLimits) },
		TypeIdentityLink: func(r *Record) []string { return DecodeConversions(r, new(Decoded), DefaultLimits) },
		TypeMember:       func(r *Record) []string { return DecodeMember(r, new(Member), DefaultLimits) },
		TypeFulfilled:    func(r *Record) []string { return DecodeFulfillment(r, new(Fulfillment), DefaultLimits) },
	}
	seen := map[Type]bool{}
	for _, m := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllSubmatch(page, -1) {
		var e ce.Event
		if err := json.Unmarshal(m[1], &e); err != nil {
			t.Fatalf("%v in %s", err, m[1])
		}
		if err := e.Validate(); err != nil {
			t.Errorf("%v in %s", err, m[1])
		}
		name := Type(e.Type())
		seen[name] = true
		if decode := in[name]; decode != nil {
			if problems := decode(&Record{Time: latest, Key: keyOf(t, &e), Value: m[1]}); problems != nil {
				t.Errorf("%s: %q", name, problems)
			}
		}
	}
	for name := range in {
		if !seen[name] {
			t.Errorf("no example of %s", name)
		}
	}
}

func keyOf(t *testing.T, e *ce.Event) []byte {
	var data map[string]any
	if err := e.DataAs(&data); err != nil {
		t.Fatal(err)
	}
	if e.Type() == string(TypeMember) {
		return []byte(e.Extensions()["orgid"].(string) + "/" + data["member_id"].(string))
	}
	for _, field := range []string{"reward_id", "customer_id", "visitor_id"} {
		if id, ok := data[field].(string); ok {
			return []byte(id)
		}
	}
	return nil
}
