package event

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
)

// body is what the data of an event is read into. One exists for each topic.
type body interface {
	// envelope is where the CloudEvents attributes go.
	envelope() *Envelope
	// accepts tells whether a type belongs to the topic, as its constant.
	accepts(name string) (Type, bool)
	// scoped says that programid is required (§2: members have none).
	scoped() bool
	// field reads the value of one member of the data; the type is known.
	field(r *reader, key []byte)
	// check adds what is wrong with the data as a whole, defaults filled in.
	check(r *reader)
	// key is what the record's key must equal; ok false when any key will do.
	key() (org, id string, ok bool)
}

// reader decodes one record: the scanner, what has been seen, and what is wrong.
type reader struct {
	scan
	problems
	attributes, fields names
	isRead             bool   // the data was an object and has been read
	later              int    // where the data stands, when it came before the type
	base64             string // data_base64
	longIDs            bool   // attributes may be longer than ids are
}

// names keeps count of names, each with a bit of its own.
type names struct {
	seen    uint32 // given, be it null
	settled uint32 // has a value, or has been complained of
}

// The bits of the attributes, and of the two members that hold the data.
const (
	attrSpecversion uint32 = 1 << iota
	attrID
	attrSource
	attrType
	attrTime
	attrOrg
	attrProgram
	attrData
	attrBase64
)

// readers are kept for reuse: they escape, as bodies are called by interface.
var readers = sync.Pool{New: func() any { return new(reader) }}

// decode reads a record into a body and returns every problem, nil when the
// event is valid.
func decode(rec *Record, to body, limits Limits) []string {
	if n, most := len(rec.Value), limits.maxValue(); n > most {
		return []string{fmt.Sprintf("the value has %d bytes, %d are allowed", n, most)}
	}
	if len(rec.Value) == 0 {
		return []string{"the value is empty"}
	}
	if problem := rec.besides(); problem != "" {
		return []string{problem}
	}
	r := readers.Get().(*reader)
	*r = reader{scan: scan{b: rec.Value}, longIDs: limits.internal}
	r.record(rec, to, limits)
	told := r.list()
	*r = reader{}
	readers.Put(r)
	return told
}

// record reads the record in the mode that it came in, then checks the whole.
func (r *reader) record(rec *Record, to body, limits Limits) {
	if modeOf(rec.Headers) == binaryMode {
		r.attributeHeaders(rec.Headers, to)
		r.members(to)
		r.end()
	} else {
		r.structured(to)
	}
	if r.fault != "" {
		r.add("the value is not valid JSON: %s at byte %d", r.fault, r.at)
		return
	}
	r.checkEnvelope(rec, to, limits)
	if r.isRead {
		to.check(r)
		r.checkKey(rec.Key, to)
	}
}

// mode is one of the two ways in which CloudEvents travel over Kafka.
type mode byte

const (
	structuredMode mode = iota
	binaryMode
)

// modeOf tells the mode: the content type of structured mode decides, then the
// presence of an attribute header; a value without either is structured.
func modeOf(headers []Header) mode {
	m := structuredMode
	for i := range headers {
		h := &headers[i]
		switch {
		case len(h.Key) == len(contentType) && strings.EqualFold(h.Key, contentType):
			if len(h.Value) >= len(structuredPrefix) && bytes.EqualFold(h.Value[:len(structuredPrefix)], []byte(structuredPrefix)) {
				return structuredMode
			}
		case strings.HasPrefix(h.Key, attributePrefix):
			m = binaryMode
		}
	}
	return m
}

const (
	contentType      = "content-type"
	structuredPrefix = "application/cloudevents+json"
	attributePrefix  = "ce_"
)

// structured reads a whole CloudEvent.
func (r *reader) structured(to body) {
	if !r.open('{') {
		return
	}
	for key, ok := r.member(true); ok; key, ok = r.member(false) {
		r.attribute(key, to)
	}
	r.end()
	if r.fault != "" {
		return
	}
	const both = attrData | attrBase64
	switch given := r.attributes.settled & both; {
	case given == both:
		r.add("data and data_base64 are both given")
	case given == 0:
		r.missing("data")
	case r.base64 != "":
		r.encodedData(to)
	case r.later > 0:
		r.i = r.later
		r.members(to)
	}
}

