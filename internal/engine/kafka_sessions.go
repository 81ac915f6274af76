package engine

import (
	"context"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// sessions give every member of a group a session that can end. kfake starts the
// clock of a session with the first answer that a member takes: one that died while
// it joined takes none, and would keep its partitions for good. So whoever has
// joined is given one heartbeat here. Who lives sends its own; for the others the
// clock runs, as it does in Apache Kafka.
type sessions struct {
	addr   string
	synced chan generation
	seen   map[string]int32 // the last generation seen of a group
	ended  sync.WaitGroup
	end    context.CancelFunc
}

// generation is one of a group.
type generation struct {
	group string
	id    int32
}

// sessionTimeout bounds the requests for one generation.
const sessionTimeout = 5 * time.Second

func watchSessions(cluster *kfake.Cluster, addr string) *sessions {
	ctx, end := context.WithCancel(context.Background())
	s := &sessions{addr: addr, synced: make(chan generation, 1024), seen: make(map[string]int32), end: end}
	cluster.ControlKey(kmsg.SyncGroup.Int16(), func(request kmsg.Request) (kmsg.Response, error, bool) {
		r := request.(*kmsg.SyncGroupRequest)
		select {
		case s.synced <- generation{r.Group, r.Generation}:
		default: // so many at once: the next member's will do
		}
		return nil, nil, false
	})
	s.ended.Go(func() { s.run(ctx) })
	return s
}

func (s *sessions) run(ctx context.Context) {
	for {
		select {
		case g := <-s.synced:
			if s.seen[g.group] != g.id && s.begin(ctx, g) == nil {
				s.seen[g.group] = g.id
			}
		case <-ctx.Done():
			return
		}
	}
}

// begin sends a heartbeat for each member of a generation.
func (s *sessions) begin(ctx context.Context, g generation) error {
	ctx, cancel := context.WithTimeout(ctx, sessionTimeout)
	defer cancel()
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(s.addr), Transport: transport}
	found, err := client.DescribeGroups(ctx, &kafka.DescribeGroupsRequest{GroupIDs: []string{g.group}})
	if err != nil {
		return err
	}
	for _, group := range found.Groups {
		for _, m := range group.Members {
			// An answer that refuses is one to a member or a generation that has gone since.
			if _, err := client.Heartbeat(ctx, &kafka.HeartbeatRequest{GroupID: g.group, GenerationID: g.id, MemberID: m.MemberID}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *sessions) stop() {
	s.end()
	s.ended.Wait()
}
