package state

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// Survey is what Redis holds of an installation.
type Survey struct {
	// Other is another installation that something belongs to; empty for none.
	Other string
	// Whole: every slot group has its marker, and knows of every partition the batch
	// that it must know at least.
	Whole bool
	// Empty: no slot group has a marker.
	Empty bool
}

// Survey looks whether Redis holds what an installation remembers: of each partition
// the batch of its number, or the one before where the slot groups that all batches
// visit are concerned.
func (s *Store) Survey(ctx context.Context, installation string, partitions []Restored) (Survey, error) {
	fields := make([][]string, Groups) // of each marker: what it must name
	least := make([][]uint64, Groups)
	expect := func(g group, field string, number uint64) {
		fields[g], least[g] = append(fields[g], field), append(least[g], number)
	}
	for g := range Groups {
		fields[g] = append(fields[g], "installation")
		least[g] = append(least[g], 0)
	}
	for _, p := range partitions {
		name := partitionName(p.Partition)
		expect(groupOf(name), journalField+name, p.Number)
		for g := range Groups {
			if p.Claims {
				expect(group(g), claimField+name, p.Number-1)
			}
			if p.Shares {
				expect(group(g), shareField+name, p.Number-1)
			}
		}
	}
	commands := make([]*redis.SliceCmd, Groups)
	if err := s.retry(ctx, "survey", func() error {
		_, err := s.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			for g := range Groups {
				commands[g] = pipe.HMGet(ctx, markers[g], fields[g]...)
			}
			return nil
		})
		return err
	}); err != nil {
		return Survey{}, fmt.Errorf("look at what Redis holds: %w", err)
	}
	found := Survey{Whole: true, Empty: true}
	for g, command := range commands {
		id := text(command.Val(), 0)
		found.Empty = found.Empty && id == ""
		found.Whole = found.Whole && id == installation
		if id != "" && id != installation {
			found.Other = id
		}
		for i := 1; i < len(fields[g]); i++ {
			number, err := recordedNumber(text(command.Val(), i))
			if err != nil {
				return Survey{}, fmt.Errorf("slot group %s: the marker's %s: %w", group(g).tag(), fields[g][i], err)
			}
			found.Whole = found.Whole && number >= least[g][i]
		}
	}
	return found, nil
}
