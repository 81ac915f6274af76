package conversions

import (
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
)

// name joins ids so that no two lists have the same name: each behind its length.
func name(parts ...string) string {
	size := 0
	for _, p := range parts {
		size += len(p) + len("1000:")
	}
	var b strings.Builder
	b.Grow(size)
	for _, p := range parts {
		b.WriteString(strconv.Itoa(len(p)))
		b.WriteByte(':')
		b.WriteString(p)
	}
	return b.String()
}

// The values that the partition's own memory holds, one a key:
//
//	cu:<org, customer>                       customer, the visitors that are linked
//	cp:<org, program, customer>              standing, what binds, and what counts by kind
//	cv:<org, program, conversion_id>         conversion, counted ones alone
//	aw:<org, program, conversion_id>         adjustments that wait for their conversion
//	aw:hours, aw:h<hour>                     when their time is up, see expiry.go
//	aw:pending                               the newest of those, see pending.go
//	ai:<org, program, key, source, event>    whether an event that waits, or waited in vain, is taken
//	cl:<number of a batch>                   claims that its events own, see release.go
//
// where <...> is 16 bytes of the SHA-256 of the name, in base64. The first three
// move to the archive when no batch has written them for long, and the last ones
// go. The memory of taken
// events lies beside them under names without a colon, what the archive needs
// under names that begin with hot:.
const (
	customerPrefix   = "cu:"
	standingPrefix   = "cp:"
	conversionPrefix = "cv:"
	waitingPrefix    = "aw:"
	identityPrefix   = "ai:"
	ownedPrefix      = "cl:"
)

// archived tells whether the value of a key moves to the archive when it is old.
func archived(key string) bool {
	return strings.HasPrefix(key, customerPrefix) || strings.HasPrefix(key, standingPrefix) || strings.HasPrefix(key, conversionPrefix)
}

// A batch moves at most so many values to the archive, and so many more for each
// of its events: more than events write.
const (
	movesAtMost  = 1000
	movesAnEvent = 8
)

// memoryKey is the key of a name in the partition's memory.
func memoryKey(prefix, name string) string {
	sum := sha256.Sum256([]byte(name))
	return prefix + base64.RawURLEncoding.EncodeToString(sum[:16])
}
