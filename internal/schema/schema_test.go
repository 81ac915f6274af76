package schema

import (
	"encoding/json"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/docs"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/loop"
)

// decoders are the readers of the events that come in.
var decoders = map[event.Type]func(*event.Record) []string{
	event.TypeClick:             func(r *event.Record) []string { return event.DecodeClick(r, new(event.Click), event.DefaultLimits) },
	event.TypeConversion:        decodeConversions,
	event.TypeAdjustment:        decodeConversions,
	event.TypeIdentityLink:      decodeConversions,
	event.TypeMember:            func(r *event.Record) []string { return event.DecodeMember(r, new(event.Member), event.DefaultLimits) },
	event.TypeFulfilled:         decodeFulfillment,
	event.TypeFulfillmentFailed: decodeFulfillment,
	event.TypeDecided:           decodeFulfillment,
}

func decodeConversions(r *event.Record) []string {
	return event.DecodeConversions(r, new(event.Decoded), event.DefaultLimits)
}

func decodeFulfillment(r *event.Record) []string {
	return event.DecodeFulfillment(r, new(event.Fulfillment), event.DefaultLimits)
}

// written are the types of the events that go out.
var written = []event.Type{
	event.TypeRewardEarned, event.TypeRewardHeld, event.TypeRewardApproved, event.TypeRewardIncreased, event.TypeRewardReversed,
	event.TypeAttributed, event.TypeSegmentEntered, event.TypeSegmentLeft,
}

// examples are the events of the reference.
func examples(t testing.TB) map[event.Type][]byte {
	page, err := os.ReadFile("../../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[event.Type][]byte)
	for _, m := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllSubmatch(page, -1) {
		var e struct{ Type event.Type }
		if err := json.Unmarshal(m[1], &e); err != nil {
			t.Fatalf("%v in %s", err, m[1])
		}
		found[e.Type] = m[1]
	}
	return found
}

func TestSchemas_one_for_each_type(t *testing.T) {
	var want []string
	for of := range decoders {
		want = append(want, string(of)+".json")
	}
	for _, of := range written {
		want = append(want, string(of)+".json")
	}
	slices.Sort(want)
	entries, err := fs.ReadDir(docs.Schemas, "schemas")
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, e := range entries {
		have = append(have, e.Name())
	}
	if !slices.Equal(have, want) {
		t.Errorf("schemas\n%q, types\n%q", have, want)
	}
	for _, name := range have {
		if _, err := compiled(strings.TrimSuffix(name, path.Ext(name))); err != nil {
			t.Error(err)
		}
	}
}

func TestSchemas_accept_the_examples(t *testing.T) {
	have := examples(t)
	for of := range decoders {
		if have[of] == nil {
			t.Errorf("docs/events.md has no example of %s", of)
		}
	}
	for _, of := range written {
		if have[of] == nil {
			t.Errorf("docs/events.md has no example of %s", of)
		}
	}
	for of, example := range have {
		if err := Validate(example); err != nil {
			t.Errorf("example of %s: %v", of, err)
		}
	}
}

// What a schema says of an event that comes in is what the decoder says: members
// are taken out, or get values of every type and of every border.
func TestSchemas_agree_with_the_decoders(t *testing.T) {
	have := examples(t)
	types := make([]event.Type, 0, len(decoders))
	for of := range decoders {
		types = append(types, of)
	}
	slices.Sort(types)
	values := []any{nil, "", "x", "USD", 0, 1, -1, 1.5, true, []any{}, []any{"a"}, []any{""}, []any{1}, map[string]any{}, map[string]any{"a": "b"}, map[string]any{"a": 1}, map[string]any{"a": nil}, map[string]any{"a": []any{}}}
	rapid.Check(t, func(t *rapid.T) {
		of := rapid.SampledFrom(types).Draw(t, "type")
		var e map[string]any
		if err := json.Unmarshal(have[of], &e); err != nil {
			t.Fatal(err)
		}
		data := e["data"].(map[string]any)
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			at := data
			if rapid.IntRange(0, 4).Draw(t, "an attribute") == 0 {
				at = e
			}
			names := members(t, of, at, at["specversion"] != nil)
			name := rapid.SampledFrom(names).Draw(t, "member")
			switch {
			case name == "type": // another type is another schema
			case rapid.Bool().Draw(t, "remove"):
				delete(at, name)
			default:
				at[name] = rapid.SampledFrom(values).Draw(t, "value")
			}
		}
		value, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		problems := decoders[of](&event.Record{Time: 1 << 42, Key: key(of, e), Value: value})
		if err := Validate(value); (err == nil) != (problems == nil) {
			t.Fatalf("%s\nthe schema says %v\nthe decoder %q", value, err, problems)
		}
	})
}

