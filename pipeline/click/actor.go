package click

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

// SecretBytes is the length of a hash secret.
const SecretBytes = 32

// Hasher makes the keyed hash that stands for an ip and user agent (§2): neither
// can be had back from it without the secret, and equal ones have equal hashes
// as long as the secret stays. It is HMAC-SHA256, its first 16 bytes in hex.
//
// A Hasher is one goroutine's.
type Hasher struct {
	mac hash.Hash
	sum [sha256.Size]byte
	buf []byte
}

// NewHasher makes a Hasher under a secret.
func NewHasher(secret [SecretBytes]byte) *Hasher {
	return &Hasher{mac: hmac.New(sha256.New, secret[:])}
}

// Hash is the keyed hash of an ip and a user agent: 32 hexadecimal digits.
func (h *Hasher) Hash(ip, userAgent string) string {
	// The length of the first keeps "a"+"bc" and "ab"+"c" apart.
	h.buf = binary.LittleEndian.AppendUint32(h.buf[:0], uint32(len(ip)))
	h.buf = append(h.buf, ip...)
	h.buf = append(h.buf, userAgent...)
	h.mac.Reset()
	h.mac.Write(h.buf)
	sum := h.mac.Sum(h.sum[:0])
	return hex.EncodeToString(sum[:16])
}

// Actor is who clicked: the visitor, or else whoever has this ip and user agent.
// known says that it is a visitor id. The two kinds must be kept apart where
// actors are compared, as a visitor id may look like a hash.
func (h *Hasher) Actor(c *event.Click) (actor string, known bool) {
	if c.VisitorID != "" {
		return c.VisitorID, true
	}
	return h.Hash(c.IP, c.UserAgent), false
}
