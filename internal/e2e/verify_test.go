package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/redis/go-redis/v9"

	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/internal/golden"
	"github.com/grapevinehq/grapevine/pipeline/archive"
	"github.com/grapevinehq/grapevine/pipeline/reward"
	"github.com/grapevinehq/grapevine/pipeline/stage/conversions"
)

// verified is what `grapevine verify` tells.
type verified struct {
	Total       uint64
	Checks      []string
	Skipped     []struct{ Check, Why string }
	Differences []struct {
		Check string
		Total uint64
		Found []struct {
			OrgID     string `json:"org_id"`
			ProgramID string `json:"program_id"`
			Day       string
			ID        string
			Position  string
			Text      string
		}
	}
}

// verify runs the command, which must end with an exit code.
func (w *world) verify(code int, arguments ...string) verified {
	w.t.Helper()
	p := w.launch(append([]string{"verify", "--format", "json", "--visitors", "--patience", "60s"}, arguments...)...)
	if got := p.exit(5 * time.Minute); got != code {
		w.t.Fatalf("verify ended with %d, not %d:\n%s", got, code, p.said())
	}
	_, document, _ := strings.Cut(p.said(), "\n{")
	var v verified
	if err := json.Unmarshal([]byte("{"+document), &v); err != nil {
		w.t.Fatalf("%v:\n%s", err, p.said())
	}
	return v
}

// agrees expects no difference, and nothing left out.
func (w *world) agrees() {
	w.t.Helper()
	if v := w.verify(0); len(v.Skipped) > 0 {
		w.t.Errorf("not compared: %v", v.Skipped)
	}
}

