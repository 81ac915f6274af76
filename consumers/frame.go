package consumers

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// errShortFrame means that an answer of a broker ended before what it announced.
var errShortFrame = errors.New("the broker's answer is shorter than it says")

// frame is a request of the Kafka protocol in the making. All integers are big-endian.
type frame []byte

// newFrame begins a request with header version 1; flexible requests (header
// version 2) add their empty tags themselves.
func newFrame(apiKey, version int16, clientID string) frame {
	f := make(frame, 4, 256) // the size comes last
	return f.int16(apiKey).int16(version).int32(correlation).string(clientID)
}

// correlation may be constant: a connection carries one request at a time.
const correlation int32 = 0x67763031

func (f frame) int8(v int8) frame   { return append(f, byte(v)) }
func (f frame) int16(v int16) frame { return binary.BigEndian.AppendUint16(f, uint16(v)) }
func (f frame) int32(v int32) frame { return binary.BigEndian.AppendUint32(f, uint32(v)) }
func (f frame) int64(v int64) frame { return binary.BigEndian.AppendUint64(f, uint64(v)) }

func (f frame) string(s string) frame { return append(f.int16(int16(len(s))), s...) }

// compact appends a string as flexible versions write it.
func (f frame) compact(s string) frame { return append(f.uvarint(uint64(len(s))+1), s...) }

func (f frame) uvarint(v uint64) frame { return binary.AppendUvarint(f, v) }

// send writes the finished request.
func (f frame) send(w io.Writer) error {
	binary.BigEndian.PutUint32(f, uint32(len(f)-4))
	_, err := w.Write(f)
	return err
}

// receive reads one answer into a buffer of its own, checks that it is the
// answer to send, and returns what follows the correlation id. An answer over
// limit bytes is refused before memory is taken for it.
func receive(r io.Reader, limit int) (answer, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return answer{}, err
	}
	n := int(int32(binary.BigEndian.Uint32(size[:])))
	if n < 4 || n > limit {
		return answer{}, fmt.Errorf("the broker announces an answer of %d bytes, at most %d are taken", n, limit)
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return answer{}, err
	}
	a := answer{rest: body}
	if id := a.int32(); id != correlation {
		return answer{}, fmt.Errorf("the broker answered request %d, asked was %d", id, correlation)
	}
	return a, nil
}

// answer is what is left to read of a broker's answer. After a read beyond its
// end everything is zero, and err says so.
type answer struct {
	rest []byte
	err  error
}

// bytes takes the next n bytes, sharing the answer's buffer.
func (a *answer) bytes(n int) []byte {
	if n < 0 || n > len(a.rest) {
		a.err, a.rest = errShortFrame, nil
		return nil
	}
	taken := a.rest[:n:n]
	a.rest = a.rest[n:]
	return taken
}

func (a *answer) int16() int16 {
	if b := a.bytes(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (a *answer) int32() int32 {
	if b := a.bytes(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (a *answer) int64() int64 {
	if b := a.bytes(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

func (a *answer) string() string { return string(a.bytes(int(a.int16()))) }

func (a *answer) uvarint() int {
	v, n := binary.Uvarint(a.rest)
	if n <= 0 || v > uint64(len(a.rest)) && v > 1<<31 {
		a.err, a.rest = errShortFrame, nil
		return 0
	}
	a.rest = a.rest[n:]
	return int(v)
}

// compact reads a string as flexible versions write it; null is "".
func (a *answer) compact() string {
	n := a.uvarint()
	if n == 0 {
		return ""
	}
	return string(a.bytes(n - 1))
}

// count reads the length of an array whose items take at least size bytes each,
// so that a wrong one takes no memory. Null is 0.
func (a *answer) count(size int) int { return a.checked(int(a.int32()), size) }

// compactCount is count as flexible versions write it.
func (a *answer) compactCount(size int) int { return a.checked(a.uvarint()-1, size) }

func (a *answer) checked(n, size int) int {
	if n <= 0 {
		return 0
	}
	if n > len(a.rest)/size {
		a.err, a.rest = errShortFrame, nil
		return 0
	}
	return n
}

// tags skips the tagged fields of flexible versions.
func (a *answer) tags() {
	for n := a.uvarint(); n > 0 && a.err == nil; n-- {
		a.uvarint()
		a.bytes(a.uvarint())
	}
}
