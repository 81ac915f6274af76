package conversions

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
)

// An adjustment waits 72 hours by its Kafka time; then it is a dead letter. A
// later record of the partition shows that the time is up, or the clock where none
// comes (§9 (8)).
//
// Who waits is listed by the hour of arrival, each hour a value of its own that
// is only appended to, and read when it is due: waiting costs nothing until then.
const (
	waitFor = 72 * hour // ms
	hour    = 3600_000

	unknownConversion = "unknown_conversion"
)

// hoursKey is the key of the hours that have a list.
const hoursKey = waitingPrefix + "hours"

// hourKey is the key of an hour's list.
func hourKey(h int64) string { return waitingPrefix + "h" + strconv.FormatInt(h, 36) }

// expiry is one adjustment that waits. Who does not any more is still listed.
type expiry struct {
	Query     ConversionQuery `cbor:"1,keyasint"`
	Offset    int64           `cbor:"2,keyasint"`
	KafkaTime int64           `cbor:"3,keyasint"`
	fresh     bool            // of this batch: listed nowhere yet
}

func (x *expiry) name() string {
	return name(x.Query.OrgID, x.Query.ProgramID, x.Query.ConversionID)
}

func (x *expiry) deadline() int64 { return x.KafkaTime + waitFor }

// appendExpiry appends an entry to an hour's list, behind its length.
func appendExpiry(list []byte, x *expiry) ([]byte, error) {
	b, err := encode(x)
	if err != nil {
		return nil, err
	}
	return append(binary.AppendUvarint(list, uint64(len(b))), b...), nil
}

func decodeExpiries(list []byte) ([]expiry, error) {
	var entries []expiry
	for len(list) > 0 {
		size, n := binary.Uvarint(list)
		if n <= 0 || size > uint64(len(list)-n) {
			return nil, errors.New("a list of waiting adjustments is damaged")
		}
		var x expiry
		if err := decode(list[n:n+int(size)], &x); err != nil {
			return nil, err
		}
		entries = append(entries, x)
		list = list[n+int(size):]
	}
	return entries, nil
}

// over tells whether all who began to wait in an hour have waited long enough.
func over(h, now int64) bool { return (h+1)*hour+waitFor <= now }

// newest is the newest Kafka time of the batch, or the clock that made a batch
// without records.
func (k *work) newest() int64 {
	if len(k.records) == 0 {
		return k.bounds.Time
	}
	at := int64(math.MinInt64)
	for i := range k.records {
		at = max(at, k.records[i].Time)
	}
	return at
}

// expire makes dead letters of the adjustments whose time is up when a record
// of this Kafka time is read.
func (d *decider) expire(now int64) []lateLetter {
	if now < d.nextExpiry {
		return nil
	}
	var up, left []expiry
	d.nextExpiry = math.MaxInt64
	for _, x := range d.expiries {
		if x.deadline() <= now {
			up = append(up, x)
		} else {
			left = append(left, x)
			d.nextExpiry = min(d.nextExpiry, x.deadline())
		}
	}
	d.expiries = left
	slices.SortFunc(up, func(a, b expiry) int { return cmp.Compare(a.Offset, b.Offset) })
	var letters []lateLetter
	for i := range up {
		letters = d.expireOne(letters, &up[i])
	}
	return letters
}

// waitsAt is the place of the adjustment at an offset among those that wait for a
// conversion, negative when it does not.
func (k *work) waitsAt(n string, offset int64) int {
	return slices.IndexFunc(k.facts.Waiting[n], func(w waiting) bool { return w.Offset == offset })
}

func (d *decider) expireOne(letters []lateLetter, x *expiry) []lateLetter {
	n := x.name()
	list := d.facts.Waiting[n]
	at := d.waitsAt(n, x.Offset)
	if at < 0 {
		return letters // it waits no more
	}
	w := list[at]
	d.saveWaiting(n, slices.Delete(slices.Clone(list), at, at+1))
	d.mark(w.nameOf(x.Query.OrgID, x.Query.ProgramID), inVain)
	reason, detail := unknownConversion, fmt.Sprintf("no counted conversion has conversion_id %q after 72 hours", x.Query.ConversionID)
	if owner := d.facts.Elsewhere[n].CustomerID; owner != "" && owner != w.Adjustment.CustomerID {
		reason, detail = invalid, anothers(x.Query.ConversionID)
	}
	return append(letters, lateLetter{w, x.Query.OrgID, x.Query.ProgramID, reason, detail})
}

// list notes when an adjustment's time will be up.
func (d *decider) list(x expiry) {
	x.fresh = true
	d.expiries = append(d.expiries, x)
	d.nextExpiry = min(d.nextExpiry, x.deadline())
}

// listWrites appends who began to wait to the lists of their hours, and drops
// the lists of hours that are over.
func (d *decider) listWrites() ([]write, error) {
	fresh := make(map[int64][]byte)
	for i := range d.expiries {
		x := &d.expiries[i]
		if !x.fresh {
			continue
		}
		h := x.KafkaTime / hour
		var err error
		if fresh[h], err = appendExpiry(fresh[h], x); err != nil {
			return nil, err
		}
	}
	var writes []write
	var hours []int64
	newest := d.newest()
	for _, h := range d.facts.Hours {
		if fresh[h] == nil && over(h, newest) {
			writes = append(writes, write{Key: hourKey(h)})
			continue
		}
		hours = append(hours, h)
	}
	for _, h := range slices.Sorted(maps.Keys(fresh)) {
		writes = append(writes, write{Key: hourKey(h), Value: fresh[h], Append: true})
		if !slices.Contains(hours, h) {
			hours = append(hours, h)
		}
	}
	if slices.Equal(hours, d.facts.Hours) {
		return writes, nil
	}
	value, err := encode(hours)
	return append(writes, write{Key: hoursKey, Value: value}), err
}
