package state

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/grapevinehq/grapevine/pipeline"
)

// visit begins the call of one slot group, unless it has begun. What visits share
// gets no room, so that appending copies.
func (c *call) visit(g group, keys []string, args []any) {
	if c.keys == nil {
		*c = call{group: g, keys: slices.Clip(keys), args: slices.Clip(args)}
	}
}

// visits are the calls, by group, that have begun, each with its order.
func visits(calls []call, order [][]int) ([]call, [][]int) {
	sent := 0
	for i := range calls {
		if calls[i].keys == nil {
			continue
		}
		calls[sent] = calls[i]
		if order != nil {
			order[sent] = order[i]
		}
		sent++
	}
	if order != nil {
		order = order[:sent]
	}
	return calls[:sent], order
}

// checkVisits looks through the markers' answers (installation, claims, shared):
// a kind of visit that one group knows, every group must know, up to number.
func checkVisits(id, name string, number uint64, commands []*redis.SliceCmd) error {
	fields := []string{"installation", claimField + name, shareField + name}
	least := make([]uint64, len(fields))
	behind := make([]group, len(fields))
	used := make([]bool, len(fields))
	for i, command := range commands {
		if found := text(command.Val(), 0); found != id {
			c := call{group: group(i), args: []any{id}}
			return c.lost([]any{"LOST", "installation", found}, found)
		}
		for kind := 1; kind < len(fields); kind++ {
			recorded, err := recordedNumber(text(command.Val(), kind))
			if err != nil {
				return fmt.Errorf("slot group %s: the marker's %s: %w", group(i).tag(), fields[kind], err)
			}
			used[kind] = used[kind] || recorded > 0
			if i == 0 || recorded < least[kind] {
				least[kind], behind[kind] = recorded, group(i)
			}
		}
	}
	if !used[1] && !used[2] {
		return fmt.Errorf("no slot group knows a batch of %s, batch %d is expected: %w: %s", name, number, pipeline.ErrStateLost, remedy)
	}
	for kind := 1; kind < len(fields); kind++ {
		if used[kind] && least[kind] < number {
			return fmt.Errorf("slot group %s: batch %d of %s is expected, %d found: %w: %s", behind[kind].tag(), number, fields[kind], least[kind], pipeline.ErrStateLost, remedy)
		}
	}
	return nil
}

// recordedNumber is the batch in a field of a marker, 0 when there is none.
func recordedNumber(field string) (uint64, error) {
	if field == "" {
		return 0, nil
	}
	number, _, _ := strings.Cut(field, ":")
	return strconv.ParseUint(number, 10, 64)
}