// encodedData reads data that travels as Base64.
func (r *reader) encodedData(to body) {
	b, err := base64.StdEncoding.DecodeString(r.base64)
	if err != nil {
		r.add("data_base64 is not Base64")
		return
	}
	r.scan = scan{b: b}
	r.members(to)
	r.end()
}

// attribute reads one member of a structured event.
func (r *reader) attribute(key []byte, to body) {
	bit := attributeBit(viewOf(key), to)
	if bit == 0 {
		r.skip()
		return
	}
	if !r.unique(&r.attributes, bit, key) || r.null() {
		return
	}
	if bit == attrData {
		r.attributes.settled |= bit
		r.content(to)
		return
	}
	if r.peek() != '"' {
		r.attributes.settled |= bit
		r.wrongType(viewOf(key), "a string")
		return
	}
	if value := r.text(); value != "" {
		r.attributes.settled |= bit
		r.setAttribute(bit, value, to)
	}
}

// content reads the data at once when the type is known, or else later: only
// the type says which members it has.
func (r *reader) content(to body) {
	if to.envelope().Type != "" {
		r.members(to)
		return
	}
	r.peek()
	r.later = r.i
	r.skip()
}

// members reads the data.
func (r *reader) members(to body) {
	if to.envelope().Type == "" {
		r.skip()
		return
	}
	if r.peek() != '{' {
		r.wrongType("data", "an object")
		return
	}
	r.i++
	r.isRead = true
	for key, ok := r.member(true); ok; key, ok = r.member(false) {
		to.field(r, key)
	}
}

func (r *reader) checkVersion(version string) {
	if version != "1.0" {
		r.add("specversion is %q, not \"1.0\"", version)
	}
}

func (r *reader) setType(name string, to body) {
	t, ok := to.accepts(name)
	if !ok {
		r.add("type %q is not one of this topic", name)
		return
	}
	to.envelope().Type = t
}

func (r *reader) setTime(text string, env *Envelope) {
	ms, ok := parseInstant(text)
	switch {
	case !ok:
		r.add("time %q is not an RFC 3339 time", text)
	case ms < earliest || ms > latest:
		r.add("time %q is not of the years 1901 to 2298", text)
	default:
		env.Time = ms
	}
}

// unique marks a name as seen. A name given twice is a problem: two readers
// could take two meanings from it.
func (r *reader) unique(n *names, bit uint32, key []byte) bool {
	if n.seen&bit != 0 {
		r.add("%s is given twice", key)
		r.skip()
		return false
	}
	n.seen |= bit
	return true
}

// checkEnvelope adds what is wrong with the attributes.
func (r *reader) checkEnvelope(rec *Record, to body, limits Limits) {
	required := attrSpecversion | attrID | attrSource | attrType | attrTime | attrOrg
	if to.scoped() {
		required |= attrProgram
	}
	if lacking := required &^ r.attributes.settled; lacking != 0 {
		for i, name := range attributeNames {
			if lacking>>i&1 == 1 {
				r.missing(name)
			}
		}
	}
	ahead := to.envelope().Time - rec.Time
	if rec.Time >= 0 && !limits.internal && ahead > limits.MaxFutureSkew.Milliseconds() {
		r.add("time is %d ms ahead of the Kafka timestamp, max_future_skew is %s", ahead, limits.MaxFutureSkew)
	}
}

// attributeNames are the required attributes in the order of their bits.
var attributeNames = [...]string{"specversion", "id", "source", "type", "time", "orgid", "programid"}

func (r *reader) missing(name string) { r.add("%s is missing", name) }

// checkKey compares the record's key with the field that it must equal (§2).
func (r *reader) checkKey(key []byte, to body) {
	org, id, ok := to.key()
	if !ok || id == "" {
		return
	}
	if org == "" && string(key) == id {
		return
	}
	if n := len(org); org != "" && len(key) == n+1+len(id) &&
		string(key[:n]) == org && key[n] == '/' && string(key[n+1:]) == id {
		return
	}
	want := id
	if org != "" {
		want = org + "/" + id
	}
	switch {
	case key == nil:
		r.add("the record has no key, %q is due", want)
	case len(key) == 0:
		r.add("the record's key is \"\", %q is due", want)
	default: // which is not told: it may be an ip and a user agent, and problems are stored
		r.add("the record has another key, %q is due", want)
	}
}
