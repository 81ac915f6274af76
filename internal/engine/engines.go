package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Options say how to start all three engines together.
type Options struct {
	Dir        string // each engine keeps its data in a folder below; empty: a temporary one, removed by Stop
	Kafka      Port
	Redis      Port
	ClickHouse Port // native protocol
	HTTP       Port // of ClickHouse

	ClickHouseConfig string    // as ClickHouseOptions.ConfigFile
	ClickHouseUsers  string    // as ClickHouseOptions.UsersFile
	Database         string    // as ClickHouseOptions.Database
	Progress         io.Writer // told of fetches and restarts; nil is standard error
}

// Engines are the three engines, running.
type Engines struct {
	Kafka      *Kafka
	Redis      *Redis
	ClickHouse *ClickHouse

	temporary string // removed by Stop; may be empty
	unlock    func()
}

// Start starts Kafka (in this process), Redis and ClickHouse side by side, and
// returns when all of them answer. Ports are looked at first: the error names
// every one that is asked for and taken, as [*PortTakenError]. If one engine fails, the others
// are stopped. ctx bounds the start and not the life of the engines. A ClickHouse
// that ends by itself is started again ([ClickHouseOptions].Restart).
func Start(ctx context.Context, o Options) (*Engines, error) {
	if err := lookAtPorts(o); err != nil {
		return nil, err
	}
	e := &Engines{}
	if err := e.takeFolder(ctx, &o); err != nil {
		return nil, err
	}
	if err := e.startAll(ctx, o); err != nil {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return nil, errors.Join(err, e.Stop(stopping))
	}
	return e, nil
}

// lookAtPorts finds every port that is asked for and taken, so that all problems
// are told at once, and before anything is fetched. A free one is chosen by its
// engine when it listens: what is free now may not be after a fetch.
func lookAtPorts(o Options) error {
	var problems []error
	for _, p := range []struct {
		engine string
		port   Port
	}{{kafkaName, o.Kafka}, {redisName, o.Redis}, {clickHouseName, o.ClickHouse}, {clickHouseHTTPName, o.HTTP}} {
		if p.port.Number != 0 {
			_, err := p.port.choose(p.engine)
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

// takeFolder makes the data folder and keeps other processes out of it: two
// servers on the same files would destroy them.
func (e *Engines) takeFolder(ctx context.Context, o *Options) (err error) {
	if o.Dir == "" {
		if o.Dir, err = os.MkdirTemp("", "grapevine-"); err != nil {
			return fmt.Errorf("make a temporary data folder: %w", err)
		}
		e.temporary = o.Dir
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	e.unlock, err = lockFile(ctx, filepath.Join(o.Dir, "lock"), func() { cancel(errInUse) })
	if errors.Is(context.Cause(ctx), errInUse) {
		return fmt.Errorf("take the data folder %s: %w", o.Dir, errInUse)
	}
	return err
}

var errInUse = errors.New("another process runs its engines there: stop it, or choose another folder")

func (e *Engines) startAll(ctx context.Context, o Options) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var running sync.WaitGroup
	start := func(run func() error) {
		running.Go(func() {
			if err := run(); err != nil {
				cancel(err) // the first one is the cause; the others are consequences
			}
		})
	}
	start(func() (err error) {
		e.Kafka, err = StartKafka(ctx, KafkaOptions{Dir: filepath.Join(o.Dir, "kafka"), Port: o.Kafka})
		return err
	})
	start(func() (err error) {
		e.Redis, err = StartRedis(ctx, RedisOptions{
			Dir: filepath.Join(o.Dir, "redis"), Port: o.Redis, AppendOnly: e.temporary == "", Progress: o.Progress,
		})
		return err
	})
	start(func() (err error) {
		e.ClickHouse, err = StartClickHouse(ctx, ClickHouseOptions{
			Dir: filepath.Join(o.Dir, "clickhouse"), Native: o.ClickHouse, HTTP: o.HTTP,
			ConfigFile: o.ClickHouseConfig, UsersFile: o.ClickHouseUsers, Database: o.Database, Restart: true, Progress: o.Progress,
		})
		return err
	})
	running.Wait()
	return context.Cause(ctx)
}

// Wait returns nil when ctx is done, or an error that names the engine that
// ended by itself before, and for good, with the end of its log.
func (e *Engines) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-e.Redis.process.ended:
		return e.Redis.process.endedEarly()
	case <-e.ClickHouse.Ended():
		return e.ClickHouse.err
	}
}

// Stop ends all engines side by side; kept data stays. Those that have not ended
// when ctx is done are killed.
func (e *Engines) Stop(ctx context.Context) error {
	var (
		running  sync.WaitGroup
		problems [3]error
	)
	if e.Kafka != nil {
		running.Go(func() { problems[0] = e.Kafka.Stop(ctx) })
	}
	if e.Redis != nil {
		running.Go(func() { problems[1] = e.Redis.Stop(ctx) })
	}
	if e.ClickHouse != nil {
		running.Go(func() { problems[2] = e.ClickHouse.Stop(ctx) })
	}
	running.Wait()
	if e.unlock != nil {
		e.unlock()
	}
	if e.temporary != "" {
		return errors.Join(append(problems[:], os.RemoveAll(e.temporary))...)
	}
	return errors.Join(problems[:]...)
}
