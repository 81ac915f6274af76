package event

import (
	"encoding/json"
	"testing"

	"github.com/bytedance/sonic"
	"github.com/go-faster/jx"
)

// The libraries that were weighed against the scanner, each reading the same
// click: into fields, without any of the rules. See docs/decisions/json.md.

func BenchmarkLibrary_encoding_json(b *testing.B) {
	b.SetBytes(int64(len(benchClick)))
	b.ReportAllocs()
	value := []byte(benchClick)
	for b.Loop() {
		var c standardClick
		if err := json.Unmarshal(value, &c); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLibrary_sonic(b *testing.B) {
	b.SetBytes(int64(len(benchClick)))
	b.ReportAllocs()
	api := sonic.Config{ValidateString: true}.Froze()
	for b.Loop() {
		var c standardClick
		if err := api.UnmarshalFromString(benchClick, &c); err != nil {
			b.Fatal(err)
		}
	}
}

// jxClick reads a click with jx: its callbacks are made once.
type jxClick struct {
	jx.Decoder
	click      Click
	at         string
	attributes func(*jx.Decoder, []byte) error
	data       func(*jx.Decoder, []byte) error
}

func (x *jxClick) text(to *string) error {
	b, err := x.StrBytes()
	*to = viewOf(b)
	return err
}

func (x *jxClick) attribute(_ *jx.Decoder, key []byte) error {
	switch string(key) {
	case "id":
		return x.text(&x.click.ID)
	case "source":
		return x.text(&x.click.Source)
	case "type":
		return x.text((*string)(&x.click.Type))
	case "time":
		return x.text(&x.at)
	case "orgid":
		return x.text(&x.click.OrgID)
	case "programid":
		return x.text(&x.click.ProgramID)
	case "data":
		return x.ObjBytes(x.data)
	}
	return x.Skip()
}

func (x *jxClick) field(_ *jx.Decoder, key []byte) error {
	switch string(key) {
	case "referral_code":
		return x.text(&x.click.ReferralCode)
	case "visitor_id":
		return x.text(&x.click.VisitorID)
	case "link_id":
		return x.text(&x.click.LinkID)
	case "campaign_id":
		return x.text(&x.click.CampaignID)
	case "channel":
		return x.text(&x.click.Channel)
	case "country":
		return x.text(&x.click.Country)
	case "locale":
		return x.text(&x.click.Locale)
	case "ip":
		return x.text(&x.click.IP)
	case "user_agent":
		return x.text(&x.click.UserAgent)
	}
	return x.Skip()
}

func BenchmarkLibrary_jx(b *testing.B) {
	b.SetBytes(int64(len(benchClick)))
	b.ReportAllocs()
	x, value := &jxClick{}, []byte(benchClick)
	x.attributes, x.data = x.attribute, x.field
	for b.Loop() {
		x.ResetBytes(value)
		if err := x.ObjBytes(x.attributes); err != nil {
			b.Fatal(err)
		}
	}
}
