package rebuild

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/changelog"
	stage "github.com/grapevinehq/grapevine/pipeline/stage/clicks"
)

// ErrIncomplete means that the books do not hold all that Redis remembered.
var ErrIncomplete = errors.New("redis cannot be made anew of these books")

// Partition is a partition of which the books hold a changelog.
type Partition struct {
	pipeline.Partition
	Number uint64 // of the latest batch
	Since  uint64 // of the first batch that has a changelog; 0 when it is not known
	// Complete tells that the group's commit calls that batch complete: else the next
	// worker carries it out once more.
	Complete bool
	Shares   bool // its batches share fields
	Claims   bool // its batches claim ids
}

// Changelog reads the books.
type Changelog interface {
	// Partitions are all that have a changelog, in a fixed order.
	Partitions(ctx context.Context) ([]Partition, error)
	// Rows hands over what counts of a partition's rows, in the order of kind, key,
	// member and piece, each with its batch.
	Rows(ctx context.Context, p pipeline.Partition, take func(r *changelog.Row, batch uint64) error) error
	// Under hands over what counts of the rows of a topic, by the beginning of their
	// key, but those that are gone.
	Under(ctx context.Context, topic, kind, prefix string, take func(pipeline.Partition, *changelog.Row) error) error
	// Clicks hands over a partition's stored clicks of batches that were read since a
	// time, up to a batch, in their order, each with the time of its batch.
	Clicks(ctx context.Context, p pipeline.Partition, from int64, last uint64, take func(at int64, s *stage.Stored) error) error
	// Configurations hands over every revision that decided anything.
	Configurations(ctx context.Context, take func(revision string, source []byte) error) error
	// Agreed is what the workers agreed on, by name.
	Agreed(ctx context.Context) (map[string][]byte, error)
}

// Commit is where the consumer group stands with a partition of today's topics.
type Commit struct {
	pipeline.Partition
	Completed uint64 // the last batch whose effects are all there
}

// Plan says what is made anew.
type Plan struct {
	Partitions []Partition
	// Run names what is made anew: a run that was cut off goes on only if nothing was
	// worked since.
	Run string
}

// Make compares the changelog with the group's commits: it must hold what they call
// complete. It may be ahead, as a journal is: by the batch that is bound, and by more
// where the commit was rewound or has expired.
func Make(ctx context.Context, c Changelog, commits []Commit) (*Plan, error) {
	partitions, err := c.Partitions(ctx)
	if err != nil {
		return nil, err
	}
	completed := make(map[pipeline.Partition]uint64, len(commits))
	for _, commit := range commits {
		completed[commit.Partition] = commit.Completed
	}
	sum := sha256.New()
	for i := range partitions {
		p := &partitions[i]
		if p.Since != 1 {
			return nil, fmt.Errorf("%w: %s was worked by a release that kept no changelog, which begins with batch %d: put back a copy of Redis from after the workers stopped", ErrIncomplete, p, p.Since)
		}
		if done, ok := completed[p.Partition]; ok && p.Number < done {
			return nil, behind(p.Partition, done, p.Number)
		}
		p.Complete = completed[p.Partition] >= p.Number
		delete(completed, p.Partition)
		fmt.Fprintf(sum, "%s/%d/%d/%t\n", p.Incarnation, p.ID, p.Number, p.Complete)
	}
	for p, done := range completed { // of which there is no changelog
		if done > 0 {
			return nil, behind(p, done, 0)
		}
	}
	return &Plan{Partitions: partitions, Run: hex.EncodeToString(sum.Sum(nil))}, nil
}

func behind(p pipeline.Partition, done, number uint64) error {
	return fmt.Errorf("%w: the consumer group has completed batch %d of %s, the changelog ends with batch %d: ClickHouse lost data, or clickhouse.* or kafka.group are those of another installation", ErrIncomplete, done, p, number)
}
