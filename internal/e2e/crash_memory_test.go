package e2e

import (
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/grapevinehq/grapevine/internal/golden"
)

// budgets are what Redis says of every budget: what was taken, how often room was
// given, who waits and who was given room that nobody collected.
func (w *world) budgets() (rows []golden.Row) {
	w.t.Helper()
	ctx := w.t.Context()
	client := redis.NewClient(&redis.Options{Addr: w.redis.Addr})
	defer client.Close()
	for each := client.Scan(ctx, 0, "*:b:*", 1000).Iterator(); each.Next(ctx); {
		group, name, _ := strings.Cut(each.Val(), ":b:")
		hash := client.HGetAll(ctx, each.Val()).Val()
		rows = append(rows, golden.Row{
			"budget": name, "used": hash["used"], "turn": hash["turn"],
			"waiting":     fmt.Sprint(client.ZRangeWithScores(ctx, group+":bq:"+name, 0, -1).Val()),
			"uncollected": client.ZCard(ctx, group+":bg:"+name).Val(),
		})
	}
	return rows
}

// drawn is what the books say that was taken of each budget: rewards that have
// value, by the week of their conversion.
const drawn = `SELECT concat('acme/', budget_id, '/USD/', formatDateTime(conversion_time, '%G-W%V')) AS budget, toString(sum(remaining_minor)) AS used
	FROM (SELECT budget_id, reward_id, any(conversion_time) AS conversion_time, argMax(remaining_minor, sequence) AS remaining_minor FROM rewards WHERE budget_id != '' GROUP BY ALL)
	GROUP BY ALL`

// compareBudgets compares Redis with that of another installation, and with the books.
// A Redis that was rebuilt counts the room that it gave anew.
func compareBudgets(want, got *world, rebuilt bool) {
	got.t.Helper()
	rows := want.budgets()
	if len(rows) == 0 {
		got.t.Error("nobody drew on a budget")
	}
	var ignore []string
	if rebuilt {
		ignore = []string{"turn"}
	}
	same(got.t, "budgets in Redis", rows, got.budgets(), []string{"budget"}, ignore...)
	same(got.t, "budgets in Redis and in the books", got.query(drawn), got.budgets(), []string{"budget"})
}
