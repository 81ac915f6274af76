package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/grapevinehq/grapevine/consumers"
)

// faults are all kinds. Each is over when its function returns.
var faults = []fault{
	{"a worker is killed", anyWorker, 8, 2 * time.Second, (*chaos).killWorker},
	{"a worker sleeps beyond its session", anyWorker, 4, 2 * time.Second, (*chaos).freezeWorker},
	{"a worker leaves and comes back", anyWorker, 3, 2 * time.Second, (*chaos).rotateWorker},
	{"an engine is killed", just("kafka"), 1, 3 * time.Second, (*chaos).killEngine},
	{"an engine is killed", just("redis"), 2, 3 * time.Second, (*chaos).killEngine},
	{"an engine is killed", just("clickhouse"), 2, 3 * time.Second, (*chaos).killEngine},
	{"connections are cut", anyLink, 4, time.Second, (*chaos).cutLink},
	{"connections are slow", anyLink, 3, 4 * time.Second, (*chaos).slowLink},
	{"connections are half-open", anyLink, 3, 5 * time.Second, (*chaos).halfOpenLink},
	{"ClickHouse has too many parts", just("clickhouse"), 2, 4 * time.Second, (*chaos).tooManyParts},
	{"the disk of ClickHouse is full", just("clickhouse"), 2, 4 * time.Second, (*chaos).diskFull},
	{"a view of the books fails", just("clickhouse"), 2, 4 * time.Second, (*chaos).failingView},
	{"Redis is out of memory", just("redis"), 2, 4 * time.Second, (*chaos).outOfMemory},
	{"Redis comes back empty", all("redis"), 1, time.Second, (*chaos).emptyRedis},
	{"Redis comes back with an old snapshot", all("redis"), 1, 3 * time.Second, (*chaos).olderRedis},
	{"Redis has an old snapshot and is rebuilt", all("redis", "kafka", "clickhouse"), 1, 3 * time.Second, (*chaos).rebuiltRedis},
	{"the group's commits are gone", all("kafka"), 1, time.Second, (*chaos).loseCommits},
	{"a producer aborts", just("a producer"), 3, time.Second, (*chaos).abortTransaction},
}

func (c *chaos) killWorker(d disaster) error {
	i := c.slot(d)
	err := c.lives(i)
	c.workers[i].kill()
	time.Sleep(d.lasts)
	c.workers[i] = c.launch("run")
	return err
}

// freezeWorker makes a zombie: the others have its partitions when it wakes up.
func (c *chaos) freezeWorker(d disaster) error {
	i := c.slot(d)
	err := c.lives(i)
	c.workers[i].signal(syscall.SIGSTOP)
	time.Sleep(chaosSession + d.lasts)
	c.workers[i].signal(syscall.SIGCONT)
	return err
}

// rotateWorker has two rebalances, and holds the worker to its promise for SIGTERM,
// which it can keep when it has begun: until then the signal ends any process.
func (c *chaos) rotateWorker(d disaster) error {
	i := c.slot(d)
	for c.workers[i].running() && c.workers[i].said() == "" {
		time.Sleep(50 * time.Millisecond)
	}
	if code := c.workers[i].stop(45 * time.Second); code != 0 {
		return fmt.Errorf("a worker that was asked to stop ended with %d", code)
	}
	time.Sleep(d.lasts)
	c.workers[i] = c.launch("run")
	return nil
}

func (c *chaos) killEngine(d disaster) error {
	c.kill(d.on[0])
	time.Sleep(d.lasts)
	return c.start(d.on[0])
}

func (c *chaos) linkOf(d disaster) link {
	return c.links[strings.TrimPrefix(d.on[0], "the link to ")]
}

func (c *chaos) cutLink(d disaster) error {
	l := c.linkOf(d)
	l.Stop()
	time.Sleep(d.lasts)
	return l.Start()
}

func (c *chaos) slowLink(d disaster) error {
	l := c.linkOf(d)
	defer l.heal()
	err := l.slow()
	time.Sleep(d.lasts)
	return err
}

func (c *chaos) halfOpenLink(d disaster) error {
	l := c.linkOf(d)
	defer l.heal()
	err := l.halfOpen()
	time.Sleep(d.lasts)
	return err
}

// late are tables that are written when others have been.
var late = []string{"rewards", "attributions", "clicks"}

// tooManyParts has ClickHouse refuse every insert into some tables.
func (c *chaos) tooManyParts(d disaster) error {
	return c.hinder(d, "ALTER TABLE %s MODIFY SETTING parts_to_delay_insert = 1, parts_to_throw_insert = 1", "ALTER TABLE %s RESET SETTING parts_to_delay_insert, parts_to_throw_insert")
}

// diskFull has ClickHouse believe that no insert has room.
func (c *chaos) diskFull(d disaster) error {
	return c.hinder(d, "ALTER TABLE %s MODIFY SETTING min_free_disk_bytes_to_perform_insert = 1000000000000000", "ALTER TABLE %s RESET SETTING min_free_disk_bytes_to_perform_insert")
}

