package e2e

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/grapevinehq/grapevine/internal/enginetest"
)

// matrix is an installation whose workers die at points that are asked for, and
// another that reads along and lives.
type matrix struct {
	*world
	worker    *worker // at work between rounds
	immortal  bool    // it passes all points
	rounds    int     // cast so far
	deaths    int
	rebuilt   bool // Redis was, once at least
	missed    int  // points that were not passed
	reference *world
	along     *worker // at work there
}

func newMatrix(t testing.TB, programs string) *matrix {
	t.Helper()
	w := newWorld(t, enginetest.Kafka(t).Addr, crashPartitions, []byte(programs))
	w.program = mortal
	w.settings["BATCH_MAX_WAIT"] = "20ms"
	w.settings["RELOAD_INTERVAL"] = "50ms"
	w.settings["KAFKA_HEARTBEAT_INTERVAL"] = "50ms"
	w.settings["KAFKA_SESSION_TIMEOUT"] = "20s" // nobody waits for it: the dead are dropped
	w.settings["KAFKA_REBALANCE_TIMEOUT"] = "20s"
	w.createTopics()
	reference := w.reading([]byte(programs))
	reference.program = mortal // none of whose points is armed
	w.failPoints = t.TempDir()
	return &matrix{world: w, reference: reference, along: reference.launch("run")}
}

// once: the worker dies at the point, and a successor goes on.
func (m *matrix) once(r *round) {
	m.t.Helper()
	if m.die(r) {
		m.start()
	}
}

// twice: the successor dies at the same point, if it comes that way.
func (m *matrix) twice(r *round) {
	m.t.Helper()
	if !m.die(r) {
		return
	}
	m.arm(r.name)
	m.worker = m.launch("run")
	await(m.t, crashPatience, "the successor dies or is done", func() bool { return !m.worker.running() || m.done() })
	if m.disarm() {
		m.worker.kill()
	} else {
		m.deaths++
	}
	m.dropDead()
	m.start()
}

// underOtherRules: the programs change while nobody is at work.
func (m *matrix) underOtherRules(r *round) {
	m.t.Helper()
	if !m.die(r) {
		return
	}
	m.changePrograms("after " + r.casts[0].name)
	m.start()
}

// anotherTakesOver: who dies had half of the partitions, and does not come back.
func (m *matrix) anotherTakesOver(r *round) {
	m.t.Helper()
	m.replace(true)
	stays := m.worker
	m.start(stays)
	if !m.die(r, stays) {
		m.worker.kill()
		m.dropDead(stays)
	}
	m.worker, m.immortal = stays, true
}

// redisIsLost: with the worker goes all that Redis holds, and is made anew.
func (m *matrix) redisIsLost(r *round) {
	m.t.Helper()
	if !m.die(r) {
		return
	}
	m.flush()
	m.rebuild()
	m.rebuilt = true
	m.start()
}

// replace has a worker of the other kind at work.
func (m *matrix) replace(immortal bool) {
	m.t.Helper()
	if m.immortal == immortal {
		return
	}
	m.worker.kill()
	m.dropDead()
	if !immortal {
		m.start()
		return
	}
	folder := m.failPoints
	m.failPoints = ""
	m.worker, m.immortal = m.launch("run"), true
	m.failPoints = folder
	m.worker.awaitJoined(1)
}

// start has a worker take over what those who are at work leave to it.
func (m *matrix) start(others ...*worker) {
	m.t.Helper()
	m.forgetPassages()
	m.worker, m.immortal = m.launch("run"), false
	m.worker.awaitJoined(1)
	const takenOver = "/take over/after"
	topics := 5
	await(m.t, crashPatience, "partitions are taken over", func() bool {
		return strings.Count(m.passages(), takenOver) >= topics*crashPartitions/(1+len(others))
	})
}

// die plays the round, sees the worker die at its point, and has the group forget
// it. It is false when the round is over and the worker lives: where a batch ends is
// up to fetches, and one message alone has no middle.
func (m *matrix) die(r *round, stay ...*worker) bool {
	m.t.Helper()
	if len(stay) == 0 {
		m.replace(false)
	}
	m.arm(r.name)
	m.begin(r)
	var over time.Time // when the round was seen to be
	lives := false
	await(m.t, crashPatience, r.String(), func() bool {
		switch {
		case !m.worker.running():
			return true
		case !m.done():
			over = time.Time{}
		case over.IsZero():
			over = time.Now()
		case time.Since(over) > 5*time.Second: // what is due by the clock is done, too
			lives = m.disarm()
		}
		return lives
	})
	if lives {
		m.missed++
		return false
	}
	m.deaths++
	m.dropDead(stay...)
	return true
}

// end stops the workers at work, which then have done what is due.
func (m *matrix) end() {
	m.t.Helper()
	m.awaitRest()
	for _, p := range []*worker{m.worker, m.along} {
		if code := p.stop(30 * time.Second); code != 0 {
			m.t.Errorf("%s ended with %d", p.name, code)
		}
	}
}

// dropDead has the group forget those who died, as it would by itself when their
// session has timed out.
func (m *matrix) dropDead(stay ...*worker) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), 20*time.Second)
	defer cancel()
	client := &kafka.Client{Addr: kafka.TCP(m.brokers)}
	group := m.settings["KAFKA_GROUP"]
	described, err := client.DescribeGroups(ctx, &kafka.DescribeGroupsRequest{GroupIDs: []string{group}})
	if err != nil {
		m.t.Fatal(err)
	}
	leave := &kafka.LeaveGroupRequest{GroupID: group}
	for _, member := range described.Groups[0].Members {
		if !slices.ContainsFunc(stay, func(p *worker) bool { return strings.Contains(p.said(), member.MemberID) }) {
			leave.Members = append(leave.Members, kafka.LeaveGroupRequestMember{ID: member.MemberID})
		}
	}
	if len(leave.Members) == 0 {
		return
	}
	if _, err := client.LeaveGroup(ctx, leave); err != nil {
		m.t.Fatal(err)
	}
}

// awaitJoined waits until a worker has got partitions so many times.
func (p *worker) awaitJoined(times int) {
	p.t.Helper()
	await(p.t, crashPatience, p.name+" has partitions", func() bool {
		return strings.Count(p.said(), "joined the consumer group") >= times
	})
}

// awaitRest waits until nothing is left to do by offset, and likely by the clock.
func (m *matrix) awaitRest() {
	m.t.Helper()
	for range 2 {
		m.awaitDone(crashPatience, m.worker)
		m.reference.awaitDone(crashPatience, m.along)
		time.Sleep(1200 * time.Millisecond) // a partition asks what is due twice a second
	}
}
