package judge

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"strconv"
	"strings"
)

// letter names a dead letter: the record that was refused, and why.
type letter struct {
	topic string
	place
	reason string
}

func (l letter) String() string { return fmt.Sprintf("%s/%s %s", l.topic, l.place, l.reason) }

// letters are the dead letters that there must be, and those that there may be,
// with a sum of each original.
type letters struct {
	expected, allowed map[letter]digest
}

// digest is the sum of a record's key, value and headers.
type digest [sha256.Size]byte

func (r *Record) digest() digest {
	h := sha256.New()
	part(h, r.Key)
	part(h, r.Value)
	for _, header := range r.Headers {
		if !strings.HasPrefix(header.Key, "gv_") { // those tell of dead letters
			part(h, []byte(header.Key))
			part(h, header.Value)
		}
	}
	return digest(h.Sum(nil))
}

func part(h hash.Hash, b []byte) {
	n := len(b)
	if b == nil {
		n = -1
	}
	fmt.Fprintf(h, "%d:", n)
	h.Write(b)
}

func (l *letters) expect(topic string, at place, sum digest, reason string) {
	l.expected[letter{topic, at, reason}] = sum
}

func (l *letters) allow(topic string, at place, sum digest, reason string) {
	l.allowed[letter{topic, at, reason}] = sum
}

// of is the sum of the original of a letter that there may be.
func (l *letters) of(which letter) (digest, bool) {
	if sum, ok := l.expected[which]; ok {
		return sum, true
	}
	sum, ok := l.allowed[which]
	return sum, ok
}

// deadLetters compares the table and the topic with what must be there: one for
// every bad event, with its original bytes and headers.
func (t *trial) deadLetters() error {
	details := t.booked
	for l, detail := range details {
		if _, ok := t.letters.of(l); !ok && l.topic != topicCredits {
			t.differ("dead_letters", l.String(), "no dead letter", "one: "+detail)
		}
	}
	published, err := t.lettersPublished(details)
	if err != nil {
		return err
	}
	for l := range t.letters.expected {
		if _, ok := details[l]; !ok {
			t.differ("dead_letters", l.String(), "one dead letter", "none")
		}
		if !published[l] {
			t.differ(topicDeadLetters, l.String(), "one dead letter", "none")
		}
	}
	for l := range details {
		if _, ok := t.letters.of(l); ok && !published[l] {
			t.differ(topicDeadLetters, l.String(), "what the table has", "none")
		}
	}
	return nil
}

// lettersBooked reads the table: the details by letter.
func (t *trial) lettersBooked() (map[letter]string, error) {
	details := map[letter]string{}
	names := map[string]string{}
	for _, topic := range inputs {
		names[t.Topic(topic)] = topic
	}
	for row, err := range t.rows("dead_letters") {
		if err != nil {
			return nil, err
		}
		l := letter{names[row.text("kafka_topic")], row.place(), row.text("reason")}
		if _, twice := details[l]; twice {
			t.differ("dead_letters", l.String(), "one dead letter", "another")
		}
		details[l] = row.text("detail")
	}
	return details, nil
}

// lettersPublished reads the topic. A crash may have a letter written again, never
// with other bytes.
func (t *trial) lettersPublished(details map[letter]string) (map[letter]bool, error) {
	published := map[letter]bool{}
	whole := map[letter]digest{}
	for r, err := range t.Records(t.ctx, topicDeadLetters) {
		if err != nil {
			return nil, err
		}
		told := map[string]string{}
		for _, h := range r.Headers {
			told[h.Key] = string(h.Value)
		}
		l := letter{reason: told["gv_reason"]}
		for _, topic := range inputs {
			if t.Topic(topic) == told["gv_topic"] {
				l.topic = topic
			}
		}
		l.partition, _ = strconv.Atoi(told["gv_partition"])
		l.offset, _ = strconv.ParseInt(told["gv_offset"], 10, 64)
		sum := (&Record{Key: r.Key, Value: r.Value, Headers: append(r.Headers, Header{"all", []byte(fmt.Sprint(told))})}).digest()
		if before, twice := whole[l]; twice && before != sum {
			t.differ(topicDeadLetters, l.String(), "equal bytes whenever it is published", "other bytes at "+r.place().String())
		}
		whole[l], published[l] = sum, true
		detail, booked := details[l]
		original, ok := t.letters.of(l)
		switch {
		case l.topic == topicCredits:
		case !booked:
			t.differ(topicDeadLetters, l.String(), "what stands in dead_letters", "one that does not")
		case detail != told["gv_detail"]:
			t.differ(topicDeadLetters, l.String()+" gv_detail", detail, told["gv_detail"])
		case told["gv_time"] == "":
			t.differ(topicDeadLetters, l.String(), "a header gv_time", "none")
		case ok && original != r.digest():
			t.differ(topicDeadLetters, l.String(), "key, value and headers of the original", "others")
		}
	}
	return published, nil
}
