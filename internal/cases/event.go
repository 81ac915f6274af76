package cases

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

// writer makes records of lines.
type writer struct {
	counts    map[string]int    // lines by word, for the ids that they do not tell
	customers map[string]string // of conversions, by id
}

// record is the record of a line, and the topic it belongs to. now is when it is
// written to Kafka.
func (w *writer) record(l *line, now time.Time) (topic string, rec event.Record, err error) {
	topic, key, kind, data, err := w.data(l)
	if err != nil {
		return "", rec, fmt.Errorf("%s: %w", l.text, err)
	}
	org, program := l.org(), l.program()
	id, source := l.take("id"), l.take("source")
	if source == "" {
		source = "case"
	}
	envelope := map[string]any{
		"specversion": "1.0", "id": id, "source": source, "type": "referral." + kind + ".v1", "time": l.at.UTC().Format(time.RFC3339Nano),
		"orgid": org, "data": data,
	}
	if topic != "referral.members" {
		envelope["programid"] = program
	}
	delete(l.values, "org")
	delete(l.values, "program")
	for left := range l.values {
		return "", rec, fmt.Errorf("%s: nobody reads %q", l.text, left)
	}
	rec = event.Record{Time: now.UnixMilli(), Key: []byte(key)}
	if data != nil {
		if rec.Value, err = json.Marshal(envelope); err != nil {
			return "", rec, err
		}
	}
	return topic, rec, nil
}

func (l *line) org() string     { return or(l.values["org"], "acme") }
func (l *line) program() string { return or(l.values["program"], "shop") }

func or(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}

// number gives a line without an id one: its word and how many there were.
func (w *writer) number(l *line) string {
	w.counts[l.word]++
	id := l.values["id"]
	if id == "" {
		id = l.word + strconv.Itoa(w.counts[l.word])
		l.values["id"] = id
	}
	return id
}

func (w *writer) data(l *line) (topic, key, kind string, data map[string]any, err error) {
	id := w.number(l)
	data = map[string]any{}
	switch l.word {
	case "click":
		move(l, data, map[string]string{
			"visitor": "visitor_id", "referrer": "referrer_id", "code": "referral_code", "click": "click_id", "link": "link_id",
			"agent": "user_agent", "ip": "ip",
		})
		key, _ = data["visitor_id"].(string)
		return "referral.clicks", or(key, "anybody"), "click.recorded", data, nil
	case "lead", "signup", "sale", "renewal", "custom":
		data["kind"] = l.word
		move(l, data, map[string]string{
			"customer": "customer_id", "visitor": "visitor_id", "click": "click_id", "coupon": "coupon_code", "order": "order_id",
			"name": "name", "email": "email_hash", "conversion": "conversion_id",
		})
		if metadata := prefixed(l, "metadata."); len(metadata) > 0 {
			data["metadata"] = metadata
		}
		key, _ = data["customer_id"].(string)
		conversion, _ := data["conversion_id"].(string)
		w.customers[or(conversion, id)] = key
		return "referral.conversions", key, "conversion.recorded", data, amount(l, data, true)
	case "refund", "chargeback", "cancel", "correction":
		data["kind"] = l.word
		move(l, data, map[string]string{"of": "conversion_id", "customer": "customer_id", "reason": "reason"})
		if data["customer_id"] == nil {
			data["customer_id"] = w.customers[fmt.Sprint(data["conversion_id"])]
		}
		key, _ = data["customer_id"].(string)
		return "referral.conversions", key, "conversion.adjusted", data, amount(l, data, false)
	case "link":
		move(l, data, map[string]string{"customer": "customer_id", "visitor": "visitor_id"})
		key, _ = data["customer_id"].(string)
		return "referral.conversions", key, "identity.linked", data, nil
	case "member":
		return memberData(l, data)
	case "forget":
		if len(l.plain) != 1 {
			return "", "", "", nil, fmt.Errorf("name the member")
		}
		return "referral.members", l.org() + "/" + l.plain[0], "", nil, nil
	case "decide":
		if len(l.plain) != 2 {
			return "", "", "", nil, fmt.Errorf("name the reward and the decision")
		}
		data["reward_id"], data["decision"] = rewardID(l.org(), l.program(), l.plain[0]), l.plain[1]
		move(l, data, map[string]string{"actor": "actor", "reason": "reason"})
		return "referral.fulfillments", data["reward_id"].(string), "reward.decided", data, nil
	}
	return "", "", "", nil, fmt.Errorf("nobody knows what %q is", l.word)
}

func memberData(l *line, data map[string]any) (topic, key, kind string, _ map[string]any, err error) {
	if len(l.plain) < 1 || len(l.plain) > 2 {
		return "", "", "", nil, fmt.Errorf("name the member")
	}
	id := l.plain[0]
	data["member_id"] = id
	if len(l.plain) == 2 {
		data["status"] = l.plain[1]
	}
	move(l, data, map[string]string{"locale": "locale", "currency": "currency", "email": "email_hash"})
	for name, field := range map[string]string{"codes": "referral_codes", "coupons": "coupon_codes", "segments": "segments"} {
		if list := l.take(name); list != "" {
			data[field] = strings.Split(list, ",")
		}
	}
	attributes := map[string]any{}
	for name, value := range l.values {
		if !slices.Contains([]string{"id", "source", "org", "program"}, name) {
			attributes[name] = typed(value)
			delete(l.values, name)
		}
	}
	data["attributes"] = attributes
	return "referral.members", l.org() + "/" + id, "member.updated", data, nil
}

// move takes values of a line into the fields that they stand for.
func move(l *line, data map[string]any, fields map[string]string) {
	for name, field := range fields {
		if value := l.take(name); value != "" {
			data[field] = value
		}
	}
}

func prefixed(l *line, prefix string) map[string]any {
	found := map[string]any{}
	for name, value := range l.values {
		if key, ok := strings.CutPrefix(name, prefix); ok {
			found[key] = value
			delete(l.values, name)
		}
	}
	return found
}

// typed is an attribute as JSON has it: a number, true or false, or a text.
func typed(value string) any {
	if n, err := strconv.ParseFloat(value, 64); err == nil {
		return n
	}
	if b, err := strconv.ParseBool(value); err == nil {
		return b
	}
	return value
}

// amount reads the amount at the end of a line.
func amount(l *line, data map[string]any, withCurrency bool) error {
	switch len(l.plain) {
	case 0:
		return nil
	case 2:
		n, err := minor(l.plain[0], l.plain[1])
		data["amount_minor"] = n
		if withCurrency {
			data["currency"] = l.plain[1]
		}
		return err
	}
	return fmt.Errorf("an amount is a number and a currency, as 12.50 EUR")
}
