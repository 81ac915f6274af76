package state

import (
	"context"
	_ "embed" // the script
	"errors"
	"fmt"
	"strconv"

	"github.com/grapevinehq/grapevine/pipeline"
)

//go:embed takeover.lua
var takeoverLua string

var takeoverScript = newScript("takeover", markerLua, homeLua, takeoverLua)

// Partition is the memory of one partition under one fence. It implements
// pipeline.Memory. One goroutine uses it.
type Partition struct {
	store        *Store
	partition    pipeline.Partition
	installation string
	name         string // incarnation/partition
	era          string
	generation   string

	home    group
	marker  string
	journal string
	prefix  string // of the partition's own keys

	short   [8]byte // the incarnation in owners of claims
	visited uint64  // the batch whose claims have visited all slot groups
}

var _ pipeline.Memory = (*Partition)(nil)

// TakeOver raises the fence of a partition to the consumer group's generation
// and returns its journal, in one step: from then on no older generation can
// journal.
//
// A stored generation that is higher than ours means that we are late, or that
// the group was made anew and counts from the start: confirm commits our
// generation's offset to Kafka. nil from it means that Kafka knows the generation as
// the current one: then the takeover is repeated in the next era. Any error of it is
// returned; it should wrap pipeline.ErrFenced when Kafka refused.
//
// The journal holds the last filled batch, or the begin record of the one after
// it: a marker without its journal, or the other way round, is pipeline.ErrStateLost.
func (s *Store) TakeOver(ctx context.Context, partition pipeline.Partition, generation int32, confirm func(context.Context) error) (pipeline.Memory, pipeline.Journal, error) {
	id, err := s.id()
	if err != nil {
		return nil, pipeline.Journal{}, err
	}
	p := s.partition(id, partition, generation)
	era := int64(-1)
	for {
		answer, stored, err := p.takeOver(ctx, era)
		if err == nil {
			journal, err := p.taken(answer)
			if err != nil {
				return nil, pipeline.Journal{}, err
			}
			return p, journal, nil
		}
		if stored < 0 || !errors.Is(err, pipeline.ErrFenced) {
			return nil, pipeline.Journal{}, fmt.Errorf("take over %s: %w", partition, err)
		}
		if err := confirm(ctx); err != nil {
			return nil, pipeline.Journal{}, fmt.Errorf("take over %s: a higher generation than %d is recorded: %w", partition, generation, err)
		}
		era = stored + 1
		s.log.WarnContext(ctx, "the consumer group counts its generations anew", "topic", partition.Topic, "partition", partition.ID, "generation", generation, "era", era)
	}
}

// partition is the memory before it is taken over.
func (s *Store) partition(installation string, partition pipeline.Partition, generation int32) *Partition {
	name := partitionName(partition)
	home := groupOf(name)
	return &Partition{
		store: s, partition: partition, installation: installation, name: name,
		generation: strconv.Itoa(int(generation)),
		home:       home, marker: home.marker(), journal: home.key("journal:" + name),
		short: incarnationHash(partition.Incarnation),
	}
}

// takeOver runs the script once. A refusal by a higher fence tells its era, or else -1.
func (p *Partition) takeOver(ctx context.Context, era int64) (answer []any, stored int64, err error) {
	run := call{group: p.home, keys: []string{p.marker, p.journal}, args: []any{p.installation, journalField + p.name, era, p.generation}}
	answers, err := p.store.run(ctx, takeoverScript, []call{run})
	if err == nil {
		return answers[0], -1, nil
	}
	var higher *fenceError
	if errors.As(err, &higher) {
		return nil, higher.era, err
	}
	return nil, -1, err
}

// taken reads the answer of the script.
func (p *Partition) taken(answer []any) (pipeline.Journal, error) {
	p.era = text(answer, 1)
	p.prefix = p.home.key(text(answer, 2) + ":")
	return p.read(answer, 3)
}

// args begins the arguments of a script: those of the marker.
func (p *Partition) args(field string, number uint64, more int) []any {
	args := make([]any, 0, 5+more)
	return append(args, p.installation, field+p.name, p.era, p.generation, number)
}
