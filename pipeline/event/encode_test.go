package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	ce "github.com/cloudevents/sdk-go/v2/event"
	"pgregory.net/rapid"
)

func exampleCredit() *Credit {
	return &Credit{
		OrgID: "acme", ProgramID: "us-store", ConversionID: "cv/1", Sequence: 2, BeneficiaryID: "m-1", Role: RoleReferrer,
		CustomerID: "c-1", Kind: KindSale, ConversionTime: 1793527200123, DecidedAt: 1793527205000, Locale: "en",
		Currency: "USD", AmountMinor: 100, NetMinor: 90, Counts: true, CreditPPM: 400_000,
		Shares: []int64{600_000, 400_000}, Index: 1, Rules: []string{"a", "b"},
	}
}

func TestEncodeCredit_decodes_to_itself(t *testing.T) {
	text := func(t *rapid.T, name string) string { return rapid.StringN(1, 8, -1).Draw(t, name) }
	rapid.Check(t, func(t *rapid.T) {
		shares := rapid.SliceOfN(rapid.Int64Range(0, 1_000_000), 1, 5).Draw(t, "shares")
		want := Credit{
			OrgID: text(t, "org"), ProgramID: text(t, "program"), ConversionID: text(t, "conversion"), Sequence: rapid.Int64Min(0).Draw(t, "sequence"),
			BeneficiaryID: text(t, "beneficiary"), Role: RoleReferrer, CustomerID: text(t, "customer"), Kind: KindCustom, Name: rapid.String().Draw(t, "name"),
			ConversionTime: rapid.Int64Range(earliest, latest).Draw(t, "time"), DecidedAt: rapid.Int64().Draw(t, "decided"), Locale: rapid.String().Draw(t, "locale"),
			Currency: "EUR", AmountMinor: rapid.Int64().Draw(t, "amount"), NetMinor: rapid.Int64().Draw(t, "net"), Counts: rapid.Bool().Draw(t, "counts"),
			CreditPPM: rapid.Int64().Draw(t, "ppm"), Shares: shares, Index: rapid.IntRange(0, len(shares)-1).Draw(t, "index"),
			Rules: rapid.SliceOfNDistinct(rapid.StringN(1, 5, -1), 1, 3, rapid.ID[string]).Draw(t, "rules"),
		}
		key, value, err := EncodeCredit(&want)
		if err != nil {
			t.Fatal(err)
		}
		var got Inbound
		if p := DecodeCredits(&Record{Time: kafkaTime, Key: key, Value: value}, &got); p != nil {
			t.Fatalf("%q in %s", p, value)
		}
		if !reflect.DeepEqual(got.Credit, want) {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	})
}

// amongPeers is a credit of 300, the fifth of 300 and 9,991 of 100 ppm.
func amongPeers() *Credit {
	c := exampleCredit()
	c.Shares, c.Peers, c.CreditPPM, c.Index = nil, []int64{100, 9991, 2, 300, 3, 2}, 300, 4
	return c
}

func TestDecodeCredits_among_peers(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Credit)
		want   string
	}{
		{"as they are", func(*Credit) {}, ""},
		{"the first", func(c *Credit) { c.Peers, c.Index = []int64{100, 9991, 0, 300, 3, 0}, 0 }, ""},
		{"another place", func(c *Credit) { c.Index = 5 }, "do not fit"},
		{"another credit", func(c *Credit) { c.CreditPPM = 200 }, "do not fit"},
		{"all of its size go before", func(c *Credit) { c.Peers[5], c.Index = 3, 5 }, "do not fit"},
		{"less than all", func(c *Credit) { c.Peers[1] = 9990 }, "do not fit"},
		{"not in threes", func(c *Credit) { c.Peers = append(c.Peers, 1) }, "do not fit"},
		{"negative", func(c *Credit) { c.Peers[0] = -100 }, "are none"},
		{"no credit", func(c *Credit) { c.Peers[0] = 1 << 62 }, "are none"},
		{"too many before", func(c *Credit) { c.Peers[2] = 9992 }, "are none"},
		{"a share that is no credit", func(c *Credit) { c.Peers, c.Shares, c.Index = nil, []int64{-1, 1_000_001}, 1 }, "no credit"},
	} {
		credit := amongPeers()
		c.change(credit)
		key, value, err := EncodeCredit(credit)
		if err != nil {
			t.Fatal(err)
		}
		var got Inbound
		problems := Detail(DecodeCredits(&Record{Time: kafkaTime, Key: key, Value: value}, &got))
		if c.want == "" && (problems != "" || !reflect.DeepEqual(got.Credit.Peers, credit.Peers)) || !strings.Contains(problems, c.want) {
			t.Errorf("%s: %q, want %q; %v", c.name, problems, c.want, got.Credit.Peers)
		}
	}
}

