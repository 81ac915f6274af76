package conversions

import (
	"testing"

	"github.com/grapevinehq/grapevine/pipeline/attribution"
	"github.com/grapevinehq/grapevine/pipeline/event"
)

// statsPrograms has rules for segments that look at figures in program p up to
// 2026, and none in program q.
const statsPrograms = `
version: 1
orgs:
  - id: o
    segments:
      - {id: staff}
      - {id: champions, when: 'stats.conversions >= 2.5 && member.attributes.plan == "gold"'}
      - {id: dormant, when: 'stats.unique_clicks > 3 && stats.last_conversion_at == nil'}
      - {id: rich, when: 'stats.revenue_minor > 0'}
    programs:
      - id: p
        versions:
          - valid_from: 2025-01-01T00:00:00Z
            currency: EUR
            attribution: {model: linear, window: 720h}
            rules:
              - {id: best, type: per_conversion, segments: [champions], rewards: [{id: r, to: referrer, type: cash, flat_minor: 1}]}
              - {id: awake, type: per_conversion, except_segments: [dormant, staff], rewards: [{id: r, to: referrer, type: cash, flat_minor: 1}]}
              - {id: welcome, type: grant, segment: rich, rewards: [{id: r, type: cash, amount_minor: 1}]}
          - valid_from: 2026-01-01T00:00:00Z
            currency: EUR
      - id: q
        versions:
          - valid_from: 2025-01-01T00:00:00Z
            currency: EUR
            rules: [{id: any, type: per_conversion, except_segments: [staff], rewards: [{id: r, to: referrer, type: cash, flat_minor: 1}]}]
`

func statsScene(t *testing.T) *scene {
	s := &scene{world: newWorld(t, []byte(statsPrograms), 1)}
	s.stats = map[StatsQuery]Stats{
		{"o", "ann"}: {ConversionsPPM: 2_500_000, UniqueClicks: 9, LastConversionAt: 1},
		{"o", "bob"}: {ConversionsPPM: 2_500_000},
		{"o", "cid"}: {ConversionsPPM: 2_499_999},
		{"o", "dan"}: {UniqueClicks: 4},
	}
	for _, id := range []string{"ann", "cid", "dan"} {
		s.member(id, func(m *event.Member) { m.Attributes = []event.Attribute{{Key: "plan", Kind: 's', String: "gold"}} })
	}
	return s
}

func TestStage_segments_by_figures(t *testing.T) {
	s := statsScene(t)
	for i, who := range []string{"ann", "bob", "cid", "dan"} {
		s.click("v", "k"+who, who, int64(i))
	}
	s.send(sale("a", 9, data{"visitor_id": "v"}))
	expect(t, "credits", s.handed(), []string{
		"a/0/referrer/ann 2000 true awake,best", // in champions
		"a/0/referrer/bob 2000 true awake",      // not gold
		"a/0/referrer/cid 2000 true awake",      // a millionth too few
		"a/0/referrer/dan 2000 true ",           // dormant
	})
	expect(t, "asked", s.asked, []string{"1101: o/ann o/bob o/cid o/dan"})
}

// The books are asked once a batch, of the referrers that a rule may look at, and
// not at all where none does.
func TestStage_asks_for_figures_where_rules_look_at_them(t *testing.T) {
	const year = 365 * 24
	s := statsScene(t)
	s.click("v", "k", "ann", 1)
	s.click("w", "l", "bob", 1)
	for _, visitor := range []string{"x", "y"} {
		s.touches = append(s.touches, clicked{"o", "q", visitor, attribution.Touch{Time: at(1), ClickID: "q" + visitor, ReferrerID: "eve"}})
	}
	s.send(
		sale("e", 2, data{"customer_id": "e", "visitor_id": "x", "program": "q"}), // the program has no such rule
		sale("f", year, data{"customer_id": "f", "visitor_id": "v"}),              // nor has the version
		link("l", "v"), adjusted("g", 2, "z", nil),
	)
	expect(t, "asked", s.asked, nil)
	s.send(
		sale("h", 2, data{"customer_id": "h", "visitor_id": "v"}),
		sale("i", 3, data{"customer_id": "h", "visitor_id": "w"}), // bound to ann
		sale("j", 4, data{"customer_id": "j", "visitor_id": "y", "program": "q"}),
		sale("k", 4, data{"customer_id": "k", "visitor_id": "none"}),
	)
	expect(t, "asked", s.asked, []string{"1101: o/ann o/bob"})
}
