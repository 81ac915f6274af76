package access

import (
	"context"
	"errors"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Errors of servers that cannot or will not make users.
var (
	ErrKeepsNoUsers = errors.New("this ClickHouse keeps no users that are made by SQL, as the embedded one: write a users file with --users-file")
	ErrMayNot       = errors.New("the user of the settings may not do this: grant ACCESS MANAGEMENT and the right to grant SELECT; for the embedded ClickHouse, which keeps no users that are made by SQL, write a users file with --users-file")
)

// unable are the errors by the codes of ClickHouse.
var unable = map[int32]error{514: ErrKeepsNoUsers, 497: ErrMayNot}

// server is what runs statements.
type server interface {
	Exec(ctx context.Context, query string, args ...any) error
	Query(ctx context.Context, query string, args ...any) (driver.Rows, error)
	QueryRow(ctx context.Context, query string, args ...any) driver.Row
}

// Apply runs the statements, in their order. It stops at the first that fails: what was
// done holds, and the statements of the next try take up from there.
func Apply(ctx context.Context, conn server, statements []Statement) error {
	for i, s := range statements {
		err := run(ctx, conn, s)
		if err == nil {
			continue
		}
		if s.Probe { // what the probe made must not stay
			err = errors.Join(err, conn.Exec(ctx, statements[i+1].SQL))
		}
		if exception := new(clickhouse.Exception); errors.As(err, &exception) && unable[exception.Code] != nil {
			err = fmt.Errorf("%w (%s)", unable[exception.Code], exception.Message)
		}
		return fmt.Errorf("run %s: %w", s.Shown, err)
	}
	return nil
}

func run(ctx context.Context, conn server, s Statement) error {
	if !s.Probe {
		return conn.Exec(ctx, s.SQL)
	}
	var rows uint64
	if err := conn.QueryRow(ctx, s.SQL).Scan(&rows); err != nil {
		return err
	}
	if rows != 1 {
		return ErrOthersBlinded
	}
	return nil
}
