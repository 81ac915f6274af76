package analytics

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// errDisagree means that the books name something else than what is agreed on now.
var errDisagree = errors.New("the books say otherwise")

// RecordAgreed keeps what the workers agreed on under a name, as Redis holds it, for
// a Redis that is made anew. It stays: another value is an error.
func (b *Books) RecordAgreed(ctx context.Context, name string, value []byte) error {
	agreed, err := b.Agreed(ctx)
	if err != nil {
		return err
	}
	stands, ok := agreed[name]
	switch {
	case ok && string(stands) == string(value):
		return nil
	case ok:
		return fmt.Errorf("record what is agreed on %s: %w", name, errDisagree)
	}
	if err := b.once(ctx, "agreed/"+name, "INSERT INTO agreed (name, value, recorded_at)", name, string(value), time.Now()); err != nil {
		return fmt.Errorf("record what is agreed on %s: %w", name, err)
	}
	return nil
}

// Agreed is what was agreed on, by name: of each what was recorded first.
func (b *Books) Agreed(ctx context.Context) (map[string][]byte, error) {
	agreed := make(map[string][]byte)
	err := b.History().each(ctx, "what is agreed on", "SELECT name, argMin(value, recorded_at) FROM agreed GROUP BY name", func(rows driver.Rows) error {
		var name, value string
		err := rows.Scan(&name, &value)
		agreed[name] = []byte(value)
		return err
	})
	return agreed, err
}
