package judge

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The columns that a judge has an opinion of, by table. What else a table has is
// about the work and not about the books, or is free text.
var judged = map[string][]string{
	"clicks": {"org_id", "program_id", "time", "event_id", "source", "kafka_topic", "click_id", "referrer_id", "visitor_id", "actor_hash", "link_id", "campaign_id",
		"channel", "country", "locale", "landing_url", "referer_url", "verdict", "currency", "day", "metadata"},
	"members": {"org_id", "time", "event_id", "source", "member_id", "status", "referral_codes", "coupon_codes", "segments", "attributes", "locale", "email_hash"},
	"conversions": {"org_id", "program_id", "time", "event_id", "source", "conversion_id", "customer_id", "visitor_id", "click_id", "email_hash", "kind", "name", "order_id",
		"coupon_code", "verdict", "original_amount_minor", "original_currency", "amount_minor", "currency", "program_version", "config_revision", "day", "metadata",
		"candidates", "skipped"},
	"adjustments": {"org_id", "program_id", "time", "event_id", "source", "conversion_id", "customer_id", "kind", "amount_minor", "original_amount_minor", "counts_after",
		"reason", "currency", "day"},
	"attributions":   {"org_id", "program_id", "time", "conversion_id", "referrer_id", "model", "paying", "credit_ppm", "amount_minor", "touches", "first_touch_at", "last_touch_at", "day"},
	"identity_links": {"org_id", "program_id", "time", "event_id", "source", "customer_id", "visitor_id"},
	"dead_letters":   {"kafka_topic", "kafka_partition", "kafka_offset", "reason", "detail"},
	"waiting":        {"kafka_offset", "event_id"},
	"credits": {"org_id", "program_id", "conversion_id", "sequence", "role", "beneficiary_id", "customer_id", "kind", "conversion_time", "currency", "amount_minor",
		"net_minor", "counts", "credit_ppm", "locale", "rules"},
	"rewards": {"org_id", "program_id", "time", "event_id", "source", "reward_id", "sequence", "event_type", "status", "rule_id", "rule_version", "reward", "tier_id", "period",
		"occurrence", "beneficiary_id", "beneficiary_role", "reward_type", "amount_minor", "currency", "quantity", "unit", "remaining_minor", "remaining_quantity",
		"conversion_id", "conversion_time", "budget_id", "available_at", "reason", "day"},
	"fulfillments": {"org_id", "program_id", "time", "event_id", "source", "reward_id", "event_type", "external_id", "decision", "actor", "reason", "beneficiary_id",
		"currency", "unit"},
	"segment_events": {"org_id", "time", "event_id", "source", "segment_id", "member_id", "event_type", "sequence"},
	"program_daily": {"day", "clicks", "unique_clicks", "duplicate_clicks", "bot_clicks", "visitors", "conversions", "attributed_conversions", "revenue_minor",
		"attributed_revenue_minor", "rewards_earned", "reward_cost_minor", "conversion_rate", "roi"},
	"program_hourly": {"hour", "clicks", "unique_clicks", "duplicate_clicks", "bot_clicks", "conversions", "attributed_conversions", "revenue_minor", "attributed_revenue_minor"},
	"program_totals": {"program_id", "clicks", "unique_clicks", "duplicate_clicks", "bot_clicks", "visitors", "conversions", "attributed_conversions", "revenue_minor",
		"attributed_revenue_minor", "currency", "rewards_earned", "reward_cost_minor", "conversion_rate", "roi"},
	"referrer_totals": {"referrer_id", "clicks", "unique_clicks", "conversions", "revenue_minor", "rewards_earned", "reward_cost_minor"},
	"reward_balances": {"beneficiary_id", "earned", "pending", "approved", "reversed", "fulfilled", "net", "held", "overpaid"},
}

// corruption changes one thing of true papers.
type corruption struct {
	name string
	of   func(*papers, *rand.Rand)
}

