package recall

import "github.com/dchest/siphash"

// Hasher hashes keys and events under a key of the installation, so that
// nobody who only sends events can make two of them collide.
type Hasher struct{ k0, k1 uint64 }

// NewHasher makes the hasher of an installation from 16 bytes that stay the
// same as long as its memory does.
func NewHasher(secret [16]byte) Hasher {
	return Hasher{le64(secret[:8]), le64(secret[8:])}
}

// Key is the hash of what a duplicate shares: for clicks program, referrer,
// link and actor.
type Key struct{ Hi, Lo uint64 }

// Event is the hash of an event's identity within its key.
type Event uint64

// Key hashes the parts of a key. buf is scratch space, returned for reuse.
func (h Hasher) Key(buf []byte, parts ...string) (Key, []byte) {
	buf = join(buf[:0], parts)
	hi, lo := siphash.Hash128(h.k0, h.k1, buf)
	return Key{hi, lo}, buf
}

// Event hashes the identity of an event together with its key: the same event
// under another key is another event.
func (h Hasher) Event(buf []byte, key Key, parts ...string) (Event, []byte) {
	buf = join(buf[:0], parts)
	return Event(siphash.Hash(h.k0^key.Hi, h.k1^key.Lo, buf)), buf
}

// join writes each part behind its length, so that no two lists are alike.
func join(buf []byte, parts []string) []byte {
	for _, p := range parts {
		n := len(p)
		buf = append(buf, byte(n), byte(n>>8), byte(n>>16))
		buf = append(buf, p...)
	}
	return buf
}

// An entry is 6 bytes of its key, 7 bytes of its event and 6 bytes of time.
//
// A key is found by its bucket (bits of Lo) and 48 independent bits of Hi. With
// at most 256 entries in a bucket on average and five segments, the chance that
// a click meets another key's entry is below 1280 / 2^48 = 5 in 10^12, at any
// number of clicks; the bound of 1 in 10^9 holds up to 280,000 entries a bucket.
const entrySize = 19

func (k Key) tag() uint64      { return k.Hi & (1<<48 - 1) }
func (e Event) tag() uint64    { return uint64(e) & (1<<56 - 1) }
func (k Key) bucket(n int) int { return int(k.Lo & uint64(n-1)) }

// A stamp is a time in 48 bits; 0 is kept for an event that was not counted.
const stampZero = 1 << 47

func toStamp(ms int64) uint64      { return uint64(ms+stampZero) & (1<<48 - 1) }
func fromStamp(stamp uint64) int64 { return int64(stamp) - stampZero }

func appendEntry(buf []byte, e Entry) []byte {
	stamp := uint64(0)
	if e.Counted {
		stamp = toStamp(e.Time)
	}
	k, v := e.Key.tag(), e.Event.tag()
	return append(buf,
		byte(k), byte(k>>8), byte(k>>16), byte(k>>24), byte(k>>32), byte(k>>40),
		byte(v), byte(v>>8), byte(v>>16), byte(v>>24), byte(v>>32), byte(v>>40), byte(v>>48),
		byte(stamp), byte(stamp>>8), byte(stamp>>16), byte(stamp>>24), byte(stamp>>32), byte(stamp>>40))
}

func uint48(b []byte) uint64 {
	_ = b[5]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 | uint64(b[4])<<32 | uint64(b[5])<<40
}

func uint56(b []byte) uint64 { return uint48(b) | uint64(b[6])<<48 }

func le64(b []byte) uint64 { return uint48(b) | uint64(b[6])<<48 | uint64(b[7])<<56 }
