package consumers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/grapevinehq/grapevine/pipeline"
)

const (
	minFetch = 64 << 10 // bytes asked for at least
	maxFetch = 64 << 20 // and at most

	// fetchTries bounds how often one call of Fetch asks anew after an error that
	// may pass: then the caller is told, so that health can be.
	fetchTries = 4

	// maxPatience is how long a call of Fetch may take over its time.
	maxPatience = 5 * time.Second

	// gapProofs is how often an empty answer must repeat before what it skips is
	// believed to be gone.
	gapProofs = 3
)

// source is one assigned partition under one generation.
type source struct {
	cluster   *Cluster
	partition pipeline.Partition
	member    member
	lease     *lease
	ending    <-chan struct{}
	keys      map[string]string // header names seen
	stream    *stream           // the batch that is read piece by piece, if one is
	swell     float64           // how many times its size the last answer became, unpacked
}

// member is who we are in the group during one generation.
type member struct {
	id         string
	generation int32
}

// over is why work under this generation ends.
func (m member) over() error {
	return fmt.Errorf("%w: generation %d of the group is over", pipeline.ErrFenced, m.generation)
}

var _ pipeline.Source = (*source)(nil)

func (s *source) Partition() pipeline.Partition { return s.partition }
func (s *source) Generation() int32             { return s.member.generation }
func (s *source) Lease() time.Time              { return s.lease.until() }
func (s *source) Ending() <-chan struct{}       { return s.ending }

func (s *source) id() topicPartition { return topicPartition{s.partition.Topic, s.partition.ID} }

// Start is the earliest offset that Kafka still has.
func (s *source) Start(ctx context.Context) (int64, error) {
	offsets, err := s.cluster.logOffsets(ctx, []topicPartition{s.id()}, logStart)
	return offsets[s.id()], err
}

// Fetch reads on from an offset (see [pipeline.Source]). The records share one
// buffer, the answer of the broker, and keep it alive. Errors that may pass are
// tried again some times; what is returned then may be tried again by the
// caller. One batch that is larger than maxBytes comes whole. maxBytes are those
// of the records, unpacked: of compressed batches so much less is asked for.
func (s *source) Fetch(ctx context.Context, from int64, maxBytes int, wait time.Duration) (pipeline.Chunk, error) {
	most := min(max(maxBytes, minFetch), maxFetch)
	f := fetching{source: s, from: from, most: most, bytes: max(int(float64(most)/max(s.swell, 1)), minFetch), deadline: time.Now().Add(wait)}
	retry := backoff{first: 20 * time.Millisecond, most: time.Second}
	for try := 1; ; {
		chunk, done, err := f.once(ctx)
		if done {
			return chunk, nil
		}
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return pipeline.Chunk{Next: from}, context.Cause(ctx)
		}
		if try++; try > fetchTries || errors.Is(err, pipeline.ErrOffsetsLost) {
			return pipeline.Chunk{Next: from}, fmt.Errorf("read %s from offset %d: %w", s.partition, from, err)
		}
		if err := retry.wait(ctx); err != nil {
			return pipeline.Chunk{Next: from}, err
		}
	}
}

// fetching is one call of Fetch, which may take several requests.
type fetching struct {
	source   *source
	from     int64
	most     int // bytes of records wanted
	bytes    int // asked for
	deadline time.Time
	gaps     int   // empty answers in a row though the log goes on
	gapEnd   int64 // the stable offset of the first of them
}

// once asks once. Neither done nor an error means: ask again.
func (f *fetching) once(ctx context.Context) (chunk pipeline.Chunk, done bool, err error) {
	wait := max(time.Until(f.deadline), 0)
	answer, err := f.ask(ctx, wait)
	if err != nil {
		return chunk, false, err
	}
	d := decoder{from: f.from, next: f.from, most: f.most, aborted: answer.aborted, keys: f.source.keys, stream: &f.source.stream}
	whole, err := d.decode(answer.batches)
	if d.packed > 0 {
		f.source.swell = float64(d.unpacked) / float64(d.packed)
	}
	if err != nil && d.next == f.from {
		return chunk, false, err // otherwise take what is good, and meet it again at the next call
	}
	chunk = pipeline.Chunk{Records: d.records, Next: d.next, Stable: answer.stable, ReadAt: time.Now()}
	switch {
	case whole && d.next > f.from:
		return chunk, true, nil
	case len(answer.batches) > 0 && f.bytes < maxFetch:
		f.bytes *= 2 // not even the first batch came whole
		return chunk, false, nil
	case len(answer.batches) > 0: // what lies there is no gap
		return chunk, false, fmt.Errorf("%w: no batch beyond offset %d came whole, though %d bytes were asked for", errCorrupt, f.from, f.bytes)
	case answer.withheld:
		return chunk, false, f.patience(ctx, kafka.ThrottlingQuotaExceeded)
	case answer.stable < f.from:
		return chunk, false, f.patience(ctx, kafka.OffsetNotAvailable)
	case answer.stable > f.from:
		return f.gap(ctx, answer, chunk)
	case time.Until(f.deadline) <= 0:
		return chunk, true, nil
	}
	return chunk, false, pause(ctx, 5*time.Millisecond) // a broker may answer before the time is up
}

