package event

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// given is an event under construction.
type given struct {
	topic      string
	key        []byte
	attributes map[string]any
	data       map[string]any
}

// valid is a valid event of each type.
func valid(name Type) given {
	g := given{attributes: map[string]any{
		"specversion": "1.0", "id": "e-1", "source": "shop/web", "type": string(name),
		"time": "2026-11-01T10:00:00.123456789Z", "orgid": "acme", "programid": "us-store",
	}}
	switch name {
	case TypeClick:
		g.topic, g.key = "referral.clicks", []byte("v-1")
		g.data = map[string]any{"referrer_id": "m-1", "visitor_id": "v-1"}
	case TypeConversion:
		g.topic, g.key = "referral.conversions", []byte("c-1")
		g.data = map[string]any{"kind": "sale", "customer_id": "c-1", "amount_minor": 100, "currency": "EUR"}
	case TypeAdjustment:
		g.topic, g.key = "referral.conversions", []byte("c-1")
		g.data = map[string]any{"kind": "refund", "customer_id": "c-1", "conversion_id": "cv-1"}
	case TypeIdentityLink:
		g.topic, g.key = "referral.conversions", []byte("c-1")
		g.data = map[string]any{"customer_id": "c-1", "visitor_id": "v-1"}
	case TypeMember:
		g.topic, g.key = "referral.members", []byte("acme/m-1")
		g.data = map[string]any{"member_id": "m-1", "status": "active"}
		delete(g.attributes, "programid")
	case TypeCredit:
		g.topic, g.key = "referral.credits", []byte("acme/m-1")
		g.data = dataOf(EncodeCredit(exampleCredit()))
	case TypeMemberChanged:
		g.topic, g.key = "referral.credits", []byte("acme/m-1")
		g.data = dataOf(EncodeMemberChanged(exampleChange()))
		delete(g.attributes, "programid")
	case TypeMemberClicked:
		g.topic, g.key = "referral.credits", []byte("acme/m-1")
		g.data = dataOf(EncodeMemberClicked(exampleClicked()))
		delete(g.attributes, "programid")
	case TypeRewardDecided:
		g.topic, g.key = "referral.credits", []byte("acme/m-1")
		g.data = dataOf(EncodeRewardDecision(exampleDecision()))
	case TypeDecided:
		g.topic, g.key = "referral.fulfillments", []byte("r-1")
		g.data = map[string]any{"reward_id": "r-1", "decision": "approve"}
	default:
		g.topic, g.key = "referral.fulfillments", []byte("r-1")
		g.data = map[string]any{"reward_id": "r-1"}
	}
	return g
}