func corruptions() (all []corruption) {
	add := func(name string, of func(*papers, *rand.Rand)) { all = append(all, corruption{name, of}) }
	for _, table := range slices.Sorted(maps.Keys(judged)) {
		pick := func(p *papers, r *rand.Rand) int { return r.IntN(len(p.tables[table])) }
		add(table+": a row is missing", func(p *papers, r *rand.Rand) {
			i := pick(p, r)
			p.tables[table] = slices.Delete(slices.Clone(p.tables[table]), i, i+1)
		})
		add(table+": a row is there twice", func(p *papers, r *rand.Rand) {
			p.tables[table] = append(slices.Clone(p.tables[table]), p.tables[table][pick(p, r)])
		})
		for _, column := range judged[table] {
			add(table+"."+column, func(p *papers, r *rand.Rand) {
				i := pick(p, r)
				row := maps.Clone(p.tables[table][i])
				row[column] = changed(row[column])
				p.tables[table] = slices.Clone(p.tables[table])
				p.tables[table][i] = row
			})
		}
	}
	for _, topic := range []string{topicRewards, topicAttributions, topicSegments, topicCredits, topicDeadLetters} {
		pick := func(p *papers, r *rand.Rand) int { return r.IntN(len(p.topics[topic])) }
		add(topic+": an event comes again with other bytes", func(p *papers, r *rand.Rand) {
			again := p.topics[topic][pick(p, r)]
			again.Offset, again.Value = int64(len(p.topics[topic])), append(slices.Clone(again.Value), ' ')
			p.topics[topic] = append(slices.Clone(p.topics[topic]), again)
		})
		if topic == topicCredits {
			continue // of which nothing else is promised
		}
		add(topic+": an event is missing", func(p *papers, r *rand.Rand) {
			i := pick(p, r)
			p.topics[topic] = slices.Delete(slices.Clone(p.topics[topic]), i, i+1)
		})
		add(topic+": an event has another key", func(p *papers, r *rand.Rand) {
			i := pick(p, r)
			p.topics[topic] = slices.Clone(p.topics[topic])
			p.topics[topic][i].Key = append(slices.Clone(p.topics[topic][i].Key), 'x')
		})
	}
	for name, change := range map[string]func(*movement){
		"an amount": func(m *movement) { m.data.raise(1) },
		"what remains": func(m *movement) {
			m.data.RemainingMinor, m.data.RemainingQuantity = m.data.RemainingMinor+1, m.data.RemainingQuantity+1
		},
		"a sequence":       func(m *movement) { m.sequence++ },
		"a reward's id":    func(m *movement) { m.data.RewardID = named(m.data.RewardID) },
		"a beneficiary":    func(m *movement) { m.data.BeneficiaryID += "x" },
		"a conversion":     func(m *movement) { m.data.ConversionID += "x" },
		"a rule's version": func(m *movement) { m.data.RuleVersion = "2025-01-01T00:00:00Z" },
		"a period":         func(m *movement) { m.data.Period = "2025" },
		"a status": func(m *movement) {
			m.data.Status = map[bool]string{true: "pending", false: "reversed"}[m.data.Status == "reversed"]
		},
		"a hold": func(m *movement) { m.data.AvailableAt = "2027-01-01T00:00:00.000Z" },
	} {
		add("rewards and the topic alike: "+name, func(p *papers, r *rand.Rand) { p.both(r, change) })
	}
	add("rewards and the topic alike: a reward is missing", func(p *papers, r *rand.Rand) {
		id := p.tables["rewards"][p.live(r)].text("reward_id")
		p.tables["rewards"] = slices.DeleteFunc(slices.Clone(p.tables["rewards"]), func(row Row) bool { return row.text("reward_id") == id })
		p.topics[topicRewards] = slices.DeleteFunc(slices.Clone(p.topics[topicRewards]), func(r Record) bool { return strings.Contains(string(r.Value), id) })
	})
	for name, excuses := range map[string]struct {
		from bool // excused
		to   string
	}{"is excused": {false, "banned"}, "is not excused": {true, ""}, "has another excuse": {false, "self_referral"}} {
		add("conversions: a candidate "+name, func(p *papers, r *rand.Rand) {
			rows := slices.Clone(p.tables["conversions"])
			p.tables["conversions"] = rows
			for _, i := range r.Perm(len(rows)) {
				skipped, _ := rows[i]["skipped"].([]string)
				if at := slices.IndexFunc(skipped, func(excuse string) bool { return (excuse != "") == excuses.from }); at >= 0 {
					rows[i] = maps.Clone(rows[i])
					skipped = slices.Clone(skipped)
					skipped[at] = excuses.to
					rows[i]["skipped"] = skipped
					return
				}
			}
			panic("there is no such candidate")
		})
	}
	add(topicAttributions+": an amount", func(p *papers, r *rand.Rand) {
		records := slices.Clone(p.topics[topicAttributions])
		for _, i := range r.Perm(len(records)) {
			if text := string(records[i].Value); strings.Contains(text, `"credit_ppm":1000000`) {
				records[i].Value = []byte(strings.Replace(text, `"credit_ppm":1000000`, `"credit_ppm":999999`, 1))
				break
			}
		}
		p.topics[topicAttributions] = records
	})
	add(topicDeadLetters+": the detail", func(p *papers, r *rand.Rand) {
		records := slices.Clone(p.topics[topicDeadLetters])
		i := r.IntN(len(records))
		records[i].Headers = slices.Clone(records[i].Headers)
		for j, h := range records[i].Headers {
			if h.Key == "gv_detail" {
				records[i].Headers[j].Value = []byte("because")
			}
		}
		p.topics[topicDeadLetters] = records
	})
	for _, topic := range []string{topicClicks, topicConversions, topicMembers} {
		add(topic+": an event was lost with all that came of it", func(p *papers, r *rand.Rand) {
			// Seen from the other side: an event is read that nothing came of.
			last := p.topics[topic][len(p.topics[topic])-1]
			last.Offset++
			last.Value, last.Headers = []byte("{}"), nil
			p.topics[topic] = append(slices.Clone(p.topics[topic]), last)
		})
	}
	return all
}

