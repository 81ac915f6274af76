package loop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/changelog"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/volatile"
)

// errCrash stands for kill -9: the process is gone, what was sent may or may
// not have arrived.
var errCrash = errors.New("crash")

// world holds what outlives a worker: Kafka, Redis and the books, as far as one
// partition sees them.
type world struct {
	mutex     sync.Mutex // of the commit and the memory: the reader looks at them
	log       []event.Record
	offset    int64 // the commit
	metadata  string
	fence     int32
	journal   pipeline.Journal
	memory    map[string][]byte
	shared    map[string]int64
	books     map[string][]string // by token: the rows, inserted once
	changelog []pipeline.Block    // in the order of their batches
	published []string
	given     map[string]uint64 // by budget, the batch that gave it back
	late      []func()          // commit requests that arrive later

	budget int // calls until the crash
	after  bool
	skew   time.Duration // of the worker's clock
}

func newWorld(values []string) *world {
	w := &world{offset: -1, memory: map[string][]byte{}, shared: map[string]int64{}, books: map[string][]string{}, given: map[string]uint64{}}
	for i, v := range values {
		w.log = append(w.log, event.Record{Offset: int64(i), Time: int64(i), Value: []byte(v)})
	}
	return w
}

// call performs one effect, or dies before or after it.
func (w *world) call(effect func() error) error {
	w.budget--
	if w.budget == 0 && !w.after {
		return errCrash
	}
	err := effect()
	if w.budget == 0 {
		return errCrash
	}
	if w.budget < 0 {
		return errCrash
	}
	return err
}

// worker is one process on the partition: the source of one generation.
type worker struct {
	*world
	pipeline.Queues  // not asked here
	pipeline.Budgets // nor these, but for what they get back
	generation       int32
	delay            bool // commits arrive late
	ending           chan struct{}
}

func (w *worker) Partition() pipeline.Partition { return pipeline.Partition{Topic: "t", ID: 3} }
func (w *worker) Generation() int32             { return w.generation }
func (w *worker) Lease() time.Time              { return time.Now().Add(w.skew + time.Hour) }
func (w *worker) Ending() <-chan struct{}       { return w.ending }

func (w *worker) Start(context.Context) (int64, error) { return 0, nil }

func (w *worker) Fetch(ctx context.Context, from int64, _ int, wait time.Duration) (pipeline.Chunk, error) {
	end := int64(len(w.log))
	if from >= end {
		select {
		case <-ctx.Done():
		case <-time.After(min(wait, time.Millisecond)):
		}
		return pipeline.Chunk{Next: from, Stable: end, ReadAt: time.Now().Add(w.skew)}, nil
	}
	return pipeline.Chunk{Records: w.log[from:end:end], Next: end, Stable: end, ReadAt: time.Now().Add(w.skew)}, nil
}

func (w *worker) Commit(_ context.Context, offset int64, metadata string) error {
	return w.call(func() error {
		apply := func() {
			w.mutex.Lock()
			defer w.mutex.Unlock()
			w.world.offset, w.world.metadata = offset, metadata
		}
		if w.delay {
			w.late = append(w.late, apply)
		}
		apply()
		return nil
	})
}

func (w *worker) Committed(context.Context) (int64, string, error) {
	return w.world.offset, w.world.metadata, nil
}

// acknowledged tells whether an acknowledgement stands at an offset.
func (w *world) acknowledged(end int64) bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	m, ok := ParseMetadata(w.metadata)
	return ok && !m.Bound && w.offset == end
}

// told tells whether every word that was stored was told of.
func (w *world) told() bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return len(w.memory["told"]) == len(w.memory["seen"])
}

// TakeOver and the memory: what package state does, in plain Go.
func (w *worker) TakeOver(_ context.Context, _ pipeline.Partition, generation int32, _ func(context.Context) error) (pipeline.Memory, pipeline.Journal, error) {
	if generation < w.fence {
		return nil, pipeline.Journal{}, pipeline.ErrFenced
	}
	w.fence = generation
	return w, w.journal, nil
}

func (w *worker) CheckShared(context.Context, pipeline.Partition, uint64) error { return nil }

func (w *worker) Get(_ context.Context, keys []string) ([][]byte, error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	out := make([][]byte, len(keys))
	for i, k := range keys {
		out[i] = bytes.Clone(w.memory[k])
	}
	return out, nil
}

func (w *worker) Tails(_ context.Context, asks []pipeline.TailAsk) ([][]byte, error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return volatile.Tails(w.memory, asks), nil
}

func (w *worker) Begin(_ context.Context, b pipeline.Bounds, facts []byte) (j pipeline.Journal, err error) {
	err = w.call(func() error {
		if w.fence > w.generation || w.journal.Bounds.Number > b.Number {
			return pipeline.ErrFenced
		}
		if w.journal.Bounds.Number < b.Number {
			w.journal = pipeline.Journal{Exists: true, Bounds: b, Facts: facts}
		}
		j = w.journal
		return nil
	})
	return j, err
}

