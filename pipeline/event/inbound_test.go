package event

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func exampleChange() *MemberChanged {
	return &MemberChanged{
		OrgID: "acme", MemberID: "m-1", Time: 1793527200123, Partition: 3, Offset: 42, DecidedAt: 1793527205000, Status: Banned,
		Locale: "de", Currency: "EUR", Segments: []string{"vip"},
		Attributes: []Attribute{{Key: "z", Kind: 's', String: "<x>"}, {Key: "a", Kind: 'n', Number: 1e20}, {Key: "m", Kind: 'b', Bool: true}},
	}
}

func exampleClicked() *MemberClicked {
	return &MemberClicked{OrgID: "acme", MemberID: "m-1", Time: 1793527200123, Partition: 3, Offset: 42, DecidedAt: 1793527205000}
}

func exampleDecision() *RewardDecision {
	return &RewardDecision{
		OrgID: "acme", ProgramID: "us-store", RewardID: "r-1", BeneficiaryID: "m-1", Role: RoleReferrer, RuleID: "ten", Reward: "cash",
		TierID: "gold+1", Period: "2026-11", Occurrence: 2, ConversionID: "cv-1", Decision: Reject, Actor: "ann", Reason: "fraud",
		Source: "desk/web", EventID: "e 1", Time: 1793527200123, DecidedAt: 1793527205000,
	}
}

// encodeInbound writes a record as its producer does.
func encodeInbound(in *Inbound) (key, value []byte, err error) {
	switch in.Type {
	case TypeCredit:
		return EncodeCredit(&in.Credit)
	case TypeMemberChanged:
		return EncodeMemberChanged(in.Changed)
	case TypeMemberClicked:
		return EncodeMemberClicked(in.Clicked)
	case TypeRewardDecided:
		return EncodeRewardDecision(in.Decision)
	}
	return nil, nil, fmt.Errorf("no type: %q", in.Type)
}

func text(t *rapid.T, name string) string { return rapid.StringN(1, 8, -1).Draw(t, name) }

func place(t *rapid.T) (partition int, offset, at, decided int64) {
	return rapid.IntRange(0, 1<<31-1).Draw(t, "partition"), rapid.Int64Min(0).Draw(t, "offset"),
		rapid.Int64Range(earliest, latest).Draw(t, "time"), rapid.Int64().Draw(t, "decided at")
}

func drawChange(t *rapid.T) *MemberChanged {
	m := &MemberChanged{OrgID: text(t, "org"), MemberID: text(t, "member"), Forgotten: rapid.Bool().Draw(t, "forgotten")}
	m.Partition, m.Offset, m.Time, m.DecidedAt = place(t)
	if m.Forgotten {
		return m
	}
	m.Status = rapid.SampledFrom([]Status{Active, Banned}).Draw(t, "status")
	m.Locale, m.Currency = rapid.String().Draw(t, "locale"), rapid.SampledFrom([]string{"", "EUR"}).Draw(t, "currency")
	m.Segments = append(m.Segments, rapid.SliceOfNDistinct(rapid.StringN(1, 5, -1), 0, 3, rapid.ID[string]).Draw(t, "segments")...)
	for _, k := range rapid.SliceOfNDistinct(rapid.String(), 0, 5, rapid.ID[string]).Draw(t, "attributes") {
		a := Attribute{Key: k, Kind: rapid.SampledFrom([]byte("snb")).Draw(t, "kind of "+k)}
		switch a.Kind {
		case 's':
			a.String = rapid.String().Draw(t, "string")
		case 'n':
			a.Number = rapid.Float64().Draw(t, "number")
		default:
			a.Bool = rapid.Bool().Draw(t, "bool")
		}
		m.Attributes = append(m.Attributes, a)
	}
	return m
}