// changed is another value of the same kind.
func changed(v any) any {
	switch x := v.(type) {
	case int64:
		return x + 1
	case string:
		return x + "1"
	case []string:
		return append(slices.Clone(x), "more")
	case float64:
		return x + 0.001
	case nil:
		return 0.5
	case map[string]string:
		m := maps.Clone(x)
		if m == nil {
			m = map[string]string{}
		}
		m["more"] = "x"
		return m
	}
	return fmt.Sprint(v, "!")
}

// live picks a row of the last event of a reward of which something is left.
func (p *papers) live(r *rand.Rand) int {
	rows := p.tables["rewards"]
	for _, i := range r.Perm(len(rows)) {
		row := rows[i]
		last := !slices.ContainsFunc(rows, func(o Row) bool {
			return o.text("reward_id") == row.text("reward_id") && o.number("sequence") > row.number("sequence")
		})
		if last && row.number("remaining_minor")+row.number("remaining_quantity") > 0 && row.text("beneficiary_role") != "member" && row.text("rule_id") != "accelerator" {
			return i
		}
	}
	panic("no reward is worth anything")
}

func (d *rewardData) raise(by int64) {
	if d.Currency != "" {
		d.AmountMinor, d.RemainingMinor = d.AmountMinor+by, d.RemainingMinor+by
	} else {
		d.Quantity, d.RemainingQuantity = d.Quantity+by, d.RemainingQuantity+by
	}
}

// both changes an event of a reward in the topic and its row in the same way.
func (p *papers) both(r *rand.Rand, change func(*movement)) {
	i := p.live(r)
	row := p.tables["rewards"][i]
	records := slices.Clone(p.topics[topicRewards])
	j := slices.IndexFunc(records, func(r Record) bool { return strings.Contains(string(r.Value), `"id":"`+row.text("event_id")+`"`) })
	t := &trial{names: map[string]string{}}
	m := t.readMovement(&records[j])
	change(m)
	data, _ := json.Marshal(m.data)
	value, _ := json.Marshal(map[string]any{
		"specversion": "1.0", "id": m.id(), "source": m.source(), "type": "referral.reward." + m.kind + ".v1", "time": time.UnixMilli(m.time).UTC().Format(time.RFC3339Nano),
		"orgid": m.org, "programid": m.program, "data": json.RawMessage(data),
	})
	records[j].Key, records[j].Value = []byte(m.org+"/"+m.data.BeneficiaryID), value
	p.topics[topicRewards] = records
	forged := maps.Clone(row)
	maps.Copy(forged, m.row())
	p.tables["rewards"] = slices.Clone(p.tables["rewards"])
	p.tables["rewards"][i] = forged
}