func (w *worker) Fill(_ context.Context, b pipeline.Bounds, facts, record []byte, writes pipeline.Writes) (j pipeline.Journal, err error) {
	err = w.call(func() error {
		if w.fence > w.generation || w.journal.Bounds.Number > b.Number {
			return pipeline.ErrFenced
		}
		if w.journal.Bounds.Number+1 < b.Number {
			return pipeline.ErrStateLost
		}
		if w.journal.Bounds.Number < b.Number || !w.journal.Filled {
			w.journal = pipeline.Journal{Exists: true, Filled: true, Bounds: b, Facts: facts, Record: bytes.Clone(record)}
			w.mutex.Lock()
			defer w.mutex.Unlock()
			for _, kv := range writes.Set {
				w.memory[kv.Key] = kv.Value
			}
			for _, kv := range writes.Append {
				w.memory[kv.Key] = append(w.memory[kv.Key], kv.Value...)
			}
		}
		j = w.journal
		return nil
	})
	return j, err
}

func (w *worker) ApplyShared(context.Context, pipeline.Bounds, []pipeline.SharedSet) error {
	return w.call(func() error { return nil })
}

func (w *worker) Claim(_ context.Context, _ pipeline.Bounds, claims []pipeline.Claim) (won []pipeline.Claimed, err error) {
	err = w.call(func() error {
		for _, c := range claims {
			id := pipeline.NewClaimID(c.Key)
			key := string(id[:])
			owner, taken := w.shared[key]
			if !taken {
				w.shared[key], owner = c.Offset, c.Offset
			}
			answer := pipeline.ClaimLost
			if owner == c.Offset {
				answer = pipeline.ClaimWon
			}
			won = append(won, answer)
		}
		return nil
	})
	return won, err
}

func (w *worker) Release(context.Context, pipeline.Bounds, []pipeline.Owned) error { return nil }

