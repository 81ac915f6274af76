package state

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/grapevinehq/grapevine/pipeline"
)

// refused is an error that Redis answers with.
type refused string

func (r refused) Error() string { return string(r) }

func (refused) RedisError() {}

var _ redis.Error = refused("")

func TestPermanent_is_what_waiting_does_not_mend(t *testing.T) {
	cases := map[error]bool{
		pipeline.ErrFenced:      true,
		pipeline.ErrStateLost:   true,
		redis.ErrClosed:         true,
		io.EOF:                  false,
		errors.New("a timeout"): false,
		refused("NOPERM User w has no permissions to run the 'evalsha' command"):                true,
		refused("WRONGPASS invalid username-password pair or user is disabled."):                true,
		refused("WRONGTYPE Operation against a key holding the wrong kind of value"):            true,
		refused("ERR user_script:1: Script attempted to access nonexistent global variable"):    true,
		refused("ERR Error running script (call to f_1): OOM command not allowed when used"):    false,
		refused("ERR max number of clients reached"):                                            false,
		refused("OOM command not allowed when used memory > 'maxmemory'."):                      false,
		refused("READONLY You can't write against a read only replica."):                        false,
		refused("LOADING Redis is loading the dataset in memory"):                               false,
		refused("CLUSTERDOWN The cluster is down"):                                              false,
		refused("MISCONF Redis is configured to save RDB snapshots, but it's currently unable"): false,
		refused("NOREPLICAS Not enough good replicas to write."):                                false,
		refused("BUSY Redis is busy running a script."):                                         false,
		refused("TRYAGAIN Multiple keys request during rehashing of slot"):                      false,
	}
	for err, want := range cases {
		if got := permanent(fmt.Errorf("slot group {g00}: %w", err)); got != want {
			t.Errorf("permanent(%v) is %v, want %v", err, got, want)
		}
	}
}