// failingView has an analyst's own view fail on every row that it is told of: the
// insert is refused when its rows stand already. It is one beside which a worker starts:
// what it writes to remembers tokens.
func (c *chaos) failingView(d disaster) error {
	return c.hinder(d, "CREATE MATERIALIZED VIEW failing_%[1]s ENGINE = MergeTree ORDER BY fails SETTINGS non_replicated_deduplication_window = 100000 AS SELECT throwIf(1) AS fails FROM %[1]s", "DROP VIEW failing_%s SYNC")
}

// hinder has a statement take effect on some tables for a while.
func (c *chaos) hinder(d disaster, statement, undo string) error {
	for _, table := range late {
		if err := c.execute(fmt.Sprintf(statement, table)); err != nil {
			return err
		}
	}
	time.Sleep(d.lasts)
	for _, table := range late {
		if err := c.execute(fmt.Sprintf(undo, table)); err != nil {
			return err
		}
	}
	return nil
}

// books is a way to them past the link.
func (c *chaos) books() (clickhouse.Conn, error) {
	return clickhouse.Open(&clickhouse.Options{Addr: []string{c.world.clickHouse}, Auth: clickhouse.Auth{Database: c.database}})
}

func (c *chaos) execute(statement string) error {
	conn, err := c.books()
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.Exec(context.Background(), statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

// ask answers with one row of values.
func (c *chaos) ask(ctx context.Context, query string, values ...any) error {
	conn, err := c.books()
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.QueryRow(ctx, query).Scan(values...)
}

func (c *chaos) outOfMemory(d disaster) error {
	if err := c.configureRedis("maxmemory", "1"); err != nil {
		return err
	}
	time.Sleep(d.lasts)
	return c.configureRedis("maxmemory", "0")
}

// emptyRedis gives the workers a Redis without data, and something to do: each stops
// and says so. Then they get the one with their data back.
func (c *chaos) emptyRedis(d disaster) error {
	c.kill("redis")
	if err := errors.Join(c.setAside("redis", false), c.start("redis")); err != nil {
		return err
	}
	noticed := c.allNotice(d)
	c.kill("redis")
	if err := errors.Join(c.setAside("redis", true), c.start("redis")); err != nil {
		return err
	}
	c.relaunch()
	return noticed
}

// allNotice has every worker stop, because Redis has lost data, and say what to do.
func (c *chaos) allNotice(d disaster) error {
	problems := []error{c.keepBusy(d)}
	for _, p := range c.workers {
		select {
		case <-p.ended:
		case <-time.After(time.Minute):
			p.kill()
		}
		if code := p.cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(p.said(), "grapevine rebuild") {
			problems = append(problems, fmt.Errorf("%s went on with a Redis that lost data, or did not name the remedy: it ended with %d", p.name, code))
		}
	}
	return errors.Join(problems...)
}

func (c *chaos) relaunch() {
	for i := range c.workers {
		c.workers[i] = c.launch("run")
	}
}

// keepBusy writes clicks to all partitions that count for nothing: they are of years
// to come.
func (c *chaos) keepBusy(d disaster) error {
	g := newTraffic(uint64(d.at))                       //nolint:gosec // any seed
	g.made = 1_000_000 + int(d.at/time.Millisecond)*100 // ids of its own
	g.clicks(60)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return consumers.NewPublisher(c.cluster).Publish(ctx, g.messages)
}

// loseCommits deletes the group while nobody is at work, as its expiry does.
func (c *chaos) loseCommits(disaster) error {
	for _, p := range c.workers {
		p.kill()
	}
	time.Sleep(chaosSession + time.Second)
	client := &kafka.Client{Addr: kafka.TCP(c.brokers)}
	group := c.settings["KAFKA_GROUP"]
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	answer, err := client.DeleteGroups(ctx, &kafka.DeleteGroupsRequest{GroupIDs: []string{group}})
	if err == nil {
		err = answer.Errors[group]
	}
	if errors.Is(err, kafka.GroupIdNotFound) { // nobody has committed anything yet
		err = nil
	}
	c.relaunch()
	return err
}

// abortTransaction writes what looks like events, and takes it back: by an abort, or
// where Kafka is away by never coming back, so that Kafka itself ends it.
func (c *chaos) abortTransaction(d disaster) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.brokers), kgo.TransactionalID(c.prefix+"aborter"), kgo.TransactionTimeout(10*time.Second))
	if err != nil {
		return err
	}
	defer client.Close()
	if client.BeginTransaction() != nil {
		return nil
	}
	g := newTraffic(uint64(d.at)) //nolint:gosec // any seed
	g.conversions(20)
	for _, m := range g.messages {
		r := &kgo.Record{Topic: c.cluster.Names().Kafka(consumers.Conversions), Key: m.Key, Value: m.Value}
		for _, h := range m.Headers {
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
		client.Produce(ctx, r, nil)
	}
	_ = client.Flush(ctx)
	time.Sleep(d.lasts)
	_ = client.EndTransaction(ctx, kgo.TryAbort)
	return nil
}
