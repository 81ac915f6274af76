package engine_test

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/grapevinehq/grapevine/internal/engine"
)

// progress hands on what an engine tells.
type progress chan string

func (p progress) Write(text []byte) (int, error) {
	p <- string(text)
	return len(text), nil
}

// await returns what was told up to the first text that holds want.
func (p progress) await(t *testing.T, want string) string {
	t.Helper()
	var told strings.Builder
	limit := time.After(time.Minute)
	for {
		select {
		case text := <-p:
			told.WriteString(text)
			if strings.Contains(text, want) {
				return told.String()
			}
		case <-limit:
			t.Fatalf("not told within a minute: %q, but:\n%s", want, told.String())
		}
	}
}

func killNow(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// greet says hello to ClickHouse as such a client, and returns what comes of it.
func greet(t *testing.T, addr string, as clickhouse.Auth) error {
	t.Helper()
	db := clickhouse.OpenDB(&clickhouse.Options{Addr: []string{addr}, Auth: as})
	defer db.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return db.PingContext(ctx)
}

func TestClickHouse_outlives_clients_that_it_refuses(t *testing.T) {
	server := startClickHouse(t, engine.ClickHouseOptions{})
	pid := server.PID()
	refused := func(as clickhouse.Auth, code int32) func(*testing.T) {
		return func(t *testing.T) {
			var exception *clickhouse.Exception
			if err := greet(t, server.Addr, as); !errors.As(err, &exception) || exception.Code != code {
				t.Errorf("refused with %v, want code %d", err, code)
			}
		}
	}
	for _, client := range []struct {
		name  string
		greet func(*testing.T)
	}{
		{"unknown database", refused(clickhouse.Auth{Database: "nope"}, 81)},
		{"unknown user", refused(clickhouse.Auth{Username: "nobody"}, 516)},
		{"wrong password", refused(clickhouse.Auth{Username: "default", Password: "wrong"}, 516)},
		{"no packet of the protocol", func(t *testing.T) { sendAndAwaitEnd(t, server.Addr, "\xff\xfe\x00 no packet") }},
		{"a string that is too long", func(t *testing.T) { sendAndAwaitEnd(t, server.Addr, "\x00\xff\xff\xff\xff\xff\xff\xff\xff\x7f") }},
	} {
		t.Run(client.name, func(t *testing.T) {
			client.greet(t)
			if err := greet(t, server.Addr, clickhouse.Auth{}); err != nil {
				t.Errorf("the next client: %v", err)
			}
			if again := server.PID(); again != pid {
				t.Errorf("it is process %d now, was %d", again, pid)
			}
			select {
			case <-server.Ended():
				t.Fatal("it ended")
			default:
			}
		})
	}
}

// sendAndAwaitEnd sends bytes, and waits until the server hangs up.
func sendAndAwaitEnd(t *testing.T, addr, text string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	for answer := make([]byte, 4096); err == nil; {
		_, err = conn.Read(answer)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the server does not hang up")
	}
}

func TestClickHouse_is_started_again_when_it_ends_by_itself(t *testing.T) {
	told := make(progress, 100)
	server := startClickHouse(t, engine.ClickHouseOptions{Database: "kept", Restart: true, Progress: told})
	inClickHouse(t, server.Addr,
		"CREATE TABLE kept.marks (mark String) ENGINE = MergeTree ORDER BY mark",
		"INSERT INTO kept.marks VALUES ('"+markText+"')")
	pid := server.PID()
	killNow(t, pid)
	text := told.await(t, "ClickHouse answers again")
	if !strings.Contains(text, "ClickHouse ended by itself (signal: killed)") {
		t.Errorf("told:\n%s", text)
	}
	if server.PID() == pid {
		t.Error("it is the same process")
	}
	db := clickhouse.OpenDB(&clickhouse.Options{Addr: []string{server.Addr}, Auth: clickhouse.Auth{Database: "kept"}})
	defer db.Close()
	var got string
	if err := db.QueryRowContext(t.Context(), "SELECT mark FROM marks").Scan(&got); err != nil || got != markText {
		t.Errorf("kept %q (%v), want %q", got, err, markText)
	}
}

func TestWait_ends_when_ClickHouse_was_started_again_too_often(t *testing.T) {
	told := make(progress, 100)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	e, err := engine.Start(ctx, engine.Options{Dir: t.TempDir(), Progress: told})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, e.Stop) })
	const restarts = 5
	for range restarts {
		killNow(t, e.ClickHouse.PID())
		told.await(t, "ClickHouse answers again")
	}
	killNow(t, e.ClickHouse.PID())
	err = e.Wait(ctx)
	if err == nil || !strings.Contains(err.Error(), "ClickHouse ended by itself (signal: killed)") || !strings.Contains(err.Error(), "started again 5 times") {
		t.Errorf("Wait: %v", err)
	}
}

func TestStop_while_ClickHouse_is_started_again(t *testing.T) {
	told := make(progress, 100)
	server := startClickHouse(t, engine.ClickHouseOptions{Restart: true, Progress: told})
	killNow(t, server.PID())
	told.await(t, "starting ClickHouse again")
	stop(t, server.Stop)
	select {
	case <-server.Ended():
	default:
		t.Error("it is not gone after Stop")
	}
	if err := greet(t, server.Addr, clickhouse.Auth{}); err == nil {
		t.Error("it answers after Stop")
	}
}

func TestClickHouse_makes_a_database_of_any_name(t *testing.T) {
	const name = "o`dd \\ name"
	server := startClickHouse(t, engine.ClickHouseOptions{Database: name})
	if err := greet(t, server.Addr, clickhouse.Auth{Database: name}); err != nil {
		t.Error(err)
	}
}

// TestClickHouse_tells_why_its_queries_fail: such a server would live on at a prompt.
func TestClickHouse_tells_why_its_queries_fail(t *testing.T) {
	_, err := engine.StartClickHouse(t.Context(), engine.ClickHouseOptions{Dir: t.TempDir(), Database: "new", Args: []string{"--readonly=1"}})
	if err == nil || !strings.Contains(err.Error(), "failed while it was starting") || !strings.Contains(err.Error(), "readonly") {
		t.Errorf("StartClickHouse: %v", err)
	}
}
