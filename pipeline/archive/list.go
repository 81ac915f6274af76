package archive

import (
	"encoding/binary"
	"errors"
)

// A list is the time of its batch as a varint, and the keys, each behind its length.

func encodeList(at int64, keys []string) []byte {
	b := binary.AppendVarint(nil, at)
	for _, key := range keys {
		b = binary.AppendUvarint(b, uint64(len(key)))
		b = append(b, key...)
	}
	return b
}

var errList = errors.New("a list of hot values is damaged")

func decodeList(b []byte) (at int64, keys []string, err error) {
	at, n := binary.Varint(b)
	if n <= 0 {
		return 0, nil, errList
	}
	for b = b[n:]; len(b) > 0; {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return 0, nil, errList
		}
		keys = append(keys, string(b[n:n+int(size)])) //nolint:gosec // bounded by the list
		b = b[n+int(size):]                           //nolint:gosec // likewise
	}
	return at, keys, nil
}
