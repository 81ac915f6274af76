package event

import "fmt"

// Header is one header of a Kafka record.
type Header struct {
	Key   string
	Value []byte
}

// Record is one Kafka record as it was read. Key, Value and the header values
// may point into a buffer shared by a whole fetch: they are valid as long as
// the batch that holds the record.
type Record struct {
	Offset  int64
	Time    int64 // Kafka timestamp, milliseconds since the epoch
	Key     []byte
	Value   []byte
	Headers []Header
}

// besides tells what is wrong with what a record has beside its value.
func (r *Record) besides() string {
	if len(r.Headers) > MaxHeaders {
		return fmt.Sprintf("the record has more than %d headers", MaxHeaders)
	}
	n := len(r.Key)
	for i := range r.Headers {
		n += len(r.Headers[i].Key) + len(r.Headers[i].Value)
	}
	if n > MaxValueBytes {
		return fmt.Sprintf("key and headers have %d bytes, %d are allowed", n, MaxValueBytes)
	}
	return ""
}
