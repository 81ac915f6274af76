package failpoint

import (
	"cmp"
	"context"

	"github.com/redis/go-redis/v9"
)

// Redis puts a point into the middle of every effect that takes several scripts:
// of those that go together one half is answered before the other half is sent.
func Redis(client redis.UniversalClient) redis.UniversalClient {
	if On {
		client.AddHook(halves{})
	}
	return client
}

// halves implements redis.Hook.
type halves struct{}

func (halves) DialHook(next redis.DialHook) redis.DialHook {
	return next
}

func (halves) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (halves) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, commands []redis.Cmder) error {
		half := len(commands) / 2
		if ctx.Value(effectKey{}) == nil || half == 0 {
			return next(ctx, commands)
		}
		first := next(ctx, commands[:half])
		halfway(ctx)
		return cmp.Or(first, next(ctx, commands[half:]))
	}
}
