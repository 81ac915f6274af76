package reward

// RevisionKey holds the partition's [Revision].
const RevisionKey = "v"

// Revision is the configuration that decided the partition's last batch, and
// how often it has changed so far. Who waits for room remembers under which one
// that was looked for last, as rank in its queue: so after a change those who
// were not looked at since are found, some in each batch.
type Revision struct {
	Hash    string `cbor:"1,keyasint"`
	Ordinal int64  `cbor:"2,keyasint"`
}

// Revise takes the batch's configuration; the value of RevisionKey is loaded.
func (l *Ledgers) Revise() {
	if r := l.revisions.read(RevisionKey); r.Hash != l.batch.Revision {
		r = l.revisions.write(RevisionKey)
		r.Hash, r.Ordinal = l.batch.Revision, r.Ordinal+1
	}
}

// Ordinal counts the configurations that decided batches of the partition.
func (l *Ledgers) Ordinal() int64 { return l.ordinal() }

func (l *Ledgers) ordinal() int64 {
	if r := l.revisions.read(RevisionKey); r != nil {
		return r.Ordinal
	}
	return 0
}

// DecodeRevision reads the value of RevisionKey; the zero Revision when there is none.
func DecodeRevision(data []byte) (r Revision, err error) {
	if data == nil {
		return r, nil
	}
	return r, decode(data, &r)
}

// rated asks again for a reward that lacked a rate.
func (t *Taking) rated(member string) bool {
	s, found, ok := t.find(Waiter(member))
	if !ok || found && !t.loadedLimits(&s) {
		return false
	}
	if !found || s.Waits != WaitRate {
		t.ledgers.queues.leave(QueueRates, member)
		return true
	}
	t.unqueue(&s)
	ref := s.ref(s.Reward)
	t.then(func() bool { return t.again(ref) })
	return true
}

// reconsidered looks at those who wait for a limit under a changed configuration.
func (t *Taking) reconsidered(limit string) bool {
	if t.lacks(t.ledgers.limits.want(nil, limit)...) {
		return false
	}
	if sum := t.ledgers.limits.read(limit); sum.Waiting+sum.Queued == 0 {
		t.ledgers.queues.leave(QueueLimits, limit) // never: who is last takes it out
		return true
	}
	t.ledgers.queues.join(QueueLimits, limit, t.ledgers.ordinal())
	t.then(func() bool { return t.reviewed(limit) })
	return true
}