// change carries out a statement on the books.
func (w *world) change(statement string, arguments ...any) {
	w.t.Helper()
	conn, err := clickhouse.Open(&clickhouse.Options{
		Addr: []string{w.clickHouse}, Auth: clickhouse.Auth{Database: w.database},
		Settings: clickhouse.Settings{"mutations_sync": 2, "insert_deduplicate": 0},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Exec(w.t.Context(), statement, arguments...); err != nil {
		w.t.Fatalf("%s: %v", statement, err)
	}
}

// VERIFY_SEED repeats a run.
func TestVerify_finds_what_was_changed(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	if text := os.Getenv("VERIFY_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("VERIFY_SEED=%d", seed)
	const commission = "- id: commission\n                type: per_conversion\n"
	w := newWorld(t, enginetest.Kafka(t).Addr, 2, []byte(strings.Replace(trafficPrograms, commission, commission+"                hold: 876000h\n", 1)))
	w.settings["BATCH_MAX_EVENTS"] = "300"
	w.createTopics()
	g := newTraffic(seed)
	g.members()
	g.clicks(1500)
	g.conversions(500)
	w.publish(g.messages)
	w.exitWhenIdle(4 * time.Minute)
	w.agrees()

	click := w.anyRow("clicks", "verdict = 'unique'")
	w.change("ALTER TABLE clicks DELETE WHERE event_id = ? AND kafka_offset = ?", click["event_id"], click["kafka_offset"])
	twice := w.anyRow("clicks", "kafka_offset > 100")
	w.change("INSERT INTO clicks SELECT * REPLACE (now64() + INTERVAL 1 HOUR AS lease_until) FROM clicks WHERE event_id = ? AND kafka_offset = ?", twice["event_id"], twice["kafka_offset"])
	judged := w.anyRow("clicks", "kafka_offset > 200 AND verdict = 'duplicate'")
	w.change("ALTER TABLE clicks UPDATE verdict = 'bot' WHERE event_id = ? AND kafka_offset = ?", judged["event_id"], judged["kafka_offset"])
	v := w.verify(1)
	v.tells(t, "rows of clicks", click, "is missing")
	v.tells(t, "rows of clicks", twice, "more often")
	v.tells(t, "rows of clicks", judged, "is not what")
	clicks := v.Total
	if len(v.Differences) != 1 || clicks != 3 {
		t.Errorf("3 clicks were changed, and %d differences are told: %+v", v.Total, v.Differences)
	}
	if other := w.verify(1, "--org", "other"); other.Total != 1 { // whose the missing one was, the books do not know
		t.Errorf("another org has the differences %+v", other.Differences)
	}

	w.verifyRedis(t)

	paid := w.anyRow("conversions", "verdict = 'attributed' AND amount_minor > 0")
	w.change("ALTER TABLE conversions UPDATE amount_minor = amount_minor + 1 WHERE event_id = ? AND kafka_offset = ?", paid["event_id"], paid["kafka_offset"])
	credit := w.anyRow("credits", "sequence = 0 AND role = 'referrer' AND conversion_id != '"+paid["conversion_id"].(string)+"'")
	w.change("ALTER TABLE credits DELETE WHERE event_id = ?", credit["event_id"])
	reward := w.anyRow("rewards", "sequence = 1 AND event_type = 'earned'")
	w.change("ALTER TABLE rewards UPDATE amount_minor = amount_minor + 5 WHERE event_id = ?", reward["event_id"])
	w.change("ALTER TABLE batches DELETE WHERE batch = 1 AND kafka_topic LIKE '%members'")
	v = w.verify(1)
	v.tells(t, "rows of conversions", paid, "is not what")
	v.tells(t, "attributions", golden.Row{"event_id": paid["conversion_id"]}, "amounts by model")
	v.tells(t, "credits", golden.Row{"event_id": credit["conversion_id"]}, "was not taken")
	v.tells(t, "rewards", golden.Row{"event_id": reward["reward_id"]}, "does not follow")
	v.tells(t, "program_figures", golden.Row{}, "reward_cost_minor")
	v.tells(t, "batches", golden.Row{}, "batch 1")
}

// Two workers have much to do, and one of them dies now and then: what is acknowledged
// agrees at every moment.
func TestVerify_beside_workers_that_die(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	w := newWorld(t, enginetest.Kafka(t).Addr, 2, []byte(trafficPrograms))
	w.settings["BATCH_MAX_EVENTS"] = "200"
	w.createTopics()
	g := newTraffic(seed)
	g.members()
	g.clicks(2500)
	g.conversions(700)
	w.exitWhenIdle(2 * time.Minute) // the books are there
	w.publish(g.messages)
	workers := []*worker{w.launch("run"), w.launch("run")}
	looks := 0
	for i := 0; looks < 3 || !w.done(); i++ {
		w.verify(0, "--patience", "1s")
		if looks++; w.done() {
			continue
		}
		workers[i%2].kill()
		workers[i%2] = w.launch("run")
	}
	for _, p := range workers {
		p.kill()
	}
	w.exitWhenIdle(4 * time.Minute)
	w.agrees()
}

// tells expects a check to name an event, with words of what is wrong.
func (v *verified) tells(t *testing.T, check string, event golden.Row, text string) {
	t.Helper()
	for _, d := range v.Differences {
		for _, found := range d.Found {
			if d.Check == check && strings.Contains(fmt.Sprint(found), text) && (event["event_id"] == nil || found.ID == event["event_id"]) {
				return
			}
		}
	}
	t.Errorf("%s does not tell %q of %v:\n%+v", check, text, event["event_id"], v.Differences)
}

// anyRow is the offset of some row, with the program of which it is.
func (w *world) anyRow(table, where string) golden.Row {
	w.t.Helper()
	rows := w.query("SELECT * FROM " + table + " WHERE " + where + " ORDER BY kafka_partition, kafka_offset LIMIT 1")
	if len(rows) == 0 {
		w.t.Fatalf("%s has no row where %s", table, where)
	}
	return rows[0]
}

// verifyRedis changes Redis in ways that a worker would not notice at once.
func (w *world) verifyRedis(t *testing.T) {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: w.redis.Addr})
	defer client.Close()
	keys := func(pattern string) []string {
		found, err := client.Keys(t.Context(), pattern).Result()
		if err != nil || len(found) == 0 {
			t.Fatalf("Redis has no keys like %s: %v", pattern, err)
		}
		slices.Sort(found)
		return found
	}
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(client.Del(t.Context(), keys(w.memoryOf(consumers.Clicks, 0) + "1.*")[0]).Err())
	must(client.Del(t.Context(), keys("{g??}:*:cv:*")[0]).Err())
	entry := w.entryKey(keys("{g??}:*:c/*"))
	must(client.Del(t.Context(), entry).Err())
	must(client.Del(t.Context(), keys("{g??}:c*")[0]).Err()) // ids, or orders, or both
	older, newer := apart(t, client, keys("{g??}:*:cv:*"))
	must(client.Copy(t.Context(), newer, older, 0, true).Err()) // what is known of one conversion stands for another
	due := keys("{g??}:*:" + reward.QueueDue)[0]
	must(client.ZPopMin(t.Context(), due).Err())
	w.changeMembers(client, keys)
	link := w.anyRow("identity_links", "visitor_id != ''")
	w.change("INSERT INTO identity_links SELECT * REPLACE ('v-nobody' AS visitor_id, now64() + INTERVAL 1 HOUR AS lease_until) FROM identity_links WHERE event_id = ? AND kafka_offset = ?", link["event_id"], link["kafka_offset"])
	partition := keys("{g??}:journal:*")[0]
	must(client.HIncrBy(t.Context(), partition, "number", -1).Err())
	v := w.verify(1)
	v.tells(t, "remembered events", golden.Row{}, "Redis remembers")
	v.tells(t, "remembered conversions", golden.Row{}, "neither Redis nor the archive knows it")
	v.tells(t, "remembered conversions", golden.Row{}, "Redis or the archive has net")
	v.tells(t, "remembered conversions", golden.Row{}, "id is not claimed by its record")
	v.tells(t, "identity links", link, "its visitor v-nobody is not known to be linked")
	v.tells(t, "members", golden.Row{}, "does not have this update")
	v.tells(t, "members", golden.Row{}, "otherwise than the books")
	v.tells(t, "members", golden.Row{}, "listed a code")
	v.tells(t, "holds", golden.Row{}, "wait for the end of a hold in Redis")
	v.tells(t, "ledgers", golden.Row{}, "neither Redis nor the archive has the value")
	v.tells(t, "journals", golden.Row{}, "its journal is of batch")
	must(client.HIncrBy(t.Context(), partition, "number", 1).Err())
}

// memoryOf is how the keys of a partition's memory begin.
func (w *world) memoryOf(contract string, partition int) string {
	w.t.Helper()
	client := redis.NewClient(&redis.Options{Addr: w.redis.Addr})
	defer client.Close() //nolint:errcheck // nothing was written
	topic := w.cluster.Names().Kafka(contract)
	described, err := w.cluster.Describe(w.t.Context(), topic)
	if err != nil {
		w.t.Fatal(err)
	}
	markers, err := client.Keys(w.t.Context(), "{g??}:marker").Result()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, marker := range markers {
		journal := client.HGet(w.t.Context(), marker, fmt.Sprintf("j/%s/%d", described[topic].Incarnation, partition)).Val()
		if parts := strings.Split(journal, ":"); len(parts) == 4 {
			return strings.TrimSuffix(marker, "marker") + parts[3] + ":"
		}
	}
	w.t.Fatalf("no marker knows %s/%d", topic, partition)
	return ""
}

// changeMembers forgets the updates of one member, has the books say something else of
// another, and forgets that a third listed a code.
func (w *world) changeMembers(client *redis.Client, keys func(string) []string) {
	w.t.Helper()
	const prefix = "m4:acme"
	var ids []string
	for _, key := range keys("{g??}:s:" + prefix + "*") {
		_, id, _ := strings.Cut(key, prefix)
		ids = append(ids, id)
	}
	forgotten, other := ids[0], ids[1]
	must := func(err error) {
		if err != nil {
			w.t.Fatal(err)
		}
	}
	must(client.Del(w.t.Context(), keys("{g??}:s:" + prefix + forgotten)[0]).Err())
	w.change("ALTER TABLE members UPDATE email_hash = 'another' WHERE member_id = ?", other)
	for _, key := range keys("{g??}:s:kr4:acme*") {
		if by := client.HKeys(w.t.Context(), key).Val(); !slices.Contains(by, forgotten) && !slices.Contains(by, other) {
			must(client.Del(w.t.Context(), key).Err())
			return
		}
	}
	w.t.Fatal("no other member listed a code")
}

// apart are two conversions of which one was adjusted more often.
func apart(t *testing.T, client *redis.Client, keys []string) (older, newer string) {
	t.Helper()
	applied := func(key string) int64 {
		value, err := client.Get(t.Context(), key).Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if value, err = archive.Unmark(value); err != nil {
			t.Fatal(err)
		}
		known, err := conversions.KnownIn(value)
		if err != nil {
			t.Fatal(err)
		}
		return known.Applied
	}
	least, most := keys[0], keys[0]
	for _, key := range keys {
		if n := applied(key); n < applied(least) {
			least = key
		} else if n > applied(most) {
			most = key
		}
	}
	if applied(least) == applied(most) {
		t.Fatalf("all %d conversions were adjusted equally often", len(keys))
	}
	return least, most
}

// entryKey is, of some keys, that of a ledger's entry which has a reward: not every credit
// earns one.
func (w *world) entryKey(keys []string) string {
	w.t.Helper()
	for _, r := range w.query("SELECT * FROM rewards WHERE tier_id = '' AND beneficiary_role = 'referrer'") {
		b := reward.Booked{
			OrgID: r["org_id"].(string), ProgramID: r["program_id"].(string), BeneficiaryID: r["beneficiary_id"].(string), Role: r["beneficiary_role"].(string),
			RuleID: r["rule_id"].(string), Reward: r["reward"].(string), Period: r["period"].(string), ConversionID: r["conversion_id"].(string),
		}
		if i := slices.IndexFunc(keys, func(key string) bool { return strings.HasSuffix(key, ":"+b.Key()) }); i >= 0 {
			return keys[i]
		}
	}
	w.t.Fatal("no reward of a conversion stands in a ledger in Redis")
	return ""
}

// verifyBudget changes a budget in Redis, and drops it.
func (w *world) verifyBudget(t *testing.T) {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: w.redis.Addr})
	defer client.Close()
	found, err := client.Keys(t.Context(), "{g??}:b:*").Result()
	if err != nil || len(found) != 1 {
		t.Fatalf("Redis has the budgets %v: %v", found, err)
	}
	if err := client.HIncrBy(t.Context(), found[0], "used", 1).Err(); err != nil {
		t.Fatal(err)
	}
	v := w.verify(1)
	v.tells(t, "budgets", golden.Row{"event_id": "growth"}, "are used by Redis")
	if err := client.Del(t.Context(), found[0]).Err(); err != nil {
		t.Fatal(err)
	}
	v = w.verify(1)
	v.tells(t, "budgets", golden.Row{"event_id": "growth"}, "no account")
}
