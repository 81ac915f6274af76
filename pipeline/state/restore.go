package state

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/grapevinehq/grapevine/pipeline"
)

// Restoration makes a Redis anew (docs/rebuild.md). No marker stands until
// [Restoration.Finish] sets them all, so no worker can take part meanwhile. All that
// it writes can be written again, but for [Restoration.Append].
//
//	{gXX}:restoring   string: the run that is under way, in every slot group
//	{g00}:restored    hash: era of the run, and the units that are done
type Restoration struct {
	store        *Store
	installation string
	run          string
	era          string
	partitions   map[string]*restored // by incarnation/partition
	resumed      bool
}

// Restored is a partition that is to be made anew.
type Restored struct {
	Partition pipeline.Partition
	Number    uint64 // of the batch whose journal it has
	Shares    bool   // its batches share fields
	Claims    bool   // its batches claim ids
}

// restored is a partition on its way.
type restored struct {
	*Partition
	about Restored
	alias int
}

// restoringKey is the key that names the run in a slot group.
func restoringKey(g group) string { return g.key("restoring") }

var restoredKey = group(0).key("restored")

// Restore begins to make Redis anew, or goes on where the same run was cut off: the
// run names what is restored, so that what another one left is dropped. Everything of
// Grapevine that Redis holds is deleted first, the markers before all else. era is
// above every era that there was: no worker of before can write again.
func (s *Store) Restore(ctx context.Context, installation, run string, era int64, partitions []Restored) (*Restoration, error) {
	r := &Restoration{store: s, installation: installation, run: run, era: strconv.FormatInt(era, 10)}
	r.number(partitions)
	found, err := s.each(ctx, func(pipe redis.Pipeliner, g group) *redis.StringCmd { return pipe.Get(ctx, restoringKey(g)) })
	if err != nil {
		return nil, fmt.Errorf("look for a rebuild that was cut off: %w", err)
	}
	if !slices.ContainsFunc(found, func(f string) bool { return f != run }) {
		r.resumed = true
		stands, err := s.client.HGet(ctx, restoredKey, "era").Result()
		if err != nil {
			return nil, fmt.Errorf("read the era of the rebuild that was cut off: %w", err)
		}
		r.era = stands
		return r, nil
	}
	if err := s.clear(ctx); err != nil {
		return nil, fmt.Errorf("clear Redis: %w", err)
	}
	if err := r.send(ctx, func(pipe redis.Pipeliner) { pipe.HSet(ctx, restoredKey, "era", r.era) }); err != nil {
		return nil, err
	}
	return r, r.send(ctx, func(pipe redis.Pipeliner) {
		for g := range Groups {
			pipe.Set(ctx, restoringKey(group(g)), run, 0)
		}
	})
}

// Resumed tells whether a run that was cut off goes on.
func (r *Restoration) Resumed() bool { return r.resumed }

// number gives every partition its alias, always the same.
func (r *Restoration) number(partitions []Restored) {
	r.partitions = make(map[string]*restored, len(partitions))
	names := make([]string, 0, len(partitions))
	for _, p := range partitions {
		own := r.store.partition(r.installation, p.Partition, -1)
		r.partitions[own.name] = &restored{Partition: own, about: p}
		names = append(names, own.name)
	}
	slices.Sort(names)
	var aliases [Groups]int
	for _, name := range names {
		p := r.partitions[name]
		aliases[p.home]++
		p.alias = aliases[p.home]
		p.prefix = p.home.key(strconv.Itoa(p.alias) + ":")
	}
}

// each reads one string of every slot group, empty where there is none.
func (s *Store) each(ctx context.Context, read func(redis.Pipeliner, group) *redis.StringCmd) ([]string, error) {
	found := make([]string, Groups)
	err := s.retry(ctx, "restore", func() error {
		commands := make([]*redis.StringCmd, Groups)
		if _, err := s.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			for g := range Groups {
				commands[g] = read(pipe, group(g))
			}
			return nil
		}); err != nil && err != redis.Nil { //nolint:errorlint // the client's own value for no value
			return err
		}
		for g, command := range commands {
			found[g] = command.Val()
		}
		return nil
	})
	return found, err
}

// clear deletes all that Grapevine keeps in Redis, the markers first.
func (s *Store) clear(ctx context.Context) error {
	if err := s.retry(ctx, "restore", func() error {
		_, err := s.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			for _, marker := range markers {
				pipe.Del(ctx, marker)
			}
			return nil
		})
		return err
	}); err != nil {
		return err
	}
	return s.eachPrimary(ctx, func(ctx context.Context, client *redis.Client) error {
		for cursor, more := uint64(0), true; more; more = cursor != 0 {
			keys, next, err := client.Scan(ctx, cursor, "{g[0-9a-f][0-9a-f]}:*", scanStep).Result()
			if err != nil {
				return err
			}
			cursor = next
			if _, err := client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
				for _, key := range keys { // of several slots: one by one
					if key != rebuilderKey {
						pipe.Unlink(ctx, key)
					}
				}
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	})
}

