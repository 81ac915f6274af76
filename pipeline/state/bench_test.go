package state_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"strconv"
	"testing"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/grapevinehq/grapevine/pipeline"
)

var cpuTime = regexp.MustCompile(`used_cpu_(?:user|sys):([0-9.]+)`)

// redisCPU is the processor time that Redis has used, in milliseconds: all of its
// work, and nobody else's, however busy the machine is.
func redisCPU(b *testing.B, client *redis.Client) (total float64) {
	info, err := client.Info(b.Context(), "cpu").Result()
	if err != nil {
		b.Fatal(err)
	}
	for _, match := range cpuTime.FindAllStringSubmatch(info, -1) {
		seconds, err := strconv.ParseFloat(match[1], 64)
		if err != nil {
			b.Fatal(err)
		}
		total += 1000 * seconds
	}
	return total
}

// measure runs do b.N times and reports Redis' processor time beside the elapsed one.
func measure(b *testing.B, client *redis.Client, do func(n uint64)) {
	before := redisCPU(b, client)
	n := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		n++
		do(n)
	}
	b.ReportMetric((redisCPU(b, client)-before)/float64(b.N), "redis-cpu-ms/op")
}

// BenchmarkFill journals a batch of 20,000 clicks: a record of 400 kB, and 19
// bytes remembered of each click, in so many appends.
func BenchmarkFill(b *testing.B) {
	for _, appends := range []int{1000, 4000, 8000} {
		b.Run(fmt.Sprintf("appends=%d", appends), func(b *testing.B) {
			store, client := alone(b)
			p := somePartition()
			memory, _ := takeOver(b, store, p, 1)
			writes := pipeline.Writes{Append: make([]pipeline.KeyValue, appends)}
			record := make([]byte, 400_000)
			buckets := 16 * appends
			measure(b, client, func(n uint64) {
				for i := range writes.Append {
					writes.Append[i] = pipeline.KeyValue{Key: "s1." + strconv.FormatInt(int64(rand.IntN(buckets)), 36), Value: record[:19*20000/appends]}
				}
				if _, err := memory.Fill(b.Context(), batch(p, n), nil, record, writes); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

func BenchmarkGet(b *testing.B) {
	store, client := alone(b)
	p := somePartition()
	memory, _ := takeOver(b, store, p, 1)
	const keys = 4000
	writes := pipeline.Writes{Set: make([]pipeline.KeyValue, keys)}
	names := make([]string, keys)
	for i := range names {
		names[i] = "s1." + strconv.Itoa(i)
		writes.Set[i] = pipeline.KeyValue{Key: names[i], Value: make([]byte, 1000)}
	}
	if _, err := memory.Fill(b.Context(), batch(p, 1), nil, nil, writes); err != nil {
		b.Fatal(err)
	}
	measure(b, client, func(uint64) {
		if _, err := memory.Get(b.Context(), names); err != nil {
			b.Fatal(err)
		}
	})
}

func BenchmarkClaim(b *testing.B) {
	for _, ids := range []int{0, 1000, 5000} {
		b.Run(fmt.Sprintf("ids=%d", ids), func(b *testing.B) {
			store, client := alone(b)
			p := somePartition()
			memory, _ := takeOver(b, store, p, 1)
			list := make([]pipeline.Claim, ids)
			measure(b, client, func(n uint64) {
				for i := range list {
					list[i] = pipeline.Claim{Key: fmt.Sprintf("conv/acme/p1/%d-%d", n, i), Offset: int64(n)*int64(ids) + int64(i)}
				}
				if _, err := memory.Claim(b.Context(), batch(p, n), list); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

// BenchmarkRelease claims 1,000 new ids and releases those of the batch before.
func BenchmarkRelease(b *testing.B) {
	store, client := alone(b)
	p := somePartition()
	memory, _ := takeOver(b, store, p, 1)
	var before []pipeline.Owned
	measure(b, client, func(n uint64) {
		list := make([]pipeline.Claim, 1000)
		for i := range list {
			list[i] = pipeline.Claim{Key: fmt.Sprintf("conv/acme/p1/%d-%d", n, i), Offset: int64(n)*1000 + int64(i)}
		}
		_, err := memory.Claim(b.Context(), batch(p, n), list)
		if err == nil {
			err = memory.Release(b.Context(), batch(p, n), before)
		}
		if err != nil {
			b.Fatal(err)
		}
		before = owned(list)
	})
}

func BenchmarkShared(b *testing.B) {
	store, client := alone(b)
	p := somePartition()
	memory, _ := takeOver(b, store, p, 1)
	sets := make([]pipeline.SharedSet, 1000)
	keys := make([]string, len(sets))
	for i := range sets {
		keys[i] = "acme/m" + strconv.Itoa(i)
		sets[i] = set(keys[i], "1", string(make([]byte, 200)))
	}
	share(b, memory, batch(p, 1), sets...)
	last := uint64(1)
	b.Run("apply=1000", func(b *testing.B) {
		measure(b, client, func(uint64) {
			last++
			share(b, memory, batch(p, last), sets...)
		})
	})
	b.Run("read=1000", func(b *testing.B) {
		measure(b, client, func(uint64) {
			if _, err := reader(store, p).ReadShared(b.Context(), progress(1), keys); err != nil {
				b.Fatal(err)
			}
		})
	})
}

// BenchmarkDraw takes from one budget, or once from each of many. What waits in a
// batch is given room by the next limit and collected, or stays. The batch begins
// before and is journalled after.
func BenchmarkDraw(b *testing.B) {
	for _, kind := range []struct {
		name           string
		takes, budgets int
		limit, next    int64
	}{
		{"fit=1", 1, 1, math.MaxInt64, 0},
		{"fit=1000", 1000, 1, math.MaxInt64, 0},
		{"fit=1000 of as many budgets", 1000, 1000, math.MaxInt64, 0},
		{"wait=1000", 1000, 1, 0, 0},
		{"wait, get room and collect=1000", 1000, 1, 0, math.MaxInt64},
	} {
		b.Run(kind.name, func(b *testing.B) {
			store, client := alone(b)
			p := somePartition()
			memory, _ := takeOver(b, store, p, 1)
			measure(b, client, func(n uint64) {
				var draws []pipeline.Draw
				for i := range kind.takes {
					d := take(strconv.Itoa(i), kind.limit, 1000, int64(i), uuid.NewString())
					draws = append(draws, onBudget(fmt.Sprintf("acme/2026-11/%d", i%kind.budgets), n-1, []pipeline.Draw{d})...)
				}
				if kind.next > 0 {
					draws = append(draws, onBudget("acme/2026-11/0", n-1, []pipeline.Draw{
						collect("collect", kind.next), give("give", kind.limit, int64(kind.takes)*1000),
					})...)
				}
				begin(b, memory, batch(p, n))
				answers, err := memory.Draw(b.Context(), batch(p, n), draws)
				if err == nil {
					_, err = memory.Fill(b.Context(), batch(p, n), nil, nil, pipeline.Writes{})
				}
				if err != nil {
					b.Fatal(err)
				}
				if kind.next > 0 && len(answers[kind.takes].Collected) != kind.takes {
					b.Fatalf("%d collected", len(answers[kind.takes].Collected))
				}
			})
		})
	}
}

func BenchmarkGranted(b *testing.B) {
	store, client := alone(b)
	memory, _ := takeOver(b, store, somePartition(), 1)
	budgets := make([]string, 1000)
	for i := range budgets {
		budgets[i] = fmt.Sprintf("acme/2026-11/%d", i)
	}
	b.Run("budgets=1000", func(b *testing.B) {
		measure(b, client, func(uint64) {
			if _, err := memory.Granted(b.Context(), budgets); err != nil {
				b.Fatal(err)
			}
		})
	})
}

func BenchmarkQueues(b *testing.B) {
	store, client := alone(b)
	p := somePartition()
	memory, _ := takeOver(b, store, p, 1)
	const members = 4000
	last := uint64(0)
	b.Run("join and leave=4000", func(b *testing.B) {
		var leaves []pipeline.QueueMember
		measure(b, client, func(n uint64) {
			last++
			joins := make([]pipeline.QueueMember, members)
			for i := range joins {
				joins[i] = member("due", uuid.NewString(), int64(n))
			}
			enqueue(b, memory, batch(p, last), leaves, joins)
			leaves = joins
		})
	})
	b.Run("heads=1000", func(b *testing.B) {
		measure(b, client, func(uint64) {
			if _, err := memory.Heads(b.Context(), []pipeline.QueueAsk{{Key: "due", UpTo: math.MaxInt64, Limit: 1000}}); err != nil {
				b.Fatal(err)
			}
		})
	})
}
