package e2e

import (
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/internal/golden"
)

// Every key of the example at once, in two orgs, with workers that are killed and
// frozen, a file that is refused and one that is taken in mid-run. In one partition
// the events have one order, and budgets are looked at after each.
func TestExample_in_one_partition(t *testing.T) {
	t.Parallel()
	runExample(t, 1)
}

func TestExample_in_four_partitions(t *testing.T) {
	t.Parallel()
	runExample(t, 4)
}

func runExample(t *testing.T, partitions int) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	x := newExample(seed)
	w := newWorld(t, enginetest.Kafka(t).Addr, partitions, x.programs(t, exampleBefore, false))
	w.smallBatches()
	w.settings["RELOAD_INTERVAL"] = "100ms"
	w.createTopics()
	x.clicks()
	w.publish(x.written())
	workers := []*worker{w.launch("run"), w.launch("run")}
	x.conversions(0, 25, x.now.Add(-70*time.Hour), x.now)
	w.publish(x.written())
	w.awaitDone(90*time.Second, workers...)

	x.decide(w)
	x.adjustments()
	x.inEachOrg(func(org string) {
		for _, i := range []int{2, 5} {
			x.update(org, i, x.now.Add(time.Second), "banned")
		}
	})
	x.conversions(25, 36, x.now.Add(-60*time.Hour), time.Now())
	w.publish(x.written())
	w.torment(newTraffic(seed), workers, 6*time.Second)

	workers = []*worker{w.launch("run"), w.launch("run")}
	w.awaitDone(90*time.Second, workers...)
	x.banned = time.Now()
	w.refuseAndReload(x, workers)
	x.returns()
	x.adjustments()
	x.inEachOrg(func(org string) {
		for i := range exampleMembers {
			x.update(org, i, x.later.Add(2*time.Second), map[bool]string{true: "banned", false: "active"}[i == 2])
		}
	})
	x.conversions(36, exampleCustomers, x.later, x.later.Add(time.Second))
	w.publish(x.written())
	for _, p := range workers {
		p.kill()
	}
	time.Sleep(time.Until(x.later.Add(time.Second + exampleHold)))
	w.exitWhenIdle(90 * time.Second)
	idle := time.Now()

	w.checkExample(x, partitions == 1, idle)
	w.judge(idle, x.programs(t, exampleBefore, false))
}

// checkExample judges the installation by its topics and its books.
func (w *world) checkExample(x *example, ordered bool, idle time.Time) {
	w.t.Helper()
	w.checkMessages()
	w.checkFinished()
	events := w.rewardsTold()
	times := map[string]int64{}
	for _, row := range w.query("SELECT reward_id, any(toUnixTimestamp64Milli(conversion_time)) AS at FROM rewards GROUP BY reward_id") {
		times[text(row, "reward_id")] = number(row["at"])
	}
	b := w.bounds(x, ordered, x.raised)
	rewards := w.fold(events, func(e *toldReward, rewards map[string]*standing) {
		rewards[e.Data.RewardID].at = times[e.Data.RewardID]
		b.after(e, rewards)
		if e.kind == "approved" && e.Data.BeneficiaryID == exampleMember(2) && e.written > x.banned.UnixMilli() {
			w.t.Errorf("%s: the beneficiary is banned", e.ID)
		}
	})
	b.oldestFirst(rewards)
	r := w.recount(x)
	r.compare(w, rewards)
	r.checkViews(w, rewards)
	w.checkOrgs()
	w.checkProgress()
	w.checkHolds(rewards, idle)
	w.checkGrants(rewards)
	kinds := map[string]int{}
	for _, e := range events {
		kinds[e.kind+" "+e.Data.RuleID]++
	}
	w.t.Log(kinds)
}

// decide has a person look at rewards of single conversions, and pays some out.
func (x *example) decide(w *world) {
	rows := w.query("SELECT org_id, program_id, conversion_id, reward_id FROM rewards WHERE rule_id IN ('give-and-get', 'commission') GROUP BY ALL HAVING argMax(remaining_minor, sequence) > 0 ORDER BY reward_id")
	for i, row := range rows {
		org, program, reward := text(row, "org_id"), text(row, "program_id"), text(row, "reward_id")
		switch i % 9 {
		case 0:
			x.decided(org, program, reward, "reject")
		case 1:
			x.decided(org, program, reward, "reverse")
		case 2:
			x.decided(org, program, reward, "approve")
		case 3, 4:
			x.paid(org, program, reward)
			x.returned[keyed(org, program, text(row, "conversion_id"))] = true
		}
	}
}