func drawDecision(t *rapid.T) *RewardDecision {
	return &RewardDecision{
		OrgID: text(t, "org"), ProgramID: text(t, "program"), RewardID: text(t, "id"), BeneficiaryID: text(t, "beneficiary"),
		Role:   rapid.SampledFrom([]Role{RoleReferrer, RoleReferee, RoleMember}).Draw(t, "role"),
		RuleID: text(t, "rule"), Reward: text(t, "reward"), TierID: rapid.String().Draw(t, "tier"), Period: rapid.String().Draw(t, "period"),
		Occurrence: rapid.Int64().Draw(t, "occurrence"), ConversionID: rapid.String().Draw(t, "conversion"),
		Decision: rapid.SampledFrom([]Decision{Approve, Reject, Reverse}).Draw(t, "decision"), Actor: rapid.String().Draw(t, "actor"),
		Reason: rapid.String().Draw(t, "reason"), Source: text(t, "source"), EventID: text(t, "event"),
		Time: rapid.Int64Range(earliest, latest).Draw(t, "time"), DecidedAt: rapid.Int64().Draw(t, "decided at"),
	}
}

func TestDecodeCredits_reads_what_was_encoded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Inbound{Type: rapid.SampledFrom([]Type{TypeMemberChanged, TypeMemberClicked, TypeRewardDecided}).Draw(t, "type")}
		switch want.Type {
		case TypeMemberChanged:
			want.Changed = drawChange(t)
		case TypeMemberClicked:
			m := &MemberClicked{OrgID: text(t, "org"), MemberID: text(t, "member")}
			m.Partition, m.Offset, m.Time, m.DecidedAt = place(t)
			want.Clicked = m
		default:
			want.Decision = drawDecision(t)
		}
		key, value, err := encodeInbound(&want)
		if err != nil {
			t.Fatal(err)
		}
		if got := want.OrgID() + "/" + want.BeneficiaryID(); got != string(key) {
			t.Fatalf("the key is %q, the record is of %q", key, got)
		}
		got := Inbound{Credit: *exampleCredit()} // of before
		if p := DecodeCredits(&Record{Time: kafkaTime, Key: key, Value: value}, &got); p != nil {
			t.Fatalf("%q in %s", p, value)
		}
		if got.Credit.OrgID != "" || len(got.Credit.Rules) != 0 {
			t.Fatalf("%+v is of the record before", got.Credit)
		}
		got.Credit = Credit{}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v\nwant %+v\nin %s", got, want, value)
		}
	})
}

func TestEncodeInbound_bytes(t *testing.T) {
	for _, c := range []struct {
		in   Inbound
		want string
	}{
		{Inbound{Type: TypeMemberChanged, Changed: exampleChange()},
			`"id":"changed/m-1/3/42","source":"grapevine/acme","type":"grapevine.member.changed.v1","time":"2026-11-01T10:00:00.123Z","orgid":"acme",` +
				`"datacontenttype":"application/json","data":{"member_id":"m-1","partition":3,"offset":42,"decided_at":1793527205000,"status":"banned",` +
				`"locale":"de","currency":"EUR","segments":["vip"],"attributes":{"z":"<x>","a":1e+20,"m":true}}}`},
		{Inbound{Type: TypeMemberChanged, Changed: &MemberChanged{OrgID: "acme", MemberID: "m/1", Time: 0, Forgotten: true}},
			`"id":"changed/m%2F1/0/0","source":"grapevine/acme","type":"grapevine.member.changed.v1","time":"1970-01-01T00:00:00.000Z","orgid":"acme",` +
				`"datacontenttype":"application/json","data":{"member_id":"m/1","partition":0,"offset":0,"decided_at":0,"forgotten":true}}`},
		{Inbound{Type: TypeMemberClicked, Clicked: exampleClicked()},
			`"id":"clicked/m-1/3/42","source":"grapevine/acme","type":"grapevine.member.clicked.v1","time":"2026-11-01T10:00:00.123Z","orgid":"acme",` +
				`"datacontenttype":"application/json","data":{"member_id":"m-1","partition":3,"offset":42,"decided_at":1793527205000}}`},
		{Inbound{Type: TypeRewardDecided, Decision: exampleDecision()},
			`"id":"decided/r-1/desk%2Fweb/e%201","source":"grapevine/acme/us-store","type":"grapevine.reward.decided.v1","time":"2026-11-01T10:00:00.123Z",` +
				`"orgid":"acme","programid":"us-store","datacontenttype":"application/json","data":{"reward_id":"r-1","beneficiary_id":"m-1","role":"referrer",` +
				`"rule_id":"ten","reward":"cash","tier_id":"gold+1","period":"2026-11","occurrence":2,"conversion_id":"cv-1","decision":"reject",` +
				`"actor":"ann","reason":"fraud","source":"desk/web","event_id":"e 1","decided_at":1793527205000}}`},
	} {
		_, value, err := encodeInbound(&c.in)
		if want := `{"specversion":"1.0",` + c.want; err != nil || string(value) != want {
			t.Errorf("%v\ngot  %s\nwant %s", err, value, want)
		}
	}
}

