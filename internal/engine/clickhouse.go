package engine

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
)

const (
	clickHouseName     = "ClickHouse"
	clickHouseHTTPName = "ClickHouse HTTP"
)

// ClickHouseOptions say how to start a ClickHouse server.
type ClickHouseOptions struct {
	Dir        string    // data folder, kept between runs; made when missing
	Native     Port      // native protocol
	HTTP       Port      // HTTP interface
	ConfigFile string    // further server configuration (XML or YAML), for example of users; may be empty; user default stays without password
	UsersFile  string    // users (XML) instead of user default alone, without ConfigFile; user default must stay in it without password
	Args       []string  // further arguments of `clickhouse local`
	Database   string    // made before anything listens, where it is missing; may be empty
	Restart    bool      // start it again when it ends by itself, up to 5 times in a minute
	Progress   io.Writer // told of a fetch and of restarts; nil is standard error
}

// ClickHouse is a running ClickHouse server.
type ClickHouse struct {
	Addr     string // native protocol, host:port; user default, no password
	HTTPAddr string // HTTP interface, host:port
	dir      string
	*kept
}

// StartClickHouse starts `clickhouse` from PATH, or else the pinned libchdb in a
// child of this binary ([MaybeRunChild]), and returns when both interfaces
// answer. ctx bounds the start, a first fetch included, and not the life of the
// server, which goes on until [ClickHouse.Stop] or the end of this process. With
// Restart it comes back on the same ports and data when it ends by itself:
// connections break, and what was stored stays.
func StartClickHouse(ctx context.Context, o ClickHouseOptions) (*ClickHouse, error) {
	return onFreePort(o.Native.Number == 0 || o.HTTP.Number == 0, func() (*ClickHouse, error) { return startClickHouse(ctx, o) })
}

func startClickHouse(ctx context.Context, o ClickHouseOptions) (*ClickHouse, error) {
	native, err := o.Native.choose(clickHouseName)
	if err != nil {
		return nil, err
	}
	http, err := o.HTTP.choose(clickHouseHTTPName)
	if err != nil {
		return nil, err
	}
	if o.ConfigFile != "" { // ClickHouse itself would start without one that is missing
		if _, err := os.Stat(o.ConfigFile); err != nil {
			return nil, fmt.Errorf("start ClickHouse: find its configuration: %w", err)
		}
	}
	spec, err := clickHouseProgram(ctx, o.Progress)
	if err != nil {
		return nil, err
	}
	if o.Dir, err = makeFolder(clickHouseName, o.Dir); err != nil {
		return nil, err
	}
	if o.UsersFile != "" {
		if o.ConfigFile, err = withUsers(o.UsersFile, o.Dir); err != nil {
			return nil, err
		}
	}
	spec.logFile = filepath.Join(o.Dir, "clickhouse.log")
	spec.args = append(spec.args, clickHouseArgs(o, native, http)...)
	spec.env = []string{"CLICKHOUSE_HISTORY_FILE=" + filepath.Join(o.Dir, "history")}
	spec.terminal, spec.failed = true, "Received exception"
	server := &ClickHouse{Addr: address(native), HTTPAddr: address(http), dir: o.Dir}
	restarts := 0
	if o.Restart {
		restarts = maxRestarts
	}
	server.kept, err = keep(ctx, keepSpec{
		process: spec, answers: server.answers, restarts: restarts, progress: o.Progress,
		ask: func(p *process) error { return p.stdin.Close() },
	})
	if err != nil {
		return nil, err
	}
	return server, nil
}

// withUsers writes a configuration into the data folder that names the file of users. What
// ClickHouse tells of itself needs a right then, as on a server that is installed.
func withUsers(file, dir string) (config string, err error) {
	if file, err = filepath.Abs(file); err != nil {
		return "", fmt.Errorf("start ClickHouse: find its users: %w", err)
	}
	if _, err := os.Stat(file); err != nil {
		return "", fmt.Errorf("start ClickHouse: find its users: %w", err)
	}
	text, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"clickhouse"`
		Users   string   `xml:"users_config"`
		System  int      `xml:"access_control_improvements>select_from_system_db_requires_grant"`
		Schema  int      `xml:"access_control_improvements>select_from_information_schema_requires_grant"`
	}{Users: file, System: 1, Schema: 1})
	if err != nil {
		return "", fmt.Errorf("start ClickHouse: name its users: %w", err)
	}
	config = filepath.Join(dir, "config.xml")
	if err := os.WriteFile(config, text, 0o600); err != nil {
		return "", fmt.Errorf("start ClickHouse: name its users: %w", err)
	}
	return config, nil
}

// clickHouseProgram finds what to run; its arguments are still to be added.
func clickHouseProgram(ctx context.Context, progress io.Writer) (processSpec, error) {
	if path, err := exec.LookPath("clickhouse"); err == nil {
		return processSpec{engine: clickHouseName, path: path, args: []string{"clickhouse", "local"}}, nil
	}
	if !embedsClickHouse {
		return processSpec{}, fmt.Errorf("%w: this build holds no embedded ClickHouse: %s", ErrUnavailable, installClickHouse)
	}
	if !childIsDispatched.Load() {
		return processSpec{}, errors.New("start ClickHouse: this program does not call engine.MaybeRunChild first thing, so it cannot run the embedded one in a child of itself")
	}
	library, err := libchdb(ctx, progress)
	if err != nil {
		return processSpec{}, err
	}
	return processSpec{engine: clickHouseName, path: "/proc/self/exe", args: []string{"grapevine", ChildCommand, library}}, nil
}

// clickHouseArgs are those of `clickhouse local`. After its queries it waits at a
// prompt, where nobody ever types, until standard input ends: that keeps the
// server up, and ends it when the parent is gone.
//
// It has to be interactive, on a terminal: otherwise it takes every exception on
// a thread of the server for a reason to abort, and a client that greets it with
// a wrong password or database is one. It waits at the prompt too when a query
// fails, which its log tells.
func clickHouseArgs(o ClickHouseOptions, native, http int) []string {
	args := []string{
		"--path=" + o.Dir,
		fmt.Sprintf("--tcp_port=%d", native),
		fmt.Sprintf("--http_port=%d", http),
		"--listen_host=" + loopback,
		"--interactive", "--disable_suggestion",
	}
	if o.ConfigFile != "" {
		args = append(args, "--config-file="+o.ConfigFile)
	}
	args = append(args, o.Args...)
	query := "SYSTEM START LISTEN TCP; SYSTEM START LISTEN HTTP"
	if o.Database != "" {
		query = "CREATE DATABASE IF NOT EXISTS " + quoted(o.Database) + "; " + query
	}
	return append(args, "--query", query)
}

// answers is nil when this very server answers on both interfaces.
func (c *ClickHouse) answers(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.HTTPAddr+"/ping", nil)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	response.Body.Close() //nolint:errcheck // only the status counts
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("/ping answers %s", response.Status)
	}
	db := clickhouse.OpenDB(&clickhouse.Options{Addr: []string{c.Addr}})
	defer db.Close() //nolint:errcheck // a look only
	var path string
	if err := db.QueryRowContext(ctx, "SELECT value FROM system.server_settings WHERE name = 'path'").Scan(&path); err != nil {
		return err
	}
	if filepath.Clean(path) != c.dir {
		return errStranger
	}
	return nil
}

// quoted is a name as ClickHouse reads it, whatever it holds.
func quoted(name string) string {
	return "`" + strings.NewReplacer(`\`, `\\`, "`", "\\`").Replace(name) + "`"
}
