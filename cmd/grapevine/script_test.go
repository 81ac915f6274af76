package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/segmentio/kafka-go"

	"github.com/grapevinehq/grapevine/internal/engine"
	"github.com/grapevinehq/grapevine/internal/simulate"
)

func TestMain(m *testing.M) {
	engine.MaybeRunChild()
	testscript.Main(withEngines{m}, map[string]func(){"grapevine": main})
}

// engines are those that all scripts share. Each script has topics, a group, a
// Redis database and a ClickHouse database of its own.
var engines *engine.Engines

// withEngines runs tests between the start and the end of the engines.
type withEngines struct{ *testing.M }

func (w withEngines) Run() int {
	if err := startEngines(); err != nil {
		fmt.Fprintln(os.Stderr, "start the engines:", err)
		return 1
	}
	code := w.M.Run()
	if err := stopEngines(engines, nil); err != nil {
		fmt.Fprintln(os.Stderr, "stop the engines:", err)
		return 1
	}
	return code
}

func startEngines() (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute) // a first fetch included
	defer cancel()
	engines, err = engine.Start(ctx, engine.Options{})
	return err
}

// TestScripts runs the command line as a user would: one file a command.
func TestScripts(t *testing.T) {
	folder, err := engine.Folder()
	if err != nil {
		t.Fatal(err)
	}
	var scripts atomic.Int64
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			n := scripts.Add(1)
			env.Setenv(engine.FolderEnv, folder)
			env.Setenv("ENGINES_KAFKA", engines.Kafka.Addr)
			env.Setenv("ENGINES_REDIS", engines.Redis.Addr)
			env.Setenv("ENGINES_CLICKHOUSE", engines.ClickHouse.Addr)
			env.Setenv("TAKEN", engines.Redis.Addr[strings.LastIndex(engines.Redis.Addr, ":")+1:])
			env.Setenv("SCRIPT", fmt.Sprintf("script%d", n))
			env.Setenv("REDIS_DB", strconv.FormatInt(n%16, 10))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"own-engines": ownEngines,
			"exits":       exits,
			"produce":     produce,
			"as-true":     asTrue,
			"origin":      origin,
			"free-port":   scriptPort,
			"get":         get,
			"until":       until,
		},
	})
}

// ownEngines points grapevine at the engines, with names of this script's own.
func ownEngines(ts *testscript.TestScript, _ bool, _ []string) {
	for name, value := range map[string]string{
		"KAFKA_BROKERS": "$ENGINES_KAFKA", "KAFKA_GROUP": "$SCRIPT", "KAFKA_TOPIC_PREFIX": "$SCRIPT.", "KAFKA_PARTITIONS": "2",
		"REDIS_ADDR": "$ENGINES_REDIS", "REDIS_DB": "$REDIS_DB",
		"CLICKHOUSE_ADDR": "$ENGINES_CLICKHOUSE", "CLICKHOUSE_DATABASE": "$SCRIPT",
		"HTTP_ADDR": "127.0.0.1:0",
	} {
		ts.Setenv("GRAPEVINE_"+name, os.Expand(value, ts.Getenv))
	}
}

// exits N command...: the command ends with exit code N.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var ended *exec.ExitError
		if !errors.As(err, &ended) {
			ts.Fatalf("%v", err)
		}
		code = ended.ExitCode()
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, not %s", code, args[0])
	}
}

// until PATTERN COMMAND...: runs the command until its output matches.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until PATTERN COMMAND...")
	}
	pattern := regexp.MustCompile(args[0])
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		err := ts.Exec(args[1], args[2:]...)
		if out := ts.ReadFile("stdout"); pattern.MatchString(out) {
			return
		} else if time.Now().After(deadline) {
			ts.Fatalf("never %s: %v\n%s", args[0], err, out)
		}
	}
}

