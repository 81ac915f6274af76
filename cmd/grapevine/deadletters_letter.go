package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

// The headers that a dead letter has behind the original's (contract §2).
const (
	headerReason    = "gv_reason"
	headerDetail    = "gv_detail"
	headerTopic     = "gv_topic"
	headerPartition = "gv_partition"
	headerOffset    = "gv_offset"
	headerTime      = "gv_time"
)

var letterHeaders = []string{headerReason, headerDetail, headerTopic, headerPartition, headerOffset, headerTime}

// place is where an event stands, or stood, in Kafka.
type place struct {
	topic     string // by its name in Kafka
	partition int
	offset    int64
}

func (p place) String() string { return fmt.Sprintf("%s/%d/%d", p.topic, p.partition, p.offset) }

// parsePlace reads TOPIC/PARTITION/OFFSET.
func parsePlace(text string) (p place, err error) {
	parts := strings.Split(text, "/")
	if len(parts) == 3 {
		p, err = placeOf(parts[0], parts[1], parts[2])
	}
	if len(parts) != 3 || err != nil {
		return p, fmt.Errorf("%q is not TOPIC/PARTITION/OFFSET, such as referral.clicks/3/1042", text)
	}
	return p, nil
}

func placeOf(topic, partition, offset string) (p place, err error) {
	p.topic = topic
	if p.partition, err = strconv.Atoi(partition); err != nil {
		return p, err
	}
	if p.offset, err = strconv.ParseInt(offset, 10, 64); err != nil {
		return p, err
	}
	if topic == "" || p.partition < 0 || p.offset < 0 {
		return p, fmt.Errorf("%s is no place in Kafka", p)
	}
	return p, nil
}

// deadLetter is one dead letter, and what it tells of itself.
type deadLetter struct {
	topicRecord
	when           time.Time
	reason, detail string
	stood          place // where its event stood when it was refused
	origin         place // where it stood when it was refused first
	org, program   string
	id             string // of the event; these three where it tells them
}

// readLetter reads a record of the topic; false for one that is no dead letter.
func readLetter(r topicRecord) (l deadLetter, ok bool) {
	l = deadLetter{topicRecord: r, when: r.Time, reason: r.header(headerReason), detail: r.header(headerDetail)}
	var err error
	if l.stood, err = placeOf(r.header(headerTopic), r.header(headerPartition), r.header(headerOffset)); err != nil {
		return l, false
	}
	if l.origin, err = placeOf(r.header(event.OriginTopic), r.header(event.OriginPartition), r.header(event.OriginOffset)); err != nil {
		l.origin = l.stood
	}
	if at, err := time.Parse(time.RFC3339Nano, r.header(headerTime)); err == nil {
		l.when = at
	}
	l.readEvent()
	return l, true
}

// readEvent finds out whose event it is: of what cannot be read that stays unknown.
func (l *deadLetter) readEvent() {
	l.org, l.program, l.id = l.header("ce_orgid"), l.header("ce_programid"), l.header("ce_id")
	if l.org+l.program+l.id != "" {
		return
	}
	var e struct {
		OrgID, ProgramID, ID any // of any type: it may be that which is wrong
	}
	if json.Unmarshal(l.Value, &e) != nil {
		return
	}
	l.org, _ = e.OrgID.(string)
	l.program, _ = e.ProgramID.(string)
	l.id, _ = e.ID.(string)
}

// originalHeaders are the headers that the event itself had.
func (l *deadLetter) originalHeaders() []kafka.Header {
	headers := slices.Clone(l.Headers)
	for n := len(headers); n > 0 && len(headers)-n < len(letterHeaders) && slices.Contains(letterHeaders, headers[n-1].Key); n = len(headers) {
		headers = headers[:n-1]
	}
	return headers
}