// dataOf is the data of an event that Grapevine wrote.
func dataOf(_, value []byte, err error) map[string]any {
	var e struct{ Data map[string]any }
	if err := errors.Join(err, json.Unmarshal(value, &e)); err != nil {
		panic(err)
	}
	return e.Data
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// structured is the event in structured mode; dataFirst puts the data before
// the type.
func (g given) structured(dataFirst bool) *Record {
	var members []string
	if g.data != nil && dataFirst {
		members = append(members, `"data":`+string(mustJSON(g.data)))
	}
	for _, k := range slices.Sorted(maps.Keys(g.attributes)) {
		members = append(members, fmt.Sprintf("%s: %s", mustJSON(k), mustJSON(g.attributes[k])))
	}
	if g.data != nil && !dataFirst {
		members = append(members, `"data" : `+string(mustJSON(g.data)))
	}
	return &Record{Time: kafkaTime, Key: g.key, Value: []byte("\n{" + strings.Join(members, ",\t") + "} ")}
}

// binary is the event in binary mode; attributes that are no strings stay away.
func (g given) binary() *Record {
	rec := &Record{Time: kafkaTime, Key: g.key, Value: mustJSON(g.data), Headers: []Header{{Key: "content-type", Value: []byte("application/json")}}}
	for k, v := range g.attributes {
		if s, ok := v.(string); ok {
			rec.Headers = append(rec.Headers, Header{Key: "ce_" + k, Value: []byte(s)})
		}
	}
	return rec
}

// ways are the record in every form that means the same.
func (g given) ways() map[string]*Record {
	encoded := given{key: g.key, attributes: maps.Clone(g.attributes)}
	encoded.attributes["data_base64"] = base64.StdEncoding.EncodeToString(mustJSON(g.data))
	return map[string]*Record{
		"structured": g.structured(false), "data first": g.structured(true), "binary": g.binary(), "base64": encoded.structured(false),
	}
}

var everyType = []Type{
	TypeClick, TypeConversion, TypeAdjustment, TypeIdentityLink, TypeMember,
	TypeFulfilled, TypeFulfillmentFailed, TypeDecided,
	TypeCredit, TypeMemberChanged, TypeMemberClicked, TypeRewardDecided,
}

func TestDecode_valid_events_in_every_form(t *testing.T) {
	for _, name := range everyType {
		g := valid(name)
		for way, rec := range g.ways() {
			env, problems := decodeAny(g.topic, rec)
			if problems != nil {
				t.Errorf("%s, %s: %q", name, way, problems)
			}
			if g.topic == "referral.credits" {
				if env.Type != name || env.OrgID != "acme" {
					t.Errorf("%s, %s: %+v", name, way, env)
				}
				continue
			}
			want := Envelope{ID: "e-1", Source: "shop/web", Type: name, Time: 1793527200123, OrgID: "acme", ProgramID: "us-store"}
			if name == TypeMember {
				want.ProgramID = ""
			}
			if env != want {
				t.Errorf("%s, %s: %+v", name, way, env)
			}
		}
	}
}

// problem is a change to a valid event and a part of what is told of it; want
// empty means that the event stays valid.
type problem struct {
	name  string
	of    Type
	field string // of the data
	value any    // nil removes it
	want  string
}

var null = json.RawMessage("null")

func dataProblems() []problem {
	long, text := strings.Repeat("x", MaxIDBytes+1), strings.Repeat("x", MaxTextBytes+1)
	return []problem{
		{"click without referrer", TypeClick, "referrer_id", nil, "referrer_id or referral_code is missing"},
		{"click with an empty referrer", TypeClick, "referrer_id", "", "referrer_id or referral_code is missing"},
		{"click with code too", TypeClick, "referral_code", "R", ""},
		{"click without actor", TypeClick, "visitor_id", nil, "visitor_id is missing"},
		{"click with a number", TypeClick, "link_id", 7, "link_id is not a string"},
		{"click with null", TypeClick, "link_id", null, ""},
		{"click with an empty link", TypeClick, "link_id", "", ""},
		{"click with long id", TypeClick, "click_id", long, "click_id has 4097 bytes"},
		{"click with long url", TypeClick, "landing_url", text, ""},
		{"click with any ip", TypeClick, "ip", "not an ip", ""},
		{"unknown field", TypeClick, "x", map[string]any{"y": []any{1, 2.5, nil, true}}, ""},
		{"metadata of numbers", TypeClick, "metadata", map[string]any{"a": 1}, "metadata.a is not a string"},
		{"metadata nested", TypeClick, "metadata", map[string]any{"a": map[string]any{}}, "metadata.a is not a string"},
		{"metadata null value", TypeClick, "metadata", map[string]any{"a": nil, "": "", "ü": "ß"}, ""},
		{"metadata array", TypeClick, "metadata", []any{}, "metadata is not a flat map of strings"},

		{"unknown kind", TypeConversion, "kind", "gift", `kind "gift" is unknown`},
		{"no kind", TypeConversion, "kind", nil, "kind is missing"},
		{"kind of wrong type", TypeConversion, "kind", true, "kind is not a string"},
		{"no customer", TypeConversion, "customer_id", nil, "customer_id is missing"},
		{"empty customer", TypeConversion, "customer_id", "", "customer_id is missing"},
		{"negative amount", TypeConversion, "amount_minor", -5, "amount_minor is negative"},
		{"amount 0", TypeConversion, "amount_minor", 0, ""},
		{"minus 0", TypeConversion, "amount_minor", json.RawMessage("-0"), ""},
		{"greatest amount", TypeConversion, "amount_minor", json.RawMessage("9223372036854775807"), ""},
		{"greater amount", TypeConversion, "amount_minor", json.RawMessage("9223372036854775808"), "amount_minor is not an integer of 64 bits"},
		{"amount with fraction", TypeConversion, "amount_minor", json.RawMessage("5.0"), "amount_minor is not an integer of 64 bits"},
		{"amount with exponent", TypeConversion, "amount_minor", json.RawMessage("5e2"), "amount_minor is not an integer of 64 bits"},
		{"amount as string", TypeConversion, "amount_minor", "5", "amount_minor is not an integer"},
		{"amount null", TypeConversion, "amount_minor", null, ""},
		{"no currency", TypeConversion, "currency", nil, "currency is missing"},
		{"currency in small letters", TypeConversion, "currency", "eur", "not an ISO 4217 code"},
		{"unknown currency", TypeConversion, "currency", "ABC", "not an ISO 4217 code"},
		{"ill-typed optional", TypeConversion, "order_id", 4, "order_id is not a string"},
		{"long name", TypeConversion, "name", text, "name has 65537 bytes"},
		{"another type's field", TypeConversion, "reason", 5, ""},

		{"refund of 0", TypeAdjustment, "amount_minor", 0, "not positive"},
		{"refund of less", TypeAdjustment, "amount_minor", -1, "not positive"},
		{"refund of something", TypeAdjustment, "amount_minor", 1, ""},
		{"correction without amount", TypeAdjustment, "kind", "correction", "a correction needs it"},
		{"chargeback of all", TypeAdjustment, "kind", "chargeback", ""},
		{"cancel", TypeAdjustment, "kind", "cancel", ""},
		{"other kind", TypeAdjustment, "kind", "sale", `kind "sale" is unknown`},
		{"no conversion", TypeAdjustment, "conversion_id", nil, "conversion_id is missing"},
		{"adjustment with a conversion's field", TypeAdjustment, "metadata", 5, ""},
		{"reason of wrong type", TypeAdjustment, "reason", 5, "reason is not a string"},

		{"link without visitor", TypeIdentityLink, "visitor_id", nil, "visitor_id is missing"},
		{"link without customer", TypeIdentityLink, "customer_id", null, "customer_id is missing"},

		{"no member", TypeMember, "member_id", nil, "member_id is missing"},
		{"no status", TypeMember, "status", nil, ""},
		{"unknown status", TypeMember, "status", "away", `status "away" is neither`},
		{"codes", TypeMember, "referral_codes", []string{"a", "b", "a"}, ""},
		{"codes empty", TypeMember, "referral_codes", []string{}, ""},
		{"codes with an empty one", TypeMember, "referral_codes", []string{""}, "an element of referral_codes is empty"},
		{"codes with a number", TypeMember, "coupon_codes", []any{"a", 1}, "an element of coupon_codes is not a string"},
		{"codes with null", TypeMember, "coupon_codes", []any{nil}, "an element of coupon_codes is not a string"},
		{"codes too long", TypeMember, "coupon_codes", []any{long}, "an element of coupon_codes has 4097 bytes"},
		{"codes as string", TypeMember, "coupon_codes", "a", "coupon_codes is not an array of strings"},
		{"segments", TypeMember, "segments", []any{map[string]any{}}, "an element of segments is not a string"},
		{"attributes", TypeMember, "attributes", map[string]any{"a": "b", "c": 1.5, "d": true, "e": nil}, ""},
		{"attributes nested", TypeMember, "attributes", map[string]any{"a": []any{}}, "attributes.a is not a string, a number or a bool"},
		{"attributes beyond float", TypeMember, "attributes", json.RawMessage(`{"a":1e999}`), "attributes.a is not a number of 64 bits"},
		{"attributes as list", TypeMember, "attributes", []any{}, "attributes is not a map"},
		{"member's currency", TypeMember, "currency", "EURO", "not an ISO 4217 code"},

		{"no reward", TypeFulfilled, "reward_id", nil, "reward_id is missing"},
		{"external id", TypeFulfilled, "external_id", 5, "external_id is not a string"},
		{"a decision's field", TypeFulfillmentFailed, "decision", 5, ""},
		{"no decision", TypeDecided, "decision", nil, "decision is missing"},
		{"unknown decision", TypeDecided, "decision", "wait", `decision "wait" is not`},
		{"actor", TypeDecided, "actor", 5, "actor is not a string"},
		{"a fulfilment's field", TypeDecided, "external_id", 5, ""},

		{"credit without role", TypeCredit, "role", nil, "role"},
		{"credit of another org", TypeCredit, "org_id", "globex", "not those of the data"},
		{"credit without number", TypeCredit, "net_minor", nil, "missing"},
		{"credit without counts", TypeCredit, "counts", null, "missing"},
		{"credit beyond its shares", TypeCredit, "index", 9, "index 9"},
		{"change without member", TypeMemberChanged, "member_id", nil, "member_id is missing"},
		{"change without place", TypeMemberChanged, "offset", nil, "a number is missing"},
		{"change at no partition", TypeMemberChanged, "partition", -1, "partition is no partition"},
		{"change beyond partitions", TypeMemberChanged, "partition", int64(1) << 40, "partition is no partition"},
		{"change of odd status", TypeMemberChanged, "status", "gone", "neither active nor banned"},
		{"change of no status", TypeMemberChanged, "status", nil, "neither active nor banned"},
		{"click without member", TypeMemberClicked, "member_id", "", "member_id is missing"},
		{"click without time of the batch", TypeMemberClicked, "decided_at", null, "a number is missing"},
		{"decision without reward", TypeRewardDecided, "reward_id", nil, "reward_id is missing"},
		{"decision of nothing", TypeRewardDecided, "decision", "wait", "not approve, reject or reverse"},
		{"decision of no role", TypeRewardDecided, "role", nil, "role"},
		{"decision without event", TypeRewardDecided, "event_id", nil, "event_id is missing"},
		{"decision for a grant", TypeRewardDecided, "conversion_id", nil, ""},
		{"credit of odd shares", TypeCredit, "shares", []any{"1"}, "shares is not an integer"},
	}
}

func TestDecode_data(t *testing.T) {
	for _, c := range dataProblems() {
		t.Run(c.name, func(t *testing.T) {
			g := valid(c.of)
			if c.value == nil {
				delete(g.data, c.field)
			} else {
				g.data[c.field] = c.value
			}
			for way, rec := range g.ways() {
				check(t, way, g.topic, rec, c.want)
			}
		})
	}
}

func check(t *testing.T, way, topic string, rec *Record, want string) {
	t.Helper()
	_, problems := decodeAny(topic, rec)
	told := Detail(problems)
	if want == "" && problems != nil || want != "" && !strings.Contains(told, want) {
		t.Errorf("%s: got %q, want %q", way, told, want)
	}
}

func TestDecode_attributes(t *testing.T) {
	for _, c := range []struct {
		field string
		value any
		want  string
	}{
		{"specversion", nil, "specversion is missing"},
		{"specversion", "0.3", `specversion is "0.3"`},
		{"id", nil, "id is missing"},
		{"id", "", "id is missing"},
		{"id", strings.Repeat("x", MaxIDBytes+1), "id has 4097 bytes"},
		{"source", nil, "source is missing"},
		{"type", nil, "type is missing"},
		{"type", "referral.click.recorded.v2", "is not one of this topic"},
		{"type", string(TypeMember), "is not one of this topic"},
		{"time", nil, "time is missing"},
		{"time", "yesterday", "is not an RFC 3339 time"},
		{"time", "1899-12-31T23:59:59Z", "is not of the years"},
		{"time", "2300-01-01T00:00:00Z", "is not of the years"},
		{"time", "2026-11-02T00:10:00.000999Z", ""},
		{"time", "2026-11-02T00:10:00.001Z", "max_future_skew is 10m0s"},
		{"time", "1901-01-01T00:00:00Z", ""},
		{"orgid", nil, "orgid is missing"},
		{"orgid", "", "orgid is missing"},
		{"programid", nil, "programid is missing"},
		{"subject", "ignored", ""},
	} {
		g := valid(TypeClick)
		g.attributes[c.field] = c.value
		if c.value == nil {
			delete(g.attributes, c.field)
		}
		t.Run(fmt.Sprint(c.field, "=", shorten(fmt.Sprint(c.value), 40)), func(t *testing.T) {
			for way, rec := range g.ways() {
				check(t, way, g.topic, rec, c.want)
			}
		})
	}
}

func TestDecode_attributes_of_the_wrong_type(t *testing.T) {
	for _, name := range []string{"specversion", "id", "source", "type", "time", "orgid", "programid", "data_base64"} {
		g := valid(TypeConversion)
		g.attributes[name] = 5
		check(t, name, g.topic, g.structured(false), name+" is not a string")
		if name != "data_base64" {
			g.attributes[name] = nil
			check(t, name, g.topic, g.structured(false), name+" is missing")
		}
	}
}

func TestDecode_keys(t *testing.T) {
	for _, c := range []struct {
		of   Type
		key  []byte
		want string
	}{
		{TypeClick, nil, `the record has no key, "v-1" is due`},
		{TypeClick, []byte(""), `the record's key is "", "v-1" is due`},
		{TypeConversion, []byte("c-2"), `"c-1" is due`},
		{TypeAdjustment, nil, `"c-1" is due`},
		{TypeIdentityLink, []byte("v-1"), `"c-1" is due`},
		{TypeMember, []byte("m-1"), `"acme/m-1" is due`},
		{TypeMember, []byte("globex/m-1"), `"acme/m-1" is due`},
		{TypeMember, nil, `"acme/m-1" is due`},
		{TypeFulfilled, []byte("r-2"), `"r-1" is due`},
		{TypeCredit, []byte("m-1"), `"acme/m-1" is due`},
	} {
		g := valid(c.of)
		g.key = c.key
		for way, rec := range g.ways() {
			check(t, fmt.Sprint(c.of, " ", way), g.topic, rec, c.want)
		}
	}
}

func TestDecode_click_without_visitor_has_any_key(t *testing.T) {
	for _, key := range [][]byte{nil, {}, []byte("203.0.113.9")} {
		g := valid(TypeClick)
		g.key = key
		g.data = map[string]any{"referral_code": "R", "ip": "203.0.113.9", "user_agent": "ua"}
		check(t, string(key), g.topic, g.structured(false), "")
		g.data["user_agent"] = ""
		check(t, string(key), g.topic, g.structured(false), "visitor_id is missing, and so is ip or user_agent")
	}
}

func TestDecode_values_that_are_no_events(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"empty", "", "the value is empty"},
		{"text", "hello", "'{' expected at byte 0"},
		{"array", "[]", "'{' expected at byte 0"},
		{"cut", `{"specversion":"1.0"`, "',' or '}' expected"},
		{"trailing", string(valid(TypeClick).structured(false).Value) + "x", "more after the value"},
		{"two", `{}{}`, "more after the value"},
		{"no data", `{"specversion":"1.0"}`, "data is missing"},
		{"null data", `{"data":null}`, "data is missing"},
		{"text data", `{"type":"referral.click.recorded.v1","data":"{}"}`, "data is not an object"},
		{"two data", `{"data":{},"data_base64":"e30="}`, "both given"},
		{"bad Base64", `{"data_base64":"?"}`, "not Base64"},
		{"twice", `{"id":"a","id":"a"}`, "id is given twice"},
		{"twice, escaped", `{"id":"a","\u0069d":"a"}`, "id is given twice"},
		{"twice in data", `{"type":"referral.click.recorded.v1","data":{"ip":"","ip":""}}`, "ip is given twice"},
		{"twice in metadata", `{"type":"referral.click.recorded.v1","data":{"metadata":{"a":"1","a":"2"}}}`, "metadata.a is given twice"},
		{"invalid UTF-8", "{\"x\":\"\xff\"}", "invalid UTF-8"},
		{"invalid UTF-8 in a key", "{\"\xff\":1}", "invalid UTF-8"},
		{"half a pair", `{"x":"\ud800"}`, "invalid escape"},
		{"byte order mark", "\xef\xbb\xbf{}", "'{' expected"},
	} {
		t.Run(c.name, func(t *testing.T) {
			check(t, c.name, "referral.clicks", &Record{Time: kafkaTime, Value: []byte(c.value)}, c.want)
		})
	}
}

