package access

import (
	"context"
	"fmt"
)

// Stands reads what there is on a server.
func Stands(ctx context.Context, conn server, w Wanted) (Standing, error) {
	s := Standing{Users: make(map[string]bool)}
	for _, ask := range []struct {
		what, query string
		args        []any
		take        func(a, b, c string)
	}{
		{
			"users", `SELECT name, if(name IN (SELECT user_name FROM system.settings_profile_elements
				WHERE setting_name = 'log_comment' AND value = ?), 'ours', ''), '' FROM system.users`, []any{w.mark()},
			func(name, ours, _ string) { s.Users[name] = ours != "" },
		},
		{
			"row policies", `SELECT short_name, database, table FROM system.row_policies
				WHERE short_name = ? OR startsWith(short_name, ?)`, []any{w.base(), w.base() + "/"},
			func(name, database, table string) {
				s.Policies = append(s.Policies, Policy{name, database, table})
			},
		},
		{
			"table functions", "SELECT name, '', '' FROM system.table_functions WHERE allow_readonly", nil,
			func(name, _, _ string) { s.Functions = append(s.Functions, name) },
		},
		{
			"system tables", "SELECT name, '', '' FROM system.tables WHERE database = ?", []any{systemDatabase},
			func(name, _, _ string) { s.System = append(s.System, name) },
		},
	} {
		if err := each(ctx, conn, ask.query, ask.args, ask.take); err != nil {
			return Standing{}, fmt.Errorf("ask ClickHouse for its %s: %w", ask.what, err)
		}
	}
	return s, nil
}

// each hands over the rows of a query of three texts.
func each(ctx context.Context, conn server, query string, args []any, take func(a, b, c string)) error {
	rows, err := conn.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // Err tells
	for rows.Next() {
		var a, b, c string
		if err := rows.Scan(&a, &b, &c); err != nil {
			return err
		}
		take(a, b, c)
	}
	return rows.Err()
}
