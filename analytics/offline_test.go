package analytics

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/grapevinehq/grapevine/config"
	"github.com/grapevinehq/grapevine/internal/golden"
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/attribution"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/offline"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/reward"
	"github.com/grapevinehq/grapevine/pipeline/stage/conversions"
	"github.com/grapevinehq/grapevine/pipeline/stage/fulfillments"
	"github.com/grapevinehq/grapevine/pipeline/stages"
)

// A run in one process asks tables of its own: with equal rows they answer as
// these do.
func TestBooks_answer_as_the_tables_of_a_run_in_one_process(t *testing.T) {
	_, r := workedCase(t)
	b := opened(t)
	var number uint64
	for _, table := range []string{"clicks", "conversions", "adjustments", "identity_links", "members", "credits", "rewards", "fulfillments"} {
		for _, block := range r.Blocks(table) {
			number++
			write(t, b, batch(number, 0, 1), block.Block)
		}
	}
	var visitors []attribution.VisitorQuery
	var clicks []attribution.ClickQuery
	var members []reward.Person
	var figures []conversions.StatsQuery
	for _, row := range r.Rows("clicks") {
		org, program, ms := row["org_id"].(string), row["program_id"].(string), row["time"].(int64)
		if v := row["visitor_id"].(string); v != "" {
			visitors = append(visitors, attribution.VisitorQuery{OrgID: org, ProgramID: program, VisitorID: v, From: ms - 86400_000, To: ms})
		}
		clicks = append(clicks, attribution.ClickQuery{OrgID: org, ProgramID: program, ClickID: row["click_id"].(string)})
		members = append(members, reward.Person{OrgID: org, ID: row["referrer_id"].(string)})
		figures = append(figures, conversions.StatsQuery{OrgID: org, MemberID: row["referrer_id"].(string)})
	}
	var ids []conversions.ConversionQuery
	for _, row := range r.Rows("conversions") {
		ids = append(ids, conversions.ConversionQuery{OrgID: row["org_id"].(string), ProgramID: row["program_id"].(string), ConversionID: row["conversion_id"].(string)})
	}
	var claims []conversions.ClaimQuery
	for _, row := range r.Rows("conversions") {
		org, program, kind := row["org_id"].(string), row["program_id"].(string), event.Kind(row["kind"].(string))
		claims = append(claims, conversions.ClaimQuery{OrgID: org, ProgramID: program, ID: row["conversion_id"].(string)},
			conversions.ClaimQuery{OrgID: org, ProgramID: program, Kind: kind, ID: row["order_id"].(string)})
	}
	ids = append(ids, conversions.ConversionQuery{OrgID: "acme", ProgramID: "eu-store", ConversionID: "none"})
	var rewards []fulfillments.RewardQuery
	for _, row := range r.Rows("rewards") {
		rewards = append(rewards, fulfillments.RewardQuery{OrgID: row["org_id"].(string), ProgramID: row["program_id"].(string), RewardID: row["reward_id"].(string)})
	}
	rewards = append(rewards, fulfillments.RewardQuery{OrgID: "acme", ProgramID: "eu-store", RewardID: "none"})
	ctx, both := t.Context(), [2]stages.Books{b, r}
	alike(t, "touches of visitors", both, visitors, func(s stages.Books) ([][]attribution.Touch, error) { return sortedTouches(s.ByVisitor(ctx, visitors)) })
	alike(t, "named clicks", both, clicks, func(s stages.Books) ([][]attribution.Touch, error) { return sortedTouches(s.ByClickID(ctx, clicks)) })
	alike(t, "conversions", both, ids, func(s stages.Books) ([]conversions.Stored, error) { return s.Conversions(ctx, ids) })
	alike(t, "claims", both, claims, func(s stages.Books) ([]bool, error) { return s.Claimed(ctx, claims) })
	alike(t, "unique clicks", both, members, func(s stages.Books) ([]int64, error) { return s.UniqueClicks(ctx, members) })
	alike(t, "rewards", both, rewards, func(s stages.Books) ([]fulfillments.Reward, error) { return s.Rewards(ctx, rewards) })
	for _, of := range []program.Stats{program.AllStats, program.StatUniqueClicks, program.StatConversions} {
		alike(t, fmt.Sprintf("figures %b", of), both, figures, func(s stages.Books) ([]conversions.Stats, error) { return s.Stats(ctx, of, figures) })
	}
	for _, table := range []string{"clicks", "conversions", "adjustments", "identity_links", "members"} { // a run has no fulfilments
		events := eventsOf(r, table)
		alike(t, "events of "+table, both, events, func(s stages.Books) ([]bool, error) { return s.Recorded(ctx, table, events) })
	}
	credits := creditsOf(r)
	alike(t, "credits", both, credits, func(s stages.Books) ([]bool, error) { return s.Taken(ctx, credits) })
}

