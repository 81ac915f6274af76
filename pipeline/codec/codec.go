// Package codec encodes what the program keeps for itself in Redis: journals,
// ledgers, what is known of members and customers. Equal values are equal bytes.
//
// It reads its own bytes alone, so it takes everything that it writes: any
// number of elements, and strings as they came. What strangers send is refused
// where it is decoded (package event), never here: a record that were written
// and could not be read again would hold its partition up for good.
package codec

import (
	"bytes"
	"math"
	"sync"

	"github.com/fxamacker/cbor/v2"
)

var (
	encoding = must(cbor.CoreDetEncOptions().UserBufferEncMode())
	decoding = must(cbor.DecOptions{
		MaxArrayElements: math.MaxInt32,
		MaxMapPairs:      math.MaxInt32,
		UTF8:             cbor.UTF8DecodeInvalid, // the names of Kafka's headers are any bytes
	}.DecMode())
)

// Marshal encodes a value.
func Marshal(v any) ([]byte, error) { return encoding.Marshal(v) }

// MarshalVersion encodes a value behind a byte that tells the version of its
// encoding.
func MarshalVersion(version byte, v any) ([]byte, error) {
	b := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(b)
	b.Reset()
	b.WriteByte(version)
	if err := encoding.MarshalToBuffer(v, b); err != nil {
		return nil, err
	}
	return bytes.Clone(b.Bytes()), nil
}

// Append encodes a value behind bytes; it is copied less often where these have room
// for it.
func Append(to []byte, v any) ([]byte, error) {
	b := bytes.NewBuffer(to)
	if err := encoding.MarshalToBuffer(v, b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// buffers hold values while they grow.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// Unmarshal reads what Marshal wrote.
func Unmarshal(b []byte, v any) error { return decoding.Unmarshal(b, v) }

func must[T any](mode T, err error) T {
	if err != nil {
		panic("codec: the options are constant: " + err.Error())
	}
	return mode
}
