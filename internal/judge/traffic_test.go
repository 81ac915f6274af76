package judge

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	pipelineevent "github.com/grapevinehq/grapevine/pipeline/event"
)

// traffic makes events for the example of programs, with limits and budgets so tight
// that they bind.
type traffic struct {
	*rand.Rand
	*played
	made  int
	sales []sale
}

type sale struct {
	org, program, customer, id string
	amount                     int64
}

var trafficBegins = time.Date(2026, 10, 25, 6, 0, 0, 0, time.UTC)

func tightPrograms(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "examples", "programs.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return []byte(strings.NewReplacer("limit_minor: 5000000", "limit_minor: 9000", "limit_minor: 2000000", "limit_minor: 1500",
		"count: 20", "count: 2", "{period: month, amount_minor: 30000}", "{period: month, amount_minor: 4000}",
		"stats.conversions >= 10", "stats.conversions >= 2.5", "threshold: 3,", "threshold: 1,", "threshold: 5,", "threshold: 2,", "threshold: 10\n", "threshold: 3\n",
		"repeat_every: 5", "repeat_every: 1",
	).Replace(string(text)))
}

// playTraffic plays traffic of a seed to its end: all holds are over.
func playTraffic(t *testing.T, seed uint64, partitions, size int) *played {
	t.Helper()
	g := &traffic{Rand: rand.New(rand.NewPCG(seed, 3)), played: play(t, tightPrograms(t), partitions, partitions > 1, trafficBegins.UnixMilli())}
	for i := range 10 {
		g.member(i, trafficBegins.Add(-100*time.Hour), "active")
	}
	g.tick(0)
	for range 2 * size {
		g.click()
	}
	g.tick(time.Hour)
	for round := range 4 {
		for range size / 4 {
			g.conversion()
		}
		g.tick(time.Duration(40+g.IntN(60)) * time.Hour)
		g.after(round)
		g.tick(time.Hour)
	}
	g.tick(800 * time.Hour)
	g.write(topicConversions, "c1", "conversion.adjusted", "acme", "us-store", g.at(), map[string]any{"conversion_id": "nobody's", "customer_id": "c1", "kind": "cancel"})
	g.tick(0)
	return g.played
}

func (g *traffic) at() time.Time { return time.UnixMilli(g.Now()).UTC() }

// tick works all there is, and then lets time pass.
func (g *traffic) tick(d time.Duration) {
	g.Helper()
	for _, at := range []int64{g.Now(), g.Now() + d.Milliseconds()} {
		if err := g.Tick(g.Context(), at); err != nil {
			g.Fatal(err)
		}
	}
}

func (g *traffic) chance(n int) bool { return g.IntN(n) == 0 }

// write writes an event in one of the two modes, now and then twice or broken.
func (g *traffic) write(topic, key, kind, org, program string, at time.Time, data map[string]any) {
	g.made++
	attributes := map[string]string{"specversion": "1.0", "id": fmt.Sprint("e", g.made), "source": "shop/web", "type": "referral." + kind + ".v1",
		"time": at.Format(time.RFC3339Nano), "orgid": org}
	if program != "" {
		attributes["programid"] = program
	}
	rec := pipelineevent.Record{Time: g.Now(), Key: []byte(key)}
	var body any = data
	if g.chance(2) {
		for _, name := range []string{"specversion", "id", "source", "type", "time", "orgid", "programid"} {
			if attributes[name] != "" {
				rec.Headers = append(rec.Headers, pipelineevent.Header{Key: "ce_" + name, Value: []byte(attributes[name])})
			}
		}
	} else {
		event := map[string]any{"data": data}
		for name, text := range attributes {
			event[name] = text
		}
		body = event
	}
	rec.Value, _ = json.Marshal(body)
	g.produce(topic, rec)
	if topic != topicMembers && g.chance(15) {
		g.produce(topic, rec)
	}
	if g.chance(25) {
		rec.Value = []byte(`{"specversion":`)
		g.produce(topic, rec)
	}
}

func memberID(i int) string { return fmt.Sprint("m", i) }

func (g *traffic) member(i int, at time.Time, status string) {
	codes := []string{fmt.Sprint("CODE", i)}
	if g.chance(4) {
		codes = append(codes, fmt.Sprint("CODE", g.IntN(10)))
	}
	data := map[string]any{
		"member_id": memberID(i), "status": status, "referral_codes": codes, "coupon_codes": []string{fmt.Sprint("SAVE", i)}, "locale": []string{"de", "en"}[i%2],
		"email_hash": fmt.Sprint("h", i), "attributes": map[string]any{"plan": []string{"basic", "gold"}[g.IntN(5)/4], "tier": []string{"full", "trial"}[g.IntN(5)/4], "score": g.IntN(99)},
	}
	if i == 3 {
		data["segments"] = []string{"staff"}
	}
	g.write(topicMembers, "acme/"+memberID(i), "member.updated", "acme", "", at, data)
}

func (g *traffic) program() (org, id string) {
	if g.chance(30) {
		return "acme", "nowhere"
	}
	if g.chance(10) {
		return "globex", "employees"
	}
	return "acme", []string{"us-store", "eu-store", "partners"}[g.IntN(3)]
}

