package event

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// seed gives a fuzz target every sample of its topic, and valid events of every
// type.
func seed(f *testing.F, topic string) {
	for _, s := range samples(f) {
		if s.topic == topic {
			f.Add(s.rec.Key, s.rec.Value, modeOf(s.rec.Headers) == binaryMode)
		}
	}
	for _, name := range everyType {
		if g := valid(name); g.topic == topic {
			f.Add(g.key, g.structured(true).Value, false)
			f.Add(g.key, g.binary().Value, true)
		}
	}
}

// record is a record of fuzzed parts; a binary one has the attributes of a valid
// event.
func record(key, value []byte, binary bool, name Type) *Record {
	if binary {
		rec := valid(name).binary()
		rec.Key, rec.Value = key, value
		return rec
	}
	return &Record{Time: kafkaTime, Key: key, Value: value}
}

// holds checks what holds of every decoded record: problems are bounded, and a
// valid event has what the contract requires.
func holds(t *testing.T, rec *Record, env *Envelope, problems []string) {
	t.Helper()
	if len(problems) > maxProblems+1 {
		t.Fatalf("%d problems", len(problems))
	}
	for _, p := range problems {
		if p == "" || len(p) > maxProblemText || !utf8.ValidString(p) {
			t.Fatalf("a problem of %d bytes: %q", len(p), p)
		}
	}
	if problems != nil {
		return
	}
	if !json.Valid(rec.Value) || !utf8.Valid(rec.Value) {
		t.Fatalf("%q is taken", rec.Value)
	}
	if env.ID == "" || env.Source == "" || env.OrgID == "" || env.Time < earliest || env.Time > latest {
		t.Fatalf("%+v is taken", env)
	}
}

func FuzzDecodeClick(f *testing.F) {
	seed(f, "referral.clicks")
	f.Fuzz(func(t *testing.T, key, value []byte, binary bool) {
		var c Click
		rec := record(key, value, binary, TypeClick)
		problems := DecodeClick(rec, &c, DefaultLimits)
		holds(t, rec, &c.Envelope, problems)
		if problems == nil && (c.ReferrerID == "" && c.ReferralCode == "" || c.ClickID == "" || c.VisitorID == "" && c.IP == "") {
			t.Fatalf("%+v is taken", c)
		}
	})
}

func FuzzDecodeConversions(f *testing.F) {
	seed(f, "referral.conversions")
	f.Fuzz(func(t *testing.T, key, value []byte, binary bool) {
		var d Decoded
		rec := record(key, value, binary, TypeConversion)
		problems := DecodeConversions(rec, &d, DefaultLimits)
		holds(t, rec, d.Envelope(), problems)
		if problems == nil && (d.CustomerID() != string(key) || d.Conversion.AmountMinor < 0 ||
			d.Conversion.AmountMinor > 0 && d.Conversion.Currency == "") {
			t.Fatalf("%+v is taken", d)
		}
	})
}

func FuzzDecodeMember(f *testing.F) {
	seed(f, "referral.members")
	f.Add([]byte("acme/m-1"), []byte(nil), false)
	f.Fuzz(func(t *testing.T, key, value []byte, binary bool) {
		var m Member
		rec := record(key, value, binary, TypeMember)
		problems := DecodeMember(rec, &m, DefaultLimits)
		if m.Forget {
			return
		}
		holds(t, rec, &m.Envelope, problems)
		if problems == nil && (string(key) != m.OrgID+"/"+m.MemberID || m.Status != Active && m.Status != Banned) {
			t.Fatalf("%+v is taken", m)
		}
	})
}

func FuzzDecodeFulfillment(f *testing.F) {
	seed(f, "referral.fulfillments")
	f.Fuzz(func(t *testing.T, key, value []byte, binary bool) {
		var ful Fulfillment
		rec := record(key, value, binary, TypeFulfilled)
		problems := DecodeFulfillment(rec, &ful, DefaultLimits)
		holds(t, rec, &ful.Envelope, problems)
		if problems == nil && (ful.RewardID != string(key) || ful.Type == TypeDecided && ful.Decision == "") {
			t.Fatalf("%+v is taken", ful)
		}
	})
}

func FuzzDecodeCredits(f *testing.F) {
	seed(f, "referral.credits")
	f.Fuzz(func(t *testing.T, key, value []byte, binary bool) {
		var in Inbound
		rec := record(key, value, binary, TypeCredit)
		problems := DecodeCredits(rec, &in)
		if named := in.OrgID() + "/" + in.BeneficiaryID(); problems == nil && string(key) != named {
			t.Fatalf("%+v is taken", in)
		}
		if problems == nil && in.Type == TypeCredit && in.Credit.Role == RoleReferrer && in.Credit.Index >= len(in.Credit.Shares) && len(in.Credit.Peers) == 0 {
			t.Fatalf("%+v is taken", in.Credit)
		}
		if problems == nil {
			again(t, &in)
		}
	})
}

