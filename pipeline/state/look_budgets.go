package state

import (
	"context"
	"fmt"
	"math/big"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/grapevinehq/grapevine/pipeline"
)

// BudgetLook is one period of a budget, as it stands.
type BudgetLook struct {
	Name string
	Used *big.Int // what was taken, and given to rewards that have not collected it
	// Given is the part of it that nobody has collected.
	Given *big.Int
	// Drawn names the last batch of each partition that drew, by incarnation/partition.
	Drawn map[string]uint64
}

// Budgets hands every budget to take, one at a time.
func (s *Store) Budgets(ctx context.Context, take func(BudgetLook) error) error {
	if _, err := s.id(); err != nil {
		return err
	}
	names, err := s.budgetNames(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		look, err := s.Budget(ctx, name)
		if err != nil {
			return err
		}
		if err := take(look); err != nil {
			return err
		}
	}
	return nil
}

// budgetNames looks for them on every primary: there are few.
func (s *Store) budgetNames(ctx context.Context) ([]string, error) {
	found := make(chan string)
	done := make(chan []string)
	go func() {
		var names []string
		for name := range found {
			names = append(names, name)
		}
		done <- names
	}()
	err := s.eachPrimary(ctx, func(ctx context.Context, client *redis.Client) error {
		for cursor, more := uint64(0), true; more; more = cursor != 0 {
			keys, next, err := client.Scan(ctx, cursor, "{g??}:b:*", scanStep).Result()
			if err != nil {
				return err
			}
			for _, key := range keys {
				_, name, _ := strings.Cut(key, "}:b:")
				found <- name
			}
			cursor = next
		}
		return nil
	})
	close(found)
	names := <-done
	if err != nil {
		return nil, fmt.Errorf("look for budgets in Redis: %w", err)
	}
	return names, nil
}

// Budget reads one in one step.
func (s *Store) Budget(ctx context.Context, name string) (BudgetLook, error) {
	g := groupOf(name)
	look := BudgetLook{Name: name, Used: new(big.Int), Given: new(big.Int), Drawn: map[string]uint64{}}
	var account, waiting *redis.MapStringStringCmd
	if err := s.retry(ctx, "look", func() error {
		_, err := s.client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
			account, waiting = pipe.HGetAll(ctx, g.key("b:"+name)), pipe.HGetAll(ctx, g.key("bw:"+name))
			return nil
		})
		return err
	}); err != nil {
		return look, fmt.Errorf("look at budget %s: %w", name, err)
	}
	for field, value := range account.Val() {
		partition, drawn := strings.CutPrefix(field, drawField)
		switch {
		case field == "used":
			if _, ok := look.Used.SetString(value, 10); !ok {
				return look, fmt.Errorf("budget %s has used %q", name, value)
			}
		case drawn:
			number, err := recordedNumber(value)
			if err != nil {
				return look, fmt.Errorf("budget %s: the last draw of %s: %w", name, partition, err)
			}
			look.Drawn[partition] = number
		}
	}
	for _, value := range waiting.Val() {
		turn, rest, _ := strings.Cut(value, ":")
		amount, _, _ := strings.Cut(rest, ":")
		if turn == "" {
			continue // it still waits
		}
		given, ok := new(big.Int).SetString(amount, 10)
		if !ok {
			return look, fmt.Errorf("budget %s has given room of %q", name, amount)
		}
		look.Given.Add(look.Given, given)
	}
	return look, nil
}

// DrawnBy names a partition as budgets do.
func DrawnBy(p pipeline.Partition) string { return partitionName(p) }