// produce TOPIC KEY FILE: writes a file's bytes, its last line end aside, to the
// script's topic.
func produce(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: produce TOPIC KEY FILE")
	}
	value := strings.ReplaceAll(strings.TrimSuffix(ts.ReadFile(args[2]), "\n"), "ESC", "\x1b")
	fresh := &kafka.Transport{} // what others have learned of Kafka may be older than the topic
	defer fresh.CloseIdleConnections()
	writer := &kafka.Writer{Addr: kafka.TCP(engines.Kafka.Addr), Transport: fresh, Topic: ts.Getenv("SCRIPT") + "." + args[0], RequiredAcks: kafka.RequireAll, BatchTimeout: time.Millisecond}
	ts.Check(writer.WriteMessages(context.Background(), kafka.Message{Key: []byte(args[1]), Value: []byte(value)}))
	ts.Check(writer.Close())
}

// as-true TRUTH REPORT: a report (JSON) has the figures of a simulation's truth.
func asTrue(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: as-true TRUTH REPORT")
	}
	var truth simulate.Truth
	var report struct{ Programs []programLine }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &truth))
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &report))
	got := make(map[string]simulate.ProgramTruth)
	for _, p := range report.Programs {
		got[p.OrgID+"/"+p.ProgramID] = simulate.ProgramTruth{
			OrgID: p.OrgID, ProgramID: p.ProgramID, Clicks: int64(p.Clicks), UniqueClicks: int64(p.UniqueClicks),
			DuplicateClicks: int64(p.DuplicateClicks), BotClicks: int64(p.BotClicks), Visitors: int64(p.Visitors),
			Conversions: int64(p.Conversions), AttributedConversions: int64(p.AttributedConversions),
			RevenueMinor: p.RevenueMinor, Currency: p.Currency,
		}
	}
	if len(got) != len(truth.Programs) {
		ts.Fatalf("%d programs, want %d", len(got), len(truth.Programs))
	}
	for _, want := range truth.Programs {
		want.RedeliveredClicks = 0 // dropped: no report has them
		if got := got[want.OrgID+"/"+want.ProgramID]; got != want {
			ts.Fatalf("got  %+v\nwant %+v", got, want)
		}
	}
}

// free-port VAR: sets a variable to a port that nobody listens on.
func scriptPort(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: free-port VAR")
	}
	port, err := engine.FreePort()
	ts.Check(err)
	ts.Setenv(args[0], strconv.Itoa(port))
}

// get STATUS URL TOKEN FILE: the answer has this status; its JSON is written laid
// out to the file. A server that is not ready yet is asked again.
func get(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: get STATUS URL TOKEN FILE")
	}
	request, err := http.NewRequest(http.MethodGet, args[1], nil)
	ts.Check(err)
	request.Header.Set("Authorization", "Bearer "+args[2])
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		answer, err := http.DefaultClient.Do(request)
		if err != nil && time.Now().After(deadline) {
			ts.Fatalf("%v", err)
		}
		if err != nil {
			continue
		}
		body, err := io.ReadAll(answer.Body)
		ts.Check(err)
		ts.Check(answer.Body.Close())
		if answer.StatusCode == http.StatusServiceUnavailable && time.Now().Before(deadline) {
			continue
		}
		if strconv.Itoa(answer.StatusCode) != args[0] {
			ts.Fatalf("status %d, not %s: %s", answer.StatusCode, args[0], body)
		}
		var laidOut bytes.Buffer
		ts.Check(json.Indent(&laidOut, body, "", "  "))
		ts.Check(os.WriteFile(ts.MkAbs(args[3]), laidOut.Bytes(), 0o600))
		return
	}
}

// origin WORD VAR: sets a variable to the origin in the line of the last output
// that has the word.
func origin(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: origin WORD VAR")
	}
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		if cells := strings.Split(line, "│"); strings.Contains(line, args[0]) && len(cells) > 3 {
			ts.Setenv(args[1], strings.TrimSpace(cells[3]))
			return
		}
	}
	ts.Fatalf("no line has %s", args[0])
}