// members are the names that the schema has, of the event or of its data.
func members(t *rapid.T, of event.Type, _ map[string]any, attributes bool) []string {
	text, err := docs.Schemas.ReadFile("schemas/" + string(of) + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var s struct {
		Properties map[string]struct{ Properties map[string]any }
	}
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	var names []string
	for name := range s.Properties {
		if attributes {
			names = append(names, name)
		}
	}
	for name := range s.Properties["data"].Properties {
		if !attributes {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// key is what the record's key must be: schemas do not speak of it.
func key(of event.Type, e map[string]any) []byte {
	data, _ := e["data"].(map[string]any)
	text := func(m map[string]any, name string) string { s, _ := m[name].(string); return s }
	switch of {
	case event.TypeMember:
		return []byte(text(e, "orgid") + "/" + text(data, "member_id"))
	case event.TypeClick:
		return []byte(text(data, "visitor_id"))
	case event.TypeFulfilled, event.TypeFulfillmentFailed, event.TypeDecided:
		return []byte(text(data, "reward_id"))
	}
	return []byte(text(data, "customer_id"))
}

// The AsyncAPI document has every topic but the internal one, and every type.
func TestAsyncAPI_has_every_topic_and_type(t *testing.T) {
	type ref struct {
		Ref string `yaml:"$ref"`
	}
	var d struct {
		Channels map[string]struct {
			Address  string
			Messages map[string]ref
		}
		Operations map[string]struct {
			Action  string
			Channel ref
		}
		Components struct {
			Messages map[string]struct {
				Name    string
				Payload ref
			}
		}
	}
	if err := yaml.Unmarshal(docs.AsyncAPI, &d); err != nil {
		t.Fatal(err)
	}
	action := make(map[string]string)
	for _, o := range d.Operations {
		action[strings.TrimPrefix(o.Channel.Ref, "#/channels/")] = o.Action
	}
	topics := make(map[string]string) // what is done with them
	for name, c := range d.Channels {
		topics[c.Address] = action[name]
		for message, r := range c.Messages {
			if _, ok := d.Components.Messages[message]; !ok || r.Ref != "#/components/messages/"+message {
				t.Errorf("channel %s: message %s refers to %q", name, message, r.Ref)
			}
		}
	}
	for _, topic := range []string{consumers.Clicks, consumers.Conversions, consumers.Members, consumers.Fulfillments} {
		if topics[topic] != "receive" {
			t.Errorf("%s: action %q, want receive", topic, topics[topic])
		}
	}
	for _, topic := range []string{consumers.Rewards, consumers.Attributions, consumers.Segments, loop.TopicDeadLetters} {
		if topics[topic] != "send" {
			t.Errorf("%s: action %q, want send", topic, topics[topic])
		}
	}
	names := make(map[string]bool)
	for _, m := range d.Components.Messages {
		if m.Payload.Ref == "" {
			continue // a dead letter has any bytes
		}
		names[m.Name] = true
		if want := "./schemas/" + m.Name + ".json"; m.Payload.Ref != want {
			t.Errorf("%s: payload %q, want %q", m.Name, m.Payload.Ref, want)
		}
	}
	for of := range decoders {
		if !names[string(of)] {
			t.Errorf("no message %s", of)
		}
	}
	for _, of := range written {
		if !names[string(of)] {
			t.Errorf("no message %s", of)
		}
	}
}