func (w *worker) Write(_ context.Context, b pipeline.Bounds, _ func() time.Time, blocks []pipeline.Block) error {
	for _, block := range blocks {
		if err := w.call(func() error {
			token := fmt.Sprintf("%s/%d/%d/%d", block.Table, b.Number, b.First, b.End)
			if _, ok := w.books[token]; !ok {
				w.books[token] = block.Columns[0].Data.([]string)
				if block.Table == changelog.Table {
					w.changelog = append(w.changelog, block)
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// Has looks for rows of the batch's number, and of its offsets: those that were
// written by the clock lie at the first offset of their batch.
func (w *worker) Has(_ context.Context, b pipeline.Bounds, _ []string) (bool, error) {
	for token := range w.books {
		var number uint64
		var first, end int64
		_, numbers, _ := strings.Cut(token, "/")
		if _, err := fmt.Sscanf(numbers, "%d/%d/%d", &number, &first, &end); err != nil {
			return false, err
		}
		if number == b.Number || first < b.End && max(end, first+1) > b.First {
			return true, nil
		}
	}
	return false, nil
}

func (w *worker) Publish(_ context.Context, messages []pipeline.Message) error {
	for _, m := range messages {
		if err := w.call(func() error { w.published = append(w.published, string(m.Value)); return nil }); err != nil {
			return err
		}
	}
	return nil
}

// Give is asked when all that the batch says is in the books and published.
func (w *worker) Give(_ context.Context, b pipeline.Bounds, gives []pipeline.Draw) error {
	return w.call(func() error {
		if w.journal.Bounds.Number != b.Number || !w.journal.Filled {
			return fmt.Errorf("batch %d gives, and %d is journalled", b.Number, w.journal.Bounds.Number)
		}
		for _, g := range gives {
			if by, before := w.given[g.Budget]; before && by != b.Number {
				return fmt.Errorf("%s is given back by batch %d and by %d", g.Budget, by, b.Number)
			}
			if !slices.Contains(w.published, g.Budget) {
				return fmt.Errorf("%s is given back before it is published", g.Budget)
			}
			w.given[g.Budget] = b.Number
		}
		return nil
	})
}

func (w *worker) Wait(context.Context, []string) (pipeline.Progress, error) {
	return pipeline.Progress{}, nil
}

// wordStage stores words that it has not seen before, dead-letters the empty
// one, publishes those whose claim it wins, and gives back a budget by that name. With timers it tells of each
// later, by the clock.
type wordStage struct{ claims, timers bool }

func (wordStage) Topic() string      { return "t" }
func (wordStage) WaitsFor() []string { return []string{"u"} }
func (wordStage) Tables() []string   { return []string{"words"} }
func (s wordStage) Shared() bool     { return s.claims }
func (s wordStage) Claims() bool     { return s.claims }

func (s wordStage) TakeOver(_ context.Context, p *pipeline.Session) (pipeline.Worker, error) {
	return wordWorker{s, p.Memory}, nil
}

type wordWorker struct {
	wordStage
	memory pipeline.Memory
}

// Due implements pipeline.Timekeeper: every word that was stored is due at once.
func (w wordWorker) Due(ctx context.Context, _ int64) (bool, error) {
	values, err := w.memory.Get(ctx, []string{"seen", "told"})
	return w.timers && len(values[1]) < len(values[0]), err
}

func (w wordWorker) Decode(b pipeline.Bounds, records []event.Record) (pipeline.Work, error) {
	return &wordWork{wordWorker: w, bounds: b, records: records}, nil
}

type wordWork struct {
	wordWorker
	bounds  pipeline.Bounds
	records []event.Record
	seen    string
	tell    string // words that are due
	won     []pipeline.Claimed
	record  []byte
}

func (w *wordWork) LookUp(ctx context.Context, _ pipeline.Progress) error {
	values, err := w.memory.Get(ctx, []string{"seen", "told"})
	w.seen = string(values[0])
	if w.timers {
		w.tell = w.seen[len(values[1]):]
	}
	return err
}

func (w *wordWork) Facts() ([]byte, error) {
	if !w.claims {
		return nil, nil
	}
	return []byte(w.tell + "|" + w.seen), nil
}

func (w *wordWork) TakeFacts(f []byte) error {
	w.tell, w.seen, _ = strings.Cut(string(f), "|")
	return nil
}

func (w *wordWork) Claim(ctx context.Context) (err error) {
	var claims []pipeline.Claim
	for _, r := range w.records {
		claims = append(claims, pipeline.Claim{Key: string(r.Value), Offset: r.Offset})
	}
	w.won, err = w.memory.Claim(ctx, w.bounds, claims)
	return err
}

func (w *wordWork) Decide() error {
	seen := w.seen
	for i, r := range w.records {
		word := string(r.Value) + ","
		switch {
		case word == ",":
			w.record = append(w.record, 'd')
		case strings.Contains(","+seen, ","+word) || w.claims && w.won[i] == pipeline.ClaimLost:
			w.record = append(w.record, 'r')
		default:
			seen += word
			w.record = append(w.record, 'u')
		}
	}
	return nil
}

func (w *wordWork) Record() ([]byte, error) { return []byte(w.tell + "|" + string(w.record)), nil }

func (w *wordWork) TakeRecord(r []byte) error {
	tell, record, _ := strings.Cut(string(r), "|")
	w.tell, w.record = tell, []byte(record)
	return nil
}

func (w *wordWork) Outcome(context.Context) (pipeline.Outcome, error) {
	var o pipeline.Outcome
	var rows []string
	for i, v := range w.record {
		word := string(w.records[i].Value)
		switch v {
		case 'd':
			o.DeadLetters = append(o.DeadLetters, pipeline.DeadLetter{Index: i, Reason: "invalid"})
		case 'u':
			rows = append(rows, fmt.Sprintf("%s@%d", word, w.records[i].Offset))
			o.Messages = append(o.Messages, pipeline.Message{Value: []byte(word)})
			o.Gives = append(o.Gives, pipeline.Draw{ID: "give", Budget: word, Op: pipeline.DrawGive, Amount: 1})
			o.Writes.Append = append(o.Writes.Append, pipeline.KeyValue{Key: "seen", Value: []byte(word + ",")})
		}
	}
	if rows != nil {
		o.Blocks = []pipeline.Block{{Table: "words", Rows: len(rows), Columns: []pipeline.Column{{Name: "word", Data: rows}}}}
	}
	if w.tell != "" {
		told := strings.Split(strings.TrimSuffix(w.tell, ","), ",")
		o.Blocks = append(o.Blocks, pipeline.Block{Table: "told", Rows: len(told), Columns: []pipeline.Column{{Name: "word", Data: told}}})
		o.Messages = append(o.Messages, pipeline.Message{Value: []byte("told " + w.tell)})
		o.Writes.Append = append(o.Writes.Append, pipeline.KeyValue{Key: "told", Value: []byte(w.tell)})
	}
	return o, nil
}

// rebuild makes anew what Redis held, of the changelog alone.
func (w *world) rebuild() error {
	w.journal, w.memory, w.shared = pipeline.Journal{}, map[string][]byte{}, map[string]int64{}
	for number, block := range w.changelog {
		column := func(name string) any {
			i := slices.IndexFunc(block.Columns, func(c pipeline.Column) bool { return c.Name == name })
			return block.Columns[i].Data
		}
		for i, kind := range column("kind").([]string) {
			key, value := column("key").([]string)[i], column("value").([]string)[i]
			switch kind {
			case changelog.KindJournal:
				var j changelog.Journal
				if err := j.Decode([]byte(value)); err != nil {
					return err
				}
				record, err := changelog.Told(j.Record)
				if err != nil {
					return err
				}
				bounds := j.Bounds(pipeline.Partition{Topic: "t", ID: 3}, uint64(number+1))
				w.journal = pipeline.Journal{Exists: true, Filled: true, Bounds: bounds, Facts: j.Facts, Record: record}
			case changelog.KindClaim:
				w.shared[key] = column("rank").([]int64)[i]
			case changelog.KindValue:
				if column("piece").([]int64)[i] == 0 {
					w.memory[key] = nil
				}
				w.memory[key] = append(w.memory[key], value...)
			}
		}
	}
	return nil
}
