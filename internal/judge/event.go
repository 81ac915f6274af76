package judge

import (
	"encoding/base64"
	"strings"
	"time"
	"unicode/utf8"
)

// The types of events that come in.
const (
	typeClick      = "referral.click.recorded.v1"
	typeConversion = "referral.conversion.recorded.v1"
	typeAdjustment = "referral.conversion.adjusted.v1"
	typeLink       = "referral.identity.linked.v1"
	typeMember     = "referral.member.updated.v1"
	typeFulfilled  = "referral.reward.fulfilled.v1"
	typeFailed     = "referral.reward.fulfillment_failed.v1"
	typeDecided    = "referral.reward.decided.v1"
)

// event is an event that came in.
type event struct {
	place
	written int64 // Kafka's time
	key     string

	kind, id, source, org, program string
	time                           int64 // its own, in milliseconds
	tombstone                      bool

	texts      map[string]string // fields of the data by name; no empty ones
	lists      map[string][]string
	metadata   map[string]string
	attributes map[string]any
	amount     int64
	hasAmount  bool
}

const (
	maxValue = 1 << 20
	maxID    = 4 << 10
	maxText  = 64 << 10
)

// The first and the last time that an event may have.
var (
	firstTime = time.Date(1901, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	lastTime  = time.Date(2299, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli() - 1
)

// decoding is a record on its way to an event. It is good as long as nothing is
// bad: what exactly is wrong is for people.
type decoding struct {
	*event
	topic string
	bad   bool
	seen  map[string]bool // attributes given, be it null
}

// decode reads a record of a topic; ok is false for what is invalid. The event
// says what could be read all the same.
func (t *trial) decode(topic string, r *Record) (e *event, ok bool) {
	e = &event{place: r.place(), written: r.Time, key: string(r.Key), texts: map[string]string{}}
	if topic == topicMembers && r.Value == nil {
		return e, e.forget(r)
	}
	if len(r.Value) > maxValue || len(r.Value) == 0 {
		return e, false
	}
	d := &decoding{event: e, topic: topic, seen: map[string]bool{}}
	data := d.structured
	if binary(r.Headers) {
		data = d.binary
	}
	content, ok := data(r)
	if !ok || d.bad || !d.known() || d.early(r.Time, t.skew) {
		return e, false
	}
	d.data(content)
	return e, !d.bad && d.complete() && d.keyed(r.Key)
}

// forget is a tombstone, at Kafka's time.
func (e *event) forget(r *Record) bool {
	org, id, ok := strings.Cut(string(r.Key), "/")
	if !ok || org == "" || id == "" || len(org) > maxID || len(id) > maxID || !utf8.Valid(r.Key) {
		return false
	}
	e.tombstone, e.kind, e.org, e.time = true, typeMember, org, min(max(r.Time, firstTime), lastTime)
	e.texts["member_id"] = id
	return true
}

// binary tells the mode: the content type of structured mode decides, then an
// attribute among the headers.
func binary(headers []Header) bool {
	found := false
	for _, h := range headers {
		if strings.EqualFold(h.Key, "content-type") && strings.HasPrefix(strings.ToLower(string(h.Value)), "application/cloudevents+json") {
			return false
		}
		found = found || strings.HasPrefix(h.Key, "ce_")
	}
	return found
}

func (d *decoding) binary(r *Record) (value, bool) {
	for _, h := range r.Headers {
		name, ok := strings.CutPrefix(h.Key, "ce_")
		if !ok || h.Value == nil || !d.isAttribute(name) {
			continue
		}
		d.once(name)
		d.bad = d.bad || !utf8.Valid(h.Value)
		d.attribute(name, string(h.Value))
	}
	return r.Value, wellFormed(r.Value)
}

func (d *decoding) structured(r *Record) (data value, ok bool) {
	if !wellFormed(r.Value) {
		return nil, false
	}
	var encoded string
	err := value(trimmed(r.Value)).members(func(name string, v value) {
		if !d.isAttribute(name) && name != "data" && name != "data_base64" {
			return
		}
		if d.once(name); v.null() {
			return
		}
		text, isText := v.text()
		switch {
		case name == "data":
			data = v
		case !isText:
			d.bad = true
		case name == "data_base64":
			encoded = text
		default:
			d.attribute(name, text)
		}
	})
	if err != nil || (data == nil) == (encoded == "") {
		return nil, false
	}
	if encoded != "" {
		if data, err = base64.StdEncoding.DecodeString(encoded); err != nil || !wellFormed(data) {
			return nil, false
		}
	}
	return data, true
}

func trimmed(b []byte) []byte { return []byte(strings.Trim(string(b), " \t\r\n")) }

func (d *decoding) isAttribute(name string) bool {
	switch name {
	case "specversion", "id", "source", "type", "time", "orgid":
		return true
	}
	return name == "programid" && d.topic != topicMembers
}

// once takes a name that must not come twice.
func (d *decoding) once(name string) {
	d.bad = d.bad || d.seen[name]
	d.seen[name] = true
}

func (d *decoding) attribute(name, text string) {
	if text == "" {
		return
	}
	d.bad = d.bad || len(text) > maxID
	switch name {
	case "specversion":
		d.bad = d.bad || text != "1.0"
		d.seen["1.0"] = true
	case "id":
		d.id = text
	case "source":
		d.source = text
	case "type":
		d.kind = text
	case "orgid":
		d.org = text
	case "programid":
		d.program = text
	case "time":
		at, ok := instant(text)
		d.bad = d.bad || !ok || at < firstTime || at > lastTime
		d.time = at
		d.seen["a time"] = true
	}
}

// instant is an RFC 3339 time of at most nine digits of a second, truncated to the
// millisecond.
func instant(text string) (ms int64, ok bool) {
	text = strings.ToUpper(text)
	if dot := strings.IndexByte(text, '.'); dot >= 0 {
		digits := strings.IndexFunc(text[dot+1:], func(r rune) bool { return r < '0' || r > '9' })
		if digits < 1 || digits > 9 {
			return 0, false
		}
	}
	if strings.ContainsRune(text, ',') {
		return 0, false
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return 0, false
	}
	return at.UnixMilli(), true
}

// known tells whether the attributes are all there.
func (d *decoding) known() bool {
	kinds := map[string][]string{
		topicClicks: {typeClick}, topicMembers: {typeMember}, topicConversions: {typeConversion, typeAdjustment, typeLink},
		topicFulfillments: {typeFulfilled, typeFailed, typeDecided},
	}
	of := false
	for _, kind := range kinds[d.topic] {
		of = of || kind == d.kind
	}
	return of && d.id != "" && d.source != "" && d.org != "" && (d.program != "" || d.topic == topicMembers) && d.seen["1.0"] && d.seen["a time"]
}

// early tells whether the event lies too far in the future of its Kafka time.
func (d *decoding) early(written int64, skew time.Duration) bool {
	return written >= 0 && d.time-written > skew.Milliseconds()
}
