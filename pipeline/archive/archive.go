// Package archive keeps the hot memory of a partition small: a value that no
// batch has written for a retention moves from Redis to the table `archive` in
// the books, and is found there when it is asked for (contract §7).
//
// Every batch leaves a list of the values that it wrote, under its number, and
// every value begins with the number of the batch that wrote it last. When a list
// is old enough, a later batch reads it and moves those values whose number is
// still that of the list: the others were written again since. The moved values
// stand in that batch's record, so a replay writes the same rows; the journal
// deletes them from the memory in the same step.
//
// The package knows the ports of package pipeline; what a value means is its
// stage's business.
package archive

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/grapevinehq/grapevine/pipeline"
)

// Table is where values go.
const Table = "archive"

// Query names a value.
type Query struct {
	Partition pipeline.Partition
	Key       string
}

// Books finds archived values.
type Books interface {
	// Archived answers each query with the value that was archived last, nil where
	// there is none.
	Archived(ctx context.Context, queries []Query) ([][]byte, error)
}

// Archive is one partition's, as its worker sees it. It is used by one goroutine;
// while nothing is under way another may ask [Archive.Due].
type Archive struct {
	memory    pipeline.Memory
	books     Books
	partition pipeline.Partition
	options   Options

	directory directory
}

// Options of an archive.
type Options struct {
	// Moves tells of a key of the partition's memory whether its value moves to the
	// archive when it is old. Others stay, and have no mark.
	Moves func(key string) bool
	// Forgets tells of a key that moves whether its value has no use any more when it
	// is old: it leaves the memory, and no row is written. nil is never.
	Forgets func(key string) bool
	// Hot is how long a value stays after a batch wrote it last.
	Hot func() time.Duration
}

// Open reads what is known of the partition's lists.
func Open(ctx context.Context, s *pipeline.Session, books Books, o Options) (*Archive, error) {
	a := &Archive{memory: s.Memory, books: books, partition: s.Partition, options: o}
	values, err := s.Memory.Get(ctx, []string{directoryKey})
	if err == nil {
		err = a.directory.decode(values[0])
	}
	if err != nil {
		return nil, fmt.Errorf("open the archive of %s: %w", s.Partition, err)
	}
	return a, nil
}

// Get reads values of the memory, those that move and others, nil where there is none.
func (a *Archive) Get(ctx context.Context, keys []string) ([][]byte, error) {
	values, err := a.memory.Get(ctx, keys)
	if err != nil {
		return nil, err
	}
	for i, value := range values {
		if value == nil || !a.options.Moves(keys[i]) {
			continue
		}
		if _, values[i], err = unmark(value); err != nil {
			return nil, fmt.Errorf("%s: %w", keys[i], err)
		}
	}
	return values, nil
}

// Cold reads archived values, nil where there is none. It asks the books only if
// the partition ever archived anything.
func (a *Archive) Cold(ctx context.Context, keys []string) ([][]byte, error) {
	if len(keys) == 0 || !a.directory.Moved {
		return make([][]byte, len(keys)), nil
	}
	queries := make([]Query, len(keys))
	for i, key := range keys {
		queries[i] = Query{a.partition, key}
	}
	values, err := a.books.Archived(ctx, queries)
	if err != nil {
		return nil, fmt.Errorf("look %d values up in the archive: %w", len(keys), err)
	}
	return values, nil
}

// mark puts the number of the batch that writes a value before it.
func mark(number uint64, value []byte) []byte {
	return append(binary.AppendUvarint(make([]byte, 0, binary.MaxVarintLen64+len(value)), number), value...)
}

var errUnmarked = errors.New("the value does not begin with the number of a batch")

func unmark(value []byte) (number uint64, rest []byte, err error) {
	number, n := binary.Uvarint(value)
	if n <= 0 {
		return 0, nil, errUnmarked
	}
	return number, value[n:], nil
}

// listKey is the key of a batch's list.
func listKey(number uint64) string { return "hot:" + strconv.FormatUint(number, 36) }

// Unmark is a value that moves to the archive without the number of the batch that
// wrote it, which goes before it as long as it is hot.
func Unmark(value []byte) ([]byte, error) {
	_, rest, err := unmark(value)
	return rest, err
}
