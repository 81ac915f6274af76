package state

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"github.com/grapevinehq/grapevine/pipeline"
)

// Look is what Redis says of a partition to somebody who does not work it.
type Look struct {
	Known   bool            // a worker has taken it over
	Filled  uint64          // number of the last batch that is journalled, by the marker
	Journal pipeline.Bounds // of the journal: that batch, or one that has begun after it
	Begun   bool            // the journal is of one that has begun
	// Claimed and Shared are the least batch that any slot group has seen of the
	// partition; nil where none ever did.
	Claimed, Shared *Visit

	prefix string
}

// Visit is a slot group and the last batch that visited it.
type Visit struct {
	Group  string
	Number uint64
}

// Look reads marker and journal in one step, and then the other slot groups. It
// changes nothing, and holds nobody up.
func (s *Store) Look(ctx context.Context, partition pipeline.Partition) (Look, error) {
	id, err := s.id()
	if err != nil {
		return Look{}, err
	}
	p := s.partition(id, partition, 0)
	var marker, journal *redis.SliceCmd
	visits := make([]*redis.SliceCmd, Groups)
	if err := s.retry(ctx, "look", func() error {
		_, err := s.client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
			marker = pipe.HMGet(ctx, p.marker, "installation", journalField+p.name)
			journal = pipe.HMGet(ctx, p.journal, "number", "bounds", "encoder")
			return nil
		})
		if err != nil {
			return err
		}
		_, err = s.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			for i, key := range markers {
				visits[i] = pipe.HMGet(ctx, key, claimField+p.name, shareField+p.name)
			}
			return nil
		})
		return err
	}); err != nil {
		return Look{}, fmt.Errorf("look at %s in Redis: %w", partition, err)
	}
	look, err := p.looked(marker.Val(), journal.Val())
	if err != nil {
		return Look{}, err
	}
	if look.Claimed, err = least(visits, 0); err != nil {
		return Look{}, err
	}
	look.Shared, err = least(visits, 1)
	return look, err
}

// looked reads the answers about the partition's own group.
func (p *Partition) looked(marker, journal []any) (look Look, err error) {
	field := text(marker, 1)
	if text(marker, 0) != p.installation || field == "" {
		return look, nil
	}
	look.Known = true
	if look.Filled, err = recordedNumber(field); err != nil {
		return look, fmt.Errorf("slot group %s: the marker of %s: %w", p.home.tag(), p.partition, err)
	}
	if parts := strings.Split(field, ":"); len(parts) == 4 {
		look.prefix = p.home.key(parts[3] + ":")
	}
	if text(journal, 0) == "" {
		return look, nil
	}
	look.Begun = text(journal, 2) == ""
	if look.Journal, err = decodeBounds(p.partition, elementBytes(journal, 1)); err != nil {
		return look, err
	}
	look.Journal.Number, err = recordedNumber(text(journal, 0)) // what scripts go by
	return look, err
}

// least is the group that is furthest behind, nil when no group knows the field.
func least(visits []*redis.SliceCmd, field int) (*Visit, error) {
	var found Visit
	used := false
	for i, visit := range visits {
		number, err := recordedNumber(text(visit.Val(), field))
		if err != nil {
			return nil, fmt.Errorf("slot group %s: %w", group(i).tag(), err)
		}
		used = used || number > 0
		if i == 0 || number < found.Number {
			found = Visit{group(i).tag(), number}
		}
	}
	if !used {
		return nil, nil
	}
	return &found, nil
}

// Own reads the memory of a partition, for somebody who does not work it.
type Own struct {
	store  *Store
	prefix string
}

// Own is that of a look; nil when no worker has taken the partition over.
func (s *Store) Own(l Look) *Own {
	if l.prefix == "" {
		return nil
	}
	return &Own{s, l.prefix}
}

