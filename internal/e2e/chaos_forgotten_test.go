package e2e

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// forgetful are crashPrograms whose events are soon forgotten.
var forgetful = strings.ReplaceAll(crashPrograms, "currency: USD\n            attribution:", "currency: USD\n            dedupe_window: 1s\n            attribution:")

// A worker falls asleep in the middle of its claims, and wakes up when others have done
// its batch and Redis has forgotten the events of it: what it goes on with is new to
// nobody, and changes nothing.
func TestZombie_whose_events_are_forgotten_changes_nothing(t *testing.T) {
	t.Parallel()
	m := newMatrix(t, forgetful)
	m.settings["DEDUPE_RETENTION"] = "1s"
	m.settings["KAFKA_SESSION_TIMEOUT"], m.settings["KAFKA_REBALANCE_TIMEOUT"] = zombieSession.String(), zombieSession.String()
	over := slices.IndexFunc(inputs, func(i input) bool { return i.name == "conversions and holds due" })
	rounds := m.cast([]death{{point: point{over, "conversions/claim/middle"}}})
	m.publish(before(rounds))
	m.start()
	m.awaitRest()
	m.replace(true)
	stays := m.worker
	m.start(stays)
	m.sleep(rounds[0], stays)
	for _, c := range m.cast([]death{{}})[0].casts { // whose batches release what is old
		m.publish(c.members())
		m.publish(c.clicks())
		m.publish(c.conversions())
	}
	m.awaitDone(crashPatience, stays)
	await(t, crashPatience, "nothing is known of the round", func() bool { return len(m.claimsOf(rounds[0])) == 0 })
	m.worker.signal(syscall.SIGCONT)
	m.worker.awaitJoined(2)
	m.awaitDone(crashPatience, stays)
	m.worker.kill()
	m.dropDead(stays)
	m.worker = stays
	time.Sleep(time.Second)
	m.end()
	compareCrash(m.reference, m.world, "archive") // what is forgotten goes there, and the other one remembers
	m.agrees()
	m.checkMessages()
}

// claimsOf are the keys in Redis that speak of the round's sales.
func (m *matrix) claimsOf(r *round) (keys []string) {
	for key := range m.memory() {
		if strings.Contains(key, r.casts[0].sale(1)) || strings.Contains(key, r.casts[1].sale(1)) {
			keys = append(keys, key)
		}
	}
	return keys
}