// eventsOf names the events of a table, and for each some that it has not.
func eventsOf(r *offline.Run, table string) (list []pipeline.EventQuery) {
	for _, row := range r.Rows(table) {
		q := pipeline.EventQuery{
			OrgID: row["org_id"].(string), ProgramID: row["program_id"].(string), By: row[pipeline.RecordedBy[table]].(string),
			Source: row["source"].(string), EventID: row["event_id"].(string),
		}
		list = append(list, q)
		for _, other := range []*string{&q.OrgID, &q.ProgramID, &q.By, &q.Source, &q.EventID} {
			was := *other
			*other += "?"
			list = append(list, q)
			*other = was
		}
	}
	return list
}

// workedCase is the worked case, run in one process.
func workedCase(t *testing.T) (*program.Catalog, *offline.Run) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "programs.yaml")
	if err := os.WriteFile(path, golden.Programs(), 0o600); err != nil {
		t.Fatal(err)
	}
	catalog, err := config.LoadPrograms(path)
	if err != nil {
		t.Fatal(err)
	}
	events, err := golden.Events()
	if err != nil {
		t.Fatal(err)
	}
	r := offline.NewRun(offline.RunOptions{Options: offline.Options{Catalog: catalog}, Now: golden.WrittenAt})
	for i := range events {
		r.Produce(events[i].Topic, events[i].Record)
		if i%40 > 0 && i < len(events)-1 {
			continue
		}
		if err := r.Tick(t.Context(), r.Now()+1); err != nil {
			t.Fatal(err)
		}
	}
	return catalog, r
}

// creditsOf names the credits that were taken, and one that was not.
func creditsOf(r *offline.Run) []*event.Credit {
	list := []*event.Credit{{OrgID: "acme", ProgramID: "eu-store", ConversionID: "none"}}
	for _, row := range r.Rows("credits") {
		list = append(list, &event.Credit{
			OrgID: row["org_id"].(string), ProgramID: row["program_id"].(string), ConversionID: row["conversion_id"].(string),
			Sequence: row["sequence"].(int64), Role: event.Role(row["role"].(string)), BeneficiaryID: row["beneficiary_id"].(string),
		})
	}
	return list
}

func sortedTouches(answers [][]attribution.Touch, err error) ([][]attribution.Touch, error) {
	for i := range answers {
		sortTouches(answers[i])
	}
	return answers, err
}

// alike compares two answers to the same questions.
func alike[Q, A any](t *testing.T, what string, books [2]stages.Books, questions []Q, ask func(stages.Books) ([]A, error)) {
	t.Helper()
	var answers [2][]A
	for i := range books {
		var err error
		if answers[i], err = ask(books[i]); err != nil || len(answers[i]) != len(questions) || len(questions) < 10 {
			t.Fatalf("%s: %d answers to %d questions: %v", what, len(answers[i]), len(questions), err)
		}
	}
	for i := range questions {
		if want, got := answers[0][i], answers[1][i]; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v: %+v in one process, %+v in the books", what, questions[i], got, want)
		}
	}
}
