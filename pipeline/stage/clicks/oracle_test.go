package clicks

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/pipeline/program"
)

// twoVersions has a program with a gap between its versions, and another window in
// each.
var twoVersions = &program.Catalog{
	Bots: catalog.Bots,
	Orgs: map[string]*program.Org{"o": {ID: "o", Programs: map[string]*program.Program{
		"p": {OrgID: "o", ID: "p", Versions: []*program.Version{
			{ValidFrom: start, ValidTo: start + 2*time.Hour.Milliseconds(), Currency: "USD", Zone: time.UTC, DedupeWindow: time.Hour},
			{ValidFrom: start + 3*time.Hour.Milliseconds(), Currency: "EUR", Zone: time.UTC, DedupeWindow: 20 * time.Minute},
		}},
		"q": {OrgID: "o", ID: "q", Versions: []*program.Version{{ValidFrom: start, Currency: "USD", Zone: time.UTC}}}, // a window of 0
	}}},
}

// oracle reads contract §3 and §9 (3), (4), (12), (13) once more: click after click,
// in plain maps that forget nothing.
func oracle(clicks []clickAt) (verdicts []string) {
	type key struct{ program, referrer, link, actor string }
	taken := map[string]bool{}
	counted := map[key]time.Duration{}
	for _, c := range clicks {
		window, active := time.Duration(0), c.at >= 0
		switch {
		case c.program == "q":
		case c.at >= 3*time.Hour:
			window = 20 * time.Minute
		default:
			window, active = time.Hour, active && c.at < 2*time.Hour
		}
		owner := map[string]string{"CODE": "ann"}[c.code]
		k := key{c.program, c.referrer, c.link, "visitor " + c.visitor}
		if c.referrer == "" {
			k.referrer = owner
		}
		if c.visitor == "" {
			k.actor = "hash " + c.ip + " " + c.agent
		}
		identity := fmt.Sprint(k, c.id)
		last, before := counted[k]
		verdict := "unique"
		switch {
		case c.program == "nowhere":
			verdict = "unknown_program"
		case c.code != "" && owner == "":
			verdict = "unknown_referral_code"
		case c.code != "" && c.referrer != "" && c.referrer != owner:
			verdict = "invalid"
		case taken[identity]:
			verdict = "redelivered"
		case !active:
			verdict = "inactive"
		case c.referrer == "mallory":
			verdict = "banned"
		case c.ip == "198.51.100.9" || c.agent == "Googlebot/2.1":
			verdict = "bot"
		case before && (c.at-last).Abs() < window:
			verdict = "duplicate"
		default:
			counted[k] = c.at
		}
		if !slices.Contains([]string{"unknown_program", "unknown_referral_code", "invalid"}, verdict) {
			taken[identity] = true
		}
		verdicts = append(verdicts, verdict)
	}
	return verdicts
}

func drawClick(t *rapid.T) clickAt {
	of := func(what string, values ...string) string { return rapid.SampledFrom(values).Draw(t, what) }
	c := clickAt{
		id: fmt.Sprint(rapid.IntRange(0, 60).Draw(t, "id")), program: of("program", "p", "p", "p", "p", "p", "p", "q", "nowhere"),
		referrer: of("referrer", "ann", "ann", "ann", "ann", "", "bob", "mallory"), code: of("code", "", "", "", "CODE", "NOPE"),
		visitor: of("visitor", "v", "v", "v", "w", ""), link: of("link", "", "", "", "l"),
		at: time.Duration(rapid.IntRange(-2, 24).Draw(t, "at")) * 10 * time.Minute,
	}
	if c.referrer == "" && c.code == "" {
		c.code = "CODE"
	}
	if c.visitor == "" || rapid.Bool().Draw(t, "address") {
		c.ip, c.agent = of("ip", "192.0.2.7", "192.0.2.7", "192.0.2.8", "198.51.100.9"), of("agent", "Mozilla/5.0 Firefox", "Mozilla/5.0 Firefox", "Mozilla/5.0 Firefox", "Googlebot/2.1")
	}
	return c
}

func TestStage_does_what_the_oracle_says(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		clicks := rapid.SliceOfN(rapid.Custom(drawClick), 60, 120).Draw(rt, "clicks")
		w := newWorld()
		w.catalog = twoVersions
		var got []string
		for rest := clicks; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(rt, "batch")
			got = append(got, w.process(t, rest[:n]...)...)
			rest = rest[n:]
		}
		if want := oracle(clicks); !slices.Equal(got, want) {
			rt.Fatalf("got  %v\nwant %v", got, want)
		}
	})
}
