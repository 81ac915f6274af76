package state_test

import (
	"fmt"
	"math"
	"reflect"
	"testing"

	"github.com/grapevinehq/grapevine/pipeline"
)

// member is one of a queue.
func member(key, name string, rank int64) pipeline.QueueMember {
	return pipeline.QueueMember{Key: key, Member: name, Rank: rank}
}

func enqueue(t testing.TB, memory pipeline.Memory, b pipeline.Bounds, leave, join []pipeline.QueueMember) {
	t.Helper()
	if _, err := memory.Fill(t.Context(), b, nil, []byte("record"), pipeline.Writes{Dequeue: leave, Enqueue: join}); err != nil {
		t.Fatal(err)
	}
}

func wantHeads(t testing.TB, memory pipeline.Memory, asks []pipeline.QueueAsk, want ...[]pipeline.QueueMember) {
	t.Helper()
	got, err := memory.Heads(t.Context(), asks)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("heads of %v\n are %v\nwant %v", asks, got, want)
	}
}

func TestQueues_are_read_by_rank_and_then_by_member(t *testing.T) {
	onBoth(t, func(t *testing.T, takeOver func(pipeline.Partition, int32) pipeline.Memory) {
		p := somePartition()
		memory := takeOver(p, 1)
		a, b, c, d := member("due", "a", 7), member("due", "b", 5), member("due", "c", 5), member("due", "d\x00\xff", -3)
		other := member("due/2", "a", math.MaxInt32)
		enqueue(t, memory, batch(p, 1), []pipeline.QueueMember{a}, []pipeline.QueueMember{a, c, b, other, d})
		all := []pipeline.QueueMember{d, b, c, a}
		wantHeads(t, memory, []pipeline.QueueAsk{
			{Key: "due", UpTo: math.MaxInt64, Limit: 10}, {Key: "none", UpTo: math.MaxInt64, Limit: 10}, {Key: "due", UpTo: 5, Limit: 10}, {Key: "due", UpTo: 4, Limit: 10},
			{Key: "due/2", UpTo: math.MaxInt32, Limit: 1}, {Key: "due", UpTo: math.MaxInt64, Limit: 2}, {Key: "due", UpTo: math.MaxInt64}, {Key: "due", UpTo: math.MinInt64, Limit: 1},
		}, all, nil, all[:3], all[:1], []pipeline.QueueMember{other}, all[:2], nil, nil)
		wantHeads(t, memory, nil)
	})
}

func TestQueues_change_after_all_other_writes_and_leaving_goes_first(t *testing.T) {
	onBoth(t, func(t *testing.T, takeOver func(pipeline.Partition, int32) pipeline.Memory) {
		p := somePartition()
		memory := takeOver(p, 1)
		enqueue(t, memory, batch(p, 1), nil, []pipeline.QueueMember{member("q", "a", 1), member("q", "b", 2), member("gone", "x", 1), member("anew", "x", 1)})
		if _, err := memory.Fill(t.Context(), batch(p, 2), nil, nil, pipeline.Writes{
			Delete:  []string{"gone", "anew"},
			Set:     []pipeline.KeyValue{{Key: "s", Value: []byte("1")}},
			Append:  []pipeline.KeyValue{{Key: "s", Value: []byte("2")}},
			Dequeue: []pipeline.QueueMember{member("q", "a", 99), member("q", "b", 0), member("q", "none", 0)},
			Enqueue: []pipeline.QueueMember{member("q", "b", 7), member("anew", "y", 1), member("q", "b", 8)},
		}); err != nil {
			t.Fatal(err)
		}
		every := func(key string) pipeline.QueueAsk {
			return pipeline.QueueAsk{Key: key, UpTo: math.MaxInt64, Limit: 10}
		}
		wantHeads(t, memory, []pipeline.QueueAsk{every("q"), every("gone"), every("anew")},
			[]pipeline.QueueMember{member("q", "b", 8)}, nil, []pipeline.QueueMember{member("anew", "y", 1)})
		if got := value(t, memory, "s"); got != "12" {
			t.Errorf("s is %q, want 12", got)
		}
		replayed, err := memory.Fill(t.Context(), batch(p, 2), nil, nil, pipeline.Writes{Enqueue: []pipeline.QueueMember{member("q", "late", 1)}})
		if err != nil || !replayed.Filled {
			t.Fatalf("a replay answers %+v, %v", replayed, err)
		}
		enqueue(t, memory, batch(p, 3), []pipeline.QueueMember{member("anew", "y", 0)}, nil)
		wantHeads(t, memory, []pipeline.QueueAsk{every("q"), every("anew")}, []pipeline.QueueMember{member("q", "b", 8)}, nil)
	})
}

func TestQueues_that_are_empty_vanish(t *testing.T) {
	store, client := alone(t)
	p := somePartition()
	memory, _ := takeOver(t, store, p, 1)
	fill(t, memory, p, 1, 1)
	before := client.DBSize(t.Context()).Val()
	enqueue(t, memory, batch(p, 2), nil, []pipeline.QueueMember{member("q", "a", 1)})
	enqueue(t, memory, batch(p, 3), []pipeline.QueueMember{member("q", "a", 1)}, nil)
	if after := client.DBSize(t.Context()).Val(); after != before {
		t.Errorf("%d keys, want %d", after, before)
	}
}

func TestQueues_take_many_members(t *testing.T) {
	store, _ := alone(t)
	p := somePartition()
	memory, _ := takeOver(t, store, p, 1)
	const n = 12_345
	queues := []string{"even", "odd"}
	var members []pipeline.QueueMember
	for i := range n {
		members = append(members, member(queues[i%2], fmt.Sprintf("%05d", i), int64(i)))
	}
	enqueue(t, memory, batch(p, 1), nil, members)
	enqueue(t, memory, batch(p, 2), members[:n-1], members[100:101])
	heads, err := memory.Heads(t.Context(), []pipeline.QueueAsk{{Key: "even", UpTo: n, Limit: n}, {Key: "odd", UpTo: n, Limit: n}})
	if err != nil {
		t.Fatal(err)
	}
	if want := [][]pipeline.QueueMember{{members[100], members[n-1]}, nil}; !reflect.DeepEqual(heads, want) {
		t.Errorf("heads %v, want %v", heads, want)
	}
}

func TestQueues_keep_ranks_up_to_2_to_the_53(t *testing.T) {
	store, _ := alone(t)
	p := somePartition()
	memory, _ := takeOver(t, store, p, 1)
	const most = 1 << 53
	all := []pipeline.QueueMember{member("q", "a", -most), member("q", "b", -most+1), member("q", "c", most-1), member("q", "d", most)}
	enqueue(t, memory, batch(p, 1), nil, all)
	wantHeads(t, memory, []pipeline.QueueAsk{{Key: "q", UpTo: most, Limit: 9}, {Key: "q", UpTo: most - 1, Limit: 9}, {Key: "q", UpTo: -most, Limit: 9}}, all, all[:3], all[:1])
	for _, rank := range []int64{most + 1, -most - 1, math.MaxInt64, math.MinInt64} {
		writes := pipeline.Writes{Enqueue: []pipeline.QueueMember{member("q", "e", rank)}}
		if _, err := memory.Fill(t.Context(), batch(p, 2), nil, nil, writes); err == nil {
			t.Errorf("rank %d was taken", rank)
		}
	}
}
