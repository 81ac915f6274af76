package e2e

import (
	"encoding/json"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/internal/enginetest"
)

// In one partition, where what comes first is told apart: every reward comes out as
// it was paid, also where limits and budgets are used up.
func TestBacktest_comes_to_what_was_paid_out_of_tight_budgets(t *testing.T) {
	t.Parallel()
	runBacktest(t, 1, exampleBefore)
}

// In four partitions, on workers that are killed and frozen. Who wins a race of two
// partitions for the last of a budget stands in no row, so the budgets are wide.
func TestBacktest_comes_to_what_was_paid_whoever_worked_it(t *testing.T) {
	t.Parallel()
	wide := exampleBefore
	wide.growth, wide.emea = 1<<40, 1<<40
	runBacktest(t, 4, wide)
}

func runBacktest(t *testing.T, partitions int, limits tight) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	x := newExample(seed)
	w := newWorld(t, enginetest.Kafka(t).Addr, partitions, x.programs(t, limits, false))
	w.smallBatches()
	w.createTopics()
	workers := []*worker{w.launch("run"), w.launch("run")}
	x.clicks()
	x.conversions(0, 25, x.now.Add(-70*time.Hour), x.now)
	w.publish(x.written()) // conversions wait for the clicks and members before them
	w.awaitDone(90*time.Second, workers...)
	x.decide(w)
	x.adjustments()
	x.inEachOrg(func(org string) { x.update(org, 2, x.now.Add(time.Second), "banned") })
	x.conversions(25, exampleCustomers, x.now.Add(-60*time.Hour), time.Now())
	x.adjustments()
	w.publish(x.written())
	if partitions > 1 {
		w.torment(newTraffic(seed), workers, 5*time.Second)
	} else {
		w.awaitDone(90*time.Second, workers...)
	}
	for _, p := range workers {
		p.kill()
	}
	w.exitWhenIdle(90 * time.Second)

	var told struct {
		Rules []struct {
			ProgramID  string `json:"program_id"`
			RuleID     string `json:"rule_id"`
			Rewards    int64  `json:"rewards"`
			Net        int64  `json:"net"`
			PaidNet    int64  `json:"paid_net"`
			Difference int64  `json:"difference"`
			Held       int64  `json:"held"`
			PaidHeld   int64  `json:"paid_held"`
			Changed    int64  `json:"changed_rewards"`
		} `json:"rules"`
		Conversions int            `json:"conversions"`
		Others      int            `json:"decided_by_other_configurations"`
		Refused     map[string]int `json:"refused"`
	}
	if err := json.Unmarshal(w.backtest("--format", "json"), &told); err != nil {
		t.Fatal(err)
	}
	rewards, held := int64(0), int64(0)
	for _, r := range told.Rules {
		if r.Difference != 0 || r.Changed != 0 || r.Held != r.PaidHeld {
			t.Errorf("%+v", r)
		}
		rewards, held = rewards+r.Rewards, held+r.PaidHeld
	}
	if rewards < 50 || held == 0 || told.Conversions < 200 || told.Others != 0 || len(told.Refused) > 0 {
		t.Errorf("%d rewards, %d held, %d conversions, %d decided by others, refused %v", rewards, held, told.Conversions, told.Others, told.Refused)
	}
}

// backtest runs the command and returns what it writes.
func (w *world) backtest(arguments ...string) []byte {
	w.t.Helper()
	program, err := binary()
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.Command(program, append([]string{"backtest"}, arguments...)...)
	var said strings.Builder
	cmd.Env, cmd.Dir, cmd.Stderr = w.environment(), w.folder, &said
	out, err := cmd.Output()
	if err != nil {
		w.t.Fatalf("backtest: %v: %s", err, said.String())
	}
	return out
}