func TestDecode_size(t *testing.T) {
	g := valid(TypeClick)
	g.data["landing_url"] = ""
	size := len(g.structured(false).Value)
	g.data["landing_url"] = strings.Repeat("x", MaxValueBytes-size)
	check(t, "at the limit", g.topic, g.structured(false), "")
	g.data["landing_url"] = strings.Repeat("x", MaxValueBytes-size+1)
	check(t, "beyond", g.topic, g.structured(false), "the value has 1048577 bytes")
}

func TestDecode_modes(t *testing.T) {
	header := func(k, v string) Header { return Header{Key: k, Value: []byte(v)} }
	g := valid(TypeClick)
	for _, c := range []struct {
		name    string
		rec     *Record
		headers []Header
		want    string
	}{
		{"structured with parameters", g.structured(false), []Header{header("content-type", "application/cloudevents+json; charset=utf-8")}, ""},
		{"structured in other letters", g.structured(false), []Header{header("Content-Type", "Application/CloudEvents+JSON")}, ""},
		{"structured beats binary", g.structured(false), []Header{header("ce_id", "other"), header("content-type", "application/cloudevents+json")}, ""},
		{"structured with another content type", g.structured(false), []Header{header("content-type", "application/json")}, ""},
		{"one attribute header makes it binary", g.structured(false), []Header{header("ce_id", "other")}, "source is missing"},
		{"other headers do not matter", g.structured(false), []Header{header("traceparent", "\xff")}, ""},
		{"binary twice", g.binary(), append(g.binary().Headers, header("ce_id", "e-1")), "the header ce_id is given twice"},
		{"binary with invalid UTF-8", g.binary(), append(g.binary().Headers, header("ce_subject", "\xff")), ""},
		{"binary null", g.binary(), []Header{{Key: "ce_id"}}, "id is missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.rec.Headers = c.headers
			check(t, c.name, g.topic, c.rec, c.want)
		})
	}
	bad := g.binary()
	for i := range bad.Headers {
		if bad.Headers[i].Key == "ce_orgid" {
			bad.Headers[i].Value = []byte("\xff")
		}
	}
	check(t, "orgid", g.topic, bad, "the header ce_orgid is not valid UTF-8")
}

