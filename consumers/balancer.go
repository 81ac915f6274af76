package consumers

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"sync"

	"github.com/segmentio/kafka-go"
)

// balancer spreads the partitions of each topic evenly over the members, and
// leaves partitions where they are as far as that allows. Topics are spread one
// by one, because their partitions weigh differently: clicks must not all end up
// with one member while another gets the members' topic. Where a topic's
// partitions do not divide evenly, the members with fewer partitions in all get
// one more.
//
// A member tells what it has in the user data of its next join, with the
// generation that it had it in; of two that claim a partition the later has it.
type balancer struct {
	mu    sync.Mutex
	owned owned
}

// owned is what a member had when it joins anew.
type owned struct {
	Generation int32            `json:"g"`
	Partitions map[string][]int `json:"p"`
}

var _ kafka.GroupBalancer = (*balancer)(nil)

func (*balancer) ProtocolName() string { return "grapevine-1" }

// UserData encodes what this member has.
func (b *balancer) UserData() ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return json.Marshal(b.owned)
}

// remember is told of each assignment.
func (b *balancer) remember(generation int32, assignments map[string][]kafka.PartitionAssignment) {
	o := owned{Generation: generation, Partitions: make(map[string][]int, len(assignments))}
	for topic, assigned := range assignments {
		for _, p := range assigned {
			o.Partitions[topic] = append(o.Partitions[topic], p.ID)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.owned = o
}

// AssignGroups is called in the member that leads the group.
func (*balancer) AssignGroups(members []kafka.GroupMember, partitions []kafka.Partition) kafka.GroupMemberAssignments {
	byTopic := make(map[string][]int)
	for _, p := range partitions {
		byTopic[p.Topic] = append(byTopic[p.Topic], p.ID)
	}
	assignments := make(kafka.GroupMemberAssignments, len(members))
	had := make(map[string]owned, len(members))
	load := make(map[string]int, len(members))
	for _, m := range members {
		assignments[m.ID] = make(map[string][]int)
		var o owned
		if json.Unmarshal(m.UserData, &o) == nil { // another version's user data: nothing is known of the member
			had[m.ID] = o
		}
	}
	for _, topic := range slices.Sorted(maps.Keys(byTopic)) {
		for member, ids := range spread(topic, byTopic[topic], subscribed(members, topic), had, load) {
			assignments[member][topic] = ids
			load[member] += len(ids)
		}
	}
	return assignments
}

func subscribed(members []kafka.GroupMember, topic string) []string {
	var ids []string
	for _, m := range members {
		if slices.Contains(m.Topics, topic) {
			ids = append(ids, m.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// spread assigns one topic's partitions. load is what members have of other topics.
func spread(topic string, partitions []int, members []string, had map[string]owned, load map[string]int) map[string][]int {
	if len(members) == 0 {
		return nil
	}
	slices.Sort(partitions)
	kept, free := keep(topic, partitions, members, had)
	share := shares(len(partitions), members, kept, load)
	assigned := make(map[string][]int, len(members))
	for _, m := range members {
		n := min(len(kept[m]), share[m])
		assigned[m] = kept[m][:n]
		free = append(free, kept[m][n:]...)
	}
	slices.Sort(free)
	for _, m := range members {
		n := share[m] - len(assigned[m])
		assigned[m] = append(slices.Clone(assigned[m]), free[:n]...)
		free = free[n:]
		slices.Sort(assigned[m])
	}
	return assigned
}

// keep tells which partitions each member had last, and which nobody had.
func keep(topic string, partitions []int, members []string, had map[string]owned) (kept map[string][]int, free []int) {
	kept = make(map[string][]int, len(members))
	for _, id := range partitions {
		owner := ""
		for _, m := range members {
			if slices.Contains(had[m].Partitions[topic], id) && (owner == "" || had[m].Generation > had[owner].Generation) {
				owner = m
			}
		}
		if owner == "" {
			free = append(free, id)
			continue
		}
		kept[owner] = append(kept[owner], id)
	}
	return kept, free
}

// shares says how many partitions each member gets: equally many, and the rest
// one each to those who have fewer of other topics, then to those who had more
// of this one.
func shares(partitions int, members []string, kept map[string][]int, load map[string]int) map[string]int {
	order := slices.Clone(members)
	slices.SortStableFunc(order, func(a, b string) int {
		return cmp.Or(cmp.Compare(load[a], load[b]), cmp.Compare(len(kept[b]), len(kept[a])))
	})
	share := make(map[string]int, len(members))
	for i, m := range order {
		share[m] = partitions / len(members)
		if i < partitions%len(members) {
			share[m]++
		}
	}
	return share
}
