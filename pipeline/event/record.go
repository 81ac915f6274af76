package event

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