func TestDecode_tells_every_problem(t *testing.T) {
	g := valid(TypeConversion)
	g.key = nil
	delete(g.attributes, "id")
	g.attributes["time"] = "now"
	g.data = map[string]any{"kind": "gift", "customer_id": "c-1", "amount_minor": -1, "order_id": 5, "currency": "?"}
	for way, rec := range g.ways() {
		_, problems := decodeAny(g.topic, rec)
		if len(problems) != 7 {
			t.Errorf("%s: %d problems: %q", way, len(problems), problems)
		}
	}
}

func TestDecode_problems_are_bounded(t *testing.T) {
	g := valid(TypeClick)
	metadata := map[string]any{}
	for i := range 1000 {
		metadata[strings.Repeat("é", 500)+fmt.Sprint(i)] = i
	}
	g.data["metadata"] = metadata
	_, problems := decodeAny(g.topic, g.structured(false))
	if len(problems) != maxProblems+1 || problems[maxProblems] != "and 980 more" {
		t.Fatalf("%d problems, the last %q", len(problems), problems[len(problems)-1])
	}
	for _, p := range problems {
		if len(p) > maxProblemText {
			t.Errorf("a problem of %d bytes", len(p))
		}
	}
}

func TestDecodeClick_reuses_its_target(t *testing.T) {
	g := valid(TypeClick)
	full, bare := valid(TypeClick), g
	full.data["metadata"] = map[string]any{"a": "b"}
	full.data["country"] = "DE"
	var c Click
	if p := DecodeClick(full.structured(false), &c, DefaultLimits); p != nil || len(c.Metadata) != 1 {
		t.Fatal(p, c)
	}
	if p := DecodeClick(bare.structured(false), &c, DefaultLimits); p != nil || len(c.Metadata) != 0 || c.Country != "" {
		t.Fatalf("%q, %+v", p, c)
	}
	rec := bare.structured(false)
	if n := testing.AllocsPerRun(100, func() { DecodeClick(rec, &c, DefaultLimits) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestDecode_defaults(t *testing.T) {
	var c Click
	DecodeClick(valid(TypeClick).structured(false), &c, DefaultLimits)
	if c.ClickID != "e-1" {
		t.Errorf("click_id %q", c.ClickID)
	}
	var d Decoded
	DecodeConversions(valid(TypeConversion).structured(false), &d, DefaultLimits)
	if d.Conversion.ConversionID != "e-1" || d.CustomerID() != "c-1" {
		t.Errorf("%+v", d)
	}
	g := valid(TypeAdjustment)
	g.data["kind"], g.data["amount_minor"] = "cancel", -7
	DecodeConversions(g.structured(false), &d, DefaultLimits)
	if d.Type != TypeAdjustment || d.Adjustment.HasAmount || d.Adjustment.AmountMinor != 0 || d.Conversion.ConversionID != "" {
		t.Errorf("%+v", d)
	}
	var m Member
	g = valid(TypeMember)
	delete(g.data, "status")
	g.data["segments"] = []string{"a", "b", "a"}
	if DecodeMember(g.structured(false), &m, DefaultLimits); m.Status != Active || len(m.Segments) != 2 {
		t.Errorf("%+v", m)
	}
}

func TestDecodeMember_tombstones(t *testing.T) {
	var m Member
	if p := DecodeMember(&Record{Time: 7, Key: []byte("acme/m/1")}, &m, DefaultLimits); p != nil || !m.Forget ||
		m.OrgID != "acme" || m.MemberID != "m/1" || m.Time != 7 {
		t.Errorf("%q, %+v", p, m)
	}
	for _, key := range []string{"", "acme", "/m", "acme/", "a\xff/m"} {
		if p := DecodeMember(&Record{Key: []byte(key)}, &m, DefaultLimits); p == nil {
			t.Errorf("the key %q is taken", key)
		}
	}
	if p := DecodeMember(&Record{Key: []byte("acme/m"), Value: []byte{}}, &m, DefaultLimits); p == nil {
		t.Error("an empty value is taken for a tombstone")
	}
	if p := DecodeClick(&Record{Key: []byte("v")}, new(Click), DefaultLimits); p == nil {
		t.Error("a click is a tombstone")
	}
}
