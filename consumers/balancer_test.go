package consumers

import (
	"fmt"
	"slices"
	"testing"

	"github.com/segmentio/kafka-go"
	"pgregory.net/rapid"
)

// team is a group's members with what they got last.
type team map[string]*balancer

func (g team) balance(t *rapid.T, generation int32, counts map[string]int) kafka.GroupMemberAssignments {
	var partitions []kafka.Partition
	var topics []string
	for topic, n := range counts {
		topics = append(topics, topic)
		for i := range n {
			partitions = append(partitions, kafka.Partition{Topic: topic, ID: i})
		}
	}
	var members []kafka.GroupMember
	for id, b := range g {
		data, err := b.UserData()
		if err != nil {
			t.Fatal(err)
		}
		members = append(members, kafka.GroupMember{ID: id, Topics: topics, UserData: data})
	}
	all := (&balancer{}).AssignGroups(members, partitions)
	for id, b := range g {
		got := make(map[string][]kafka.PartitionAssignment)
		for topic, ids := range all[id] {
			for _, p := range ids {
				got[topic] = append(got[topic], kafka.PartitionAssignment{ID: p})
			}
		}
		b.remember(generation, got)
	}
	return all
}

func drawTeam(t *rapid.T, g team, label string) {
	for i := range rapid.IntRange(1, 6).Draw(t, label) {
		g[fmt.Sprintf("%s-%d", label, i)] = &balancer{}
	}
}

// wantEven checks that every partition has one owner, and every topic is spread evenly.
func wantEven(t *rapid.T, g team, all kafka.GroupMemberAssignments, counts map[string]int) {
	totals := make(map[string]int)
	for topic, n := range counts {
		var owned []int
		for id := range g {
			have := len(all[id][topic])
			totals[id] += have
			if low := n / len(g); have < low || have > low+1 {
				t.Errorf("%s has %d of the %d partitions of %s, among %d members", id, have, n, topic, len(g))
			}
			owned = append(owned, all[id][topic]...)
		}
		slices.Sort(owned)
		for i := range n {
			if len(owned) != n || owned[i] != i {
				t.Fatalf("%s: owned are %v of %d", topic, owned, n)
			}
		}
	}
	least, most := 1<<30, 0
	for _, n := range totals {
		least, most = min(least, n), max(most, n)
	}
	if most-least > 1 {
		t.Errorf("one member has %d partitions, another %d", most, least)
	}
}

func TestBalancer_spreads_evenly_and_moves_little(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		counts := make(map[string]int)
		for i := range rapid.IntRange(1, 5).Draw(t, "topics") {
			counts[fmt.Sprintf("topic-%d", i)] = rapid.IntRange(1, 16).Draw(t, "partitions")
		}
		g := team{}
		drawTeam(t, g, "old")
		first := g.balance(t, 1, counts)
		wantEven(t, g, first, counts)

		same := g.balance(t, 2, counts)
		wantEven(t, g, same, counts)
		if moved := moves(first, same); moved != 0 {
			t.Errorf("%d partitions moved though nobody came or went", moved)
		}

		g["new"] = &balancer{}
		grown := g.balance(t, 3, counts)
		wantEven(t, g, grown, counts)
		gained := 0
		for _, ids := range grown["new"] {
			gained += len(ids)
		}
		if moved := moves(same, grown); moved > gained+len(counts)*len(g) {
			t.Errorf("%d partitions moved for a member that got %d", moved, gained)
		}
		delete(g, "new")
		wantEven(t, g, g.balance(t, 4, counts), counts)
	})
}

// moves counts partitions with another owner than before.
func moves(before, after kafka.GroupMemberAssignments) (n int) {
	for id, topics := range after {
		for topic, ids := range topics {
			for _, p := range ids {
				if !slices.Contains(before[id][topic], p) {
					n++
				}
			}
		}
	}
	return n
}

func TestBalancer_believes_the_later_of_two_owners(t *testing.T) {
	stale, late := &balancer{}, &balancer{}
	had := map[string][]kafka.PartitionAssignment{"t": {{ID: 0}, {ID: 1}}}
	stale.remember(3, had)
	late.remember(4, map[string][]kafka.PartitionAssignment{"t": {{ID: 0}}})
	var members []kafka.GroupMember
	for id, b := range map[string]*balancer{"a-stale": stale, "b-late": late} {
		data, err := b.UserData()
		if err != nil {
			t.Fatal(err)
		}
		members = append(members, kafka.GroupMember{ID: id, Topics: []string{"t"}, UserData: data})
	}
	members = append(members, kafka.GroupMember{ID: "c-other", Topics: []string{"t"}, UserData: []byte("not ours")})
	got := (&balancer{}).AssignGroups(members, []kafka.Partition{{Topic: "t", ID: 0}, {Topic: "t", ID: 1}, {Topic: "t", ID: 2}})
	if !slices.Equal(got["b-late"]["t"], []int{0}) || !slices.Equal(got["a-stale"]["t"], []int{1}) || !slices.Equal(got["c-other"]["t"], []int{2}) {
		t.Errorf("%v", got)
	}
}

func TestBalancer_gives_no_topic_to_who_did_not_ask(t *testing.T) {
	got := (&balancer{}).AssignGroups(
		[]kafka.GroupMember{{ID: "a", Topics: []string{"t"}}, {ID: "b", Topics: []string{"u"}}},
		[]kafka.Partition{{Topic: "t", ID: 0}, {Topic: "t", ID: 1}, {Topic: "x", ID: 0}})
	if len(got["a"]["t"]) != 2 || len(got["b"]["t"]) != 0 {
		t.Errorf("%v", got)
	}
}
