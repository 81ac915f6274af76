package reward_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grapevinehq/grapevine/config"
	"github.com/grapevinehq/grapevine/internal/golden"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/reward"
)

// The worked case has four programs that use every kind of rule.
// testdata/golden/credits.jsonl holds the credits that attribution makes of its
// conversions and adjustments.

func TestGolden_net_rewards_are_those_of_the_worked_case(t *testing.T) {
	books, err := golden.Books()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int64{}
	for _, row := range books["rewards"] {
		net, err := row["net"].(json.Number).Int64()
		if err != nil {
			t.Fatal(err)
		}
		want[wantedKey(row)] = net
	}
	book := newBook(t, goldenCatalog(t))
	for _, c := range goldenCredits(t) {
		book.take(c)
	}
	book.check()
	got := book.nets(goldenKey)
	for key, net := range want {
		if got[key] != net {
			t.Errorf("%s: net %d, want %d", key, got[key], net)
		}
	}
	for key, net := range got {
		if _, ok := want[key]; !ok {
			t.Errorf("%s: net %d, want nothing", key, net)
		}
	}
}

// The case tells the net of a reward by id, of tiers by tier and period over all
// occurrences, of brackets by period.

func wantedKey(row golden.Row) string {
	var parts []string
	for _, column := range []string{"org", "program", "rule", "reward", "beneficiary", "role", "unit", "reward_id", "tier", "period"} {
		parts = append(parts, row[column].(string))
	}
	return strings.Join(parts, " | ")
}

func goldenKey(e *reward.Event) string {
	id := e.RewardID
	if e.TierID != "" || e.RuleID == "accelerator" {
		id = ""
	}
	return strings.Join([]string{
		e.OrgID, e.ProgramID, e.RuleID, e.Reward, e.BeneficiaryID, string(e.BeneficiaryRole), e.Currency + e.Unit, id, e.TierID, e.Period,
	}, " | ")
}

func goldenCatalog(t *testing.T) *program.Catalog {
	t.Helper()
	path := filepath.Join(t.TempDir(), "programs.yaml")
	if err := os.WriteFile(path, golden.Programs(), 0o600); err != nil {
		t.Fatal(err)
	}
	catalog, err := config.LoadPrograms(path)
	if err != nil {
		t.Fatal(err)
	}
	return catalog
}

func goldenCredits(t *testing.T) []event.Credit {
	t.Helper()
	file, err := os.Open("testdata/golden/credits.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var credits []event.Credit
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var c event.Credit
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		credits = append(credits, c)
	}
	if len(credits) == 0 {
		t.Fatal("the worked case has no credits")
	}
	return credits
}
