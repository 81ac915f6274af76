package analytics

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/internal/golden"
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/reward"
)

// zones and margins are those of the worked case's programs.
var (
	zones   = map[string]string{"us-store": "America/New_York", "eu-store": "Europe/Berlin", "partners": "UTC", "employees": "UTC"}
	margins = map[string]float64{"us-store": 0.55, "eu-store": 0.55, "partners": 0.3}
)

// The rows of the worked case, put into the tables, make its views.
func TestGolden_views_are_those_of_the_worked_case(t *testing.T) {
	b := opened(t)
	books, err := golden.Books()
	if err != nil {
		t.Fatal(err)
	}
	store(t, b, books)
	// the case does not tell the hashes of visitors without an id
	anonymous := make(map[[2]any]bool)
	for _, r := range books["clicks"] {
		if r["visitor_id"] == "" {
			anonymous[[2]any{r["program_id"], r["day"]}] = true
		}
	}
	t.Run("program_daily", func(t *testing.T) {
		want := without(books["program_daily"], func(r golden.Row) bool { return anonymous[[2]any{r["program_id"], r["day"]}] }, "visitors")
		compare(t, want, rowsOf(t, b, "SELECT * FROM program_daily WHERE day > '2000-01-01'"), "org_id", "program_id", "day")
	})
	t.Run("program_totals", func(t *testing.T) {
		// how many rewards brackets make is not promised (contract §9 (43))
		want := without(books["program_totals"], func(r golden.Row) bool { return r["program_id"] == "partners" }, "rewards_earned")
		want = without(want, func(golden.Row) bool { return true }, "visitors")
		compare(t, want, rowsOf(t, b, "SELECT * FROM program_totals"), "org_id", "program_id")
	})
	t.Run("referrer_totals", func(t *testing.T) {
		want := without(books["referrer_totals"], func(r golden.Row) bool { return r["program_id"] == "partners" }, "rewards_earned")
		compare(t, want, rowsOf(t, b, "SELECT * FROM referrer_totals"), "org_id", "program_id", "referrer_id")
	})
	t.Run("reward_balances", func(t *testing.T) {
		got := rowsOf(t, b, "SELECT org_id, program_id, beneficiary_id, currency || unit AS currency, net FROM reward_balances")
		want := without(books["reward_balances"], func(golden.Row) bool { return true }, "exact")
		compare(t, want, got, "org_id", "program_id", "beneficiary_id", "currency")
	})
	t.Run("waiting", func(t *testing.T) {
		got := rowsOf(t, b, "SELECT kafka_topic AS topic, kafka_partition AS partition, kafka_offset AS offset FROM waiting")
		compare(t, books["waiting"], got, "topic", "partition", "offset")
	})
}

// store writes the case's rows as the stages would.
func store(t *testing.T, b *Books, books map[string][]golden.Row) {
	t.Helper()
	conversions := make(map[any]golden.Row)
	for _, name := range []string{"clicks", "conversions"} {
		for _, r := range books[name] {
			r["day"] = localDay(t, r)
			r["currency"] = currencyOf(r, books)
			if m, ok := margins[r["program_id"].(string)]; ok && name == "conversions" {
				r["margin"] = m
			}
		}
	}
	for _, r := range books["conversions"] {
		if r["verdict"] != "duplicate" {
			conversions[r["conversion_id"]] = r
		}
	}
	for _, r := range books["adjustments"] {
		r["day"] = conversions[r["conversion_id"]]["day"]
	}
	// every adjustment has waited, and those that were applied do so no more
	books["waiting_rows"] = append(append([]golden.Row(nil), books["waiting"]...), books["adjustments"]...)
	for i, name := range []string{"clicks", "conversions", "adjustments"} {
		write(t, b, batch(uint64(i+1), 0, 1000), blockOf(t, b, name, books[name]))
	}
	write(t, b, batch(4, 0, 1000), blockOf(t, b, "waiting", books["waiting_rows"]))
	write(t, b, batch(5, 0, 1000), blockOf(t, b, "credits", goldenCredits(t)))
	write(t, b, batch(6, 0, 1000), blockOf(t, b, "rewards", goldenRewards(books["rewards"])))
}

func localDay(t *testing.T, r golden.Row) string {
	t.Helper()
	zone, err := time.LoadLocation(zones[r["program_id"].(string)])
	if err != nil {
		t.Fatal(err)
	}
	ms, err := r["time"].(json.Number).Int64()
	if err != nil {
		t.Fatal(err)
	}
	return time.UnixMilli(ms).In(zone).Format(time.DateOnly)
}

func currencyOf(r golden.Row, books map[string][]golden.Row) any {
	for _, p := range books["program_totals"] {
		if p["program_id"] == r["program_id"] && p["org_id"] == r["org_id"] {
			return p["currency"]
		}
	}
	return nil
}