func TestDecodeCredits_of_a_referee(t *testing.T) {
	c := exampleCredit()
	c.Role, c.Index, c.CreditPPM, c.Shares = RoleReferee, -1, 0, nil
	key, value, err := EncodeCredit(c)
	if err != nil {
		t.Fatal(err)
	}
	var got Inbound
	if p := DecodeCredits(&Record{Time: kafkaTime, Key: key, Value: value}, &got); p != nil || got.Credit.Index != -1 || got.Credit.Role != RoleReferee {
		t.Errorf("%q, %+v", p, got)
	}
}

// A visitor can be made to follow any number of links, and a conversion that
// nobody can publish would stop its partition: the credits that fit are told.
func TestEncodeAttributed_of_very_many_referrers_fits(t *testing.T) {
	data := Attributed{ConversionID: "c", CustomerID: "c", Kind: KindSale, Verdict: "attributed", Model: "linear", Currency: "EUR"}
	for i := range 1000 {
		data.Credits = append(data.Credits, AttributedTo{ReferrerID: fmt.Sprint(i, strings.Repeat("\x01", MaxIDBytes-4)), CreditPPM: 1000})
	}
	value, err := EncodeAttributed(&Envelope{ID: "e", Source: "s", OrgID: "o", ProgramID: "p"}, data)
	if err != nil || len(value) > MaxValueBytes {
		t.Fatalf("%d bytes, %v", len(value), err)
	}
	var told struct{ Data Attributed }
	if err := json.Unmarshal(value, &told); err != nil {
		t.Fatal(err)
	}
	n := len(told.Data.Credits)
	if n < 30 || told.Data.Credits[n-1] != data.Credits[n-1] || len(data.Credits) != 1000 {
		t.Errorf("%d of the credits are told", n)
	}
}

func TestEncodeAttributed_bytes(t *testing.T) {
	b, err := EncodeAttributed(&Envelope{ID: "e 1", Source: "shop/web", Time: 1793527200123, OrgID: "acme", ProgramID: "us-store"}, Attributed{
		ConversionID: "cv<1>", CustomerID: "c-1", Kind: KindSale, Verdict: "attributed", Model: "linear", AmountMinor: 100, Currency: "USD",
		Credits: []AttributedTo{{ReferrerID: "m-1", CreditPPM: 1_000_000, AmountMinor: 100}},
	})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"specversion":"1.0","id":"us-store/shop%2Fweb/e%201/attributed","source":"grapevine/acme/us-store",` +
		`"type":"referral.conversion.attributed.v1","time":"2026-11-01T10:00:00.123Z","orgid":"acme","programid":"us-store",` +
		`"datacontenttype":"application/json","data":{"conversion_id":"cv<1>","customer_id":"c-1","kind":"sale","verdict":"attributed",` +
		`"reason":"","model":"linear","amount_minor":100,"currency":"USD","credits":[{"referrer_id":"m-1","credit_ppm":1000000,"amount_minor":100}]}}`
	if string(b) != want {
		t.Errorf("got  %s\nwant %s", b, want)
	}
	b, err = EncodeAttributed(&Envelope{ID: "e"}, Attributed{Verdict: "unattributed"})
	if err != nil || !bytes.Contains(b, []byte(`"credits":[]`)) {
		t.Errorf("%s, %v", b, err)
	}
}

// What is published is a CloudEvent by the judgement of the project that
// defines them.
func TestEncodeEvent_is_a_CloudEvent(t *testing.T) {
	credit, attributed := exampleCredit(), Attributed{ConversionID: "cv"}
	_, value, err := EncodeCredit(credit)
	if err != nil {
		t.Fatal(err)
	}
	other, err := EncodeAttributed(&Envelope{ID: "e", Source: "s", OrgID: "acme", ProgramID: "us-store"}, attributed)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{value, other} {
		var e ce.Event
		if err := json.Unmarshal(b, &e); err != nil {
			t.Fatal(err)
		}
		if err := e.Validate(); err != nil {
			t.Error(err)
		}
		if e.Extensions()["orgid"] != "acme" || e.Extensions()["programid"] != "us-store" || e.DataContentType() != "application/json" {
			t.Errorf("%s", b)
		}
	}
}
