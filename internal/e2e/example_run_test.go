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

	w.checkExample(x, idle)
}

// checkExample judges the installation by its topics and its books.
func (w *world) checkExample(x *example, idle time.Time) {
	w.t.Helper()
	w.checkMessages()
	w.checkFinished()
	w.judge(idle, x.programs(w.t, exampleBefore, false))
	w.checkProgress()
	approved := w.query("SELECT event_id FROM rewards WHERE event_type = 'approved' AND beneficiary_id = ? AND ingested > fromUnixTimestamp64Milli(?)", exampleMember(2), x.banned.UnixMilli())
	if len(approved) > 0 {
		w.t.Errorf("%v: the beneficiary is banned", approved)
	}
	for what, query := range map[string]string{
		"a ban keeps pending":    "SELECT count() AS n FROM (SELECT argMax(status, sequence) AS status FROM rewards WHERE beneficiary_id = 'm2' GROUP BY org_id, reward_id) WHERE status = 'pending'",
		"were held and released": "SELECT count() AS n FROM (SELECT reward_id FROM rewards GROUP BY org_id, reward_id HAVING has(groupArray(event_type), 'held') AND has(groupArray(event_type), 'earned'))",
		"are held":               "SELECT sum(held) AS n FROM reward_balances",
		"were paid too much":     "SELECT sum(overpaid) AS n FROM reward_balances",
		"were granted":           "SELECT uniqExact(reward_id) AS n FROM rewards WHERE rule_id = 'vip-thanks'",
		"left a segment":         "SELECT count() AS n FROM segment_events WHERE event_type = 'left'",
	} {
		n := number(w.query(query)[0]["n"])
		if w.t.Logf("%d %s", n, what); n == 0 {
			w.t.Errorf("none %s: the example asks too little", what)
		}
	}
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
