package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"
)

// The event types that Grapevine writes (§2).
const (
	TypeRewardEarned    Type = "referral.reward.earned.v1"
	TypeRewardHeld      Type = "referral.reward.held.v1"
	TypeRewardApproved  Type = "referral.reward.approved.v1"
	TypeRewardIncreased Type = "referral.reward.increased.v1"
	TypeRewardReversed  Type = "referral.reward.reversed.v1"
	TypeAttributed      Type = "referral.conversion.attributed.v1"
	TypeSegmentEntered  Type = "referral.segment.entered.v1"
	TypeSegmentLeft     Type = "referral.segment.left.v1"
)

// The header that marks a record as a structured-mode CloudEvent.
const (
	ContentType           = "content-type"
	StructuredContentType = "application/cloudevents+json; charset=UTF-8"
)

// Out is an event to be published: its attributes. The data is given apart, so
// that every type has a struct of its own.
type Out struct {
	ID        string
	Source    string // see [Source]
	Type      Type
	Time      int64 // milliseconds since the epoch
	OrgID     string
	ProgramID string // may be empty: what belongs to an org alone
}

// Source is the source of what a program publishes: grapevine/<orgid>/<programid>.
func Source(orgID, programID string) string { return "grapevine/" + orgID + "/" + programID }

// OrgSource is the source of what belongs to an org alone: grapevine/<orgid>.
func OrgSource(orgID string) string { return "grapevine/" + orgID }

// JoinID makes an event id of segments, each percent-encoded as a segment of a
// URL's path (§9 (31)).
func JoinID(segments ...string) string { return PrefixedID("", segments...) }

// PrefixedID is [JoinID] behind a prefix that is taken as it is.
func PrefixedID(prefix string, segments ...string) string {
	size := len(prefix)
	for _, s := range segments {
		size += len(s) + len("/")
	}
	var b strings.Builder
	b.Grow(size)
	b.WriteString(prefix)
	for i, s := range segments {
		if i > 0 {
			b.WriteByte('/')
		}
		b.WriteString(url.PathEscape(s))
	}
	return b.String()
}

// wire is a structured-mode CloudEvent, its members in the order that they are
// written in.
type wire[T any] struct {
	SpecVersion string `json:"specversion"`
	ID          string `json:"id"`
	Source      string `json:"source"`
	Type        Type   `json:"type"`
	Time        string `json:"time"`
	OrgID       string `json:"orgid"`
	ProgramID   string `json:"programid,omitempty"`
	ContentType string `json:"datacontenttype"`
	Data        T      `json:"data"`
}

// EncodeEvent writes a structured-mode CloudEvent. Equal input gives equal
// bytes: members stand in the order of the structs, maps in that of their keys.
func EncodeEvent[T any](out Out, data T) ([]byte, error) {
	b := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(b)
	b.Reset()
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	err := e.Encode(wire[T]{
		SpecVersion: "1.0", ID: out.ID, Source: out.Source, Type: out.Type, Time: FormatTime(out.Time),
		OrgID: out.OrgID, ProgramID: out.ProgramID, ContentType: "application/json", Data: data,
	})
	if err != nil {
		return nil, fmt.Errorf("encode %s %s: %w", out.Type, out.ID, err)
	}
	return bytes.Clone(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}

// buffers hold events while they grow: a batch keeps thousands until they are
// published, and each in no more than it takes.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// FormatTime writes milliseconds since the epoch as RFC 3339 in UTC, always with
// three decimals.
func FormatTime(ms int64) string {
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}
