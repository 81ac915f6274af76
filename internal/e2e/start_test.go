package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/internal/engine"
	"github.com/grapevinehq/grapevine/internal/enginetest"
)

// A worker of an empty installation makes what it needs and has nothing to do.
func TestStart_of_an_empty_installation_is_soon_idle(t *testing.T) {
	t.Parallel()
	w := newWorld(t, enginetest.Kafka(t).Addr, 8, []byte(trafficPrograms))
	w.exitWhenIdle(30 * time.Second)
	w.exitWhenIdle(30 * time.Second) // and once more
}

// A worker waits for engines that are away, says for which, and then works.
func TestStart_waits_for_engines(t *testing.T) {
	t.Parallel()
	addresses := map[string]string{}
	for _, name := range []string{"kafka", "redis", "clickhouse", "http"} {
		addresses[name] = freeAddress(t)
	}
	w := newWorld(t, addresses["kafka"], 2, []byte(trafficPrograms))
	w.settings["REDIS_ADDR"], w.settings["CLICKHOUSE_ADDR"], w.settings["HTTP_ADDR"] = addresses["redis"], addresses["clickhouse"], addresses["http"]
	w.clickHouse = addresses["clickhouse"]
	p := w.launch("run")
	await(t, 30*time.Second, "the worker is alive", func() bool { return ask(addresses["http"], "/healthz") == "200 ok" })

	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	for _, e := range []struct {
		name  string
		start func(port engine.Port) (stop func(context.Context) error, err error)
	}{
		{"redis", func(port engine.Port) (func(context.Context) error, error) {
			r, err := engine.StartRedis(ctx, engine.RedisOptions{Dir: t.TempDir(), Port: port})
			return r.Stop, err
		}},
		{"clickhouse", func(port engine.Port) (func(context.Context) error, error) {
			c, err := engine.StartClickHouse(ctx, engine.ClickHouseOptions{Dir: t.TempDir(), Native: port})
			return c.Stop, err
		}},
		{"kafka", func(port engine.Port) (func(context.Context) error, error) {
			k, err := engine.StartKafka(ctx, engine.KafkaOptions{Port: port})
			return k.Stop, err
		}},
	} {
		await(t, 30*time.Second, "the worker waits for "+e.name, func() bool {
			told := ask(addresses["http"], "/readyz")
			return strings.HasPrefix(told, "503 ") && strings.Contains(told, e.name)
		})
		stop, err := e.start(portOf(t, addresses[e.name]))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			bounded, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			if err := stop(bounded); err != nil {
				t.Error(err)
			}
		})
	}
	await(t, 60*time.Second, "the worker is ready", func() bool { return ask(addresses["http"], "/readyz") == "200 ready" })
	w.publish(someTraffic(1))
	w.awaitDone(60*time.Second, p)
	if rows := w.query("SELECT count() AS n FROM clicks"); number(rows[0]["n"]) == 0 {
		t.Error("no click was stored")
	}
	if code := p.stop(25 * time.Second); code != 0 {
		t.Errorf("the worker ended with %d", code)
	}
}

// ask returns status and text of an answer, or nothing.
func ask(addr, path string) string {
	client := http.Client{Timeout: 2 * time.Second}
	response, err := client.Get("http://" + addr + path)
	if err != nil {
		return ""
	}
	defer response.Body.Close() //nolint:errcheck // read only
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%d %s", response.StatusCode, strings.TrimSpace(string(text)))
}

func freeAddress(t testing.TB) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(enginetest.FreePort(t)))
}

func portOf(t *testing.T, addr string) engine.Port {
	t.Helper()
	resolved, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return engine.Port{Number: resolved.Port}
}