// again writes what was read, and reads the same.
func again(t *testing.T, in *Inbound) {
	t.Helper()
	key, value, err := encodeInbound(in)
	if err != nil {
		t.Fatal(err)
	}
	var got Inbound
	if p := DecodeCredits(&Record{Time: kafkaTime, Key: key, Value: value}, &got); p != nil {
		t.Fatalf("%q in %s", p, value)
	}
	_, second, err := encodeInbound(&got)
	if err != nil || string(second) != string(value) {
		t.Fatalf("%v\nfirst  %s\nsecond %s", err, value, second)
	}
}

// standardClick is a click as encoding/json reads it.
type standardClick struct {
	ID, Source, Type, Time, OrgID, ProgramID string
	Data                                     struct {
		ReferrerID   string            `json:"referrer_id"`
		ReferralCode string            `json:"referral_code"`
		VisitorID    string            `json:"visitor_id"`
		ClickID      string            `json:"click_id"`
		LinkID       string            `json:"link_id"`
		CampaignID   string            `json:"campaign_id"`
		Channel      string            `json:"channel"`
		LandingURL   string            `json:"landing_url"`
		RefererURL   string            `json:"referer_url"`
		Country      string            `json:"country"`
		Locale       string            `json:"locale"`
		IP           string            `json:"ip"`
		UserAgent    string            `json:"user_agent"`
		Metadata     map[string]string `json:"metadata"`
	}
}

func TestDecodeClick_reads_what_encoding_json_reads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := valid(TypeClick)
		for _, name := range []string{
			"referral_code", "click_id", "link_id", "campaign_id", "channel", "landing_url", "referer_url", "country", "locale", "ip", "user_agent",
		} {
			if rapid.Bool().Draw(t, name+" is given") {
				g.data[name] = rapid.String().Draw(t, name)
			}
		}
		g.data["metadata"] = rapid.MapOfN(rapid.String(), rapid.String(), 0, 20).Draw(t, "metadata")
		g.data["x"] = rapid.SampledFrom([]any{1, 2.5, nil, "x", []any{map[string]any{"id": "y"}}}).Draw(t, "unknown")
		g.attributes["id"] = rapid.StringN(1, 9, -1).Draw(t, "id")
		rec := g.structured(rapid.Bool().Draw(t, "data first"))

		var got Click
		if p := DecodeClick(rec, &got, DefaultLimits); p != nil {
			t.Fatalf("%q in %s", p, rec.Value)
		}
		want, metadata := standard(t, rec.Value)
		pairs := map[string]string{}
		for _, p := range got.Metadata {
			pairs[p.Key] = p.Value
		}
		got.Metadata = nil
		if !reflect.DeepEqual(got, want) || fmt.Sprint(pairs) != fmt.Sprint(metadata) {
			t.Fatalf("got  %+v %v\nwant %+v %v", got, pairs, want, metadata)
		}
	})
}

func standard(t *rapid.T, value []byte) (c Click, metadata map[string]string) {
	var s standardClick
	if err := json.Unmarshal(value, &s); err != nil {
		t.Fatal(err)
	}
	at, err := time.Parse(time.RFC3339Nano, s.Time)
	if err != nil {
		t.Fatal(err)
	}
	d := s.Data
	c = Click{
		Envelope:   Envelope{ID: s.ID, Source: s.Source, Type: Type(s.Type), Time: at.UnixMilli(), OrgID: s.OrgID, ProgramID: s.ProgramID},
		ReferrerID: d.ReferrerID, ReferralCode: d.ReferralCode, VisitorID: d.VisitorID, ClickID: d.ClickID, LinkID: d.LinkID,
		CampaignID: d.CampaignID, Channel: d.Channel, LandingURL: d.LandingURL, RefererURL: d.RefererURL, Country: d.Country,
		Locale: d.Locale, IP: d.IP, UserAgent: d.UserAgent,
	}
	if c.ClickID == "" {
		c.ClickID = c.ID
	}
	return c, d.Metadata
}

// The samples come from a run whose dead letters are known.
func TestDecode_samples(t *testing.T) {
	invalid := map[string]map[int64]bool{
		"referral.clicks":      {24: true, 452: true, 542: true, 582: true, 704: true, 730: true, 733: true},
		"referral.conversions": {6: true, 9: true, 12: true, 14: true, 115: true, 205: true, 213: true, 267: true, 276: true, 310: true, 437: true, 439: true},
	}
	for _, s := range samples(t) {
		if _, problems := decodeAny(s.topic, &s.rec); (problems != nil) != invalid[s.topic][s.rec.Offset] {
			t.Errorf("%s %d: %q", s.topic, s.rec.Offset, problems)
		}
	}
}