// The largest legal update, of what encoding/json would write twice as long,
// fits the internal topic and is read again.
func TestEncodeMemberChanged_of_the_largest_update(t *testing.T) {
	const most = MaxValueBytes - 1024
	for name, fill := range map[string]func(m *MemberChanged, i int) int{
		"separators": func(m *MemberChanged, i int) int {
			s := fmt.Sprint(i) + strings.Repeat("\u2028", 1000)
			m.Segments = append(m.Segments, s)
			return len(s) + 3
		},
		"numbers": func(m *MemberChanged, i int) int {
			k := fmt.Sprint(i)
			m.Attributes = append(m.Attributes, Attribute{Key: k, Kind: 'n', Number: 1e20})
			return len(k) + len(`"":1e20,`)
		},
	} {
		m := exampleChange()
		for size, i := 0, 0; size < most; i++ {
			size += fill(m, i)
		}
		key, value, err := EncodeMemberChanged(m)
		if err != nil || len(value) > MaxValueBytes*4/3 {
			t.Fatalf("%s: %d bytes, %v", name, len(value), err)
		}
		var got Inbound
		if p := DecodeCredits(&Record{Key: key, Value: value}, &got); p != nil || !reflect.DeepEqual(got.Changed, m) {
			t.Errorf("%s: %.200q", name, p)
		}
	}
}

func TestDecodeCredits_of_the_longest_ids(t *testing.T) {
	long := strings.Repeat("\u00e9", MaxIDBytes/2)
	c := exampleCredit()
	c.OrgID, c.ProgramID, c.ConversionID, c.BeneficiaryID = long, long, long, long
	key, value, err := EncodeCredit(c)
	if err != nil {
		t.Fatal(err)
	}
	var got Inbound
	if p := DecodeCredits(&Record{Key: key, Value: value}, &got); p != nil || !reflect.DeepEqual(&got.Credit, c) {
		t.Errorf("%.200q", p)
	}
}

// What follows from an event is as new as the event, whenever it is handed on.
func TestDecodeCredits_takes_any_time(t *testing.T) {
	m := exampleClicked()
	m.Time = latest
	key, value, err := EncodeMemberClicked(m)
	if err != nil {
		t.Fatal(err)
	}
	var got Inbound
	if p := DecodeCredits(&Record{Time: 0, Key: key, Value: value}, &got); p != nil || got.Clicked.Time != latest {
		t.Errorf("%q, %+v", p, got.Clicked)
	}
}

func TestDecodeCredits_size(t *testing.T) {
	var got Inbound
	value := bytes.Repeat([]byte(" "), maxInternalBytes+1)
	if p := DecodeCredits(&Record{Value: value}, &got); len(p) != 1 || !strings.Contains(p[0], "2097153 bytes") {
		t.Errorf("%q", p)
	}
}
