package analytics

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/grapevinehq/grapevine/pipeline"
)

// Standing is how far a partition was acknowledged when an audit began: its rows up
// to that batch are judged.
type Standing struct {
	Partition pipeline.Partition
	Completed uint64 // number of the last batch whose effects are all durable
	Committed int64  // the group's commit; -1: none
}

// Scope says what is audited. Days are those of the program, or of the batch where
// rows are held against batches; dates as 2026-11-24, empty for any.
type Scope struct {
	OrgID, ProgramID string // empty: all
	From, To         string // included
	Clicks           string // the topic of clicks, by its name in Kafka
	Limit            int    // findings that each check names at most
}

// Finding is one thing in the books that cannot be right.
type Finding struct {
	OrgID, ProgramID, Day string
	ID                    string // of the event, conversion, reward or member
	Source                string // of the event, where it is one
	Position              string // topic/partition/offset, where the row came from
	Text                  string
}

// Findings are those of one check. Total counts them all, also those beyond the limit.
type Findings struct {
	Check string
	Found []Finding
	Total uint64
}

// Audit holds the books against themselves.
type Audit struct {
	books *Books
	cut   []Standing
	scope Scope
}

// Audit readies an audit of what is acknowledged.
func (b *Books) Audit(cut []Standing, scope Scope) *Audit {
	return &Audit{books: b, cut: cut, scope: scope}
}

//go:embed audit/*.sql
var auditFiles embed.FS

// auditMemory bounds what one query of an audit takes in ClickHouse; sums that do not
// fit go to its disk, a quarter of it at a time.
const auditMemory = 2 << 30

var auditSettings = clickhouse.Settings{
	"max_memory_usage":                        auditMemory,
	"max_bytes_before_external_group_by":      auditMemory / 4,
	"max_bytes_before_external_sort":          auditMemory / 4,
	"join_algorithm":                          "grace_hash",
	"max_threads":                             2, // beside workers
	"enable_shared_storage_snapshot_in_query": 1, // all parts of a query see one state of a table
}

// Invariants are the names of the checks that are queries of their own, in their order.
func Invariants() []string {
	files, err := auditFiles.ReadDir("audit")
	if err != nil {
		panic(err) // it is part of the program
	}
	names := make([]string, len(files))
	for i, f := range files {
		_, names[i], _ = strings.Cut(strings.TrimSuffix(f.Name(), ".sql"), "_")
	}
	return names
}

// Invariant carries out one of them.
func (a *Audit) Invariant(ctx context.Context, name string) (Findings, error) {
	files, err := auditFiles.ReadDir("audit")
	if err != nil {
		return Findings{}, err
	}
	i := slices.Index(Invariants(), name)
	if i < 0 {
		return Findings{}, fmt.Errorf("there is no check %s", name)
	}
	query, err := auditFiles.ReadFile(path.Join("audit", files[i].Name()))
	if err != nil {
		return Findings{}, err
	}
	return a.find(ctx, name, string(query), nil)
}

// find reads the findings of a query, and counts them when there are more than the
// limit. Each has the columns of a Finding, in their order.
func (a *Audit) find(ctx context.Context, name, query string, more clickhouse.Parameters) (Findings, error) {
	query = strings.TrimSpace(query)
	f := Findings{Check: name}
	bounded := "SELECT * FROM (\n" + query + "\n) LIMIT {limit:UInt64}"
	err := a.ask(ctx, name, bounded, more, func(rows driver.Rows) error {
		var one Finding
		err := rows.Scan(&one.OrgID, &one.ProgramID, &one.Day, &one.ID, &one.Source, &one.Position, &one.Text)
		f.Found = append(f.Found, one)
		return err
	})
	if f.Total = uint64(len(f.Found)); err != nil || len(f.Found) < a.scope.Limit {
		return f, err
	}
	err = a.ask(ctx, name, "SELECT count() FROM (\n"+query+"\n)", more, func(rows driver.Rows) error { return rows.Scan(&f.Total) })
	return f, err
}

// ask hands each row of a query to take. The query knows the scope as parameters, and
// what is acknowledged as the table cut (i, p, n): incarnation, partition, batch.
func (a *Audit) ask(ctx context.Context, what, query string, more clickhouse.Parameters, take func(driver.Rows) error) error {
	return a.askOf(ctx, what, query, nil, more, take)
}

// askOf asks with further tables.
func (a *Audit) askOf(ctx context.Context, what, query string, tables []*ext.Table, more clickhouse.Parameters, take func(driver.Rows) error) error {
	cut, err := ext.NewTable("cut", ext.Column("i", "String"), ext.Column("p", "Int32"), ext.Column("n", "UInt64"))
	if err != nil {
		return err
	}
	for _, s := range a.cut {
		if err := cut.Append(s.Partition.Incarnation, int32(s.Partition.ID), s.Completed); err != nil {
			return err
		}
	}
	parameters := clickhouse.Parameters{
		"org": a.scope.OrgID, "program": a.scope.ProgramID, "clicks": a.scope.Clicks, "limit": strconv.Itoa(a.scope.Limit),
		"from": firstDay(a.scope.From), "to": lastDay(a.scope.To),
	}
	for name, value := range more {
		parameters[name] = value
	}
	for name, value := range parameters {
		parameters[name] = asParameter.Replace(value)
	}
	ctx = clickhouse.Context(ctx, clickhouse.WithExternalTable(append(tables, cut)...), clickhouse.WithParameters(parameters), clickhouse.WithSettings(auditSettings))
	rows, err := a.books.conn.Query(ctx, query)
	if err != nil {
		return fmt.Errorf("check %s: %w", what, err)
	}
	for rows.Next() {
		if err := take(rows); err != nil {
			return fmt.Errorf("check %s: %w", what, errors.Join(err, rows.Close()))
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return fmt.Errorf("check %s: %w", what, err)
	}
	return nil
}

// asParameter writes a text as ClickHouse reads the value of a parameter. Ids may have
// anything in them.
var asParameter = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`, "\x00", `\0`)

// firstDay and lastDay are the ends of what a Date32 can be.
func firstDay(from string) string {
	if from == "" {
		return "1900-01-01"
	}
	return from
}

func lastDay(to string) string {
	if to == "" {
		return "2299-12-31"
	}
	return to
}