// send sends commands, again and again until they are carried out.
func (r *Restoration) send(ctx context.Context, queue func(redis.Pipeliner)) error {
	return r.store.retry(ctx, "restore", func() error {
		_, err := r.store.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			queue(pipe)
			return nil
		})
		return err
	})
}

// Done tells whether a unit of the run is done.
func (r *Restoration) Done(ctx context.Context, unit string) (done bool, err error) {
	err = r.store.retry(ctx, "restore", func() error {
		done, err = r.store.client.HExists(ctx, restoredKey, "unit/"+unit).Result()
		return err
	})
	return done, err
}

// Mark notes that a unit is done.
func (r *Restoration) Mark(ctx context.Context, unit string) error {
	return r.send(ctx, func(pipe redis.Pipeliner) { pipe.HSet(ctx, restoredKey, "unit/"+unit, 1) })
}

// partition finds a partition of the run.
func (r *Restoration) partition(p pipeline.Partition) (*restored, error) {
	found := r.partitions[partitionName(p)]
	if found == nil {
		return nil, fmt.Errorf("restore %s: it is no partition of this rebuild", p)
	}
	return found, nil
}

// Set sets values of a partition's own memory.
func (r *Restoration) Set(ctx context.Context, p pipeline.Partition, values []pipeline.KeyValue) error {
	own, err := r.partition(p)
	if err != nil {
		return err
	}
	return r.send(ctx, func(pipe redis.Pipeliner) {
		for _, v := range values {
			pipe.Set(ctx, own.prefix+v.Key, v.Value, 0)
		}
	})
}

// Delete deletes values of a partition's own memory.
func (r *Restoration) Delete(ctx context.Context, p pipeline.Partition, keys []string) error {
	own, err := r.partition(p)
	if err != nil {
		return err
	}
	return r.send(ctx, func(pipe redis.Pipeliner) {
		for _, key := range keys {
			pipe.Unlink(ctx, own.prefix+key)
		}
	})
}

// Append appends to values of a partition's own memory. It is the one thing that
// must not be sent twice: after an error the values are deleted and made again.
func (r *Restoration) Append(ctx context.Context, p pipeline.Partition, pieces []pipeline.KeyValue) error {
	own, err := r.partition(p)
	if err != nil {
		return err
	}
	_, err = r.store.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, v := range pieces {
			pipe.Append(ctx, own.prefix+v.Key, string(v.Value))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("append to %d values of %s: %w", len(pieces), p, err)
	}
	return nil
}

// Enqueue lets members join queues of a partition.
func (r *Restoration) Enqueue(ctx context.Context, p pipeline.Partition, members []pipeline.QueueMember) error {
	own, err := r.partition(p)
	if err != nil {
		return err
	}
	return r.send(ctx, func(pipe redis.Pipeliner) {
		for _, m := range members {
			pipe.ZAdd(ctx, own.prefix+m.Key, redis.Z{Score: float64(m.Rank), Member: m.Member})
		}
	})
}

// Share sets fields that partitions share.
func (r *Restoration) Share(ctx context.Context, sets []pipeline.SharedSet) error {
	return r.send(ctx, func(pipe redis.Pipeliner) {
		for _, s := range sets {
			pipe.HSet(ctx, shareKey(groupOf(s.Key), s.Key), s.Field, s.Value)
		}
	})
}

// Claim makes a partition the owner of ids.
func (r *Restoration) Claim(ctx context.Context, p pipeline.Partition, owned []pipeline.Owned) error {
	short := incarnationHash(p.Incarnation)
	return r.send(ctx, func(pipe redis.Pipeliner) {
		for _, o := range owned {
			g, bucket, field := claimPlace(o.ID)
			pipe.HSet(ctx, claimBucket(g, bucket), field, claimOwner(short, p.ID, o.Offset))
		}
	})
}

// Release lets the filters have ids that were released: the books tell of them.
func (r *Restoration) Release(ctx context.Context, ids []pipeline.ClaimID) error {
	return r.send(ctx, func(pipe redis.Pipeliner) {
		for _, id := range ids {
			g, _, field := claimPlace(id)
			for _, bit := range filterBits(field) {
				pipe.SetBit(ctx, claimKeys[g][1], bit, 1)
			}
		}
	})
}

// Budget sets what is used of a budget, and in which batch each partition drew on it
// last. Room that it gave and nobody collected is not used: those rewards wait again.
func (r *Restoration) Budget(ctx context.Context, name string, used int64, drawn map[pipeline.Partition]uint64) error {
	fields := []any{"used", used, "turn", 0}
	for p, number := range drawn {
		fields = append(fields, drawField+partitionName(p), r.visit(number))
	}
	return r.send(ctx, func(pipe redis.Pipeliner) {
		pipe.HSet(ctx, groupOf(name).key("b:"+name), fields...)
	})
}

