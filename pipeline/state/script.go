package state

import (
	"context"
	_ "embed" // the scripts
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed marker.lua
	markerLua string
	//go:embed home.lua
	homeLua string
)

// script is a Lua script with the checks that go before it.
type script struct {
	name   string
	source string
	sha    string
}

func newScript(name string, parts ...string) *script {
	source := strings.Join(parts, "\n")
	return &script{name: name, source: source, sha: redis.NewScript(source).Hash()}
}

// call is one run of a script, within one slot group.
type call struct {
	group group
	keys  []string // the first is the group's marker
	args  []any
}

// command is the call as EVALSHA. Keys but the first, by which it is routed,
// go as pointers: a batch has thousands, and so none is allocated anew.
func (c *call) command(ctx context.Context, s *script) *redis.Cmd {
	args := make([]any, 0, 3+len(c.keys)+len(c.args))
	args = append(args, "evalsha", s.sha, len(c.keys), c.keys[0])
	for i := range c.keys[1:] {
		args = append(args, &c.keys[i+1])
	}
	return redis.NewCmd(ctx, append(args, c.args...)...)
}

// run carries out a script for each of the calls, in one pipeline, and returns
// their answers, each a list that begins with OK or STANDS. It waits, with
// backoff, for a Redis that is away; only calls without an answer are sent again,
// and every script bears being sent twice. A refusal is an error.
func (s *Store) run(ctx context.Context, script *script, calls []call) ([][]any, error) {
	answers := make([][]any, len(calls))
	err := s.retry(ctx, script.name, func() error { return s.attempt(ctx, script, calls, answers) })
	if err != nil {
		return nil, err
	}
	return answers, nil
}

// attempt sends the calls that have no answer yet, and the script first to nodes
// that do not have it.
func (s *Store) attempt(ctx context.Context, script *script, calls []call, answers [][]any) error {
	var unknown bool
	err := s.send(ctx, script, calls, answers, &unknown)
	if err == nil && unknown {
		if err = s.client.ScriptLoad(ctx, script.source).Err(); err == nil {
			err = s.send(ctx, script, calls, answers, &unknown)
		}
	}
	if err == nil && unanswered(answers) {
		return fmt.Errorf("redis does not keep the script %s that was just loaded", script.name)
	}
	return err
}

func unanswered(answers [][]any) bool {
	for _, answer := range answers {
		if answer == nil {
			return true
		}
	}
	return false
}

// send runs the calls that have no answer yet and takes their answers. unknown
// tells that a node did not know the script.
func (s *Store) send(ctx context.Context, script *script, calls []call, answers [][]any, unknown *bool) error {
	pipe := s.client.Pipeline()
	commands := make([]*redis.Cmd, len(calls))
	for i := range calls {
		if answers[i] == nil {
			commands[i] = calls[i].command(ctx, script)
			_ = pipe.Process(ctx, commands[i]) // queued; Exec sends it
		}
	}
	_, _ = pipe.Exec(ctx) // each command tells its own error
	var failed error
	for i, command := range commands {
		if command == nil {
			continue
		}
		answer, err := command.Slice()
		switch {
		case redis.HasErrorPrefix(err, "NOSCRIPT") || errors.Is(err, redis.ErrNoScript):
			*unknown = true
		case err != nil:
			failed = worse(failed, fmt.Errorf("slot group %s: %w", calls[i].group.tag(), err))
		default:
			if refused := calls[i].refusal(answer); refused != nil {
				failed = worse(failed, refused)
				continue
			}
			answers[i] = answer
		}
	}
	return failed
}

// worse prefers an error that no retry mends.
func worse(a, b error) error {
	if a == nil || (!permanent(a) && permanent(b)) {
		return b
	}
	return a
}

// text is one element of an answer, empty where there is none.
func text(answer []any, i int) string {
	if i >= len(answer) {
		return ""
	}
	value, _ := answer[i].(string)
	return value
}

// elementBytes is one element of an answer, nil where there is none.
func elementBytes(answer []any, i int) []byte {
	if i >= len(answer) {
		return nil
	}
	if value, ok := answer[i].(string); ok {
		return []byte(value)
	}
	return nil
}