// refuseAndReload has workers look at a bad file, which they refuse, and then at
// one with more room and a third version of us-store.
func (w *world) refuseAndReload(x *example, workers []*worker) {
	w.t.Helper()
	write := func(text []byte, said string) {
		w.t.Helper()
		if err := os.WriteFile(w.settings["PROGRAMS"], text, 0o600); err != nil {
			w.t.Fatal(err)
		}
		for _, p := range workers {
			await(w.t, 60*time.Second, p.name+" says that "+said, func() bool { return strings.Contains(p.said(), said) })
		}
	}
	for _, p := range workers { // one may have joined too late for any work
		await(w.t, 60*time.Second, p.name+" runs", func() bool { return strings.Contains(p.said(), "the pipeline runs") })
	}
	write([]byte("version: 1\norgs:\n  - id: acme\n    programs: [{id: us-store}]\n"), "the programs were not reloaded")
	x.raised = time.Now()
	x.later = x.raised.UTC().Truncate(time.Second).Add(time.Second)
	write(x.programs(w.t, exampleAfter, true), "the programs were reloaded")
}

// checkHolds sees to it that nothing that is due is pending, but what a ban keeps.
func (w *world) checkHolds(rewards map[string]*standing, idle time.Time) {
	w.t.Helper()
	kept := 0
	for _, s := range rewards {
		d := &s.last.Data
		due, err := time.Parse(time.RFC3339, d.AvailableAt)
		if err != nil {
			w.t.Fatal(err)
		}
		if d.Status != "pending" || due.After(idle) {
			continue
		}
		if d.BeneficiaryID != exampleMember(2) {
			w.t.Errorf("%s is pending, and was due at %s", s.last.ID, d.AvailableAt)
		}
		kept++
	}
	w.t.Logf("a ban keeps %d rewards pending", kept)
}

// checkGrants sees to it that who is a VIP at the end was given the thanks, once.
func (w *world) checkGrants(rewards map[string]*standing) {
	w.t.Helper()
	given := map[string]bool{}
	for _, s := range rewards {
		if s.last.Data.RuleID == "vip-thanks" {
			given[keyed(s.last.Orgid, s.last.Data.BeneficiaryID)] = true
		}
	}
	vips := 0
	for _, row := range w.query("SELECT org_id, member_id, argMax(event_type, sequence) AS last FROM segment_events WHERE segment_id = 'vip' GROUP BY ALL") {
		who := keyed(text(row, "org_id"), text(row, "member_id"))
		if row["last"] == "entered" && !given[who] && text(row, "member_id") != exampleMember(2) {
			w.t.Errorf("%s is a VIP without thanks", who)
		}
		vips++
		delete(given, who)
	}
	if vips < len(exampleOrgs) || len(given) > 0 {
		w.t.Errorf("%d were VIPs; without ever being one were given thanks: %v", vips, given)
	}
}

// checkProgress asks over HTTP what members have: that is what the books say of
// their org, and another org's token finds nothing.
func (w *world) checkProgress() {
	w.t.Helper()
	tokens := map[string]string{}
	for _, org := range exampleOrgs {
		tokens[org] = strings.Repeat(org, 10)
	}
	w.settings["HTTP_ADDR"] = freeAddress(w.t)
	w.settings["HTTP_TOKENS"] = "acme=" + tokens["acme"] + ",zeta=" + tokens["zeta"]
	p := w.launch("run")
	await(w.t, 60*time.Second, "the worker is ready", func() bool { return ask(w.settings["HTTP_ADDR"], "/readyz") == "200 ready" })
	for _, org := range exampleOrgs {
		path := "/v1/orgs/" + org + "/programs/us-store/members/" + exampleMember(1)
		var told struct{ Rewards []golden.Row }
		for of, token := range tokens {
			status, body := w.get(path, token)
			if of != org && (status != http.StatusNotFound || strings.Contains(body, exampleMember(1))) {
				w.t.Errorf("%s with a token of %s: %d %s", path, of, status, body)
			}
			if of == org && json.Unmarshal([]byte(body), &told) != nil {
				w.t.Errorf("%s: %d %s", path, status, body)
			}
		}
		same(w.t, path, w.query("SELECT * EXCEPT (org_id, program_id, beneficiary_id) FROM reward_balances WHERE org_id = ? AND program_id = 'us-store' AND beneficiary_id = ?", org, exampleMember(1)),
			told.Rewards, []string{"currency", "unit"})
	}
	if code := p.stop(60 * time.Second); code != 0 {
		w.t.Errorf("%s ended with %d", p.name, code)
	}
}

func (w *world) get(path, token string) (status int, body string) {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, "http://"+w.settings["HTTP_ADDR"]+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // read only
	text, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}
