package state

import (
	"context"
	_ "embed" // the script
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/grapevinehq/grapevine/pipeline"
)

//go:embed initialise.lua
var initialiseLua string

var initialiseScript = newScript("initialise", initialiseLua)

// Installation returns the id of the installation that Redis belongs to, and
// from then on the store belongs to it. It is empty when Redis holds no marker
// at all: a new Redis, or one that lost everything, which only the books can
// tell apart. Markers that are missing or differ are ErrStateLost, with the
// slot groups. An Initialise that was interrupted is carried to its end.
func (s *Store) Installation(ctx context.Context) (string, error) {
	found, initialising, err := s.markers(ctx)
	if err != nil {
		return "", err
	}
	id := found[0]
	if id != "" && initialising && noneBut(found, id) {
		return s.spread(ctx, id)
	}
	if err := uniform(found); err != nil {
		return "", err
	}
	if id != "" {
		s.belongTo(id)
	}
	return id, nil
}

// Initialise makes an empty Redis this installation's: it sets the markers of
// all slot groups. Call it only when Installation found none and neither the
// books nor Kafka's commits know of an installation. Workers may do it side by
// side: one of their ids stands, and is returned.
func (s *Store) Initialise(ctx context.Context, installation string) (string, error) {
	if installation == "" {
		return "", errors.New("redis: initialise: an installation needs an id")
	}
	standing, err := s.Installation(ctx)
	if err != nil || standing != "" {
		return standing, err
	}
	first := call{keys: []string{group(0).marker()}, args: []any{installation}}
	answers, err := s.run(ctx, initialiseScript, []call{first})
	if err != nil {
		return "", err
	}
	return s.spread(ctx, text(answers[0], 1))
}

// spread sets the markers that are missing, and then notes that all are there.
func (s *Store) spread(ctx context.Context, id string) (string, error) {
	err := s.retry(ctx, "initialise", func() error {
		_, err := s.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			for _, key := range markers {
				pipe.HSetNX(ctx, key, "installation", id)
			}
			return nil
		})
		return err
	})
	if err != nil {
		return "", err
	}
	found, _, err := s.markers(ctx)
	if err == nil {
		err = uniform(found)
	}
	if err != nil {
		return "", err
	}
	if err := s.retry(ctx, "initialise", func() error {
		return s.client.HDel(ctx, markers[0], "initialising").Err()
	}); err != nil {
		return "", err
	}
	s.belongTo(id)
	return id, nil
}

// markers reads the installation of every slot group, and whether an
// Initialise is under way.
func (s *Store) markers(ctx context.Context) (found []string, initialising bool, err error) {
	found = make([]string, Groups)
	err = s.retry(ctx, "markers", func() error {
		commands := make([]*redis.SliceCmd, Groups)
		_, err := s.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			for i, key := range markers {
				commands[i] = pipe.HMGet(ctx, key, "installation", "initialising")
			}
			return nil
		})
		if err != nil {
			return err
		}
		for i, command := range commands {
			found[i] = text(command.Val(), 0)
		}
		initialising = text(commands[0].Val(), 1) != ""
		return nil
	})
	return found, initialising, err
}

// noneBut tells that every marker there is names the id.
func noneBut(found []string, id string) bool {
	return !slices.ContainsFunc(found, func(f string) bool { return f != "" && f != id })
}

// uniform is nil when all markers are there and equal, or none is there.
func uniform(found []string) error {
	groups := make(map[string][]string)
	for i, id := range found {
		groups[id] = append(groups[id], group(i).tag())
	}
	if len(groups) == 1 {
		return nil
	}
	var parts []string
	for id, tags := range groups {
		if id == "" {
			id = "no installation"
		}
		parts = append(parts, fmt.Sprintf("%s in %s", id, several(tags)))
	}
	slices.Sort(parts)
	return fmt.Errorf("redis: the markers of the slot groups differ: %s: %w: %s", strings.Join(parts, "; "), pipeline.ErrStateLost, remedy)
}

// several names a few of them and how many there are.
func several(tags []string) string {
	const most = 8
	if len(tags) <= most {
		return strings.Join(tags, " ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(tags[:most], " "), len(tags)-most)
}
