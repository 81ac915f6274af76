package conversions

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
)

// A claim leaves the memory that partitions share a retention after it was made;
// then the table conversions tells that its id is taken. Each batch keeps a list
// of the claims that its events own, which the archive finds when it is old. The
// rows of that batch are in the books, long since: so its partition may release
// them, whatever others do at the same time (docs/decisions/archive.md).

// owns tells which of its ids a conversion claimed.
type owns uint8

const (
	ownsConversion owns = 1 << iota
	ownsOrder
)

var ownsBy = map[string]owns{byConversion: ownsConversion, byOrder: ownsOrder}

// ownedKey is the key of a batch's list.
func ownedKey(number uint64) string { return ownedPrefix + strconv.FormatUint(number, 36) }

func isOwned(key string) bool { return strings.HasPrefix(key, ownedPrefix) }

// owned is the batch's list; nil for nothing. It is the version, an offset to count
// from, and for each claim the hash of its id and its offset.
func (k *work) owned() []byte {
	var b []byte
	add := func(c *event.Conversion, by string, offset int64) {
		if b == nil {
			b = binary.AppendUvarint([]byte{version}, uint64(k.bounds.First)) //nolint:gosec // offsets are not negative
		}
		q := claimOf(c, by)
		id := pipeline.NewClaimID(q.key())
		b = binary.AppendUvarint(append(b, id[:]...), uint64(offset-k.bounds.First)) //nolint:gosec // likewise
	}
	for i := range k.record.Decisions {
		d := &k.record.Decisions[i]
		c, offset := &k.events[d.Index].Conversion, k.records[d.Index].Offset
		if d.Owns&ownsConversion != 0 {
			add(c, byConversion, offset)
		}
		if d.Owns&ownsOrder != 0 {
			add(c, byOrder, offset)
		}
	}
	return b
}

var errOwned = errors.New("a list of claims is damaged")

// appendOwned reads a list.
func appendOwned(to []pipeline.Owned, b []byte) ([]pipeline.Owned, error) {
	if len(b) == 0 || b[0] != version {
		return nil, errVersion
	}
	first, n := binary.Uvarint(b[1:])
	if n <= 0 {
		return nil, errOwned
	}
	for b = b[1+n:]; len(b) > 0; {
		var o pipeline.Owned
		size := copy(o.ID[:], b)
		after, n := binary.Uvarint(b[size:])
		if n <= 0 {
			return nil, errOwned
		}
		o.Offset = int64(first + after) //nolint:gosec // as it was written
		to, b = append(to, o), b[size+n:]
	}
	return to, nil
}

// release releases the claims of the lists that this batch finds old. Whoever takes
// the batch over from its begin record has planned nothing, and a later batch
// finds the lists again: to release twice does no harm.
func (k *work) release(ctx context.Context) (err error) {
	var list []pipeline.Owned
	for i := range k.moves.Gone {
		gone := &k.moves.Gone[i]
		if list, err = appendOwned(list, gone.Data); err != nil {
			return fmt.Errorf("%s: %w", gone.Key, err)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return k.session.Memory.Release(ctx, k.bounds, list)
}
