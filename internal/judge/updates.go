package judge

import (
	"encoding/json"
	"fmt"
)

// updates reads all updates of members, and compares the table.
func (t *trial) updates() error {
	table := t.beside("members")
	taken := map[uint64]bool{}
	for r, err := range t.inputs(topicMembers) {
		if err != nil {
			return err
		}
		row := table.one(r.place())
		e, ok := t.decode(topicMembers, &r)
		again := name(e.org, e.source, e.id, e.key)
		key := r.place().String()
		switch {
		case !ok:
			t.letters.expect(topicMembers, e.place, r.digest(), "invalid")
			t.none("members", key, "invalid", row)
		case t.unknownProgram(topicMembers, e):
			t.letters.expect(topicMembers, e.place, r.digest(), "unknown_program")
			t.none("members", key, "unknown_program", row)
		case !e.tombstone && taken[again]:
			t.none("members", key, redelivered, row)
		default:
			taken[again] = true
			t.directory(e.org).add(&update{event: e, gone: always, digest: r.digest()})
			t.compareUpdate(e, row)
		}
	}
	t.takenCodes()
	return table.finish()
}

func (t *trial) compareUpdate(e *event, row Row) {
	want := e.textsOf(e.row(t.Topic(topicMembers)), "member_id", "locale", "currency", "email_hash")
	want["status"], want["forgotten"] = e.or("status", "active"), int64(0)
	if e.tombstone {
		delete(want, "status")
		want["forgotten"] = int64(1)
	}
	for _, name := range []string{"referral_codes", "coupon_codes", "segments"} {
		want[name] = list(e.lists[name])
	}
	t.compare("members", e.place.String(), want, row)
	if row == nil || e.tombstone {
		return
	}
	attributes := map[string]any{}
	if text := row.text("attributes"); text != "" {
		if err := json.Unmarshal([]byte(text), &attributes); err != nil {
			t.differ("members", e.place.String()+" attributes", "JSON", text)
		}
	}
	if w, g := fmt.Sprint(e.attributes), fmt.Sprint(attributes); len(e.attributes)+len(attributes) > 0 && w != g {
		t.differ("members", e.place.String()+" attributes", w, g)
	}
}
