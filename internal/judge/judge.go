package judge

import (
	"context"
	"fmt"
	"iter"
	"time"
)

// Case is an installation at rest: what it read, what it wrote, and the rules that
// it had.
type Case struct {
	Brokers     []string
	TopicPrefix string
	Topics      map[string]string // names of topics in Kafka by the contract's, where they differ by more than the prefix

	ClickHouseAddr string // native protocol, host:port
	Database       string
	Username       string
	Password       string

	// Programs is the file or folder of programs that decided last; Earlier are
	// those before it, the oldest first. What they decide differently may have been
	// decided by any of them.
	Programs string
	Earlier  []string

	// Rest is since when nothing more happens: holds that were due by then must be
	// over. Zero asks nothing of holds.
	Rest time.Time

	// MaxFutureSkew of the workers; 0 is the contract's ten minutes.
	MaxFutureSkew time.Duration

	// Most is how many differences are told, 100 when it is 0. All are counted.
	Most int
}

// Judge reads an installation and reports every difference between what is there
// and what the contract makes of its input topics. An error says that there could
// be no judgement.
func Judge(ctx context.Context, c Case) (Report, error) {
	books, err := openTables(&c)
	if err != nil {
		return Report{}, err
	}
	defer books.conn.Close() //nolint:errcheck // nothing was written
	return Try(ctx, &c, &installation{topics{c.Brokers, c.TopicPrefix, c.Topics}, *books})
}

// installation is the evidence of a case.
type installation struct {
	topics
	tables
}

func (i *installation) Records(ctx context.Context, topic string) iter.Seq2[Record, error] {
	return i.records(ctx, topic)
}

func (i *installation) Rows(ctx context.Context, table string, by ...string) iter.Seq2[Row, error] {
	return i.rows(ctx, table, by)
}

func (i *installation) Topic(name string) string { return i.name(name) }

// Try is Judge on any evidence; of the case it reads the programs and what stands
// below them.
func Try(ctx context.Context, c *Case, e Evidence) (Report, error) {
	t := &trial{ctx: ctx, Evidence: e, most: c.Most, report: Report{Rows: map[string]int{}}}
	if t.most == 0 {
		t.most = 100
	}
	for _, step := range []func() error{t.published} {
		if err := step(); err != nil {
			return t.report, fmt.Errorf("judge: %w", err)
		}
	}
	return t.report, nil
}

// trial is a case under way.
type trial struct {
	Evidence
	ctx    context.Context
	most   int
	report Report
}