// Wait lets rewards of a partition join the queues of budgets, by the draws that did
// not fit.
func (r *Restoration) Wait(ctx context.Context, p pipeline.Partition, draws []pipeline.Draw) error {
	name := partitionName(p)
	return r.send(ctx, func(pipe redis.Pipeliner) {
		for _, d := range draws {
			g := groupOf(d.Budget)
			pipe.HSet(ctx, g.key("bw:"+d.Budget), d.Reward, fmt.Sprintf(":%d:%d:%s%s", d.Amount, len(name), name, d.Ref))
			pipe.ZAdd(ctx, g.key("bq:"+d.Budget), redis.Z{Score: float64(d.Time), Member: d.Reward})
		}
	})
}

// visit is a field of a marker: a batch, under a fence that any worker of today is above.
func (r *Restoration) visit(number uint64) string {
	return strconv.FormatUint(number, 10) + ":" + r.era + ":-1"
}

// Agree sets what the workers agreed on, by name.
func (r *Restoration) Agree(ctx context.Context, agreed map[string][]byte) error {
	return r.send(ctx, func(pipe redis.Pipeliner) {
		for name, value := range agreed {
			pipe.Set(ctx, metaGroup.key("meta:"+name), value, 0)
		}
	})
}

// Revision keeps the source of a configuration by its hash.
func (r *Restoration) Revision(ctx context.Context, hash string, source []byte) error {
	packed, err := packRevision(source)
	if err != nil {
		return fmt.Errorf("pack revision %s: %w", hash, err)
	}
	return r.send(ctx, func(pipe redis.Pipeliner) { pipe.Set(ctx, groupOf(hash).key("rev:"+hash), packed, 0) })
}

// Journal sets the journal of a partition.
func (r *Restoration) Journal(ctx context.Context, j pipeline.Journal) error {
	own, err := r.partition(j.Bounds.Partition)
	if err != nil {
		return err
	}
	if j.Bounds.Number != own.about.Number {
		return fmt.Errorf("restore %s: its journal is of batch %d, not %d: a worker runs", j.Bounds.Partition, j.Bounds.Number, own.about.Number)
	}
	encoded, err := encodeBounds(j.Bounds)
	if err != nil {
		return err
	}
	return r.send(ctx, func(pipe redis.Pipeliner) {
		pipe.HSet(ctx, own.journal, "number", j.Bounds.Number, "bounds", encoded, "facts", j.Facts, "record", j.Record, "encoder", r.store.options.Encoder)
	})
}

// Finish sets the markers, and so hands Redis to the workers. It refuses when a slot
// group has lost what the run wrote.
func (r *Restoration) Finish(ctx context.Context) error {
	found, err := r.store.each(ctx, func(pipe redis.Pipeliner, g group) *redis.StringCmd { return pipe.Get(ctx, restoringKey(g)) })
	if err != nil {
		return fmt.Errorf("look whether all slot groups are as they were written: %w", err)
	}
	for g, run := range found {
		if run != r.run {
			return fmt.Errorf("slot group %s lost what was written to it, or another rebuild runs: see that Redis keeps its data, and run `grapevine rebuild` again", group(g).tag())
		}
	}
	fields, err := r.released(ctx)
	if err != nil {
		return err
	}
	var aliases [Groups]int
	for name, p := range r.partitions {
		number := p.about.Number
		fields[p.home] = append(fields[p.home], journalField+name, r.visit(number)+":"+strconv.Itoa(p.alias))
		aliases[p.home] = max(aliases[p.home], p.alias)
		for g := range fields {
			if p.about.Claims {
				fields[g] = append(fields[g], claimField+name, r.visit(number))
			}
			if p.about.Shares {
				fields[g] = append(fields[g], shareField+name, r.visit(number))
			}
		}
	}
	if err := r.send(ctx, func(pipe redis.Pipeliner) {
		for g := range fields {
			if aliases[g] > 0 {
				fields[g] = append(fields[g], "aliases", aliases[g])
			}
			pipe.HSet(ctx, markers[g], append([]any{"installation", r.installation}, fields[g]...)...)
		}
	}); err != nil {
		return fmt.Errorf("set the markers: %w", err)
	}
	return r.send(ctx, func(pipe redis.Pipeliner) {
		for g := range Groups {
			pipe.Del(ctx, restoringKey(group(g)))
		}
		pipe.Del(ctx, restoredKey)
	})
}

// released begins the fields of the markers: whether a group has released claims.
func (r *Restoration) released(ctx context.Context) ([][]any, error) {
	fields := make([][]any, Groups)
	commands := make([]*redis.IntCmd, Groups)
	if err := r.send(ctx, func(pipe redis.Pipeliner) {
		for g := range Groups {
			commands[g] = pipe.Exists(ctx, claimKeys[g][1])
		}
	}); err != nil {
		return nil, fmt.Errorf("look which slot groups have released claims: %w", err)
	}
	for g, command := range commands {
		if command.Val() > 0 {
			fields[g] = []any{"released", 1}
		}
	}
	return fields, nil
}
