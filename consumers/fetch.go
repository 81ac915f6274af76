package consumers

import (
	"io"
	"time"

	"github.com/segmentio/kafka-go/protocol"
)

// fetchOverhead is what an answer may have beyond the bytes asked for: the first
// batch comes whole even when it alone is larger.
const fetchOverhead = 32 << 20

// fetchRequest asks the leader of one partition for committed records.
type fetchRequest struct {
	exchange
	clientID  string
	topic     string
	partition int32
	offset    int64
	maxWait   int32 // ms that the broker may wait for the first byte
	maxBytes  int32
}

// fetchResponse is the answer, with the record batches as they lie in the log.
type fetchResponse struct {
	code     int16
	stable   int64 // last stable offset
	start    int64 // log start offset
	aborted  []abortedTransaction
	batches  []byte
	withheld bool // no partition was answered for: the broker holds back for a quota
}

// abortedTransaction is a transaction whose records in the answer are void, from
// its first offset up to the producer's abort marker.
type abortedTransaction struct {
	producer int64
	first    int64
}

func newFetchRequest(s *source, from int64, maxBytes int, wait time.Duration) *fetchRequest {
	return &fetchRequest{
		exchange:  exchange{key: protocol.Fetch},
		clientID:  s.cluster.options.ClientID,
		topic:     s.partition.Topic,
		partition: int32(s.partition.ID),
		offset:    from,
		maxWait:   int32(min(wait, time.Hour) / time.Millisecond),
		maxBytes:  int32(maxBytes),
	}
}

func (*fetchResponse) ApiKey() protocol.ApiKey { return protocol.Fetch }

func (r *fetchRequest) Broker(cluster protocol.Cluster) (protocol.Broker, error) {
	return leaderOf(cluster, r.topic, r.partition)
}

// RawExchange writes the request and reads the answer into one buffer, which the
// records will share.
func (r *fetchRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if err := r.needs(fetchVersion, "2.3"); err != nil {
		return nil, err
	}
	if err := r.frame().send(rw); err != nil {
		return nil, err
	}
	a, err := receive(rw, int(r.maxBytes)+fetchOverhead)
	if err != nil {
		return nil, err
	}
	return readFetch(&a)
}

func (r *fetchRequest) frame() frame {
	const (
		minBytes      = 1
		readCommitted = 1
		noSession     = 0
		finalEpoch    = -1
		unknownEpoch  = -1
		unknownStart  = -1
	)
	f := newFrame(int16(protocol.Fetch), fetchVersion, r.clientID).
		int32(-1).int32(r.maxWait).int32(minBytes).int32(r.maxBytes).int8(readCommitted).
		int32(noSession).int32(finalEpoch)
	f = f.int32(1).string(r.topic).
		int32(1).int32(r.partition).int32(unknownEpoch).int64(r.offset).int64(unknownStart).int32(r.maxBytes)
	return f.int32(0).string("") // no forgotten topics, no rack: the leader answers
}

func readFetch(a *answer) (*fetchResponse, error) {
	r := &fetchResponse{}
	a.int32() // throttled
	r.code = a.int16()
	a.int32() // session
	if a.count(2) == 0 {
		r.withheld = true
		return r, a.err
	}
	a.string()
	if a.count(4) == 0 {
		r.withheld = true
		return r, a.err
	}
	a.int32() // partition
	if code := a.int16(); code != 0 {
		r.code = code
	}
	a.int64() // high watermark
	r.stable = a.int64()
	r.start = a.int64()
	if n := a.count(16); n > 0 {
		r.aborted = make([]abortedTransaction, n)
		for i := range r.aborted {
			r.aborted[i] = abortedTransaction{producer: a.int64(), first: a.int64()}
		}
	}
	a.int32() // preferred replica
	if n := a.int32(); n > 0 {
		r.batches = a.bytes(int(n))
	}
	return r, a.err
}
