package main

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/grapevinehq/grapevine/internal/verify"
)

// closeKafkaClient ends the connections of a client.
func closeKafkaClient(c *kafka.Client) { c.Transport.(*kafka.Transport).CloseIdleConnections() }

// eventWait bounds the search for one record.
const eventWait = 5 * time.Second

// eventAt reads what a record at topic/partition/offset says of itself.
func eventAt(ctx context.Context, client *kafka.Client, position string) (verify.Event, bool) {
	parts := strings.Split(position, "/")
	if len(parts) != 3 {
		return verify.Event{}, false
	}
	partition, err := strconv.Atoi(parts[1])
	offset, err2 := strconv.ParseInt(parts[2], 10, 64)
	if err != nil || err2 != nil {
		return verify.Event{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, eventWait)
	defer cancel()
	reader := &topicReader{client: client, topic: parts[0]}
	var found verify.Event
	err = reader.read(ctx, []topicRange{{partition, offset, offset + 1}}, false, func(r topicRecord) error {
		if r.Offset == offset {
			found = selfOf(&r)
		}
		return errEnough
	})
	_ = err // what Kafka has no more stays without a name
	return found, found != verify.Event{}
}

// selfOf reads the envelope of an event, in either mode, as far as it has one.
func selfOf(r *topicRecord) verify.Event {
	var e struct{ OrgID, ProgramID, ID, Source, Time string }
	if json.Unmarshal(r.Value, &e) != nil {
		e.ID = ""
	}
	for name, to := range map[string]*string{"ce_orgid": &e.OrgID, "ce_programid": &e.ProgramID, "ce_id": &e.ID, "ce_source": &e.Source, "ce_time": &e.Time} {
		if value := r.header(name); value != "" {
			*to = value
		}
	}
	day := ""
	if at, err := time.Parse(time.RFC3339Nano, e.Time); err == nil {
		day = at.UTC().Format(time.DateOnly)
	}
	return verify.Event{OrgID: e.OrgID, ProgramID: e.ProgramID, Day: day, ID: e.ID, Source: e.Source}
}