func (g *traffic) click() {
	org, program := g.program()
	n := g.IntN(40)
	visitor := fmt.Sprint("v", n)
	data := map[string]any{"visitor_id": visitor, "link_id": fmt.Sprint("l", g.IntN(2)), "user_agent": "Mozilla/5.0", "metadata": map[string]string{"ü": "ß"}, "channel": "mail"}
	switch g.IntN(9) {
	case 0:
		data["referral_code"] = fmt.Sprint("CODE", g.IntN(12))
	case 1:
		data["user_agent"] = []string{"PingBot/1", "Mozilla/5.0 (compatible; Googlebot/2.1)"}[g.IntN(2)]
	case 2:
		delete(data, "visitor_id")
		data["ip"] = fmt.Sprintf("10.0.0.%d", g.IntN(3))
	case 3:
		data["ip"] = fmt.Sprintf("198.51.100.%d", g.IntN(3))
	}
	if data["referral_code"] == nil {
		data["referrer_id"] = memberID((n + g.IntN(3)) % 10)
	}
	g.write(topicClicks, visitor, "click.recorded", org, program, g.at().Add(-time.Duration(g.Int64N(int64(90*time.Hour)))), data)
}

func (g *traffic) conversion() {
	org, program := g.program()
	n := g.IntN(30)
	customer := fmt.Sprint("c", n)
	id := fmt.Sprint("cv-", n, "-", g.IntN(9))
	data := map[string]any{"kind": []string{"sale", "sale", "signup", "lead", "renewal"}[g.IntN(5)], "customer_id": customer, "visitor_id": fmt.Sprint("v", n), "conversion_id": id}
	if org == "globex" {
		data["kind"], data["name"] = "custom", "hired"
	}
	amount := 0
	if !g.chance(5) {
		amount = 200 + g.IntN(90_000)
		data["amount_minor"], data["currency"] = amount, []string{"EUR", "EUR", "USD", "JPY", "GBP"}[g.IntN(5)]
	}
	switch g.IntN(12) {
	case 0:
		data["coupon_code"] = fmt.Sprint("SAVE", g.IntN(11))
	case 1:
		data["email_hash"] = fmt.Sprint("h", g.IntN(10))
	case 2:
		data["order_id"] = fmt.Sprint("o", n, g.IntN(2))
	case 3:
		data["visitor_id"] = fmt.Sprint("v", 30+g.IntN(10))
	}
	g.sales = append(g.sales, sale{org, program, customer, id, int64(amount)})
	g.write(topicConversions, customer, "conversion.recorded", org, program, g.at().Add(-time.Duration(g.Int64N(int64(20*time.Hour)))), data)
	if g.chance(12) {
		g.write(topicConversions, customer, "identity.linked", "acme", "us-store", g.at(), map[string]any{"customer_id": customer, "visitor_id": fmt.Sprint("v", 30+g.IntN(10))})
	}
}

// after is what happens to what was sold.
func (g *traffic) after(round int) {
	for _, sale := range g.sales {
		if !g.chance(4) {
			continue
		}
		id, amount := sale.id, sale.amount
		if g.chance(8) {
			id += "x" // nobody knows it
		}
		data := map[string]any{"conversion_id": id, "customer_id": sale.customer, "kind": []string{"refund", "chargeback", "cancel", "correction"}[g.IntN(4)], "reason": "so it is"}
		switch {
		case data["kind"] == "correction":
			data["amount_minor"] = g.Int64N(amount+2) - amount/2
		case data["kind"] == "refund" && amount > 0 && g.chance(2):
			data["amount_minor"] = 1 + g.Int64N(amount)
		}
		g.write(topicConversions, sale.customer, "conversion.adjusted", sale.org, sale.program, g.at(), data)
	}
	g.member(g.IntN(10), g.at().Add(-time.Duration(g.IntN(30))*time.Hour), []string{"active", "banned"}[g.IntN(2)])
	for i, r := range g.Rows("rewards") {
		if i%17 != round {
			continue
		}
		org, program, id := r["org_id"].(string), r["program_id"].(string), r["reward_id"].(string)
		if g.chance(3) {
			g.write(topicFulfillments, id, "reward.decided", org, program, g.at(), map[string]any{"reward_id": id, "decision": []string{"approve", "reject", "reverse"}[g.IntN(3)], "actor": "eve"})
			continue
		}
		g.write(topicFulfillments, id, "reward.fulfilled", org, program, g.at(), map[string]any{"reward_id": id, "external_id": fmt.Sprint("tr", i)})
	}
}

func TestJudge_agrees_with_random_traffic(t *testing.T) {
	for _, partitions := range []int{1, 4} {
		seed := rand.Uint64()
		t.Run(fmt.Sprintf("%d partitions, seed %d", partitions, seed), func(t *testing.T) {
			t.Parallel()
			p := playTraffic(t, seed, partitions, 120)
			report := agree(t, p.judged(), p.papers())
			t.Log(report.Events, report.Rows)
		})
	}
}
