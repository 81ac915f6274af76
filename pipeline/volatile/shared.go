package volatile

import (
	"context"
	"maps"
)

// ReadShared returns the fields of each shared hash, nil where there is none. The
// batches that are known to be complete are not looked at: nothing is lost here.
func (s *Store) ReadShared(_ context.Context, _ map[string][]uint64, keys []string) ([]map[string][]byte, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	values := make([]map[string][]byte, len(keys))
	for i, key := range keys {
		values[i] = maps.Clone(s.shared[key])
	}
	return values, nil
}
