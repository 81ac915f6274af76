package judge

import (
	"slices"

	"golang.org/x/text/currency"
)

// fields are the texts of the data of a type, and how long each may be.
var fields = map[string]map[string]int{
	typeClick: {
		"referrer_id": maxID, "referral_code": maxID, "visitor_id": maxID, "click_id": maxID, "link_id": maxID, "campaign_id": maxID, "channel": maxID,
		"landing_url": maxValue, "referer_url": maxValue, "country": maxID, "locale": maxID, "ip": maxValue, "user_agent": maxValue,
	},
	typeConversion: {
		"kind": maxID, "customer_id": maxID, "conversion_id": maxID, "visitor_id": maxID, "click_id": maxID, "coupon_code": maxID, "order_id": maxID,
		"name": maxText, "currency": maxID, "email_hash": maxID,
	},
	typeAdjustment: {"conversion_id": maxID, "customer_id": maxID, "kind": maxID, "reason": maxText},
	typeLink:       {"customer_id": maxID, "visitor_id": maxID},
	typeMember:     {"member_id": maxID, "status": maxID, "locale": maxID, "currency": maxID, "email_hash": maxID},
	typeFulfilled:  {"reward_id": maxID, "external_id": maxID, "reason": maxText},
	typeFailed:     {"reward_id": maxID, "external_id": maxID, "reason": maxText},
	typeDecided:    {"reward_id": maxID, "decision": maxID, "actor": maxID, "reason": maxText},
}

// data reads the data of the event.
func (d *decoding) data(content value) {
	d.seen = map[string]bool{}
	lists := map[string]bool{"referral_codes": true, "coupon_codes": true, "segments": true}
	err := value(trimmed(content)).members(func(name string, v value) {
		most, isText := fields[d.kind][name]
		switch {
		case isText:
			d.text(name, v, most)
		case name == "amount_minor" && (d.kind == typeConversion || d.kind == typeAdjustment):
			if d.once(name); !v.null() {
				n, ok := v.integer()
				d.amount, d.hasAmount, d.bad = n, true, d.bad || !ok
			}
		case name == "metadata" && (d.kind == typeClick || d.kind == typeConversion):
			d.once(name)
			d.metadata = map[string]string{}
			d.each(v, func(name string, v value) {
				text, ok := v.text()
				d.metadata[name], d.bad = text, d.bad || !ok
			})
		case name == "attributes" && d.kind == typeMember:
			d.once(name)
			d.attributes = map[string]any{}
			d.each(v, func(name string, v value) {
				a, ok := v.scalar()
				d.attributes[name], d.bad = a, d.bad || !ok
			})
		case lists[name] && d.kind == typeMember:
			d.list(name, v)
		}
	})
	d.bad = d.bad || err != nil
}

func (d *decoding) text(name string, v value, most int) {
	if d.once(name); v.null() {
		return
	}
	text, ok := v.text()
	d.bad = d.bad || !ok || len(text) > most
	if text != "" {
		d.texts[name] = text
	}
}

// each reads a flat map, without what is null.
func (d *decoding) each(v value, take func(name string, v value)) {
	if v.null() {
		return
	}
	seen := map[string]bool{}
	err := v.members(func(name string, v value) {
		d.bad = d.bad || seen[name]
		if seen[name] = true; !v.null() {
			take(name, v)
		}
	})
	d.bad = d.bad || err != nil
}

func (d *decoding) list(name string, v value) {
	if d.once(name); v.null() {
		return
	}
	if d.lists == nil {
		d.lists = map[string][]string{}
	}
	err := v.elements(func(v value) {
		text, ok := v.text()
		d.bad = d.bad || !ok || text == "" || len(text) > maxID
		if !slices.Contains(d.lists[name], text) {
			d.lists[name] = append(d.lists[name], text)
		}
	})
	d.bad = d.bad || err != nil
}

// complete tells whether the data is, as a whole, what the contract asks for.
func (d *decoding) complete() bool {
	has := func(name string) bool { return d.texts[name] != "" }
	one := func(name string, of ...string) bool { return slices.Contains(of, d.texts[name]) }
	currencyKnown := !has("currency") || isCurrency(d.texts["currency"])
	switch d.kind {
	case typeClick:
		return (has("referrer_id") || has("referral_code")) && (has("visitor_id") || has("ip") && has("user_agent"))
	case typeConversion:
		return has("customer_id") && one("kind", "lead", "signup", "sale", "renewal", "custom") && currencyKnown && d.amount >= 0 && (d.amount == 0 || has("currency"))
	case typeAdjustment:
		amountFits := !one("kind", "refund", "chargeback") || !d.hasAmount || d.amount > 0
		return has("customer_id") && has("conversion_id") && one("kind", "refund", "chargeback", "cancel", "correction") &&
			amountFits && (!one("kind", "correction") || d.hasAmount)
	case typeLink:
		return has("customer_id") && has("visitor_id")
	case typeMember:
		return has("member_id") && one("status", "", "active", "banned") && currencyKnown
	case typeDecided:
		return has("reward_id") && one("decision", "approve", "reject", "reverse")
	}
	return has("reward_id")
}

// keyed tells whether the record's key is the field that it must equal. A click
// without a visitor has any key, also none.
func (d *decoding) keyed(key []byte) bool {
	switch d.kind {
	case typeClick:
		return d.texts["visitor_id"] == "" || string(key) == d.texts["visitor_id"]
	case typeMember:
		return string(key) == d.org+"/"+d.texts["member_id"]
	case typeConversion, typeAdjustment, typeLink:
		return string(key) == d.texts["customer_id"]
	}
	return string(key) == d.texts["reward_id"]
}

// or is a text, or else another.
func (e *event) or(name, fallback string) string {
	if text := e.texts[name]; text != "" {
		return text
	}
	return fallback
}

// exponents are those of ISO 4217 that are not 2.
var exponents = map[string]int{
	"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0, "UGX": 0, "UYI": 0, "VND": 0, "VUV": 0,
	"XAF": 0, "XOF": 0, "XPF": 0, "BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3, "CLF": 4, "UYW": 4,
}

func exponent(code string) int {
	if n, ok := exponents[code]; ok {
		return n
	}
	return 2
}

// isCurrency tells a code of ISO 4217 that amounts can be given in.
func isCurrency(code string) bool {
	if slices.Contains([]string{"MRU", "SLE", "UYW", "VED", "VES", "XAD", "XCG", "ZWG"}, code) {
		return true // younger than the library's table
	}
	if slices.Contains([]string{"XAG", "XAU", "XBA", "XBB", "XBC", "XBD", "XDR", "XPD", "XPT", "XSU", "XTS", "XUA", "XXX"}, code) {
		return false // they have no minor unit
	}
	unit, err := currency.ParseISO(code)
	return err == nil && unit.String() == code
}
