package state

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/grapevinehq/grapevine/pipeline"
)

// Shared reads fields that partitions share, for somebody who works none: Key and Field
// are asked for, Value is the answer, nil where there is none. Which batches a slot group
// has seen is not looked at.
func (s *Store) Shared(ctx context.Context, fields []pipeline.SharedSet) error {
	for len(fields) > 0 {
		chunk := fields[:min(len(fields), getChunk)]
		fields = fields[len(chunk):]
		answers := make([]*redis.StringCmd, len(chunk))
		if err := s.retry(ctx, "look", func() error {
			_, err := s.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
				for i, f := range chunk {
					answers[i] = pipe.HGet(ctx, shareKey(groupOf(f.Key), f.Key), f.Field)
				}
				return nil
			})
			if errors.Is(err, redis.Nil) {
				return nil
			}
			return err
		}); err != nil {
			return fmt.Errorf("look at %d shared fields: %w", len(chunk), err)
		}
		for i, answer := range answers {
			chunk[i].Value = nil
			if value, err := answer.Bytes(); err == nil {
				chunk[i].Value = value
			}
		}
	}
	return nil
}