// Rules that did not decide: the judge is given other files than the pipeline had.
var otherRules = map[string][]string{
	"the dedupe window":     {"dedupe_window: 1h", "dedupe_window: 700h"},
	"the window":            {"window: 2160h", "window: 1h"},
	"a model":               {"model: last_click,", "model: first_click,"},
	"a rate":                {`"1.1010"`, `"1.1011"`},
	"basis points":          {"basis_points: 500,", "basis_points: 501,"},
	"a cap":                 {"max_amount_minor: 5000}", "max_amount_minor: 1000}"},
	"a flat amount":         {"flat_minor: 1000}", "flat_minor: 1001}"},
	"a bracket":             {"from_minor: 0, basis_points: 800", "from_minor: 0, basis_points: 801"},
	"a tier":                {"threshold: 1,", "threshold: 4,"},
	"a tier's reward":       {"quantity: 500", "quantity: 501"},
	"a hold":                {"hold: 720h", "hold: 721h"},
	"a filter":              {"conversion.amount_minor >= 500 ", "conversion.amount_minor >= 50000 "},
	"a least amount":        {"min_amount_minor: 1000", "min_amount_minor: 50000"},
	"a lower budget":        {"limit_minor: 1500", "limit_minor: 100"},
	"a higher budget":       {"limit_minor: 1500", "limit_minor: 1500000"},
	"a lower limit":         {"count: 2", "count: 1"},
	"a higher limit":        {"count: 2}", "count: 200}", "limit_minor: 9000", "limit_minor: 9000000"},
	"a segment":             {`member.attributes.plan == "gold" ||`, `member.attributes.plan == "basic" ||`},
	"a margin":              {"margin: 0.55", "margin: 0.56"},
	"a time zone":           {"timezone: Europe/Berlin", "timezone: Asia/Tokyo"},
	"a crawler":             {"contains: PingBot", "contains: PongBot"},
	"a network":             {"198.51.100.0/24", "198.51.101.0/24"},
	"binding":               {"binding: customer, shadow: [linear, position_based]", "binding: none, shadow: [linear, position_based]"},
	"the order":             {"order: [coupon, click, touch]", "order: [touch]"},
	"a shadow model":        {"shadow: [last_click, first_click, linear]", "shadow: [last_click, linear]"},
	"first_only":            {"first_only: true", "first_only: false"},
	"a half-life":           {"half_life: 168h", "half_life: 2h"},
	"a program that is new": {"- id: employees", "- id: workers"},
}

// corrupted is the truth that corruptions are made of: traffic that has everything.
func corrupted(t *testing.T) (*played, *papers) {
	t.Helper()
	p := playTraffic(t, 7, 3, 120)
	return p, p.papers()
}

// Of true books one thing is changed, and it must be found.
func TestJudge_finds_every_corruption(t *testing.T) {
	p, truth := corrupted(t)
	c := &Case{Programs: p.path, Rest: time.UnixMilli(p.Now()), Most: 1}
	agree(t, c, truth)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	kinds := corruptions()
	for i, kind := range kinds {
		if raced && (i+int(seed%4))%4 != 0 {
			continue
		}
		t.Run(kind.name, func(t *testing.T) {
			forged := &papers{maps.Clone(truth.topics), maps.Clone(truth.tables)}
			kind.of(forged, rand.New(rand.NewPCG(seed, uint64(i))))
			report, err := Try(t.Context(), c, forged)
			if err != nil {
				t.Fatal(err)
			}
			if report.Total == 0 {
				t.Error("nothing was found")
			}
		})
	}
	for name, change := range otherRules {
		t.Run("rules: "+name, func(t *testing.T) {
			text := strings.NewReplacer(change...).Replace(string(p.source))
			if !strings.Contains(string(p.source), change[0]) {
				t.Fatalf("the programs have no %q", change[0])
			}
			forged := &papers{maps.Clone(truth.topics), maps.Clone(truth.tables)}
			row := maps.Clone(truth.tables["configurations"][0])
			row["source"] = text
			forged.tables["configurations"] = []Row{row}
			path := filepath.Join(t.TempDir(), "programs.yaml")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			report, err := Try(t.Context(), &Case{Programs: path, Rest: c.Rest, Most: 1}, forged)
			if err != nil || report.Total == 0 {
				t.Errorf("nothing was found: %v", err)
			}
		})
	}
	t.Logf("%d kinds of corruption", len(kinds)+len(otherRules))
}
