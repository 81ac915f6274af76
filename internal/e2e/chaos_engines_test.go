package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/grapevinehq/grapevine/internal/engine"
)

// engines are three that die and come back on the same port and data, each behind
// a link.
type engines struct {
	ports map[string]int
	dir   string

	kafka      *engine.ApacheKafka
	redis      *engine.Redis
	clickHouse *engine.ClickHouse
	links      map[string]link
}

func startEngines(t testing.TB) *engines {
	t.Helper()
	e := &engines{dir: t.TempDir(), ports: map[string]int{}, links: map[string]link{}}
	for _, name := range []string{"kafka", "redis", "clickhouse"} {
		e.links[name] = newLink(t, name)
		if err := e.startFirst(name); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		for _, name := range []string{"kafka", "redis", "clickhouse"} {
			e.kill(name)
		}
	})
	return e
}

// startFirst starts an engine on ports that it keeps. Another program may take one
// between its choice and its use.
func (e *engines) startFirst(name string) error {
	for try := 1; ; try++ {
		for _, of := range []string{name, name + " http"} {
			port, err := engine.FreePort()
			if err != nil {
				return err
			}
			e.ports[of] = port
		}
		e.links[name].to(fmt.Sprintf("127.0.0.1:%d", e.ports[name]))
		err := e.start(name)
		if try == 5 || !errors.Is(err, syscall.EADDRINUSE) {
			return err
		}
	}
}

// start starts an engine on what it left behind.
func (e *engines) start(name string) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	dir, port := filepath.Join(e.dir, name), engine.Port{Number: e.ports[name]}
	switch name {
	case "kafka":
		e.kafka, err = engine.StartApacheKafka(ctx, engine.ApacheKafkaOptions{Dir: dir, Port: port, HeapMB: 512, Settings: map[string]string{
			"advertised.listeners": "PLAINTEXT://" + e.links[name].Listen,
		}})
	case "redis":
		e.redis, err = engine.StartRedis(ctx, engine.RedisOptions{Dir: dir, Port: port, AppendOnly: true})
	case "clickhouse":
		e.clickHouse, err = engine.StartClickHouse(ctx, engine.ClickHouseOptions{Dir: dir, Native: port, HTTP: engine.Port{Number: e.ports["clickhouse http"]}})
	}
	return err
}

// kill is kill -9: what an engine has not written to its files is gone.
func (e *engines) kill(name string) {
	var pid int
	var ended <-chan struct{}
	switch name {
	case "kafka":
		pid, ended = e.kafka.PID(), e.kafka.Ended()
	case "redis":
		pid, ended = e.redis.PID(), e.redis.Ended()
	case "clickhouse":
		pid, ended = e.clickHouse.PID(), e.clickHouse.Ended()
	}
	select {
	case <-ended: // it is gone already
	default:
		_ = syscall.Kill(pid, syscall.SIGKILL)
		<-ended
	}
}

// configureRedis changes a setting of the running Redis.
func (e *engines) configureRedis(name, value string) error {
	client := redis.NewClient(&redis.Options{Addr: e.redis.Addr})
	defer client.Close()
	return client.ConfigSet(context.Background(), name, value).Err()
}

// setAside takes the data of an engine that is down away, or brings it back.
func (e *engines) setAside(name string, back bool) error {
	here, aside := filepath.Join(e.dir, name), filepath.Join(e.dir, name+" set aside")
	if !back {
		return os.Rename(here, aside)
	}
	if err := os.RemoveAll(here); err != nil {
		return err
	}
	return os.Rename(aside, here)
}

// newChaosWorld is an installation whose engines are these, reached by their links.
func newChaosWorld(t testing.TB, e *engines) *world {
	t.Helper()
	w := newWorld(t, e.links["kafka"].Listen, 4, []byte(chaosPrograms))
	w.redis, w.clickHouse, w.database = e.redis, e.clickHouse.Addr, "chaos"
	w.settings["REDIS_ADDR"] = e.links["redis"].Listen
	w.settings["CLICKHOUSE_ADDR"] = e.links["clickhouse"].Listen
	w.settings["CLICKHOUSE_DATABASE"] = w.database
	w.settings["KAFKA_SESSION_TIMEOUT"], w.settings["KAFKA_REBALANCE_TIMEOUT"] = chaosSession.String(), chaosSession.String()
	w.settings["SHUTDOWN_TIMEOUT"] = "20s"
	w.settings["BATCH_MAX_EVENTS"], w.settings["BATCH_MAX_WAIT"] = "400", "20ms"
	w.settings["DEDUPE_RETENTION"] = "1m" // what is hot is soon cold
	w.createTopics()
	return w
}