// patience lets a while pass after an answer that tells nothing of what is in
// the partition: the broker holds back for a quota, or the leader is new and does
// not know yet how far its followers are. After some time it is an error.
func (f *fetching) patience(ctx context.Context, reason kafka.Error) error {
	if time.Until(f.deadline) < -maxPatience {
		return reason
	}
	return pause(ctx, 50*time.Millisecond)
}

// gap takes an empty answer below the stable offset: all there was has been
// compacted away. It is believed when it repeats, and only up to the stable
// offset of the first such answer.
func (f *fetching) gap(ctx context.Context, answer *fetchResponse, chunk pipeline.Chunk) (pipeline.Chunk, bool, error) {
	if f.gaps++; f.gaps == 1 {
		f.gapEnd = answer.stable
	}
	if f.gaps < gapProofs {
		return chunk, false, pause(ctx, 10*time.Millisecond)
	}
	chunk.Next = min(f.gapEnd, answer.stable)
	return chunk, true, nil
}

func (f *fetching) ask(ctx context.Context, wait time.Duration) (*fetchResponse, error) {
	s := f.source
	response, err := s.cluster.roundTrip(ctx, newFetchRequest(s, f.from, f.bytes, wait), wait)
	if err != nil {
		return nil, err
	}
	answer := response.(*fetchResponse)
	switch code := kafka.Error(answer.code); code {
	case 0:
		return answer, nil
	case kafka.OffsetOutOfRange:
		return nil, fmt.Errorf("%w: %s has no offset %d, its log starts at %d: a retention deleted records that were not read, or the topic was cut; "+
			"%s, and give the topic a retention that outlives an outage", pipeline.ErrOffsetsLost, s.partition, f.from, answer.start, beginAnew)
	default:
		return nil, code
	}
}

// Commit commits an offset with metadata, and returns when Kafka has it. It is
// tried again until ctx ends; ErrFenced when the group has moved on.
func (s *source) Commit(ctx context.Context, offset int64, metadata string) error {
	request := &kafka.OffsetCommitRequest{
		GroupID:      s.cluster.options.Group,
		GenerationID: int(s.member.generation),
		MemberID:     s.member.id,
		Topics: map[string][]kafka.OffsetCommit{
			s.partition.Topic: {{Partition: s.partition.ID, Offset: offset, Metadata: metadata}},
		},
	}
	retry := backoff{first: 20 * time.Millisecond, most: time.Second}
	for {
		err := s.commit(ctx, request)
		if err == nil {
			return nil
		}
		err = fmt.Errorf("commit offset %d of %s in generation %d: %w", offset, s.partition, s.member.generation, err)
		if ctx.Err() != nil {
			return errors.Join(context.Cause(ctx), err)
		}
		if errors.Is(err, pipeline.ErrFenced) || !moved(err) {
			return err
		}
		s.cluster.options.Log.Warn("commit failed, trying again", "topic", s.partition.Topic, "partition", s.partition.ID, "offset", offset, "error", err)
		if ended := retry.wait(ctx); ended != nil {
			return errors.Join(err, ended)
		}
	}
}

func (s *source) commit(ctx context.Context, request *kafka.OffsetCommitRequest) error {
	ctx, cancel := context.WithTimeout(ctx, s.cluster.options.RequestTimeout)
	defer cancel()
	answer, err := s.cluster.client.OffsetCommit(ctx, request)
	if err != nil {
		return err
	}
	for _, p := range answer.Topics[s.partition.Topic] {
		if p.Partition == s.partition.ID {
			return fenced(p.Error)
		}
	}
	return errors.New("the broker's answer does not name the partition")
}

// fenced adds ErrFenced to the errors by which Kafka says that this generation
// of the group is over for us.
func fenced(err error) error {
	for _, over := range []kafka.Error{kafka.IllegalGeneration, kafka.UnknownMemberId, kafka.RebalanceInProgress} {
		if errors.Is(err, over) {
			return fmt.Errorf("%w: %w", pipeline.ErrFenced, err)
		}
	}
	return err
}

// Committed returns the group's commit of the partition; offset -1 when there is none.
func (s *source) Committed(ctx context.Context) (int64, string, error) {
	commits, err := s.cluster.committed(ctx, []topicPartition{s.id()})
	if err != nil {
		return 0, "", err
	}
	commit, ok := commits[s.id()]
	if !ok {
		return 0, "", fmt.Errorf("ask Kafka for the commit of %s: the broker's answer does not name it", s.partition)
	}
	return commit.Offset, commit.Metadata, nil
}
