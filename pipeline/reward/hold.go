package reward

import "github.com/grapevinehq/grapevine/pipeline/event"

// ParkedQueues is what the keys of the queues begin with in which rewards of banned
// members wait.
const ParkedQueues = "q/p/"

// parkedAt is the queue of a member's rewards that are due and stay pending
// because the member is banned.
func parkedAt(p Person) string { return event.PrefixedID(ParkedQueues, p.OrgID, p.ID) }

// await lets a reward that became pending wait for the end of its hold, and one
// that is pending no more wait no longer.
func (t *Taking) await(s *spot, was Status) {
	q := t.ledgers.queues
	switch pending := s.Status == StatusPending; {
	case pending && was != StatusPending:
		q.join(QueueDue, s.ref(s.Reward), s.AvailableAt)
	case pending || was != StatusPending:
	case s.Parked:
		q.leave(parkedAt(t.person), s.ref(s.Reward))
		t.ledgers.members.write(memberKey(t.person)).Parked--
		s.Parked = false
	default:
		q.leave(QueueDue, s.ref(s.Reward))
	}
}

// due ends the hold of a reward: it is approved, unless it was taken back before
// or its beneficiary is banned; then it is asked again at each update of the
// member (§9 (42)).
func (t *Taking) due(ref string) bool {
	s, found, ok := t.find(ref)
	key := memberKey(t.person)
	if !ok || t.lacks(t.ledgers.members.want(nil, key)...) {
		return false
	}
	switch {
	case !found || s.Status != StatusPending || s.Parked || s.AvailableAt > t.ledgers.batch.Time:
		t.ledgers.queues.leave(QueueDue, ref) // never: what is pending no more has left
	case t.ledgers.members.read(key).Banned:
		t.ledgers.queues.leave(QueueDue, ref)
		t.ledgers.queues.join(parkedAt(t.person), ref, s.AvailableAt)
		t.ledgers.members.write(key).Parked++
		s.Parked, *s.changed = true, true
	default:
		t.locale = t.ledgers.members.read(key).Locale
		t.tell(&s, Approved, s.Net, "")
	}
	return true
}

// unpark approves what a ban that is over has kept pending.
func (t *Taking) unpark() bool {
	parked, ask := t.ledgers.queues.all(parkedAt(t.person))
	if t.lacksQueue(ask) {
		return false
	}
	for i := len(parked) - 1; i >= 0; i-- {
		ref := parked[i].Member
		t.then(func() bool { return t.unparked(ref) })
	}
	return true
}

func (t *Taking) unparked(ref string) bool {
	s, found, ok := t.find(ref)
	if !ok {
		return false
	}
	if found && s.Status == StatusPending && s.Parked {
		t.tell(&s, Approved, s.Net, "")
	}
	return true
}
