package recall

import (
	"context"
	"fmt"
)

// Stock is how much a partition remembers, and since when.
type Stock struct {
	Since   Times // the batch that began the oldest segment
	Entries int64
	Damaged []string // buckets that are no whole number of entries long
}

// Lengths reads the memory of a partition, as somebody does who does not work it.
type Lengths interface {
	Get(ctx context.Context, keys []string) ([][]byte, error)
	Lengths(ctx context.Context, keys []string) ([]int64, error)
}

// Count counts the entries of all buckets by their length. ok is false where nothing
// is remembered yet.
func Count(ctx context.Context, reader Lengths) (stock Stock, ok bool, err error) {
	values, err := reader.Get(ctx, []string{DirectoryKey})
	if err != nil {
		return stock, false, fmt.Errorf("read the directory of remembered events: %w", err)
	}
	segments, err := readDirectory(values[0])
	if err != nil || len(segments) == 0 {
		return stock, false, err
	}
	stock.Since = segments[0].from
	for _, s := range segments {
		names := make([]string, s.buckets)
		for b := range names {
			names[b] = name(s.id, '.', b)
		}
		lengths, err := reader.Lengths(ctx, names)
		if err != nil {
			return stock, false, err
		}
		for b, length := range lengths {
			if length%entrySize != 0 {
				stock.Damaged = append(stock.Damaged, names[b])
			}
			stock.Entries += length / entrySize
		}
	}
	return stock, true, nil
}