// Get reads values, nil where there is none.
func (o *Own) Get(ctx context.Context, keys []string) ([][]byte, error) {
	values := make([][]byte, 0, len(keys))
	for len(keys) > 0 {
		n := min(len(keys), getChunk)
		whole := make([]string, n)
		for i, key := range keys[:n] {
			whole[i] = o.prefix + key
		}
		keys = keys[n:]
		var answer []any
		if err := o.store.retry(ctx, "look", func() (err error) {
			answer, err = o.store.client.MGet(ctx, whole...).Result()
			return err
		}); err != nil {
			return nil, fmt.Errorf("read %d values: %w", n, err)
		}
		for i := range answer {
			values = append(values, elementBytes(answer, i))
		}
	}
	return values, nil
}

// Lengths are those of values, 0 where there is none.
func (o *Own) Lengths(ctx context.Context, keys []string) ([]int64, error) {
	return o.count(ctx, keys, func(pipe redis.Pipeliner, key string) *redis.IntCmd { return pipe.StrLen(ctx, key) })
}

// Waiting counts the members of queues.
func (o *Own) Waiting(ctx context.Context, queues []string) ([]int64, error) {
	return o.count(ctx, queues, func(pipe redis.Pipeliner, key string) *redis.IntCmd { return pipe.ZCard(ctx, key) })
}

func (o *Own) count(ctx context.Context, keys []string, ask func(pipe redis.Pipeliner, key string) *redis.IntCmd) ([]int64, error) {
	counts := make([]int64, len(keys))
	for first := 0; first < len(keys); first += getChunk {
		commands := make([]*redis.IntCmd, min(getChunk, len(keys)-first))
		if err := o.store.retry(ctx, "look", func() error {
			_, err := o.store.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
				for i := range commands {
					commands[i] = ask(pipe, o.prefix+keys[first+i])
				}
				return nil
			})
			return err
		}); err != nil {
			return nil, fmt.Errorf("count %d keys: %w", len(commands), err)
		}
		for i, command := range commands {
			counts[first+i] = command.Val()
		}
	}
	return counts, nil
}

// Parked counts the members of all queues whose keys begin with a prefix.
func (o *Own) Parked(ctx context.Context, prefix string) (int64, error) {
	var total atomic.Int64
	err := o.store.eachPrimary(ctx, func(ctx context.Context, client *redis.Client) error {
		for cursor, more := uint64(0), true; more; more = cursor != 0 {
			keys, next, err := client.Scan(ctx, cursor, globbed(o.prefix+prefix)+"*", scanStep).Result()
			if err != nil {
				return err
			}
			for i := range keys {
				keys[i] = strings.TrimPrefix(keys[i], o.prefix)
			}
			counts, err := o.Waiting(ctx, keys)
			if err != nil {
				return err
			}
			for _, n := range counts {
				total.Add(n)
			}
			cursor = next
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("count the queues %s: %w", prefix, err)
	}
	return total.Load(), nil
}

// globbed is a text as a pattern that matches it alone.
func globbed(text string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(text)
}

// Owned tells of each key whether it is claimed by the record at that place of the
// partition, or may have been released: then the books tell.
func (s *Store) Owned(ctx context.Context, partition pipeline.Partition, claims []pipeline.Claim) ([]bool, error) {
	owned := make([]bool, len(claims))
	short := incarnationHash(partition.Incarnation)
	owners, blocks := make([]*redis.StringCmd, len(claims)), make([]*redis.StringCmd, len(claims))
	if err := s.retry(ctx, "look", func() error {
		_, err := s.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			for i, claim := range claims {
				g, bucket, field := claimPlace(pipeline.NewClaimID(claim.Key))
				owners[i] = pipe.HGet(ctx, claimBucket(g, bucket), field)
				at := filterBlock(field)
				blocks[i] = pipe.GetRange(ctx, claimKeys[g][1], at, at+filterBlockSize-1)
			}
			return nil
		})
		if err == redis.Nil { //nolint:errorlint // the answer itself
			return nil
		}
		return err
	}); err != nil {
		return nil, fmt.Errorf("look at %d claims of %s: %w", len(claims), partition, err)
	}
	for i, claim := range claims {
		_, _, field := claimPlace(pipeline.NewClaimID(claim.Key))
		owned[i] = owners[i].Val() == string(claimOwner(short, partition.ID, claim.Offset)) || inBlock(blocks[i].Val(), field)
	}
	return owned, nil
}