// goldenCredits are what attribution hands over of the case.
func goldenCredits(t *testing.T) []golden.Row {
	t.Helper()
	file, err := os.Open("../pipeline/reward/testdata/golden/credits.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var rows []golden.Row
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var c event.Credit
		var r golden.Row
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		d := json.NewDecoder(strings.NewReader(lines.Text()))
		d.UseNumber()
		if err := d.Decode(&r); err != nil {
			t.Fatal(err)
		}
		delete(r, "shares")
		delete(r, "rules")
		r["credited_minor"] = reward.Credited(&c)
		rows = append(rows, r)
	}
	return rows
}

// goldenRewards makes one event of each net reward. Those of tiers and brackets
// have no day in the case: they are put on one that is left out.
func goldenRewards(rewards []golden.Row) []golden.Row {
	var rows []golden.Row
	for i, r := range rewards {
		made := golden.Row{
			"org_id": r["org"], "program_id": r["program"], "rule_id": r["rule"], "reward": r["reward"], "beneficiary_id": r["beneficiary"],
			"beneficiary_role": r["role"], "reward_id": r["reward_id"], "event_type": "earned", "status": "approved", "sequence": 1, "day": r["day"],
		}
		if r["money"] == true {
			made["currency"], made["amount_minor"], made["remaining_minor"] = r["unit"], r["net"], r["net"]
		} else {
			made["unit"], made["quantity"], made["remaining_quantity"] = r["unit"], r["net"], r["net"]
		}
		if made["reward_id"] == "" {
			made["reward_id"], made["day"] = fmt.Sprintf("tier-%d", i), "1999-01-01"
		}
		rows = append(rows, made)
	}
	return rows
}

// blockOf makes a block of the columns that the rows name.
func blockOf(t *testing.T, b *Books, name string, rows []golden.Row) pipeline.Block {
	t.Helper()
	table, err := b.table(t.Context(), stored(name))
	if err != nil {
		t.Fatal(err)
	}
	given := values{}
	for column, kind := range table.types {
		key := strings.TrimPrefix(column, "kafka_")
		if _, ok := rows[0][key]; !ok {
			if key = column; column == "share_index" {
				key = "index"
			}
		}
		if column == "kafka_time" || column == "metadata" {
			continue
		}
		data := zeroes(kind, len(rows))
		found := false
		for i, r := range rows {
			if v, ok := r[key]; ok && v != nil {
				found = true
				data = put(t, data, i, v)
			}
		}
		if found {
			given[column] = data
		}
	}
	return block(t, b, name, len(rows), given)
}

// put sets a value of the case in a column.
func put(t *testing.T, column any, i int, v any) any {
	t.Helper()
	number := func() int64 {
		n, err := strconv.ParseInt(fmt.Sprint(v), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	switch c := column.(type) {
	case []string:
		c[i] = v.(string)
	case []uint8:
		if b, ok := v.(bool); ok {
			v = map[bool]int{true: 1}[b]
		}
		c[i] = uint8(number())
	case []uint32:
		c[i] = uint32(number())
	case []int32:
		if s, ok := v.(string); ok {
			day, err := time.Parse(time.DateOnly, s)
			if err != nil {
				t.Fatal(err)
			}
			c[i] = int32(day.Unix() / 86400)
			return c
		}
		c[i] = int32(number())
	case []int64:
		if f, ok := v.(float64); ok { // a margin
			out := make([]*float64, len(c))
			out[i] = &f
			return out
		}
		c[i] = number()
	case []*float64:
		f := v.(float64)
		c[i] = &f
	}
	return column
}

// compare matches rows; fractions are equal within a millionth of a millionth.
func compare(t *testing.T, want, got []golden.Row, key ...string) {
	t.Helper()
	for _, r := range want {
		for column, v := range r {
			r[column] = rounded(v)
		}
	}
	for _, r := range got {
		for column, v := range r {
			r[column] = rounded(v)
		}
	}
	for i, d := range golden.Differences(want, got, key) {
		if i > 10 {
			t.Fatal("and more")
		}
		t.Error(d)
	}
	if len(want) == 0 {
		t.Error("the case has no such rows")
	}
}

// rounded makes fractions of any notation comparable.
func rounded(v any) any {
	s := fmt.Sprint(v)
	if f, ok := v.(float64); ok && math.IsNaN(f) || v == nil {
		return nil
	}
	if strings.ContainsAny(s, "./eE") {
		if r, ok := new(big.Rat).SetString(s); ok {
			return strings.TrimSuffix(strings.TrimRight(r.FloatString(11), "0"), ".")
		}
	}
	return v
}

func without(rows []golden.Row, where func(golden.Row) bool, column string) []golden.Row {
	for _, r := range rows {
		if where(r) {
			r[column] = nil
		}
	}
	return rows
}
