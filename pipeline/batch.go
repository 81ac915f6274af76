package pipeline

import (
	"fmt"
	"slices"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

// Partition names one partition of an input topic.
type Partition struct {
	Topic       string // the topic's name in Kafka, prefix included
	Incarnation string // the topic's id in Kafka: a topic made anew has another
	ID          int
}

// String is topic/partition, for logs and keys.
func (p Partition) String() string { return fmt.Sprintf("%s/%d", p.Topic, p.ID) }

// Bounds are decided and committed before a batch has any effect: a replay
// works exactly the same offsets (contract §7).
type Bounds struct {
	Partition Partition
	Number    uint64 // counts the batches of the partition from 1; timers share the sequence
	First     int64  // first offset
	End       int64  // offset after the last
	Time      int64  // ms since the epoch: when the batch was read, never falling within a partition
	Revision  string // the configuration that decides this batch, by hash
}

// Position is the place of one record in Kafka.
type Position struct {
	Topic     string
	Partition int
	Offset    int64
}

// Column is one column of a block: Data is a slice of one of the types that
// the column's ClickHouse type takes ([]string, []int64 as raw ticks for
// DateTime64(3), []uint8, []uint32, []uint64, []int32, []map[string]string, [][]string, ...).
type Column struct {
	Name string
	Data any
}

// Block is what a batch inserts into one table: exactly one native block.
type Block struct {
	Table   string
	Rows    int
	Columns []Column
}

// Message is one record to be published. Topic is the contract's name, without
// a prefix.
type Message struct {
	Topic   string
	Key     []byte
	Value   []byte
	Headers []MessageHeader
}

// MessageHeader is one header of a published record.
type MessageHeader struct {
	Key   string
	Value []byte
}

// Structured is the message of a structured-mode CloudEvent.
func Structured(topic string, key, value []byte) Message {
	return Message{Topic: topic, Key: key, Value: value, Headers: structured}
}

var structured = []MessageHeader{{Key: event.ContentType, Value: []byte(event.StructuredContentType)}}

// Grow gives columns room for n more values each, so that they need not be copied
// again and again while they are filled.
func Grow[T any](n int, columns ...*[]T) {
	for _, c := range columns {
		*c = slices.Grow(*c, n)
	}
}

// DeadLetter says why the record at Index of a batch was refused. What is known
// of the event stands in the books; its payload does not.
type DeadLetter struct {
	Index     int
	Reason    string // §2 and §3: invalid, unknown_program, unknown_referral_code, no_exchange_rate, code_taken, ...
	Detail    string // every problem, for a person
	OrgID     string // these four where the event told them
	ProgramID string
	EventID   string
	Source    string
	// Private are texts that the books must not hold: they are blotted out of the
	// key there. The topic has the original.
	Private []string
	// Original is set when the letter is not about a record of this batch, but
	// about one that was processed before (a code that turned out to be taken).
	Original *Original
}

// Original is a record of before, whole.
type Original struct {
	Position Position
	Key      []byte
	Value    []byte
	Headers  []MessageHeader
}
